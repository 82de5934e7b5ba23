// The node's own ports and those of source NAT on one address are apart: what
// comes in for a port that no pod has is the node's or a service's, and no pod
// gets a port that is a service's.

#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "dataplane/pipeline/test_families.h"

namespace vswitch {
namespace {

class NodePortsTest : public FamilyTest {
 protected:
  NodePortsTest() {
    UseSourceNat();
    world_.Publish();
  }

  std::string Node() const { return AddressOf("host"); }
  static std::string L4(const char* protocol, int sport, int dport) {
    return absl::StrCat("/ ", protocol, " sport=", sport, " dport=", dport,
                        std::string(protocol) == "tcp" ? " flags=S" : "");
  }
  // Makes a port of the node's address lead to `server` 8080, as a hostPort
  // does.
  void AddHostPort(IpProtocol protocol, uint16_t port) {
    ServiceSpec spec{.address = *IpAddress::Parse(Node()),
                     .protocol = protocol,
                     .port = port,
                     .service = 100u + port,
                     .flags = kServiceFromInside | kServiceFromOutside,
                     .shares_address = true};
    spec.backends = {
        {.address = *IpAddress::Parse(AddressOf("server")),
         .port = 8080,
         .endpoint = world_.node()
                         .ports[ToInt(TestWorld::PortNamed("server"))]
                         .endpoint}};
    spec.outside_backends = spec.backends;
    world_.node().services.push_back(std::move(spec));
  }
  // Gives source NAT the ports from `first` to `last`.
  void SetPorts(uint16_t first, uint16_t last) {
    world_.node().settings.nat.first_port = first;
    world_.node().settings.nat.last_port = last;
  }
  // Where a packet from outside to the node's `port` goes.
  std::string ReceiverOf(const char* protocol, const std::string& from,
                         int port) {
    const Received received = world_.Receive(
        "uplink", FromOutside(from, Node(), L4(protocol, 999, port)));
    if (received.sent.size() != 1) {
      return std::string(DropReasonName(received.drop));
    }
    return std::string(TestWorld::NameOf(received.sent[0].port));
  }
};

// Of a connection that nobody here has begun: the node's own listener has it,
// also on a port that source NAT might give to a pod.
TEST_P(NodePortsTest, WithoutAConnectionAPortIsTheNodes) {
  for (const char* protocol : {"tcp", "udp"}) {
    for (int port : {22, 11000, 20000, 20500, 20999, 30000, 40000, 65535}) {
      EXPECT_EQ(ReceiverOf(protocol, Outside(), port), "host")
          << protocol << " " << port;
    }
  }
}

// And pods' connections to others leave it so.
TEST_P(NodePortsTest, OtherPortsStayTheNodes) {
  SetPorts(20000, 20000);
  world_.Publish();
  for (const char* protocol : {"tcp", "udp"}) {
    EXPECT_EQ(world_
                  .Receive("client", PacketTo("client", Outside(),
                                              L4(protocol, 5000, 999)))
                  .sent.size(),
              1u);
    EXPECT_EQ(ReceiverOf(protocol, Outside(), 20001), "host") << protocol;
  }
  // Of TCP a pod has the port towards one remote end only.
  EXPECT_EQ(
      ReceiverOf("tcp", is_ipv4() ? "203.0.113.77" : "2001:db8::77", 20000),
      "host");
}

// The node's own connection, from a port of the range, keeps it.
TEST_P(NodePortsTest, TheNodesOwnConnectionKeepsItsPort) {
  SetPorts(20000, 20001);
  world_.Publish();
  for (const char* protocol : {"tcp", "udp"}) {
    world_.Receive("host",
                   PacketTo("host", Outside(), L4(protocol, 20000, 999)));
    for (int sport = 1; sport <= 2; ++sport) {
      const Received out = world_.Receive(
          "client", PacketTo("client", Outside(), L4(protocol, sport, 999)));
      for (const Sent& sent : out.sent) {
        if (sent.port != TestWorld::PortNamed("uplink")) continue;
        const std::string port =
            absl::StrCat(protocol, " sport=20000 dport=999");
        EXPECT_FALSE(std::string(protocol) == "tcp" &&
                     absl::StrContains(sent.Text(), port))
            << sent.Text();
      }
    }
    const std::string answer =
        absl::StrCat("/ ", protocol, " sport=999 dport=20000",
                     std::string(protocol) == "tcp" ? " flags=SA ack=2" : "");
    const Received back =
        world_.Receive("uplink", FromOutside(Outside(), Node(), answer));
    ASSERT_EQ(back.sent.size(), 1u) << DropReasonName(back.drop);
    EXPECT_EQ(TestWorld::NameOf(back.sent[0].port), "host") << protocol;
  }
}

TEST_P(NodePortsTest, NoPodGetsAPortOfAService) {
  SetPorts(20000, 20009);
  for (const IpProtocol protocol : {IpProtocol::kTcp, IpProtocol::kUdp}) {
    for (uint16_t port = 20000; port < 20009; ++port) {
      AddHostPort(protocol, port);
    }
  }
  world_.Publish();
  for (const char* protocol : {"tcp", "udp"}) {
    const Received out = world_.Receive(
        "client", PacketTo("client", Outside(), L4(protocol, 5000, 999)));
    ASSERT_EQ(out.sent.size(), 1u) << DropReasonName(out.drop);
    EXPECT_TRUE(absl::StrContains(out.sent[0].Text(), "sport=20009"))
        << out.sent[0].Text();
    // There is none left for another, of UDP; of TCP to the same remote end.
    EXPECT_EQ(world_
                  .Receive("server", PacketTo("server", Outside(),
                                              L4(protocol, 5000, 999)))
                  .drop,
              DropReason::kNatPortsExhausted);
  }
}

// A service may get a port that a pod has: it is the service's for all that is
// not of the pod's connections.
TEST_P(NodePortsTest, AServiceTakesOverAPortOfAPod) {
  SetPorts(20000, 20000);
  world_.Publish();
  world_.Receive("client", PacketTo("client", Outside(), L4("udp", 5000, 999)));
  AddHostPort(IpProtocol::kUdp, 20000);
  world_.Publish();
  EXPECT_EQ(ReceiverOf("udp", Outside(), 20000), "client");
  EXPECT_EQ(
      ReceiverOf("udp", is_ipv4() ? "203.0.113.77" : "2001:db8::77", 20000),
      "server");
}

INSTANTIATE_FAMILIES(NodePortsTest);

}  // namespace
}  // namespace vswitch
