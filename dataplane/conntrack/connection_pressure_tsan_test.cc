// Workers that take each other's entries: run with --config=tsan to let
// ThreadSanitizer watch; without it, still a stress test.

#include <map>
#include <random>
#include <thread>
#include <vector>

#include "dataplane/conntrack/connection_quota.h"
#include "dataplane/conntrack/connection_table.h"
#include "dataplane/conntrack/testing.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

constexpr uint32_t kCapacity = 96;
constexpr uint32_t kWorkers = 3;
constexpr uint32_t kFlows = 256;
constexpr uint32_t kPods = 4;
constexpr uint32_t kOperations = 60000;
constexpr ConnectionLimits kLimits{.half_open = 40,
                                   .pod_connections = 40,
                                   .pod_half_open = 30,
                                   .pod_nat_ports = 20};
constexpr ConnectionTimeouts kTimeouts{.tcp_syn_sent_s = 2,
                                       .tcp_syn_received_s = 2,
                                       .tcp_established_s = 3,
                                       .tcp_time_wait_s = 1,
                                       .tcp_closed_s = 1,
                                       .tcp_retransmitted_s = 3,
                                       .tcp_unacknowledged_s = 3,
                                       .udp_unreplied_s = 2,
                                       .udp_s = 2};

NewConnection FlowOf(uint32_t number) {
  NewConnection connection = NumberedConnection(
      number % 2 == 0 ? IpFamily::kIpv4 : IpFamily::kIpv6, number,
      number % 4 < 2 ? IpProtocol::kTcp : IpProtocol::kUdp);
  connection.judgement.source_endpoint = EndpointId{number % kPods};
  if (number % 5 == 0) {
    connection.reply.destination = connection.original.destination;
  }
  return connection;
}

void Work(ConnectionTable& table, WorkerId worker) {
  std::minstd_rand random(ToInt(worker) + 1);
  for (uint32_t i = 0; i < kOperations; ++i) {
    const uint64_t now_ns = (1000 + i / 3000) * kSecondNs;
    const NewConnection connection = FlowOf(random() % kFlows);
    ConnectionView view = table.Lookup(connection.original);
    switch (random() % 8) {
      case 0:
        table.Erase(view);
        break;
      case 1:
        table.Expire(worker, now_ns, kTimeouts, 16);
        break;
      case 2:
      case 3: {
        ConnectionView reply = table.Lookup(connection.reply);
        table.Track(reply, SegmentWith(0x12));
        table.Track(view, SegmentWith(0x10));
        break;
      }
      default:
        if (!view.found()) {
          table.Insert(worker, connection, now_ns, kLimits);
        }
        break;
    }
  }
}

TEST(ConnectionPressureTsanTest, EntriesAreCountedOnceWhoeverEndsThem) {
  TableMemory memory(kCapacity);
  ASSERT_TRUE(
      ConnectionTable::Format(memory.bytes(), kCapacity, kTestSecret).ok());
  ConnectionTable table = *ConnectionTable::Attach(memory.bytes(), kWorkers);
  std::vector<std::thread> threads;
  for (uint8_t worker = 0; worker < kWorkers; ++worker) {
    threads.emplace_back([&, worker] { Work(table, WorkerId{worker}); });
  }
  for (uint32_t round = 0; round < 100; ++round) {
    table.FlushIf([round](const ConnectionRecord& record) {
      return record.original_source_port.ToHost() % 16 == round % 16;
    });
    std::this_thread::yield();
  }
  for (std::thread& thread : threads) thread.join();

  std::map<uint32_t, ConnectionUse> uses;
  table.ForEach([&](const ConnectionInfo& info) {
    ConnectionUse& use = uses[ToInt(info.record.judgement.source_endpoint)];
    ++use.entries;
    if (IsHalfOpen(info.state)) ++use.half_open;
    if (info.record.reply_destination != info.record.original_source &&
        !IsOver(info.state)) {
      ++use.nat_ports;
    }
  });
  for (uint32_t pod = 0; pod < kPods; ++pod) {
    EXPECT_EQ(table.quota().Use(EndpointId{pod}), uses[pod]) << pod;
  }
  // No entry was lost, and none is in two lists: when all have expired, all can
  // be used again, once.
  for (uint32_t second = 5000; second < 5080; ++second) {
    for (uint8_t worker = 0; worker < kWorkers; ++worker) {
      table.Expire(WorkerId{worker}, second * kSecondNs, kTimeouts, kCapacity);
    }
  }
  EXPECT_EQ(table.CountActive(), 0u);
  EXPECT_EQ(table.quota().half_open(), 0u);
  uint32_t inserted = 0;
  for (uint32_t number = 0; number < 2 * kCapacity; ++number) {
    const WorkerId worker{static_cast<uint8_t>(number % kWorkers)};
    if (table.Insert(worker, Answered(FlowOf(number)), 5100 * kSecondNs)
            .status == InsertStatus::kInserted) {
      ++inserted;
    }
  }
  EXPECT_EQ(inserted, kCapacity);
}

}  // namespace
}  // namespace vswitch
