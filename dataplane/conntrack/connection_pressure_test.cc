// What the connection table does where room is short (RFC 6888 REQ-4, REQ-5 and
// REQ-11, spec/faults.md F-50 and F-51).

#include <utility>

#include "dataplane/conntrack/connection_quota.h"
#include "dataplane/conntrack/connection_table.h"
#include "dataplane/conntrack/testing.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

constexpr uint32_t kCapacity = 1024;
constexpr WorkerId kWorker{0};
constexpr uint64_t kNow = 1000 * kSecondNs;
constexpr uint8_t kSynAck = 0x12;
constexpr uint8_t kAck = 0x10;
constexpr EndpointId kPod{1};
constexpr EndpointId kFlooder{2};

class ConnectionPressureTest : public testing::TestWithParam<IpFamily> {
 protected:
  ConnectionPressureTest() : table_(MakeTable()) {}

  ConnectionTable MakeTable() {
    EXPECT_TRUE(
        ConnectionTable::Format(memory_.bytes(), kCapacity, kTestSecret).ok());
    return *ConnectionTable::Attach(memory_.bytes(), 2);
  }

  NewConnection Connection(uint32_t number, EndpointId owner = kNoEndpoint,
                           IpProtocol protocol = IpProtocol::kTcp) const {
    NewConnection connection = NumberedConnection(GetParam(), number, protocol);
    connection.judgement.source_endpoint = owner;
    return connection;
  }
  // One whose source is another outside.
  NewConnection Translated(uint32_t number, EndpointId owner) const {
    NewConnection connection = Connection(number, owner);
    connection.reply.destination = connection.original.destination;
    return connection;
  }
  InsertResult Insert(const NewConnection& connection,
                      const ConnectionLimits& limits = kUnlimited,
                      WorkerId worker = kWorker, uint64_t now_ns = kNow) {
    return table_.Insert(worker, connection, now_ns, limits);
  }
  bool Has(uint32_t number) {
    return table_.Lookup(Connection(number).original).found();
  }
  // Lets the TCP connection be established.
  void Establish(uint32_t number) {
    ConnectionView reply = table_.Lookup(Connection(number).reply);
    EXPECT_EQ(table_.Track(reply, SegmentWith(kSynAck)), TrackAction::kPass);
    ConnectionView original = table_.Lookup(Connection(number).original);
    EXPECT_EQ(table_.Track(original, SegmentWith(kAck)), TrackAction::kPass);
  }
  const ConnectionQuota& quota() const { return table_.quota(); }

  TableMemory memory_{kCapacity};
  ConnectionTable table_;
};

TEST_P(ConnectionPressureTest, FullTableEvictsWhatNobodyAnswered) {
  for (uint32_t i = 0; i < kCapacity; ++i) {
    ASSERT_EQ(Insert(Connection(i)).status, InsertStatus::kInserted);
    if (i >= 10) Establish(i);
  }
  for (uint32_t i = 0; i < 10; ++i) {
    const InsertResult result = Insert(Connection(5000 + i));
    ASSERT_EQ(result.status, InsertStatus::kInserted) << i;
    EXPECT_TRUE(result.has_evicted);
    EXPECT_EQ(result.view.index,
              table_.Lookup(Connection(5000 + i).reply).index);
    Establish(5000 + i);
  }
  // All that is left was answered.
  const InsertResult refused = Insert(Connection(6000));
  EXPECT_EQ(refused.status, InsertStatus::kFull);
  EXPECT_FALSE(refused.has_evicted);
  for (uint32_t i = 0; i < kCapacity; ++i) {
    ASSERT_EQ(Has(i), i >= 10) << i;
  }
  EXPECT_EQ(table_.CountActive(), kCapacity);
  EXPECT_EQ(quota().half_open(), 0u);
  EXPECT_EQ(quota().Use(kNoEndpoint).entries, kCapacity);
}

// A flood of ACKs makes connections that look open (unless tcpNeedsSyn is set).
TEST_P(ConnectionPressureTest, PickedUpOnesGoUnlessTheirOtherEndSpoke) {
  for (uint32_t i = 0; i < kCapacity; ++i) {
    NewConnection connection = Connection(i);
    connection.state = ConnectionState::kEstablished;
    ASSERT_EQ(Insert(connection).status, InsertStatus::kInserted);
    table_.Touch(table_.Lookup(connection.original), 60, kNow);
    if (i % 2 == 0) table_.Touch(table_.Lookup(connection.reply), 60, kNow);
  }
  for (uint32_t i = 0; i < kCapacity / 2; ++i) {
    ASSERT_EQ(Insert(Connection(5000 + i)).status, InsertStatus::kInserted);
    Establish(5000 + i);
  }
  for (uint32_t i = 0; i < kCapacity; ++i) ASSERT_EQ(Has(i), i % 2 == 0) << i;
  EXPECT_EQ(Insert(Connection(6000)).status, InsertStatus::kFull);
}

