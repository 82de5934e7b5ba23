// Commands, each through its public face and through the rings, in both
// families.

#include "dataplane/main/command_handler.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "dataplane/pipeline/test_families.h"
#include "dataplane/worker/test_memory.h"

namespace vswitch {
namespace {

// The node of TestWorld twice: in segments, where the handler finds addresses
// and connections, and in world_, which opened its tables and whose judge says
// what explain has to say.
class CommandHandlerTest : public FamilyTest {
 protected:
  CommandHandlerTest() { memory_.Publish(MakeTestNode()); }

  const ForwardingState& state() { return world_.offline().state(); }

  FlowKey Key(const std::string& from, const std::string& to,
              IpProtocol protocol, uint16_t port) const {
    FlowKey key;
    key.source = *IpAddress::Parse(from);
    key.destination = *IpAddress::Parse(to);
    key.source_port = Be16::FromHost(1000);
    key.destination_port = Be16::FromHost(port);
    key.protocol = protocol;
    return key;
  }

  // Makes a connection of `key` whose packets leave by ports `to` and, the
  // replies, `from`; a service is before it if `backend` is another address
  // than that of the key.
  void Connect(const FlowKey& key, PortId from, PortId to,
               const IpAddress& backend) {
    NewConnection connection;
    connection.original = key;
    connection.reply = key.Reversed();
    connection.reply.source = backend;
    connection.judgement.out_port = {to, from};
    ASSERT_EQ(memory_.connections->Insert(WorkerId{0}, connection, 1).status,
              InsertStatus::kInserted);
  }
  void Connect(const std::string& from, const std::string& to,
               IpProtocol protocol, uint16_t port) {
    Connect(Key(AddressOf(from), AddressOf(to), protocol, port),
            TestWorld::PortNamed(from), TestWorld::PortNamed(to),
            *IpAddress::Parse(AddressOf(to)));
  }
  // Four connections: two of client, to server by TCP and UDP; one between
  // server and the outside; and one of jailed to the web service, whose backend
  // is server.
  void ConnectAll() {
    Connect("client", "server", IpProtocol::kTcp, 80);
    Connect("client", "server", IpProtocol::kUdp, 53);
    Connect(Key(Outside(), AddressOf("server"), IpProtocol::kTcp, 443),
            TestWorld::PortNamed("uplink"), TestWorld::PortNamed("server"),
            *IpAddress::Parse(AddressOf("server")));
    Connect(Key(AddressOf("jailed"), WebService(), IpProtocol::kTcp, 80),
            TestWorld::PortNamed("jailed"), TestWorld::PortNamed("server"),
            *IpAddress::Parse(AddressOf("server")));
    ASSERT_EQ(memory_.connections->CountActive(), 4u);
  }

  uint64_t FlushedCount() const {
    return memory_.counters.worker(kMainThread)
        .connections_deleted[static_cast<uint32_t>(ConnectionEnd::kFlushed)]
        .value();
  }
  Reply Flush(uint8_t match, const FlowKey& key = {}, PortId port = kNoPort) {
    Command command{};
    command.id = 5;
    command.kind = CommandKind::kFlushConnections;
    command.flush_match = match;
    command.key = key;
    command.in_port = port;
    return handler_.Handle(command, state());
  }
  // Flushes, and checks that `expected` connections are gone and counted.
  void ExpectFlushed(uint64_t expected, uint8_t match, const FlowKey& key = {},
                     PortId port = kNoPort) {
    const uint64_t active = memory_.connections->CountActive();
    const uint64_t counted = FlushedCount();
    const Reply reply = Flush(match, key, port);
    EXPECT_EQ(reply.status, ReplyStatus::kOk);
    EXPECT_EQ(reply.flushed_count, expected);
    EXPECT_EQ(memory_.connections->CountActive(), active - expected);
    EXPECT_EQ(FlushedCount(), counted + expected);
  }
  bool IsConnected(const FlowKey& key) const {
    return memory_.connections->Lookup(key).found();
  }

  Command Explain(const FlowKey& key, PortId in_port) const {
    Command command{};
    command.id = 9;
    command.kind = CommandKind::kExplain;
    command.in_port = in_port;
    command.key = key;
    return command;
  }
  void ExpectExplained(const FlowKey& key, PortId in_port);

