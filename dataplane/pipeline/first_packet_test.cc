// Stage first_packet: new connections, and verdicts that change under old ones.

#include "dataplane/pipeline/test_families.h"

namespace vswitch {
namespace {

class FirstPacketTest : public FamilyTest {
 protected:
  std::string Ack() const {
    return Packet("client", "guarded", "/ tcp flags=A");
  }
  std::string AnswerAck() const {
    return Packet("guarded", "client", "/ tcp sport=80 dport=1000 flags=A");
  }
  // Begins a connection from client to guarded, TCP 80.
  void Connect() {
    ASSERT_EQ(
        world_.Receive("client", Packet("client", "guarded", "/ tcp flags=S"))
            .drop,
        DropReason::kNone);
    ASSERT_EQ(
        world_
            .Receive("guarded", Packet("guarded", "client",
                                       "/ tcp sport=80 dport=1000 flags=SA"))
            .drop,
        DropReason::kNone);
    ASSERT_EQ(world_.Receive("client", Ack()).drop, DropReason::kNone);
  }
  // Makes the pod behind `port` the web service's only backend.
  void MoveService(absl::string_view port) {
    const IpAddress address = *IpAddress::Parse(AddressOf(port));
    for (ServiceSpec& service : world_.node().services) {
      if (service.service != 1) continue;
      if (service.address.IsIpv4() != is_ipv4()) continue;
      service.backends = {{.address = address, .port = 8080}};
    }
  }
  // Takes the rule away that lets client in, or puts it back.
  void SetRule(bool allowed) {
    world_.node().policy_sets[0].entries[0].traffic[0] =
        allowed ? TrafficMatch{IpProtocol::kTcp, 80, 80}
                : TrafficMatch{IpProtocol::kTcp, 81, 81};
    world_.Publish(
        std::vector<IpAddress>{*IpAddress::Parse(AddressOf("guarded"))});
  }
};

TEST_P(FirstPacketTest, DeniedPacketBeginsNoConnection) {
  EXPECT_EQ(world_
                .Receive("client",
                         Packet("client", "guarded", "/ tcp dport=81 flags=S"))
                .drop,
            DropReason::kPolicyDenied);
  EXPECT_EQ(world_.offline().connections().CountActive(), 0u);
}

TEST_P(FirstPacketTest, PolicyChangeCutsAnEstablishedConnectionBothWays) {
  Connect();
  SetRule(false);
  EXPECT_EQ(world_.Receive("client", Ack()).drop, DropReason::kPolicyDenied);
  EXPECT_EQ(world_.Receive("guarded", AnswerAck()).drop,
            DropReason::kPolicyDenied);
  EXPECT_EQ(world_.worker_counters().policy_cached_deny.value(), 1u);
}

TEST_P(FirstPacketTest, AnswerThatComesFirstIsCutAsWell) {
  Connect();
  SetRule(false);
  EXPECT_EQ(world_.Receive("guarded", AnswerAck()).drop,
            DropReason::kPolicyDenied);
  EXPECT_EQ(world_.Receive("client", Ack()).drop, DropReason::kPolicyDenied);
}

TEST_P(FirstPacketTest, CutConnectionGoesOnWhenPolicyAllowsAgain) {
  Connect();
  SetRule(false);
  world_.Receive("client", Ack());
  world_.Receive("guarded", AnswerAck());
  SetRule(true);
  const Received answer = world_.Receive("guarded", AnswerAck());
  EXPECT_EQ(answer.drop, DropReason::kNone);
  ASSERT_EQ(answer.sent.size(), 1u);
  EXPECT_EQ(answer.sent[0].port, TestWorld::PortNamed("client"));
  EXPECT_EQ(world_.Receive("client", Ack()).drop, DropReason::kNone);
}

TEST_P(FirstPacketTest, NewIdentityOfThePeerIsJudged) {
  Connect();
  const PortId port = TestWorld::PortNamed("client");
  const IdentityId other{999};
  TestNode& node = world_.node();
  node.endpoints[ToInt(port)].identity = other;
  const IpAddress address = *IpAddress::Parse(AddressOf("client"));
  node.bindings[address].identity = other;
  world_.Publish(std::vector<IpAddress>{address});
  EXPECT_EQ(world_.Receive("client", Ack()).drop, DropReason::kPolicyDenied);
}

TEST_P(FirstPacketTest, ServiceConnectionKeepsItsBackend) {
  const std::string syn = PacketTo("client", WebService(), "/ tcp flags=S");
  ASSERT_EQ(world_.Receive("client", syn).drop, DropReason::kNone);
  // Another backend takes all new connections.
  MoveService("guarded");
  world_.Publish();
  const Received old = world_.Receive("client", syn);
  ASSERT_EQ(old.sent.size(), 1u);
  EXPECT_EQ(old.sent[0].port, TestWorld::PortNamed("server"));
  const Received other = world_.Receive(
      "client", PacketTo("client", WebService(), "/ tcp sport=1001 flags=S"));
  ASSERT_EQ(other.sent.size(), 1u);
  EXPECT_EQ(other.sent[0].port, TestWorld::PortNamed("guarded"));
}

TEST_P(FirstPacketTest, BackendThatIsGoneEndsTheConnection) {
  const std::string syn = PacketTo("client", WebService(), "/ tcp flags=S");
  ASSERT_EQ(world_.Receive("client", syn).drop, DropReason::kNone);
  world_.node().bindings.erase(*IpAddress::Parse(AddressOf("server")));
  MoveService("guarded");
  world_.Publish();
  const Received told = world_.Receive("client", syn);
  EXPECT_EQ(told.drop, DropReason::kHostUnreachable);
  EXPECT_EQ(told.sent.size(), 1u);  // the error
  // The next attempt finds the backend that is there.
  const Received next = world_.Receive("client", syn);
  ASSERT_EQ(next.sent.size(), 1u);
  EXPECT_EQ(next.sent[0].port, TestWorld::PortNamed("guarded"));
}

TEST_P(FirstPacketTest, PacketsOfOneBurstShareTheConnection) {
  const std::string packet = Packet("client", "guarded", "/ tcp flags=S");
  const std::vector<Sent> sent = world_.ReceiveBurst(
      TestWorld::PortNamed("client"), std::vector<std::string>(10, packet));
  EXPECT_EQ(sent.size(), 10u);
  EXPECT_EQ(world_.offline().connections().CountActive(), 1u);
  EXPECT_EQ(world_.worker_counters().connections_inserted.value(), 1u);
  EXPECT_EQ(world_.worker_counters().policy_lookups.value(), 1u);
}

TEST_P(FirstPacketTest, ReopenedPortsInOneBurst) {
  Connect();
  world_.Receive("client", Packet("client", "guarded", "/ tcp flags=RA"));
  const std::string syn = Packet("client", "guarded", "/ tcp flags=S");
  EXPECT_EQ(
      world_.ReceiveBurst(TestWorld::PortNamed("client"), {syn, syn}).size(),
      2u);
  EXPECT_EQ(world_.offline().connections().CountActive(), 1u);
  EXPECT_EQ(
      world_.worker_counters()
          .connections_deleted[static_cast<uint32_t>(ConnectionEnd::kReplaced)]
          .value(),
      1u);
}

TEST_P(FirstPacketTest, FullTableRefusesNewConnectionsByName) {
  uint64_t refused = 0;
  for (int port = 1; port <= 1500; ++port) {
    const Received received = world_.Receive(
        "client", Packet("client", "server",
                         absl::StrCat("/ udp sport=", port, " dport=9")));
    if (received.drop == DropReason::kConnectionsFull) ++refused;
    if (received.drop != DropReason::kNone) continue;
    // What was answered makes no room.
    world_.Receive(
        "server",
        Packet("server", "client", absl::StrCat("/ udp sport=9 dport=", port)));
  }
  EXPECT_GT(refused, 0u);
  EXPECT_EQ(world_.offline().connections().CountActive(), 1500 - refused);
  // What is established goes on.
  EXPECT_EQ(world_
                .Receive("client",
                         Packet("client", "server", "/ udp sport=1 dport=9"))
                .drop,
            DropReason::kNone);
}

TEST_P(FirstPacketTest, DropRecordSaysWhoWhyAndWhat) {
  world_.Receive("client",
                 Packet("client", "guarded", "/ tcp dport=81 flags=S"));
  Event event{};
  ASSERT_TRUE(world_.offline().PopDropRecord(event));
  EXPECT_EQ(event.reason, DropReason::kPolicyDenied);
  EXPECT_EQ(event.port, TestWorld::PortNamed("client"));
  EXPECT_EQ(event.rule, kNoRule);
  EXPECT_EQ(event.generation, world_.offline().state().generation());
  EXPECT_EQ(event.key.destination_port, Be16::FromHost(81));
  EXPECT_EQ(ToInt(event.source_identity), kFirstLabelIdentity + 1);
  EXPECT_EQ(ToInt(event.destination_identity), kFirstLabelIdentity + 3);
  EXPECT_EQ(event.packet_bytes, is_ipv4() ? 54 : 74);
  EXPECT_EQ(event.captured_bytes, event.packet_bytes);
  EXPECT_FALSE(world_.offline().PopDropRecord(event));
}

// As the connection is known and as policy was asked: identifier and type.
TEST_P(FirstPacketTest, DropRecordOfAPingHasIdentifierAndType) {
  world_.Receive("client",
                 Packet("client", "guarded",
                        is_ipv4() ? "/ icmp id=77" : "/ icmp6 id=77"));
  Event event{};
  ASSERT_TRUE(world_.offline().PopDropRecord(event));
  EXPECT_EQ(event.reason, DropReason::kPolicyDenied);
  EXPECT_EQ(event.key.source_port, Be16::FromHost(77));
  EXPECT_EQ(event.key.destination_port, Be16::FromHost(is_ipv4() ? 8 : 128));
}

TEST_P(FirstPacketTest, DropRecordsAreSampled) {
  const std::string packet =
      Packet("client", "guarded", "/ tcp dport=81 flags=S");
  for (int i = 0; i < 300; ++i) world_.Receive("client", packet);
  uint64_t records = 0;
  Event event{};
  while (world_.offline().PopDropRecord(event)) ++records;
  EXPECT_EQ(records, 100u);  // a tenth of a second's share, at one moment
  EXPECT_EQ(world_.worker_counters().events_suppressed.value(), 200u);
  EXPECT_EQ(world_.DropCount(DropReason::kPolicyDenied), 300u);
}

INSTANTIATE_FAMILIES(FirstPacketTest);

}  // namespace
}  // namespace vswitch
