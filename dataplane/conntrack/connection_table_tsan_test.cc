// The connection table under real threads: run with --config=tsan to let
// ThreadSanitizer watch; without it, still a stress test.

#include <barrier>
#include <random>
#include <thread>
#include <vector>

#include "dataplane/conntrack/connection_table.h"
#include "dataplane/conntrack/testing.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

constexpr uint32_t kCapacity = 512;
constexpr uint32_t kWorkers = 3;
constexpr uint32_t kFlows = 96;
constexpr uint32_t kOperations = 100000;
constexpr ConnectionTimeouts kTimeouts{.tcp_syn_sent_s = 2,
                                       .tcp_syn_received_s = 2,
                                       .tcp_established_s = 3,
                                       .tcp_fin_wait_s = 2,
                                       .tcp_close_wait_s = 2,
                                       .tcp_last_ack_s = 2,
                                       .tcp_time_wait_s = 1,
                                       .tcp_closed_s = 1,
                                       .tcp_retransmitted_s = 3,
                                       .tcp_unacknowledged_s = 3,
                                       .udp_unreplied_s = 2,
                                       .udp_s = 2,
                                       .icmp_s = 1,
                                       .other_s = 1};

// Both families, TCP and UDP by turns.
NewConnection FlowOf(uint32_t number) {
  return NumberedConnection(
      number % 2 == 0 ? IpFamily::kIpv4 : IpFamily::kIpv6, number,
      number % 4 < 2 ? IpProtocol::kTcp : IpProtocol::kUdp);
}

// A judgement whose parts all say the same number.
Judgement JudgementOf(uint32_t number) {
  return {.generation = number,
          .source_endpoint = EndpointId{number & 0xfff},
          .destination_endpoint = EndpointId{number & 0xfff},
          .rule = RuleId{number},
          .out_port = {PortId{static_cast<uint16_t>(number)},
                       PortId{static_cast<uint16_t>(number)}}};
}

class ConnectionTableTsanTest : public testing::Test {
 protected:
  ConnectionTableTsanTest()
      : table_([this] {
          EXPECT_TRUE(
              ConnectionTable::Format(memory_.bytes(), kCapacity, kTestSecret)
                  .ok());
          return *ConnectionTable::Attach(memory_.bytes(), kWorkers);
        }()) {}

  // Looks one direction of a flow up; what is found is that flow, whole.
  ConnectionView Lookup(uint32_t flow, bool reply) {
    const NewConnection connection = FlowOf(flow);
    const FlowKey& key = reply ? connection.reply : connection.original;
    ConnectionView view = table_.Lookup(key);
    if (view.found()) {
      EXPECT_EQ(view.record.Key(view.direction), key);
      EXPECT_EQ(view.record.service, flow);
      EXPECT_EQ(view.record.judgement,
                JudgementOf(view.record.judgement.generation));
    }
    return view;
  }

  void Insert(WorkerId worker, uint32_t flow, uint64_t now_ns) {
    NewConnection connection = FlowOf(flow);
    connection.service = flow;
    connection.judgement = JudgementOf(flow + 1);
    const InsertResult result = table_.Insert(worker, connection, now_ns);
    if (result.status == InsertStatus::kInserted ||
        result.status == InsertStatus::kExisted) {
      EXPECT_EQ(result.view.record.service, flow);
    } else {
      EXPECT_TRUE(result.status == InsertStatus::kBusy ||
                  result.status == InsertStatus::kFull);
    }
  }

  // What a worker does, in random order.
  void Work(WorkerId worker) {
    std::minstd_rand random(ToInt(worker) + 1);
    for (uint32_t i = 0; i < kOperations; ++i) {
      const uint64_t now_ns = (1000 + i / 5000) * kSecondNs;
      const uint32_t flow = random() % kFlows;
      ConnectionView view = Lookup(flow, random() % 2 == 0);
      switch (random() % 8) {
        case 0:
          table_.Erase(view);
          break;
        case 1:
          table_.Refresh(view, JudgementOf(1000 + i));
          break;
        case 2:
          table_.Expire(worker, now_ns, kTimeouts, 16);
          break;
        default:
          if (!view.found()) Insert(worker, flow, now_ns);
          table_.Track(view,
                       SegmentWith(static_cast<uint8_t>(random() & 0x17)));
          table_.Touch(view, 100, now_ns);
          break;
      }
    }
  }

