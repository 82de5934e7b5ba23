// The connection table's memory: its size, a damaged header, and what a new
// process makes of what an earlier one left, however that one ended.

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>

#include "dataplane/conntrack/connection_table.h"
#include "dataplane/conntrack/testing.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

constexpr WorkerId kWorker{0};
constexpr uint32_t kCapacity = 256;
constexpr uint64_t kNow = 1000 * kSecondNs;
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
                                       .udp_unreplied_s = 60,
                                       .udp_s = 60,
                                       .icmp_s = 5,
                                       .other_s = 200};

class ConnectionRecoveryTest : public testing::TestWithParam<IpFamily> {
 protected:
  ConnectionRecoveryTest() {
    EXPECT_TRUE(
        ConnectionTable::Format(memory_.bytes(), kCapacity, kTestSecret).ok());
  }
  ConnectionTable Attach(uint32_t workers = 2) {
    auto table = ConnectionTable::Attach(memory_.bytes(), workers);
    EXPECT_TRUE(table.ok()) << table.status();
    return *std::move(table);
  }
  NewConnection Connection(uint32_t number) const {
    return NumberedConnection(GetParam(), number);
  }
  // Makes, judges again and erases connections until it is killed.
  [[noreturn]] void WorkForever(uint32_t seed) {
    ConnectionTable table = Attach(1);
    std::minstd_rand random(seed);
    for (uint32_t i = 1;; ++i) {
      // Seconds pass, so that entries are used again and again.
      const uint64_t now_ns = kNow + i / 4 * kSecondNs;
      const NewConnection connection = Answered(Connection(random() % kFlows));
      ConnectionView view = table.Lookup(connection.original);
      if (!view.found()) {
        table.Insert(kWorker, connection, now_ns);
      } else if (random() % 2 == 0) {
        table.Erase(view);
      } else {
        table.Refresh(view, {.generation = i % 1000, .rule = RuleId{i % 1000}});
      }
      table.Expire(kWorker, now_ns, kTimeouts, 4);
    }
  }

  static constexpr uint32_t kFlows = 64;
  TableMemory memory_{kCapacity};
};

// Conformance CT-126: a killed worker may have noted half of a segment.
TEST_P(ConnectionRecoveryTest, RestartLearnsWindowsAnew) {
  const FlowKey original = Connection(1).original;
  const auto segment = [](uint8_t flags, uint32_t sequence) {
    TcpSegment made = SegmentWith(flags);
    made.sequence = made.end = sequence;
    return made;
  };
  const auto track = [](ConnectionTable& table, const FlowKey& key,
                        const TcpSegment& made) {
    ConnectionView view = table.Lookup(key);
    return table.Track(view, made);
  };
  {
    ConnectionTable table = Attach();
    NewConnection connection = Connection(1);
    connection.windows = FirstWindows(segment(0x02, 0));
    table.Insert(kWorker, connection, kNow);
    track(table, Connection(1).reply, segment(0x12, 0));
    track(table, original, segment(0x10, 0));
    EXPECT_EQ(track(table, original, segment(0x10, 900000)),
              TrackAction::kInvalid);
  }
  ConnectionTable table = Attach();
  EXPECT_EQ(track(table, original, segment(0x10, 900000)), TrackAction::kPass);
}

TEST_P(ConnectionRecoveryTest, RestartKeepsConnectionsCountsAndTimers) {
  {
    ConnectionTable table = Attach();
    for (uint32_t i = 0; i < 20; ++i) {
      table.Insert(WorkerId{static_cast<uint8_t>(i % 2)}, Connection(i), kNow);
    }
    table.Touch(table.Lookup(Connection(3).reply), 42, kNow);
    table.Erase(table.Lookup(Connection(4).original));
  }
  ConnectionTable table = Attach(3);  // another number of workers
  EXPECT_EQ(table.recovery().kept, 19u);
  EXPECT_EQ(table.recovery().dropped, 0u);
  EXPECT_EQ(table.CountActive(), 19u);
  const ConnectionView view = table.Lookup(Connection(3).reply);
  ASSERT_TRUE(view.found());
  uint64_t bytes = 0;
  table.ForEach([&](const ConnectionInfo& info) {
    bytes += info.counts[0].bytes + info.counts[1].bytes;
  });
  EXPECT_EQ(bytes, 42u);
  // All expire, whichever worker they went to.
  uint32_t deleted = 0;
  for (uint8_t worker = 0; worker < 3; ++worker) {
    deleted +=
        table.Expire(WorkerId{worker}, kNow + 100 * kSecondNs, kTimeouts, 1000)
            .deleted[0];
  }
  EXPECT_EQ(deleted, 19u);
  for (uint32_t i = 0; i < kCapacity / 2; ++i) {
    EXPECT_EQ(table.Insert(kWorker, Connection(i), kNow).status,
              InsertStatus::kInserted);
  }
}

