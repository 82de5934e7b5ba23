// The connection table through its public face, in both families.

#include "dataplane/conntrack/connection_table.h"

#include <vector>

#include "dataplane/conntrack/testing.h"
#include "dataplane/conntrack/timeouts.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

constexpr WorkerId kWorker{0};
constexpr uint32_t kCapacity = 256;
constexpr uint64_t kNow = 1000 * kSecondNs;
constexpr uint8_t kSyn = 0x02;
constexpr uint8_t kSynAck = 0x12;
constexpr uint8_t kAck = 0x10;
constexpr uint8_t kRst = 0x04;

constexpr ConnectionTimeouts kTimeouts{.tcp_syn_sent_s = 100,
                                       .tcp_syn_received_s = 100,
                                       .tcp_established_s = 1000,
                                       .tcp_fin_wait_s = 100,
                                       .tcp_close_wait_s = 100,
                                       .tcp_last_ack_s = 100,
                                       .tcp_time_wait_s = 50,
                                       .tcp_closed_s = 10,
                                       .tcp_retransmitted_s = 1000,
                                       .tcp_unacknowledged_s = 1000,
                                       .sctp_unreplied_s = 200,
                                       .udp_unreplied_s = 60,
                                       .udp_s = 60,
                                       .icmp_s = 5,
                                       .other_s = 200};

class ConnectionTableTest : public testing::TestWithParam<IpFamily> {
 protected:
  ConnectionTableTest() {
    EXPECT_TRUE(
        ConnectionTable::Format(memory_.bytes(), kCapacity, kTestSecret).ok());
  }
  ConnectionTable Attach(uint32_t workers = 2) {
    auto table = ConnectionTable::Attach(memory_.bytes(), workers);
    EXPECT_TRUE(table.ok()) << table.status();
    return *std::move(table);
  }
  NewConnection Connection(uint32_t number,
                           IpProtocol protocol = IpProtocol::kTcp) const {
    return NumberedConnection(GetParam(), number, protocol);
  }

  TableMemory memory_{kCapacity};
};

TEST_P(ConnectionTableTest, BothDirectionsLeadToOneEntry) {
  ConnectionTable table = Attach();
  NewConnection connection = Connection(1);
  connection.judgement = {.generation = 7,
                          .source_endpoint = EndpointId{3},
                          .destination_endpoint = EndpointId{4},
                          .rule = RuleId{5},
                          .out_port = {PortId{1}, PortId{2}}};
  connection.service = 9;
  connection.flags = 1;
  const InsertResult made = table.Insert(kWorker, connection, kNow);
  ASSERT_EQ(made.status, InsertStatus::kInserted);

  const ConnectionView original = table.Lookup(connection.original);
  ASSERT_TRUE(original.found());
  EXPECT_EQ(original.direction, FlowDirection::kOriginal);
  EXPECT_EQ(original.record.judgement, connection.judgement);
  EXPECT_EQ(original.record.service, 9u);
  EXPECT_EQ(original.record.flags, 1);
  EXPECT_FALSE(original.record.IsTranslated());
  EXPECT_EQ(original.index, made.view.index);
  EXPECT_EQ(original.incarnation, made.view.incarnation);

  const ConnectionView reply = table.Lookup(connection.reply);
  ASSERT_TRUE(reply.found());
  EXPECT_EQ(reply.index, original.index);
  EXPECT_EQ(reply.direction, FlowDirection::kReply);
}

TEST_P(ConnectionTableTest, TwoKeysAreTheTranslation) {
  ConnectionTable table = Attach();
  NewConnection connection = Connection(1);
  FlowKey to_backend = connection.original;
  to_backend.destination.bytes[15] = 77;
  to_backend.destination_port = Be16::FromHost(8080);
  connection.reply = to_backend.Reversed();
  ASSERT_EQ(table.Insert(kWorker, connection, kNow).status,
            InsertStatus::kInserted);

  const ConnectionView original = table.Lookup(connection.original);
  EXPECT_TRUE(original.record.IsTranslated());
  EXPECT_EQ(original.record.TranslatedKey(original.direction), to_backend);
  const ConnectionView reply = table.Lookup(to_backend.Reversed());
  EXPECT_EQ(reply.record.TranslatedKey(reply.direction),
            connection.original.Reversed());
  // The answer to the untranslated key belongs to nobody.
  EXPECT_FALSE(table.Lookup(connection.original.Reversed()).found());
}

