// Services whose traffic policy is Local, and ports of the node that lead to a
// pod: who is told what, and who is served.

#include <string>

#include "absl/strings/str_cat.h"
#include "dataplane/pipeline/test_families.h"

namespace vswitch {
namespace {

class LocalServiceTest : public FamilyTest {
 protected:
  LocalServiceTest() { UseSourceNat(); }
  ~LocalServiceTest() override { world_.CheckBalance(); }

  std::string Node() const { return AddressOf("host"); }
  // A port of the node in all protocols with ports; `backend` may be empty.
  void AddNodePort(uint8_t flags, const std::string& inside,
                   const std::string& outside) {
    for (const IpProtocol protocol :
         {IpProtocol::kTcp, IpProtocol::kUdp, IpProtocol::kSctp}) {
      ServiceSpec spec{.address = *IpAddress::Parse(Node()),
                       .protocol = protocol,
                       .port = 30080,
                       .service = 90,
                       .flags = flags,
                       .shares_address = true};
      spec.backends = BackendsOf(inside);
      spec.outside_backends = BackendsOf(outside);
      world_.node().services.push_back(spec);
    }
    world_.Publish();
  }
  static std::vector<BackendSpec> BackendsOf(const std::string& address) {
    if (address.empty()) return {};
    return {{.address = *IpAddress::Parse(address), .port = 8080}};
  }
  Received FromWorld(const std::string& l4) {
    return world_.Receive("uplink", FromOutside(Outside(), Node(), l4));
  }

  static constexpr uint8_t kEverybody =
      kServiceFromInside | kServiceFromOutside;
  static constexpr const char* kFirstPackets[] = {
      "/ tcp sport=4000 dport=30080", "/ udp sport=4000 dport=30080",
      "/ sctp sport=4000 dport=30080 tag=0 / hex 01000014 00000001 00010000 "
      "00010001 00000001"};
};

// kube-proxy drops: a balancer that probes the node is to take it out, and a
// refusal would end the client's attempt.
TEST_P(LocalServiceTest, WithoutALocalBackendTheOutsideIsMetWithSilence) {
  AddNodePort(kEverybody | kServiceElsewhereOutside, AddressOf("server"), "");
  for (const char* packet : kFirstPackets) {
    const Received received = FromWorld(packet);
    EXPECT_EQ(received.drop, DropReason::kServiceNoLocalBackend) << packet;
    EXPECT_TRUE(received.sent.empty()) << packet;
  }
  // Those inside have all backends.
  const Received inside = world_.Receive(
      "client", PacketTo("client", Node(), "/ tcp sport=4000 dport=30080"));
  ASSERT_EQ(inside.sent.size(), 1u);
  EXPECT_EQ(inside.sent[0].port, TestWorld::PortNamed("server"));
}

TEST_P(LocalServiceTest, WithoutAnyBackendEverybodyIsRefused) {
  AddNodePort(kEverybody, "", "");
  for (const char* packet : kFirstPackets) {
    const Received received = FromWorld(packet);
    EXPECT_EQ(received.drop, DropReason::kServiceNoBackend) << packet;
    EXPECT_EQ(received.sent.size(), 1u) << packet;
  }
}

TEST_P(LocalServiceTest, InternalPolicyLocalIsSilentForPods) {
  AddNodePort(kEverybody | kServiceElsewhereInside, "", AddressOf("server"));
  const Received received = world_.Receive(
      "client", PacketTo("client", Node(), "/ tcp sport=4000 dport=30080"));
  EXPECT_EQ(received.drop, DropReason::kServiceNoLocalBackend);
  EXPECT_TRUE(received.sent.empty());
  EXPECT_EQ(FromWorld(kFirstPackets[0]).drop, DropReason::kNone);
}

// The CRC covers the ports: it is computed anew, over every byte.
TEST_P(LocalServiceTest, SctpIsTranslatedInPortAndChecksum) {
  AddNodePort(kEverybody, AddressOf("server"), AddressOf("server"));
  const Received received = FromWorld(kFirstPackets[2]);
  ASSERT_EQ(received.sent.size(), 1u);
  EXPECT_NE(received.sent[0].Text().find("sport=4000 dport=8080"),
            std::string::npos)
      << received.sent[0].Text();
  // What a wrong checksum makes of the text.
  EXPECT_EQ(received.sent[0].Text().find("csum"), std::string::npos)
      << received.sent[0].Text();
}

TEST_P(LocalServiceTest, APodReachesItselfByAPortOfItsNode) {
  AddNodePort(kEverybody, AddressOf("server"), AddressOf("server"));
  const Received asked = world_.Receive(
      "server", PacketTo("server", Node(), "/ tcp sport=4000 dport=30080"));
  ASSERT_EQ(asked.sent.size(), 1u) << DropReasonName(asked.drop);
  EXPECT_EQ(asked.sent[0].port, TestWorld::PortNamed("server"));
  const std::string text = asked.sent[0].Text();
  // It sees the node, not itself.
  EXPECT_NE(
      text.find(absl::StrCat("src=", Node(), " dst=", AddressOf("server"))),
      std::string::npos)
      << text;
  const size_t at = text.find("sport=") + 6;
  const std::string port = text.substr(at, text.find(' ', at) - at);
  const Received answer = world_.Receive(
      "server",
      PacketTo("server", Node(),
               absl::StrCat("/ tcp sport=8080 dport=", port, " flags=SA")));
  ASSERT_EQ(answer.sent.size(), 1u) << DropReasonName(answer.drop);
  EXPECT_NE(answer.sent[0].Text().find("sport=30080 dport=4000"),
            std::string::npos)
      << answer.sent[0].Text();
}

INSTANTIATE_FAMILIES(LocalServiceTest);

}  // namespace
}  // namespace vswitch
