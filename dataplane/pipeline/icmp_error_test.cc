// ICMP errors of the whole packet path under a flood.

#include "dataplane/pipeline/test_families.h"
#include "test/testing/packet_text.h"

namespace vswitch {
namespace {

class IcmpErrorTest : public FamilyTest {};

// Conformance F4-07 and F6-13.
TEST_P(IcmpErrorTest, AFloodCausesNoMoreThanTheRate) {
  constexpr uint32_t kPackets = 200'000;  // in a second
  const std::vector<uint8_t> packet = *PacketFromText(
      Packet("client", "server", is_ipv4() ? "ttl=1 / udp" : "hop=1 / udp"));
  uint64_t errors = 0;
  for (uint32_t i = 0; i < kPackets; i += 40) {
    std::vector<rte_mbuf*> burst;
    for (uint32_t j = 0; j < 40; ++j) {
      burst.push_back(world_.pool().Make(packet));
    }
    errors += world_.ReceiveBurst(TestWorld::PortNamed("client"), burst).size();
    world_.Advance(1'000'000'000ull * 40 / kPackets);
  }
  // The port's hundred, and ten that were saved up before.
  EXPECT_GE(errors, 100u);
  EXPECT_LE(errors, 111u);
  EXPECT_EQ(world_.DropCount(DropReason::kTtl), kPackets);
}

INSTANTIATE_FAMILIES(IcmpErrorTest);

}  // namespace
}  // namespace vswitch