TEST_P(ConnectionTableTest, NothingButTheExactKeyIsFound) {
  ConnectionTable table = Attach();
  ASSERT_EQ(table.Insert(kWorker, Connection(1), kNow).status,
            InsertStatus::kInserted);
  FlowKey key = Connection(1).original;
  key.zone = 1;
  EXPECT_FALSE(table.Lookup(key).found());
  key = Connection(1).original;
  key.protocol = IpProtocol::kUdp;
  EXPECT_FALSE(table.Lookup(key).found());
  EXPECT_FALSE(table.Lookup(Connection(2).original).found());
}

TEST_P(ConnectionTableTest, OneTupleMayLiveInTwoZones) {
  ConnectionTable table = Attach();
  NewConnection other = Connection(1);
  other.original.zone = other.reply.zone = 5;
  const InsertResult first = table.Insert(kWorker, Connection(1), kNow);
  const InsertResult second = table.Insert(kWorker, other, kNow);
  EXPECT_EQ(first.status, InsertStatus::kInserted);
  EXPECT_EQ(second.status, InsertStatus::kInserted);
  EXPECT_EQ(table.Lookup(other.reply).index, second.view.index);
  EXPECT_EQ(table.Lookup(Connection(1).reply).index, first.view.index);
}

TEST_P(ConnectionTableTest, SecondInsertAdoptsTheFirst) {
  ConnectionTable table = Attach();
  const InsertResult first = table.Insert(kWorker, Connection(1), kNow);
  const InsertResult again = table.Insert(WorkerId{1}, Connection(1), kNow);
  EXPECT_EQ(again.status, InsertStatus::kExisted);
  EXPECT_EQ(again.view.index, first.view.index);
  // Both ends sent first, and the two packets meet in the switch.
  NewConnection mirrored = Connection(1);
  std::swap(mirrored.original, mirrored.reply);
  const InsertResult mirror = table.Insert(WorkerId{1}, mirrored, kNow);
  EXPECT_EQ(mirror.status, InsertStatus::kExisted);
  EXPECT_EQ(mirror.view.direction, FlowDirection::kReply);
  EXPECT_EQ(table.CountActive(), 1u);
}

TEST_P(ConnectionTableTest, AnswerThatBelongsToAnotherIsRefused) {
  ConnectionTable table = Attach();
  ASSERT_EQ(table.Insert(kWorker, Connection(1), kNow).status,
            InsertStatus::kInserted);
  NewConnection clash = Connection(1);  // by another service address
  clash.original.destination.bytes[15] = 99;
  EXPECT_EQ(table.Insert(kWorker, clash, kNow).status,
            InsertStatus::kReplyTaken);
  EXPECT_FALSE(table.Lookup(clash.original).found());
  EXPECT_EQ(table.CountActive(), 1u);
}

TEST_P(ConnectionTableTest, FlowThatIsItsOwnAnswerIsRefused) {
  ConnectionTable table = Attach();
  NewConnection self = Connection(1);
  self.original.destination = self.original.source;
  self.original.destination_port = self.original.source_port;
  self.reply = self.original.Reversed();
  EXPECT_EQ(table.Insert(kWorker, self, kNow).status,
            InsertStatus::kReplyTaken);
}

TEST_P(ConnectionTableTest, BurstFindsWhatSingleLookupsFind) {
  ConnectionTable table = Attach();
  std::vector<FlowKey> keys;
  std::vector<const FlowKey*> pointers;
  for (uint32_t i = 0; i < kBurstPackets; ++i) {
    if (i % 3 != 0) table.Insert(kWorker, Connection(i), kNow);
    keys.push_back(i % 2 == 0 ? Connection(i).original : Connection(i).reply);
  }
  for (const FlowKey& key : keys) pointers.push_back(&key);
  std::vector<ConnectionView> views(keys.size());
  table.LookupBurst(pointers, views);
  for (uint32_t i = 0; i < keys.size(); ++i) {
    EXPECT_EQ(views[i].found(), i % 3 != 0) << i;
    EXPECT_EQ(views[i].index, table.Lookup(keys[i]).index);
    EXPECT_EQ(views[i].hash, table.Hash(keys[i]));
  }
}