TEST_P(ConnectionPressureTest, AnswerToUdpProtectsItsConnection) {
  for (uint32_t i = 0; i < kCapacity; ++i) {
    Insert(Connection(i, kNoEndpoint, IpProtocol::kUdp));
    ConnectionView reply = table_.Lookup(
        Connection(i, kNoEndpoint, IpProtocol::kUdp).original.Reversed());
    if (i != 77) table_.Track(reply);
  }
  EXPECT_EQ(Insert(Connection(5000)).status, InsertStatus::kInserted);
  Establish(5000);
  EXPECT_EQ(Insert(Connection(5001)).status, InsertStatus::kFull);
  EXPECT_FALSE(
      table_.Lookup(Connection(77, kNoEndpoint, IpProtocol::kUdp).original)
          .found());
}

TEST_P(ConnectionPressureTest, MappingOfAPodMakesNoRoom) {
  for (uint32_t i = 0; i < kCapacity; ++i) {
    ASSERT_EQ(Insert(Translated(i, kPod)).status, InsertStatus::kInserted);
  }
  EXPECT_EQ(quota().Use(kPod),
            (ConnectionUse{kCapacity, kCapacity, kCapacity}));
  EXPECT_EQ(Insert(Connection(5000)).status, InsertStatus::kFull);
  EXPECT_EQ(table_.CountActive(), kCapacity);
  EXPECT_EQ(quota().half_open(), kCapacity);
}

TEST_P(ConnectionPressureTest, BudgetOfHalfOpenOnesIsKept) {
  ConnectionLimits limits = kUnlimited;
  limits.half_open = 50;
  for (uint32_t i = 0; i < 300; ++i) {
    ASSERT_EQ(
        Insert(Connection(i), limits, kWorker, kNow + i * kSecondNs).status,
        InsertStatus::kInserted);
    ASSERT_LE(quota().half_open(), 51u);
  }
  // The last ones are there, the first ones are not.
  EXPECT_TRUE(Has(299));
  EXPECT_FALSE(Has(0));
  EXPECT_EQ(table_.CountActive(), quota().half_open());
}

TEST_P(ConnectionPressureTest, NothingToEvictLeavesTheRestOfTheTable) {
  ConnectionLimits limits = kUnlimited;
  limits.half_open = 10;
  for (uint32_t i = 0; i < kCapacity; ++i) {
    ASSERT_EQ(Insert(Translated(i, kPod), limits).status,
              InsertStatus::kInserted);
  }
  EXPECT_EQ(Insert(Translated(5000, kPod), limits).status, InsertStatus::kFull);
}

TEST_P(ConnectionPressureTest, WhatExistsEvictsNobody) {
  for (uint32_t i = 0; i < kCapacity; ++i) Insert(Connection(i));
  const InsertResult existed = Insert(Connection(3));
  EXPECT_EQ(existed.status, InsertStatus::kExisted);
  EXPECT_EQ(existed.view.record.Key(FlowDirection::kOriginal),
            Connection(3).original);
  EXPECT_FALSE(existed.has_evicted);
  NewConnection taken = Connection(5000);
  taken.reply = Connection(4).reply;
  const InsertResult result = Insert(taken);
  EXPECT_EQ(result.status, InsertStatus::kReplyTaken);
  EXPECT_FALSE(result.has_evicted);
  EXPECT_EQ(table_.CountActive(), kCapacity);
}

TEST_P(ConnectionPressureTest, PodAtItsLimitHurtsItselfOnly) {
  ConnectionLimits limits = kUnlimited;
  limits.pod_connections = 20;
  limits.pod_nat_ports = 5;
  for (uint32_t i = 0; i < 5; ++i) {
    EXPECT_EQ(Insert(Translated(i, kPod), limits).status,
              InsertStatus::kInserted);
  }
  EXPECT_EQ(Insert(Translated(5, kPod), limits).status,
            InsertStatus::kNatPodQuota);
  EXPECT_FALSE(Has(5));
  for (uint32_t i = 5; i < 20; ++i) {
    EXPECT_EQ(Insert(Connection(i, kPod), limits).status,
              InsertStatus::kInserted);
  }
  EXPECT_EQ(Insert(Connection(20, kPod), limits).status,
            InsertStatus::kPodQuota);
  EXPECT_EQ(Insert(Translated(21, kFlooder), limits).status,
            InsertStatus::kInserted);
  // Room that it gives back is its own again.
  EXPECT_TRUE(table_.Erase(table_.Lookup(Connection(7).original)));
  EXPECT_EQ(Insert(Connection(20, kPod), limits).status,
            InsertStatus::kInserted);
}