  TableMemory memory_{kCapacity};
  ConnectionTable table_;
};

TEST_F(ConnectionTableTsanTest, EveryLookupSeesOneWholeConnection) {
  std::vector<std::thread> threads;
  for (uint8_t worker = 0; worker < kWorkers; ++worker) {
    threads.emplace_back([this, worker] { Work(WorkerId{worker}); });
  }
  // The control thread's side, meanwhile.
  const ConnectionReader reader = *ConnectionReader::Attach(memory_.bytes());
  for (uint32_t round = 0; round < 100; ++round) {
    reader.ForEach([](const ConnectionInfo& info) {
      EXPECT_LT(info.record.service, kFlows);
      EXPECT_EQ(info.record.judgement,
                JudgementOf(info.record.judgement.generation));
    });
    table_.FlushIf([round](const ConnectionRecord& record) {
      return record.service % 16 == round % 16;
    });
    std::this_thread::yield();
  }
  for (std::thread& thread : threads) thread.join();

  // At rest both keys of a flow lead to one entry, and no entry is left over.
  uint32_t found = 0;
  for (uint32_t flow = 0; flow < kFlows; ++flow) {
    const ConnectionView original = Lookup(flow, false);
    EXPECT_EQ(original.index, Lookup(flow, true).index);
    if (original.found()) ++found;
  }
  EXPECT_EQ(table_.CountActive(), found);
  // No entry was lost: when all have expired, all can be used again.
  for (uint8_t worker = 0; worker < kWorkers; ++worker) {
    table_.Expire(WorkerId{worker}, 5000 * kSecondNs, kTimeouts, kCapacity);
  }
  EXPECT_EQ(table_.CountActive(), 0u);
  uint32_t inserted = 0;
  for (uint32_t number = 0; number < 2 * kCapacity; ++number) {
    const WorkerId worker{static_cast<uint8_t>(number % kWorkers)};
    if (table_.Insert(worker, Answered(FlowOf(number)), 5000 * kSecondNs)
            .status == InsertStatus::kInserted) {
      ++inserted;
    }
  }
  EXPECT_EQ(inserted, kCapacity);
}

TEST_F(ConnectionTableTsanTest, FirstPacketsMakeExactlyOneConnection) {
  constexpr uint32_t kRounds = 300;
  InsertStatus statuses[kWorkers] = {};
  uint32_t active = 0;
  // When all have inserted, one of them looks at what came of it.
  std::barrier barrier(kWorkers);
  const auto race = [&](uint8_t worker) {
    for (uint32_t round = 0; round < kRounds; ++round) {
      NewConnection connection = FlowOf(round);
      // Both ends may send first.
      if (worker == 2) std::swap(connection.original, connection.reply);
      statuses[worker] =
          table_.Insert(WorkerId{worker}, connection, kSecondNs).status;
      barrier.arrive_and_wait();
      if (worker == 0) {
        uint32_t inserted = 0;
        for (InsertStatus status : statuses) {
          if (status == InsertStatus::kInserted) ++inserted;
        }
        EXPECT_EQ(inserted, 1u);
        EXPECT_EQ(table_.CountActive(), ++active);
        EXPECT_TRUE(table_.Lookup(connection.original).found());
        EXPECT_TRUE(table_.Lookup(connection.reply).found());
      }
      barrier.arrive_and_wait();
    }
  };
  std::vector<std::thread> threads;
  for (uint8_t worker = 0; worker < kWorkers; ++worker) {
    threads.emplace_back(race, worker);
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace vswitch
