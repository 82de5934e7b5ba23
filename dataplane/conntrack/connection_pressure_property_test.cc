// Random operations on a small table: whatever happens, the counts are those of
// a naive recount, no limit is exceeded, and nothing that was answered goes.

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "dataplane/conntrack/connection_quota.h"
#include "dataplane/conntrack/connection_table.h"
#include "dataplane/conntrack/testing.h"
#include "gtest/gtest.h"
#include "rapidcheck.h"

namespace vswitch {
namespace {

constexpr uint32_t kCapacity = 32;
constexpr uint32_t kFlows = 64;
constexpr uint32_t kPods = 3;
constexpr uint32_t kWorkers = 2;
constexpr ConnectionLimits kLimits{.half_open = 10,
                                   .pod_connections = 16,
                                   .pod_half_open = 8,
                                   .pod_nat_ports = 5};
constexpr ConnectionTimeouts kTimeouts{.tcp_syn_sent_s = 40,
                                       .tcp_syn_received_s = 40,
                                       .tcp_established_s = 90,
                                       .tcp_fin_wait_s = 40,
                                       .tcp_close_wait_s = 40,
                                       .tcp_last_ack_s = 40,
                                       .tcp_time_wait_s = 20,
                                       .tcp_closed_s = 10,
                                       .tcp_retransmitted_s = 90,
                                       .tcp_unacknowledged_s = 90,
                                       .udp_unreplied_s = 30,
                                       .udp_s = 60};

enum class Operation {
  kInsert,
  kAnswer,
  kAcknowledge,
  kReset,
  kErase,
  kFlush,
  kWait,
  kRestart,
};

// The connections of `flow`: TCP or UDP, of a pod or of the world, with a
// source of its own outside or not.
NewConnection FlowOf(IpFamily family, uint32_t flow) {
  NewConnection connection = NumberedConnection(
      family, flow, flow % 2 == 0 ? IpProtocol::kTcp : IpProtocol::kUdp);
  const uint32_t pod = flow / 2 % (kPods + 1);
  if (pod < kPods) connection.judgement.source_endpoint = EndpointId{pod};
  if (flow % 3 == 0) {
    connection.reply.destination = connection.original.destination;
  }
  return connection;
}

class Subject {
 public:
  explicit Subject(IpFamily family) : family_(family) {}

  void Run(Operation operation, uint32_t flow) {
    const NewConnection connection = FlowOf(family_, flow);
    ConnectionView original = table_.Lookup(connection.original);
    ConnectionView reply = table_.Lookup(connection.reply);
    const WorkerId worker{static_cast<uint8_t>(flow % kWorkers)};
    switch (operation) {
      case Operation::kInsert:
        if (!original.found()) {
          table_.Insert(worker, connection, now_s_ * kSecondNs, kLimits);
        }
        break;
      case Operation::kAnswer:
        table_.Track(reply, SegmentWith(0x12));
        if (reply.found()) table_.Touch(reply, 60, now_s_ * kSecondNs);
        break;
      case Operation::kAcknowledge:
        table_.Track(original, SegmentWith(0x10));
        break;
      case Operation::kReset:
        table_.Track(reply, SegmentWith(0x14));
        break;
      case Operation::kErase:
        if (table_.Erase(original)) answered_.erase(flow);
        break;
      case Operation::kFlush:
        table_.FlushIf([&](const ConnectionRecord& record) {
          return record.original_source_port.ToHost() % 8 == flow % 8;
        });
        std::erase_if(answered_,
                      [&](uint32_t each) { return each % 8 == flow % 8; });
        break;
      case Operation::kWait:
        ++now_s_;
        for (uint8_t each = 0; each < kWorkers; ++each) {
          table_.Expire(WorkerId{each}, now_s_ * kSecondNs, kTimeouts, 1000);
        }
        ForgetExpired();
        break;
      case Operation::kRestart:
        table_ = *ConnectionTable::Attach(memory_.bytes(), kWorkers);
        break;
    }
  }