// One pod sends first packets without end; another one's connections, each
// answered after a hundred of them, all come about and stay.
TEST_P(ConnectionPressureTest, FloodOfOnePodLeavesTheOthersTheirConnections) {
  ConnectionLimits limits = kUnlimited;
  limits.half_open = 200;
  limits.pod_half_open = 100;
  limits.pod_connections = 300;
  uint32_t flood = 100'000;
  for (uint32_t i = 0; i < 300; ++i) {
    const uint64_t now_ns = kNow + i * kSecondNs / 10;
    ASSERT_EQ(Insert(Connection(i, kPod), limits, WorkerId{1}, now_ns).status,
              InsertStatus::kInserted)
        << i;
    for (uint32_t packet = 0; packet < 100; ++packet) {
      Insert(Connection(flood++, kFlooder), limits, kWorker, now_ns);
    }
    Establish(i);
  }
  EXPECT_EQ(quota().Use(kPod), (ConnectionUse{300, 0, 0}));
  EXPECT_LE(quota().Use(kFlooder).half_open, 100u);
}

// The same from outside, where no quota holds: once the flood has used up the
// budget it displaces itself.  Of the others' connections only those can go
// that take a free entry just ahead of the search for victims, and nobody
// answers before it comes there; their clients try again.
TEST_P(ConnectionPressureTest, FloodOfTheWorldLeavesThePodsTheirConnections) {
  ConnectionLimits limits = kUnlimited;
  limits.half_open = 200;
  uint32_t established = 0;
  uint32_t flood = 100'000;
  for (; flood < 100'400; ++flood) Insert(Connection(flood), limits);
  for (uint32_t i = 0; i < 300; ++i) {
    ASSERT_EQ(Insert(Connection(i, kPod), limits, WorkerId{1}).status,
              InsertStatus::kInserted);
    for (uint32_t packet = 0; packet < 10; ++packet) {
      ASSERT_EQ(Insert(Connection(flood++), limits).status,
                InsertStatus::kInserted);
    }
    if (!Has(i)) continue;
    Establish(i);
    ++established;
  }
  EXPECT_GE(established, 285u);
  EXPECT_EQ(quota().Use(kPod), (ConnectionUse{established, 0, 0}));
}

TEST_P(ConnectionPressureTest, RestartCountsAnew) {
  for (uint32_t i = 0; i < 20; ++i) Insert(Translated(i, kPod));
  for (uint32_t i = 20; i < 50; ++i) Insert(Connection(i, kFlooder));
  for (uint32_t i = 20; i < 30; ++i) Establish(i);
  table_.Erase(table_.Lookup(Connection(40).original));
  const ConnectionUse of_pod = quota().Use(kPod);
  const ConnectionUse of_flooder = quota().Use(kFlooder);
  EXPECT_EQ(of_pod, (ConnectionUse{20, 20, 20}));
  EXPECT_EQ(of_flooder, (ConnectionUse{29, 19, 0}));
  table_ = *ConnectionTable::Attach(memory_.bytes(), 1);
  EXPECT_EQ(quota().Use(kPod), of_pod);
  EXPECT_EQ(quota().Use(kFlooder), of_flooder);
  EXPECT_EQ(quota().half_open(), 39u);
}

// An entry that was evicted lies in the wheel of the worker that made it, and
// ends there when its time has come.
TEST_P(ConnectionPressureTest, EvictedEntryExpiresWhereItLies) {
  constexpr ConnectionTimeouts kTimeouts{.tcp_syn_sent_s = 100,
                                         .tcp_retransmitted_s = 100,
                                         .tcp_unacknowledged_s = 100};
  for (uint32_t i = 0; i < kCapacity; ++i) Insert(Connection(i));
  for (uint32_t i = 0; i < kCapacity; ++i) {
    ASSERT_TRUE(
        Insert(Connection(5000 + i), kUnlimited, WorkerId{1}).has_evicted);
  }
  EXPECT_EQ(table_.CountActive(), kCapacity);
  const uint64_t end_ns = kNow + 101 * kSecondNs;
  EXPECT_EQ(table_.Expire(kWorker, end_ns, kTimeouts, 2 * kCapacity).deleted[0],
            kCapacity);
  EXPECT_EQ(quota().half_open(), 0u);
  for (uint32_t i = 0; i < kCapacity; ++i) {
    ASSERT_FALSE(Insert(Connection(9000 + i)).has_evicted) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Families, ConnectionPressureTest,
                         testing::Values(IpFamily::kIpv4, IpFamily::kIpv6),
                         [](const auto& info) {
                           return info.param == IpFamily::kIpv4 ? "Ipv4"
                                                                : "Ipv6";
                         });

}  // namespace
}  // namespace vswitch
