// Stage transmit: grouping, order, and that nothing is lost in a full burst.

#include <gtest/gtest.h>

#include "dataplane/pipeline/test_families.h"

namespace vswitch {
namespace {

class TransmitTest : public FamilyTest {};

TEST_P(TransmitTest, PacketsOfOnePortKeepTheirOrder) {
  std::vector<std::string> packets;
  for (int i = 1; i <= 30; ++i) {
    packets.push_back(
        Packet("client", i % 2 == 0 ? "server" : "jailed",
               absl::StrCat("/ udp sport=", 1000 + i, " dport=9 / data 4")));
  }
  const std::vector<Sent> sent =
      world_.ReceiveBurst(TestWorld::PortNamed("client"), packets);
  ASSERT_EQ(sent.size(), 30u);
  const size_t l4 = 14 + (is_ipv4() ? 20 : 40);
  for (const char* name : {"server", "jailed"}) {
    int last = 0;
    for (const Sent& one : sent) {
      if (one.port != TestWorld::PortNamed(name)) continue;
      const int source_port = one.bytes[l4] << 8 | one.bytes[l4 + 1];
      EXPECT_GT(source_port, last);
      last = source_port;
    }
    EXPECT_GE(last, 1029);
  }
}

TEST_P(TransmitTest, FullBurstWithEveryKindOfEnd) {
  const std::string low_ttl = is_ipv4() ? "ttl=1 " : "hop=1 ";
  const std::string gateway = is_ipv4() ? "10.0.0.1" : "fd00::1";
  std::vector<std::string> packets;
  for (int i = 0; i < 16; ++i) {
    const std::string sport = absl::StrCat("/ udp sport=", 100 + i);
    packets.push_back(Packet("client", "server", sport));
    packets.push_back(Packet("client", "server", low_ttl + sport));
    packets.push_back(Packet("client", "guarded", sport));
    packets.push_back(
        PacketTo("client", gateway, is_ipv4() ? "/ icmp" : "/ icmp6"));
  }
  // More than one burst at once is cut by the pipeline.
  std::vector<std::string> twice = packets;
  twice.insert(twice.end(), packets.begin(), packets.end());
  const std::vector<Sent> sent =
      world_.ReceiveBurst(TestWorld::PortNamed("client"), twice);
  // Forwarded, answered with an error (the port's ten at once), silently
  // denied, and echoed.
  EXPECT_EQ(sent.size(), 32u + 10 + 32);
  EXPECT_EQ(world_.DropCount(DropReason::kTtl), 32u);
  EXPECT_EQ(world_.DropCount(DropReason::kPolicyDenied), 32u);
}

INSTANTIATE_FAMILIES(TransmitTest);

}  // namespace
}  // namespace vswitch