  void Check() {
    std::map<uint32_t, ConnectionUse> uses;
    uint32_t half_open = 0;
    std::set<uint32_t> answered;
    table_.ForEach([&](const ConnectionInfo& info) {
      ConnectionUse& use = uses[ToInt(info.record.judgement.source_endpoint)];
      ++use.entries;
      if (IsHalfOpen(info.state)) ++use.half_open;
      if (IsHalfOpen(info.state)) ++half_open;
      const bool own_source =
          info.record.reply_destination != info.record.original_source;
      if (own_source && !IsOver(info.state)) ++use.nat_ports;
      if (!IsHalfOpen(info.state) && !IsOver(info.state)) {
        answered.insert(info.record.original_source_port.ToHost());
      }
    });
    for (uint32_t pod = 0; pod < kPods; ++pod) {
      const ConnectionUse use = table_.quota().Use(EndpointId{pod});
      RC_ASSERT(use == uses[pod]);
      RC_ASSERT(use.entries <= kLimits.pod_connections);
      RC_ASSERT(use.half_open <= kLimits.pod_half_open);
      RC_ASSERT(use.nat_ports <= kLimits.pod_nat_ports);
    }
    RC_ASSERT(table_.quota().Use(kNoEndpoint) == uses[ToInt(kNoEndpoint)]);
    RC_ASSERT(table_.quota().half_open() == half_open);
    for (uint32_t flow : answered_) {
      const ConnectionView view = table_.Lookup(FlowOf(family_, flow).original);
      RC_ASSERT(view.found());
    }
    answered_.insert(answered.begin(), answered.end());
  }

 private:
  void ForgetExpired() {
    std::erase_if(answered_, [&](uint32_t flow) {
      return !table_.Lookup(FlowOf(family_, flow).original).found();
    });
  }
  static ConnectionTable NewTable(TableMemory& memory) {
    RC_ASSERT(
        ConnectionTable::Format(memory.bytes(), kCapacity, kTestSecret).ok());
    return *ConnectionTable::Attach(memory.bytes(), kWorkers);
  }

  IpFamily family_;
  TableMemory memory_{kCapacity};
  ConnectionTable table_ = NewTable(memory_);
  std::set<uint32_t> answered_;  // flows that may not be evicted
  uint64_t now_s_ = 1000;
};

class ConnectionPressurePropertyTest : public testing::TestWithParam<IpFamily> {
};

TEST_P(ConnectionPressurePropertyTest, CountsAreThoseOfARecount) {
  EXPECT_TRUE(rc::check([] {
    const auto steps =
        *rc::gen::container<std::vector<std::pair<Operation, uint32_t>>>(
            rc::gen::pair(rc::gen::weightedElement<Operation>(
                              {{24, Operation::kInsert},
                               {6, Operation::kAnswer},
                               {6, Operation::kAcknowledge},
                               {2, Operation::kReset},
                               {2, Operation::kErase},
                               {1, Operation::kFlush},
                               {6, Operation::kWait},
                               {1, Operation::kRestart}}),
                          rc::gen::inRange<uint32_t>(0, kFlows)));
    Subject subject(GetParam());
    // Each step several times over, so that short runs fill the table too.
    for (const auto& [operation, flow] : steps) {
      for (uint32_t i = 0; i < 6; ++i) {
        subject.Run(operation, (flow + i * 11) % kFlows);
        subject.Check();
      }
    }
  }));
}

INSTANTIATE_TEST_SUITE_P(Families, ConnectionPressurePropertyTest,
                         testing::Values(IpFamily::kIpv4, IpFamily::kIpv6),
                         [](const auto& info) {
                           return info.param == IpFamily::kIpv4 ? "Ipv4"
                                                                : "Ipv6";
                         });

}  // namespace
}  // namespace vswitch