TEST_P(ConnectionTableTest, RefreshReplacesTheJudgementAlone) {
  ConnectionTable table = Attach();
  table.Insert(kWorker, Connection(1), kNow);
  ConnectionView view = table.Lookup(Connection(1).reply);
  const Judgement judgement{
      .generation = 8, .rule = RuleId{77}, .out_port = {PortId{5}, PortId{6}}};
  EXPECT_TRUE(table.Refresh(view, judgement));
  EXPECT_EQ(view.record.judgement, judgement);
  const ConnectionView after = table.Lookup(Connection(1).original);
  EXPECT_EQ(after.record.judgement, judgement);
  EXPECT_EQ(after.record.Key(FlowDirection::kReply), Connection(1).reply);
}

TEST_P(ConnectionTableTest, OldViewChangesNothingOfItsSuccessor) {
  ConnectionTable table = Attach();
  ConnectionView old = table.Insert(kWorker, Connection(1), kNow).view;
  ASSERT_TRUE(table.Erase(old));
  EXPECT_FALSE(table.Erase(old));
  EXPECT_FALSE(table.Lookup(Connection(1).original).found());
  EXPECT_FALSE(table.Lookup(Connection(1).reply).found());
  // Use every entry, so also the one of `old`, again.
  while (table.ExpireIsDue(kWorker, kNow + 10 * kSecondNs)) {
    table.Expire(kWorker, kNow + 10 * kSecondNs, kTimeouts, 1000);
  }
  bool reused = false;
  for (uint32_t i = 2; i < 2 + kCapacity; ++i) {
    const InsertResult made = table.Insert(kWorker, Connection(i), kNow);
    if (made.status == InsertStatus::kInserted &&
        made.view.index == old.index) {
      reused = true;
    }
  }
  ASSERT_TRUE(reused);
  EXPECT_FALSE(table.Refresh(old, Judgement{.rule = RuleId{1}}));
  table.Touch(old, 100, kNow);
  ConnectionView tracked = old;
  table.Track(tracked, SegmentWith(kRst));
  EXPECT_FALSE(table.Erase(old));
  table.ForEach([&](const ConnectionInfo& info) {
    EXPECT_EQ(info.record.judgement.rule, kNoRule);
    EXPECT_EQ(info.counts[0].packets, 0u);
    EXPECT_EQ(info.state, ConnectionState::kSynSent);
  });
}

TEST_P(ConnectionTableTest, TrackFollowsTcp) {
  ConnectionTable table = Attach();
  table.Insert(kWorker, Connection(1), kNow);
  const auto packet = [&](const FlowKey& key, uint8_t flags) {
    ConnectionView view = table.Lookup(key);
    const TrackAction action = table.Track(view, SegmentWith(flags));
    EXPECT_EQ(view.state, table.Lookup(key).state);
    return std::pair(action, view.state);
  };
  const FlowKey original = Connection(1).original;
  const FlowKey reply = Connection(1).reply;
  EXPECT_EQ(packet(original, kAck).first, TrackAction::kInvalid);
  EXPECT_EQ(packet(reply, kSynAck).second, ConnectionState::kSynReceived);
  EXPECT_EQ(packet(original, kAck).second, ConnectionState::kEstablished);
  EXPECT_EQ(packet(original, kSyn).second, ConnectionState::kEstablished);
  EXPECT_EQ(packet(reply, kRst).second, ConnectionState::kClosed);
  EXPECT_EQ(packet(original, kSyn).first, TrackAction::kReopen);
}

TEST_P(ConnectionTableTest, TrackWithAnOldViewSeesTheNewState) {
  ConnectionTable table = Attach();
  // Two packets of one burst: both views are from before the first.
  ConnectionView view = table.Insert(kWorker, Connection(1), kNow).view;
  ConnectionView reply = table.Lookup(Connection(1).reply);
  EXPECT_EQ(table.Track(reply, SegmentWith(kSynAck)), TrackAction::kPass);
  EXPECT_EQ(table.Track(view, SegmentWith(kAck)), TrackAction::kPass);
  EXPECT_EQ(view.state, ConnectionState::kEstablished);
  // A connection that another worker ended meanwhile changes no more.
  ASSERT_TRUE(table.Erase(reply));
  EXPECT_EQ(table.Track(view, SegmentWith(kRst)), TrackAction::kPass);
  EXPECT_FALSE(view.found());
}