  TestMemory memory_;
  CommandHandler handler_{memory_.tables, memory_.workers, *memory_.connections,
                          memory_.counters};
};

// Checks one direction of a reply against the judge's.
void ExpectSame(const ExplainDirection& shown, bool asked,
                const PolicyVerdict& verdict, PolicySetId set) {
  EXPECT_EQ(shown.evaluated, asked);
  EXPECT_EQ(shown.allowed, verdict.allowed);
  EXPECT_EQ(shown.rule, verdict.rule);
  EXPECT_EQ(shown.precedence, verdict.precedence);
  EXPECT_EQ(shown.set, set);
}

// Checks that explain says of `key` what the judge says.
void CommandHandlerTest::ExpectExplained(const FlowKey& key, PortId in_port) {
  const JudgeResult judged =
      world_.offline().AskJudge({.key = key, .in_port = in_port});
  const Reply reply = handler_.Handle(Explain(key, in_port), state());
  EXPECT_EQ(reply.id, 9u);
  EXPECT_EQ(reply.kind, CommandKind::kExplain);
  EXPECT_EQ(reply.status, ReplyStatus::kOk);
  EXPECT_EQ(reply.generation, 1u);
  EXPECT_EQ(reply.drop, judged.drop);
  EXPECT_EQ(reply.translated, judged.is_service);
  EXPECT_EQ(reply.key_after, judged.translated);
  EXPECT_EQ(reply.out_port, judged.destination.port);
  EXPECT_EQ(reply.source_identity, judged.source.identity);
  EXPECT_EQ(reply.source_endpoint, judged.source.endpoint);
  EXPECT_EQ(reply.destination_identity, judged.destination.identity);
  EXPECT_EQ(reply.destination_endpoint, judged.destination.endpoint);
  const EndpointRecord* source = state().endpoint(judged.source.endpoint);
  const EndpointRecord* destination =
      state().endpoint(judged.destination.endpoint);
  ExpectSame(reply.egress, judged.asked_egress, judged.egress,
             source == nullptr ? kNoPolicySet : source->egress);
  ExpectSame(reply.ingress, judged.asked_ingress, judged.ingress,
             destination == nullptr ? kNoPolicySet : destination->ingress);
}

TEST_P(CommandHandlerTest, PingIsAnswered) {
  Command command{};
  command.id = 77;
  command.kind = CommandKind::kPing;
  const Reply reply = handler_.Handle(command, state());
  EXPECT_EQ(reply.id, 77u);
  EXPECT_EQ(reply.kind, CommandKind::kPing);
  EXPECT_EQ(reply.status, ReplyStatus::kOk);
  EXPECT_EQ(reply.generation, 1u);
  // Without tables as well.
  const Reply early = handler_.Handle(command, ForwardingState());
  EXPECT_EQ(early.status, ReplyStatus::kOk);
  EXPECT_EQ(early.generation, 0u);
}

TEST_P(CommandHandlerTest, UnknownCommandIsRefused) {
  ConnectAll();
  Command command{};
  command.id = 78;
  command.kind = static_cast<CommandKind>(200);
  const Reply reply = handler_.Handle(command, state());
  EXPECT_EQ(reply.id, 78u);
  EXPECT_EQ(reply.status, ReplyStatus::kUnknownCommand);
  EXPECT_EQ(memory_.connections->CountActive(), 4u);
}

TEST_P(CommandHandlerTest, ExplainSaysWhatTheJudgeSays) {
  const std::vector<std::string> ends = {
      AddressOf("host"),   AddressOf("client"),
      AddressOf("server"), AddressOf("jailed"),
      AddressOf("init"),   AddressOf("guarded"),
      WebService(),        Outside()};
  for (const char* from : {"host", "client", "server", "jailed", "init"}) {
    for (const std::string& to : ends) {
      for (uint16_t port : {53, 80, 8080}) {
        for (IpProtocol protocol : {IpProtocol::kTcp, IpProtocol::kUdp}) {
          SCOPED_TRACE(absl::StrCat(from, " to ", to, " port ", port));
          const FlowKey key = Key(AddressOf(from), to, protocol, port);
          ExpectExplained(key, TestWorld::PortNamed(from));
          ExpectExplained(key, kNoPort);
        }
      }
    }
  }
}

TEST_P(CommandHandlerTest, ExplainNamesTheRuleThatAllows) {
  const Reply reply = handler_.Handle(
      Explain(
          Key(AddressOf("client"), AddressOf("guarded"), IpProtocol::kTcp, 80),
          TestWorld::PortNamed("client")),
      state());
  EXPECT_EQ(reply.drop, DropReason::kNone);
  EXPECT_EQ(reply.ingress.rule, RuleId{7});
  EXPECT_EQ(reply.ingress.set, PolicySetId{0});
  EXPECT_TRUE(reply.ingress.allowed);
  EXPECT_EQ(reply.egress.set, kNoPolicySet);
  EXPECT_FALSE(reply.egress.evaluated);
  EXPECT_EQ(reply.out_port, TestWorld::PortNamed("guarded"));
}

TEST_P(CommandHandlerTest, ExplainShowsTheChosenBackend) {
  const Reply reply = handler_.Handle(
      Explain(Key(AddressOf("client"), WebService(), IpProtocol::kTcp, 80),
              TestWorld::PortNamed("client")),
      state());
  EXPECT_TRUE(reply.translated);
  EXPECT_EQ(reply.key_after.destination,
            *IpAddress::Parse(AddressOf("server")));
  EXPECT_EQ(reply.key_after.destination_port.ToHost(), 8080);
}

TEST_P(CommandHandlerTest, ExplainSaysWhetherTheConnectionExists) {
  const FlowKey key =
      Key(AddressOf("client"), AddressOf("server"), IpProtocol::kTcp, 80);
  const Command command = Explain(key, TestWorld::PortNamed("client"));
  EXPECT_FALSE(handler_.Handle(command, state()).has_connection);
  // To explain is not to connect.
  EXPECT_EQ(memory_.connections->CountActive(), 0u);
  Connect("client", "server", IpProtocol::kTcp, 80);
  EXPECT_TRUE(handler_.Handle(command, state()).has_connection);
}

TEST_P(CommandHandlerTest, ExplainBeforeTheFirstGenerationIsUnavailable) {
  const Reply reply = handler_.Handle(
      Explain(
          Key(AddressOf("client"), AddressOf("server"), IpProtocol::kTcp, 80),
          kNoPort),
      ForwardingState());
  EXPECT_EQ(reply.id, 9u);
  EXPECT_EQ(reply.status, ReplyStatus::kUnavailable);
  EXPECT_EQ(reply.generation, 0u);
}

TEST_P(CommandHandlerTest, FlushOfNothingInParticularTakesAll) {
  ConnectAll();
  ExpectFlushed(4, 0);
  ExpectFlushed(0, 0);
}

TEST_P(CommandHandlerTest, FlushBySourceTakesEitherEnd) {
  ConnectAll();
  FlowKey key;
  key.source = *IpAddress::Parse(AddressOf("client"));
  ExpectFlushed(2, kFlushBySource, key);
  key.source = *IpAddress::Parse(AddressOf("guarded"));
  ExpectFlushed(0, kFlushBySource, key);
  key.source = *IpAddress::Parse(AddressOf("server"));
  ExpectFlushed(2, kFlushBySource, key);
}

TEST_P(CommandHandlerTest, FlushByDestinationKnowsServiceAndBackend) {
  ConnectAll();
  FlowKey key;
  key.destination = *IpAddress::Parse(WebService());
  ExpectFlushed(1, kFlushByDestination, key);
  EXPECT_FALSE(IsConnected(
      Key(AddressOf("jailed"), WebService(), IpProtocol::kTcp, 80)));
  Connect(Key(AddressOf("jailed"), WebService(), IpProtocol::kTcp, 80),
          TestWorld::PortNamed("jailed"), TestWorld::PortNamed("server"),
          *IpAddress::Parse(AddressOf("server")));
  key.destination = *IpAddress::Parse(AddressOf("server"));
  ExpectFlushed(4, kFlushByDestination, key);
}

TEST_P(CommandHandlerTest, FlushByProtocol) {
  ConnectAll();
  FlowKey key;
  key.protocol = IpProtocol::kUdp;
  ExpectFlushed(1, kFlushByProtocol, key);
  EXPECT_FALSE(IsConnected(
      Key(AddressOf("client"), AddressOf("server"), IpProtocol::kUdp, 53)));
  key.protocol = IpProtocol::kTcp;
  ExpectFlushed(3, kFlushByProtocol, key);
}

TEST_P(CommandHandlerTest, FlushByFlowPortKnowsServiceAndBackend) {
  ConnectAll();
  FlowKey key;
  key.destination_port = Be16::FromHost(81);
  ExpectFlushed(0, kFlushByFlowPort, key);
  key.destination_port = Be16::FromHost(53);
  ExpectFlushed(1, kFlushByFlowPort, key);
  key.destination_port = Be16::FromHost(80);
  ExpectFlushed(2, kFlushByFlowPort, key);
  ExpectFlushed(1, 0);
}

TEST_P(CommandHandlerTest, FlushByPortTakesEitherSide) {
  ConnectAll();
  ExpectFlushed(0, kFlushByPort, {}, TestWorld::PortNamed("guarded"));
  ExpectFlushed(1, kFlushByPort, {}, TestWorld::PortNamed("uplink"));
  ExpectFlushed(2, kFlushByPort, {}, TestWorld::PortNamed("client"));
  ExpectFlushed(1, kFlushByPort, {}, TestWorld::PortNamed("server"));
}

TEST_P(CommandHandlerTest, FlushByStateTakesConnectionsOnly) {
  ConnectAll();
  FlowKey mapping =
      Key(AddressOf("client"), AddressOf("server"), IpProtocol::kUdp, 1);
  NewConnection noted{.original = mapping,
                      .reply = mapping.Reversed(),
                      .state = ConnectionState::kUnreplied,
                      .flags = kNatMapping};
  ASSERT_EQ(
      memory_.connections->Insert(WorkerId{0}, noted, world_.now_ns()).status,
      InsertStatus::kInserted);
  const auto flush = [this](ConnectionState wanted, uint8_t match = 0) {
    Command command{};
    command.kind = CommandKind::kFlushConnections;
    command.flush_match = kFlushByState | match;
    command.state = static_cast<uint8_t>(wanted);
    command.key.protocol = IpProtocol::kUdp;
    return handler_.Handle(command, state()).flushed_count;
  };
  EXPECT_EQ(flush(ConnectionState::kTimeWait), 0u);
  const uint64_t counted = FlushedCount();
  EXPECT_EQ(flush(ConnectionState::kUnreplied, kFlushByProtocol), 1u);
  EXPECT_EQ(flush(ConnectionState::kUnreplied), 3u);
  EXPECT_EQ(FlushedCount(), counted + 4);
  EXPECT_EQ(memory_.connections->CountActive(), 1u);
  EXPECT_TRUE(IsConnected(mapping));
}

TEST_P(CommandHandlerTest, FlushComparesEverythingThatIsNamed) {
  ConnectAll();
  FlowKey key =
      Key(AddressOf("client"), AddressOf("server"), IpProtocol::kTcp, 80);
  constexpr uint8_t kEnds = kFlushBySource | kFlushByDestination;
  ExpectFlushed(0, kEnds | kFlushByPort, key, TestWorld::PortNamed("uplink"));
  ExpectFlushed(1, kEnds | kFlushByProtocol | kFlushByPort, key,
                TestWorld::PortNamed("client"));
  EXPECT_FALSE(IsConnected(key));
  ExpectFlushed(1, kEnds, key);  // the one of UDP
  // The other family has none of the addresses.
  key.source = *IpAddress::Parse(is_ipv4() ? "fd00::2" : "10.0.0.2");
  ExpectFlushed(0, kFlushBySource, key);
}

TEST_P(CommandHandlerTest, FlushNeedsNoTables) {
  ConnectAll();
  Command command{};
  command.kind = CommandKind::kFlushConnections;
  EXPECT_EQ(handler_.Handle(command, ForwardingState()).flushed_count, 4u);
}

TEST_P(CommandHandlerTest, CommandsAreAnsweredInOrderThroughTheRings) {
  CommandProducer commands =
      CommandsOut(memory_.writer->rings(), memory_.workers.rings());
  ReplyConsumer replies =
      RepliesIn(memory_.writer->rings(), memory_.workers.rings());
  EXPECT_EQ(handler_.HandleAll(state()), 0u);
  Command ping{};
  ping.kind = CommandKind::kPing;
  Command flush{};
  flush.kind = CommandKind::kFlushConnections;
  ConnectAll();
  for (Command command : {ping, flush, ping}) {
    command.id = commands.next_number();
    ASSERT_TRUE(commands.Push(command));
  }
  EXPECT_EQ(handler_.HandleAll(state()), 3u);
  Reply reply;
  for (uint64_t id : {0, 1, 2}) {
    ASSERT_EQ(replies.Pop(reply), RingPop::kEntry);
    EXPECT_EQ(reply.id, id);
    EXPECT_EQ(reply.kind,
              id == 1 ? CommandKind::kFlushConnections : CommandKind::kPing);
    EXPECT_EQ(reply.flushed_count, id == 1 ? 4u : 0u);
  }
  EXPECT_EQ(replies.Pop(reply), RingPop::kEmpty);
  EXPECT_EQ(handler_.HandleAll(state()), 0u);
}

TEST_P(CommandHandlerTest, ReplyThatNobodyTakesIsLostAndCounted) {
  CommandProducer commands =
      CommandsOut(memory_.writer->rings(), memory_.workers.rings());
  ReplyConsumer replies =
      RepliesIn(memory_.writer->rings(), memory_.workers.rings());
  Command ping{};
  ping.kind = CommandKind::kPing;
  for (uint32_t i = 0; i < kReplyRingEntries + 3; ++i) {
    ASSERT_TRUE(commands.Push(ping));
    EXPECT_EQ(handler_.HandleAll(state()), 1u);
  }
  EXPECT_EQ(replies.lost_count(), 3u);
}

INSTANTIATE_FAMILIES(CommandHandlerTest);

}  // namespace
}  // namespace vswitch