// A child is killed at an instruction that nobody chose.
TEST_P(ConnectionRecoveryTest, KilledWriterLeavesNothingThatIsNotRepaired) {
  for (uint32_t round = 1; round <= 40; ++round) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) WorkForever(round);
    usleep(1000 + round * 37);
    ASSERT_EQ(kill(child, SIGKILL), 0);
    ASSERT_EQ(waitpid(child, nullptr, 0), child);

    ConnectionTable table = Attach(1);
    // One writer: at most one connection was half made or half removed.
    EXPECT_LE(table.recovery().dropped, 1u);
    uint32_t found = 0;
    for (uint32_t flow = 0; flow < kFlows; ++flow) {
      const ConnectionView view = table.Lookup(Connection(flow).original);
      EXPECT_EQ(table.Lookup(Connection(flow).reply).index, view.index);
      if (!view.found()) continue;
      ++found;
      const Judgement& judgement = view.record.judgement;
      if (judgement.generation != kNeverJudged && judgement.generation != 0) {
        EXPECT_EQ(judgement.generation, ToInt(judgement.rule));
      }
    }
    EXPECT_EQ(table.recovery().kept, found);
    EXPECT_EQ(table.CountActive(), found);
    // Every entry and every bucket can be used.
    uint32_t inserted = 0;
    for (uint32_t number = kFlows; number < kFlows + kCapacity; ++number) {
      const InsertStatus status =
          table.Insert(kWorker, Answered(Connection(number)), kNow).status;
      if (status == InsertStatus::kInserted) ++inserted;
      ASSERT_NE(status, InsertStatus::kBusy);
    }
    EXPECT_EQ(inserted, kCapacity - found);
    table.FlushIf([&](const ConnectionRecord& record) {
      return record.original_source_port.ToHost() >= kFlows;
    });
  }
}

TEST_P(ConnectionRecoveryTest, DamagedHeaderIsRefused) {
  for (uint32_t i = 0; i < 32; ++i) {  // magic, layout, bytes, counts
    std::byte& byte = memory_.bytes()[i];
    byte ^= std::byte{0x10};
    EXPECT_FALSE(ConnectionTable::Attach(memory_.bytes(), 1).ok()) << i;
    EXPECT_FALSE(ConnectionReader::Attach(memory_.bytes()).ok()) << i;
    byte ^= std::byte{0x10};
  }
  EXPECT_TRUE(ConnectionTable::Attach(memory_.bytes(), 1).ok());
}

TEST(ConnectionTableSizeTest, SizesAndCapacitiesAgree) {
  for (uint32_t capacity : {1u, 2u, 100u, 65536u, 1000000u, kMaxConnections}) {
    const uint64_t bytes = ConnectionTable::BytesFor(capacity);
    EXPECT_EQ(ConnectionTable::CapacityFor(bytes), capacity);
    EXPECT_EQ(ConnectionTable::CapacityFor(bytes - 1), capacity - 1);
  }
  EXPECT_LE(ConnectionTable::BytesFor(1000000), 1000000u * 248);
}

TEST(ConnectionTableSizeTest, BadSizesAreRefusedWithNumbers) {
  TableMemory memory(16);
  EXPECT_FALSE(ConnectionTable::Format(memory.bytes(), 0, kTestSecret).ok());
  const absl::Status status =
      ConnectionTable::Format(memory.bytes(), 17000, kTestSecret);
  EXPECT_NE(status.message().find("17000"), std::string::npos) << status;
  EXPECT_FALSE(
      ConnectionTable::Format(memory.bytes().subspan(8), 1, kTestSecret).ok());
  ASSERT_TRUE(ConnectionTable::Format(memory.bytes(), 16, kTestSecret).ok());
  EXPECT_FALSE(ConnectionTable::Attach(memory.bytes(), 0).ok());
  EXPECT_FALSE(ConnectionTable::Attach(memory.bytes(), kMaxWorkers + 1).ok());
  EXPECT_FALSE(ConnectionTable::Attach(memory.bytes().first(100), 1).ok());
}

INSTANTIATE_TEST_SUITE_P(Families, ConnectionRecoveryTest,
                         testing::Values(IpFamily::kIpv4, IpFamily::kIpv6),
                         [](const auto& info) {
                           return info.param == IpFamily::kIpv4 ? "Ipv4"
                                                                : "Ipv6";
                         });

}  // namespace
}  // namespace vswitch