TEST_P(ConnectionTableTest, AnswerMakesOtherProtocolsReplied) {
  ConnectionTable table = Attach();
  const NewConnection udp = Connection(1, IpProtocol::kUdp);
  ConnectionView view = table.Insert(kWorker, udp, kNow).view;
  EXPECT_EQ(table.Track(view), TrackAction::kPass);
  EXPECT_EQ(view.state, ConnectionState::kUnreplied);
  view = table.Lookup(udp.reply);
  EXPECT_EQ(table.Track(view), TrackAction::kPass);
  EXPECT_EQ(view.state, ConnectionState::kReplied);
  view = table.Lookup(udp.original);
  EXPECT_EQ(view.state, ConnectionState::kReplied);
}

TEST_P(ConnectionTableTest, CountsAreKeptByDirection) {
  ConnectionTable table = Attach();
  table.Insert(kWorker, Connection(1), kNow);
  table.Touch(table.Lookup(Connection(1).original), 100, kNow);
  table.Touch(table.Lookup(Connection(1).original), 50, kNow + 3 * kSecondNs);
  table.Touch(table.Lookup(Connection(1).reply), 1, kNow + 7 * kSecondNs);
  uint32_t visited = 0;
  table.ForEach([&](const ConnectionInfo& info) {
    ++visited;
    EXPECT_EQ(info.counts[0].packets, 2u);
    EXPECT_EQ(info.counts[0].bytes, 150u);
    EXPECT_EQ(info.counts[0].last_seen_s, 1003u);
    EXPECT_EQ(info.counts[1].packets, 1u);
    EXPECT_EQ(info.counts[1].bytes, 1u);
    EXPECT_EQ(info.counts[1].last_seen_s, 1007u);
  });
  EXPECT_EQ(visited, 1u);
}

TEST_P(ConnectionTableTest, FullTableRefusesAndRecovers) {
  ConnectionTable table = Attach(1);
  for (uint32_t i = 0; i < kCapacity; ++i) {
    ASSERT_EQ(table.Insert(kWorker, Answered(Connection(i)), kNow).status,
              InsertStatus::kInserted)
        << i;
  }
  EXPECT_EQ(table.Insert(kWorker, Connection(kCapacity), kNow).status,
            InsertStatus::kFull);
  for (uint32_t i = 0; i < kCapacity; ++i) {
    ASSERT_TRUE(table.Lookup(Connection(i).reply).found()) << i;
  }
  EXPECT_EQ(table.FlushIf([](const ConnectionRecord&) { return true; }),
            kCapacity);
  EXPECT_EQ(table.CountActive(), 0u);
  // At once, not when their time would have come.
  table.Expire(kWorker, kNow, kTimeouts, kCapacity);
  for (uint32_t i = 0; i < kCapacity; ++i) {
    ASSERT_EQ(table.Insert(kWorker, Connection(5000 + i), kNow).status,
              InsertStatus::kInserted)
        << i;
  }
}

TEST_P(ConnectionTableTest, FlushTakesWhatMatches) {
  ConnectionTable table = Attach();
  for (uint32_t i = 0; i < 10; ++i) table.Insert(kWorker, Connection(i), kNow);
  EXPECT_EQ(table.FlushIf([&](const ConnectionRecord& record) {
    return record.original_source_port.ToHost() < 4;
  }),
            4u);
  for (uint32_t i = 0; i < 10; ++i) {
    EXPECT_EQ(table.Lookup(Connection(i).original).found(), i >= 4);
  }
}

// Runs housekeeping once a second; returns the second after kNow in which the
// only connection ended, and why.
std::pair<uint32_t, DeleteReason> RunUntilEmpty(ConnectionTable& table) {
  for (uint32_t second = 1; second < 5000; ++second) {
    const ExpireResult result =
        table.Expire(kWorker, kNow + second * kSecondNs, kTimeouts, 100);
    for (uint32_t i = 0; i < kDeleteReasonCount; ++i) {
      if (result.deleted[i] > 0) {
        EXPECT_EQ(result.deleted[i], 1u);
        EXPECT_EQ(table.CountActive(), 0u);
        return {second, static_cast<DeleteReason>(i)};
      }
    }
    EXPECT_EQ(table.CountActive(), 1u);
  }
  return {0, DeleteReason::kTimeout};
}

