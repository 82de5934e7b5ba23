// Source NAT through the whole pipeline: RFC 4787, 5382, 5508 and 6888 as far
// as they say what comes out (spec/conformance.md 1.1 to 1.4).

#include <optional>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "dataplane/pipeline/test_families.h"

namespace vswitch {
namespace {

class SourceNatTest : public FamilyTest {
 protected:
  SourceNatTest() {
    UseSourceNat();
    world_.Publish();
  }
  ~SourceNatTest() override { world_.CheckBalance(); }

  std::string Node() const { return AddressOf("host"); }
  std::string OtherOutside() const {
    return is_ipv4() ? "203.0.113.77" : "2001:db8::77";
  }
  std::string Udp(int sport, int dport) const {
    return absl::StrCat("/ udp sport=", sport, " dport=", dport);
  }
  std::string Tcp(int sport, int dport, const char* flags) const {
    return absl::StrCat("/ tcp sport=", sport, " dport=", dport,
                        " flags=", flags);
  }

  // What a packet's text leaves out; see packet_text.h.
  static std::string DefaultOf(const std::string& layer,
                               const std::string& name) {
    if (layer == "ip4") return name == "src" ? "10.0.0.2" : "10.0.0.3";
    if (layer == "ip6") return name == "src" ? "fd00::2" : "fd00::3";
    if (name == "id") return "1";
    if (name == "sport") return "1000";
    return layer == "udp" ? "53" : "80";
  }
  // What the only packet that left says behind " name=" in a layer.
  static std::string Field(const Received& received, const std::string& layer,
                           const std::string& name) {
    if (received.sent.size() != 1) return "nothing left";
    const std::string text = received.sent[0].Text();
    const size_t begin = text.find("/ " + layer + " ");
    if (begin == std::string::npos) return text;
    const std::string fields =
        text.substr(begin, text.find(" /", begin + 2) - begin) + " ";
    size_t at = fields.find(" " + name + "=");
    if (at == std::string::npos) return DefaultOf(layer, name);
    at += name.size() + 2;
    return fields.substr(at, fields.find(' ', at) - at);
  }
  std::string SourceOf(const Received& received) const {
    return Field(received, is_ipv4() ? "ip4" : "ip6", "src");
  }
  std::string DestinationOf(const Received& received) const {
    return Field(received, is_ipv4() ? "ip4" : "ip6", "dst");
  }
  static int PortOf(const Received& received, const std::string& layer,
                    const std::string& name) {
    return std::atoi(Field(received, layer, name).c_str());
  }
  // Sends UDP from a pod and returns the port outside.
  int Map(absl::string_view pod, const std::string& remote, int sport,
          int dport) {
    const Received out =
        world_.Receive(pod, PacketTo(pod, remote, Udp(sport, dport)));
    EXPECT_EQ(out.drop, DropReason::kNone) << DropReasonName(out.drop);
    EXPECT_EQ(SourceOf(out), Node());
    return PortOf(out, "udp", "sport");
  }
  static void ExpectInRange(int port) {
    EXPECT_GE(port, 20000);
    EXPECT_LE(port, 20999);
  }
};

// U-01: RFC 4787 REQ-1.
TEST_P(SourceNatTest, UdpMappingHoldsForEveryRemoteEnd) {
  const int port = Map("client", Outside(), 5000, 80);
  ExpectInRange(port);
  EXPECT_EQ(Map("client", OtherOutside(), 5000, 81), port);
  EXPECT_EQ(Map("client", Outside(), 5000, 443), port);
}

TEST_P(SourceNatTest, AnswerReachesThePod) {
  const int port = Map("client", Outside(), 5000, 80);
  const Received back =
      world_.Receive("uplink", FromOutside(Outside(), Node(), Udp(80, port)));
  ASSERT_EQ(back.drop, DropReason::kNone) << DropReasonName(back.drop);
  ASSERT_EQ(back.sent.size(), 1u);
  EXPECT_EQ(back.sent[0].port, TestWorld::PortNamed("client"));
  EXPECT_EQ(SourceOf(back), Outside());
  EXPECT_EQ(DestinationOf(back), AddressOf("client"));
  EXPECT_EQ(PortOf(back, "udp", "dport"), 5000);
}

// U-03: RFC 4787 REQ-3.
TEST_P(SourceNatTest, TwoPodsNeverShareAUdpPort) {
  std::set<int> ports;
  for (int sport = 1; sport <= 100; ++sport) {
    ports.insert(Map("client", Outside(), sport, 80));
    ports.insert(Map("server", Outside(), sport, 80));
  }
  EXPECT_EQ(ports.size(), 200u);
}

// U-05, U-06i: RFC 4787 REQ-5 and REQ-6.
TEST_P(SourceNatTest, MappingLivesFiveMinutesAfterTheLastPacketOut) {
  const int port = Map("client", Outside(), 5000, 80);
  const std::string answer = FromOutside(Outside(), Node(), Udp(80, port));
  world_.AdvanceSeconds(299);
  EXPECT_EQ(world_.Receive("uplink", answer).drop, DropReason::kNone);
  // What came in did not keep it.
  world_.AdvanceSeconds(34);
  const Received late = world_.Receive("uplink", answer);
  ASSERT_EQ(late.sent.size(), 1u);
  EXPECT_EQ(late.sent[0].port, TestWorld::PortNamed("host"));
}

// U-06: RFC 4787 REQ-6.
TEST_P(SourceNatTest, PacketsOutKeepTheMapping) {
  const int port = Map("client", Outside(), 5000, 80);
  for (int i = 0; i < 18; ++i) {
    world_.AdvanceSeconds(200);
    ASSERT_EQ(Map("client", Outside(), 5000, 80), port) << i;
  }
  // The mapping itself lives too: without it the port would be the node's.
  const Received other =
      world_.Receive("server", PacketTo("server", Node(), Udp(7000, port)));
  ASSERT_EQ(other.sent.size(), 1u);
  EXPECT_EQ(TestWorld::NameOf(other.sent[0].port), "client");
}

// U-08: RFC 4787 REQ-8, address-dependent filtering.
TEST_P(SourceNatTest, OnlyThoseMayAnswerWhomThePodHasWrittenTo) {
  const int port = Map("client", Outside(), 5000, 80);
  EXPECT_EQ(
      world_
          .Receive("uplink", FromOutside(OtherOutside(), Node(), Udp(80, port)))
          .drop,
      DropReason::kNatFiltered);
  const Received other_port =
      world_.Receive("uplink", FromOutside(Outside(), Node(), Udp(4321, port)));
  ASSERT_EQ(other_port.drop, DropReason::kNone);
  EXPECT_EQ(DestinationOf(other_port), AddressOf("client"));
  EXPECT_EQ(PortOf(other_port, "udp", "dport"), 5000);
  // And the pod answers as who it is outside.
  const Received answer =
      world_.Receive("client", PacketTo("client", Outside(), Udp(5000, 4321)));
  EXPECT_EQ(SourceOf(answer), Node());
  EXPECT_EQ(PortOf(answer, "udp", "sport"), port);
}

// U-09: RFC 4787 REQ-9.
TEST_P(SourceNatTest, HairpinGoesByTheOutsideAddress) {
  const int server = Map("server", Outside(), 6000, 80);
  const int client = Map("client", Outside(), 5000, 80);
  const Received there =
      world_.Receive("client", PacketTo("client", Node(), Udp(5000, server)));
  ASSERT_EQ(there.drop, DropReason::kNone) << DropReasonName(there.drop);
  ASSERT_EQ(there.sent.size(), 1u);
  EXPECT_EQ(there.sent[0].port, TestWorld::PortNamed("server"));
  EXPECT_EQ(SourceOf(there), Node());
  EXPECT_EQ(PortOf(there, "udp", "sport"), client);
  EXPECT_EQ(DestinationOf(there), AddressOf("server"));
  EXPECT_EQ(PortOf(there, "udp", "dport"), 6000);
  const Received back =
      world_.Receive("server", PacketTo("server", Node(), Udp(6000, client)));
  ASSERT_EQ(back.sent.size(), 1u);
  EXPECT_EQ(back.sent[0].port, TestWorld::PortNamed("client"));
  EXPECT_EQ(SourceOf(back), Node());
  EXPECT_EQ(PortOf(back, "udp", "sport"), server);
}

// Both ends of a hairpin keep their own mappings.
TEST_P(SourceNatTest, HairpinKeepsTheMappingOfWhoSends) {
  const int server = Map("server", Outside(), 6000, 80);
  const int client = Map("client", Outside(), 5000, 80);
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(
        world_.Receive("client", PacketTo("client", Node(), Udp(5000, server)))
            .drop,
        DropReason::kNone);
    ASSERT_EQ(
        world_.Receive("server", PacketTo("server", Node(), Udp(6000, client)))
            .drop,
        DropReason::kNone);
    world_.AdvanceSeconds(200);
  }
  // Without its mapping a port would be the node's.
  for (const auto& [pod, port] :
       {std::pair("client", client), std::pair("server", server)}) {
    const Received other =
        world_.Receive("guarded", PacketTo("guarded", Node(), Udp(7000, port)));
    ASSERT_EQ(other.sent.size(), 1u);
    EXPECT_EQ(TestWorld::NameOf(other.sent[0].port), pod);
  }
}

// T-14: RFC 7857 section 3.  Two hundred ports serve four hundred connections,
// since their remote ends differ.
TEST_P(SourceNatTest, TcpPortsOverlapForDifferentRemoteEnds) {
  world_.node().settings.nat.last_port = 20199;
  world_.node().settings.limits.pod_nat_ports = kNoLimit;
  world_.Publish();
  std::set<std::pair<int, int>> taken;
  for (int dport = 1; dport <= 4; ++dport) {
    for (int sport = 1; sport <= 100; ++sport) {
      const Received out = world_.Receive(
          "client", PacketTo("client", Outside(), Tcp(sport, dport, "S")));
      ASSERT_EQ(out.drop, DropReason::kNone) << DropReasonName(out.drop);
      const int port = PortOf(out, "tcp", "sport");
      ExpectInRange(port);
      EXPECT_TRUE(taken.emplace(port, dport).second) << port;
    }
  }
}

// C-11: RFC 6888 REQ-11.
TEST_P(SourceNatTest, NewConnectionFailsWhenEveryPortIsTakenAndOldOnesStay) {
  NatSettings& nat = world_.node().settings.nat;
  nat.last_port = nat.first_port + 1;
  world_.node().settings.limits.pod_nat_ports = kNoLimit;
  world_.Publish();
  const std::string syn = PacketTo("client", Outside(), Tcp(1, 80, "S"));
  const int first = PortOf(world_.Receive("client", syn), "tcp", "sport");
  EXPECT_EQ(
      world_.Receive("server", PacketTo("server", Outside(), Tcp(1, 80, "S")))
          .drop,
      DropReason::kNone);
  const Received third =
      world_.Receive("server", PacketTo("server", Outside(), Tcp(2, 80, "S")));
  EXPECT_EQ(third.drop, DropReason::kNatPortsExhausted);
  ASSERT_EQ(third.sent.size(), 1u);  // the sender is told
  EXPECT_EQ(third.sent[0].port, TestWorld::PortNamed("server"));
  EXPECT_EQ(PortOf(world_.Receive("client", syn), "tcp", "sport"), first);
}

TEST_P(SourceNatTest, TcpConnectionWorksBothWays) {
  const Received syn = world_.Receive(
      "client", PacketTo("client", Outside(), Tcp(1000, 80, "S")));
  EXPECT_EQ(SourceOf(syn), Node());
  const int port = PortOf(syn, "tcp", "sport");
  const Received answer = world_.Receive(
      "uplink", FromOutside(Outside(), Node(), Tcp(80, port, "SA")));
  ASSERT_EQ(answer.sent.size(), 1u);
  EXPECT_EQ(DestinationOf(answer), AddressOf("client"));
  EXPECT_EQ(PortOf(answer, "tcp", "dport"), 1000);
  const Received ack = world_.Receive(
      "client", PacketTo("client", Outside(), Tcp(1000, 80, "A")));
  EXPECT_EQ(PortOf(ack, "tcp", "sport"), port);
}

// I-01: RFC 5508 REQ-1.
TEST_P(SourceNatTest, EchoHasAnIdentifierOfItsOwn) {
  const std::string layer = is_ipv4() ? "icmp" : "icmp6";
  auto echo = [&](const char* type, int id) {
    return absl::StrCat("/ ", layer, " type=", type, " id=", id);
  };
  const char* request = is_ipv4() ? "8" : "128";
  const char* reply = is_ipv4() ? "0" : "129";
  const Received out =
      world_.Receive("client", PacketTo("client", Outside(), echo(request, 7)));
  ASSERT_EQ(out.drop, DropReason::kNone) << DropReasonName(out.drop);
  EXPECT_EQ(SourceOf(out), Node());
  const int id = PortOf(out, layer, "id");
  ExpectInRange(id);
  const Received back =
      world_.Receive("uplink", FromOutside(Outside(), Node(), echo(reply, id)));
  ASSERT_EQ(back.sent.size(), 1u);
  EXPECT_EQ(DestinationOf(back), AddressOf("client"));
  EXPECT_EQ(PortOf(back, layer, "id"), 7);
}

// C-06: RFC 6888 REQ-6.
TEST_P(SourceNatTest, SourceStaysWhereTheRouteSaysSo) {
  for (auto& [prefix, target] : world_.node().routes) {
    if (prefix.Contains(*IpAddress::Parse(Outside()))) target.keeps_source = 1;
  }
  world_.Publish();
  const Received out =
      world_.Receive("client", PacketTo("client", Outside(), Udp(5000, 80)));
  EXPECT_EQ(SourceOf(out), AddressOf("client"));
  EXPECT_EQ(PortOf(out, "udp", "sport"), 5000);
}

TEST_P(SourceNatTest, PodsAndTheNodeSeeThePodItself) {
  for (const char* to : {"server", "host"}) {
    const Received out =
        world_.Receive("client", Packet("client", to, Udp(5000, 80)));
    EXPECT_EQ(SourceOf(out), AddressOf("client")) << to;
  }
}

TEST_P(SourceNatTest, NodeKeepsItsOwnSource) {
  const Received out =
      world_.Receive("host", PacketTo("host", Outside(), Udp(40000, 80)));
  EXPECT_EQ(SourceOf(out), Node());
  EXPECT_EQ(PortOf(out, "udp", "sport"), 40000);
}

TEST_P(SourceNatTest, PodReachesItselfThroughAService) {
  const Received syn = world_.Receive(
      "server", PacketTo("server", WebService(), Tcp(1000, 80, "S")));
  ASSERT_EQ(syn.drop, DropReason::kNone) << DropReasonName(syn.drop);
  ASSERT_EQ(syn.sent.size(), 1u);
  EXPECT_EQ(syn.sent[0].port, TestWorld::PortNamed("server"));
  EXPECT_EQ(SourceOf(syn), Node());
  EXPECT_EQ(DestinationOf(syn), AddressOf("server"));
  const int port = PortOf(syn, "tcp", "sport");
  const Received answer = world_.Receive(
      "server", PacketTo("server", Node(), Tcp(8080, port, "SA")));
  ASSERT_EQ(answer.sent.size(), 1u);
  EXPECT_EQ(SourceOf(answer), WebService());
  EXPECT_EQ(DestinationOf(answer), AddressOf("server"));
  EXPECT_EQ(PortOf(answer, "tcp", "dport"), 1000);
}

// An address of a pool that is nobody's otherwise.
TEST_P(SourceNatTest, PoolAddressWithoutMappingIsNobodys) {
  const std::string pool = is_ipv4() ? "203.0.113.200" : "2001:db8::200";
  NatSettings& nat = world_.node().settings.nat;
  nat.addresses[is_ipv4() ? 0 : 1] = *IpAddress::Parse(pool);
  world_.Publish();
  for (const std::string& rest : {Udp(80, 20001), Tcp(80, 20001, "S")}) {
    EXPECT_EQ(world_.Receive("uplink", FromOutside(Outside(), pool, rest)).drop,
              DropReason::kNatNoMapping);
  }
}

// A pod inherits no mapping with its address.
TEST_P(SourceNatTest, MappingEndsWithThePod) {
  const int port = Map("client", Outside(), 5000, 80);
  const IpAddress address = *IpAddress::Parse(AddressOf("client"));
  ++world_.node().bindings[address].epoch;
  world_.Publish(std::vector<IpAddress>{address});
  const Received late =
      world_.Receive("uplink", FromOutside(Outside(), Node(), Udp(4321, port)));
  ASSERT_EQ(late.sent.size(), 1u);
  EXPECT_EQ(late.sent[0].port, TestWorld::PortNamed("host"));
  Map("client", Outside(), 5000, 80);  // it begins one of its own
}

INSTANTIATE_FAMILIES(SourceNatTest);

}  // namespace
}  // namespace vswitch
