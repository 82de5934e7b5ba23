// Stage guard: no source but the pod's own; the single rules have golden cases
// in test/golden/pipeline/guard.golden.

#include <random>

#include "dataplane/pipeline/test_families.h"

namespace vswitch {
namespace {

class GuardTest : public FamilyTest {};

// F-59.
TEST_P(GuardTest, NoRandomSourcePasses) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 300; ++i) {
    IpAddress source;
    for (uint8_t& byte : source.bytes) byte = static_cast<uint8_t>(random());
    if (is_ipv4()) source = IpAddress::FromIpv4(source.bytes.data());
    const Received received = world_.Receive(
        "client", absl::StrCat("eth / ", is_ipv4() ? "ip4" : "ip6",
                               " src=", source.ToString(), " / udp"));
    EXPECT_TRUE(received.drop == DropReason::kSpoofIpSrc ||
                received.drop == DropReason::kMartianSrc)
        << source.ToString() << " " << DropReasonName(received.drop);
    EXPECT_TRUE(received.sent.empty());
  }
  EXPECT_EQ(world_.offline().connections().CountActive(), 0u);
}

TEST_P(GuardTest, AddressTakenFromAPortIsForeignAtOnce) {
  ASSERT_EQ(world_.Receive("client", Packet("client", "server", "/ udp")).drop,
            DropReason::kNone);
  world_.node().ports[ToInt(TestWorld::PortNamed("client"))].address_count = 0;
  world_.Publish();
  EXPECT_EQ(world_.Receive("client", Packet("client", "server", "/ udp")).drop,
            DropReason::kSpoofIpSrc);
}

TEST_P(GuardTest, EveryAddressOfAPortMayBeUsed) {
  PortRecord& port = world_.node().ports[ToInt(TestWorld::PortNamed("client"))];
  const std::string second = is_ipv4() ? "10.0.0.200" : "fd00::200";
  port.addresses[port.address_count++] = *IpAddress::Parse(second);
  world_.Publish();
  EXPECT_EQ(
      world_
          .Receive("client", absl::StrCat("eth / ", is_ipv4() ? "ip4" : "ip6",
                                          " src=", second, " / udp"))
          .drop,
      DropReason::kNone);
}

TEST_P(GuardTest, TunnelsPassFromTheNode) {
  EXPECT_EQ(world_
                .Receive("host",
                         Packet("host", "client", "/ udp dport=4789 / data 8"))
                .drop,
            DropReason::kNone);
}

INSTANTIATE_FAMILIES(GuardTest);

}  // namespace
}  // namespace vswitch