TEST_P(ConnectionTableTest, IdleConnectionEndsAtItsTimeout) {
  const std::pair<IpProtocol, uint32_t> cases[] = {
      {IpProtocol::kTcp, 100},  // SYN_SENT
      {IpProtocol::kUdp, 60},
      {IpProtocol::kIcmp, 5},
      {IpProtocol::kSctp, 200},
  };
  for (const auto& [protocol, timeout_s] : cases) {
    ConnectionTable table = Attach();
    ASSERT_EQ(table.Insert(kWorker, Connection(1, protocol), kNow).status,
              InsertStatus::kInserted);
    EXPECT_EQ(RunUntilEmpty(table),
              std::pair(timeout_s, DeleteReason::kTimeout));
    EXPECT_FALSE(table.Lookup(Connection(1, protocol).reply).found());
  }
}

TEST_P(ConnectionTableTest, PacketOfEitherDirectionKeepsItAlive) {
  ConnectionTable table = Attach();
  const NewConnection udp = Connection(1, IpProtocol::kUdp);
  table.Insert(kWorker, udp, kNow);
  table.Touch(table.Lookup(udp.original), 1, kNow + 3 * kSecondNs);
  table.Touch(table.Lookup(udp.reply), 1, kNow + 50 * kSecondNs);
  EXPECT_EQ(RunUntilEmpty(table).first, 110u);
}

TEST_P(ConnectionTableTest, ResetConnectionEndsEarlyAndCountsAsClosed) {
  ConnectionTable table = Attach();
  ConnectionView view = table.Insert(kWorker, Connection(1), kNow).view;
  table.Track(view, SegmentWith(kRst));
  const auto [second, reason] = RunUntilEmpty(table);
  EXPECT_GE(second, kTimeouts.tcp_closed_s);
  EXPECT_LE(second, kTimeouts.tcp_closed_s + ConnectionTable::kRecheckSeconds);
  EXPECT_EQ(reason, DeleteReason::kClosed);
}

// As session affinity says that a client is to be forgotten earlier.
TEST_P(ConnectionTableTest, EntrySeenInThePastEndsEarly) {
  ConnectionTable table = Attach();
  NewConnection affinity = Connection(1, IpProtocol{255});
  affinity.flags = kAffinity | kKeptByOriginal;
  table.Expire(kWorker, kNow, kTimeouts, 1);  // the worker knows the timeouts
  const ConnectionView view = table.Insert(kWorker, affinity, kNow).view;
  const uint32_t timeout_s = kTimeouts.other_s;
  table.Touch(view, 0, kNow - (timeout_s - 20) * kSecondNs);
  const uint32_t second = RunUntilEmpty(table).first;
  EXPECT_GE(second, 20u);
  EXPECT_LE(second, 20 + ConnectionTable::kRecheckSeconds);
}

TEST_P(ConnectionTableTest, ExpireKeepsToItsBudget) {
  ConnectionTable table = Attach(1);
  for (uint32_t i = 0; i < 100; ++i) table.Insert(kWorker, Connection(i), kNow);
  const uint64_t later = kNow + 5000 * kSecondNs;
  uint32_t deleted = 0;
  uint32_t calls = 0;
  while (table.ExpireIsDue(kWorker, later)) {
    const ExpireResult result = table.Expire(kWorker, later, kTimeouts, 7);
    EXPECT_LE(result.visited, 7u);
    deleted += result.deleted[0];
    ASSERT_LT(++calls, 100u);
  }
  EXPECT_EQ(deleted, 100u);
}

TEST_P(ConnectionTableTest, ReaderSeesWhatTheWriterWrote) {
  ConnectionTable table = Attach();
  auto reader = ConnectionReader::Attach(memory_.bytes());
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ(reader->CountActive(), 0u);
  table.Insert(kWorker, Connection(1), kNow);
  EXPECT_EQ(reader->CountActive(), 1u);
  EXPECT_EQ(reader->capacity(), kCapacity);
  reader->ForEach([&](const ConnectionInfo& info) {
    EXPECT_EQ(info.record.Key(FlowDirection::kOriginal),
              Connection(1).original);
    EXPECT_EQ(info.state, ConnectionState::kSynSent);
  });
}

INSTANTIATE_TEST_SUITE_P(Families, ConnectionTableTest,
                         testing::Values(IpFamily::kIpv4, IpFamily::kIpv6),
                         [](const auto& info) {
                           return info.param == IpFamily::kIpv4 ? "Ipv4"
                                                                : "Ipv6";
                         });

}  // namespace
}  // namespace vswitch
