// Random operations against a plain map: the table behaves as if it were one.

#include <map>
#include <utility>
#include <vector>

#include "dataplane/conntrack/connection_table.h"
#include "dataplane/conntrack/testing.h"
#include "gtest/gtest.h"
#include "rapidcheck.h"

namespace vswitch {
namespace {

constexpr uint32_t kCapacity = 48;
constexpr uint32_t kFlows = 64;
constexpr uint32_t kWorkers = 2;
constexpr ConnectionTimeouts kTimeouts{.tcp_syn_sent_s = 40,
                                       .tcp_syn_received_s = 40,
                                       .tcp_established_s = 40,
                                       .tcp_fin_wait_s = 40,
                                       .tcp_close_wait_s = 40,
                                       .tcp_last_ack_s = 40,
                                       .tcp_time_wait_s = 40,
                                       .tcp_closed_s = 40,
                                       .tcp_retransmitted_s = 40,
                                       .tcp_unacknowledged_s = 40,
                                       .udp_unreplied_s = 40,
                                       .udp_s = 40,
                                       .icmp_s = 40,
                                       .other_s = 40};

enum class Operation { kInsert, kErase, kRefresh, kTouch, kWait, kRestart };

ConnectionTable NewTable(TableMemory& memory) {
  RC_ASSERT(
      ConnectionTable::Format(memory.bytes(), kCapacity, kTestSecret).ok());
  return *ConnectionTable::Attach(memory.bytes(), kWorkers);
}

// What the table should hold of one flow.
struct Modelled {
  uint32_t generation = 0;
  uint64_t packets = 0;
  uint64_t last_seen_s = 0;
};

class Model {
 public:
  explicit Model(IpFamily family) : family_(family) {}

  void Run(Operation operation, uint32_t flow) {
    ++generation_;
    const FlowKey key = NumberedFlow(family_, flow, IpProtocol::kUdp);
    const FlowKey& asked = flow % 2 == 0 ? key : key.Reversed();
    switch (operation) {
      case Operation::kInsert:
        return Insert(flow);
      case Operation::kErase: {
        const bool erased = table_.Erase(table_.Lookup(asked));
        RC_ASSERT(erased == (model_.erase(flow) == 1));
        return;
      }
      case Operation::kRefresh: {
        ConnectionView view = table_.Lookup(asked);
        const bool stored =
            table_.Refresh(view, Judgement{.generation = generation_});
        RC_ASSERT(stored == model_.contains(flow));
        if (stored) model_[flow].generation = generation_;
        return;
      }
      case Operation::kTouch:
        table_.Touch(table_.Lookup(asked), 10, now_s_ * kSecondNs);
        if (model_.contains(flow)) {
          ++model_[flow].packets;
          model_[flow].last_seen_s = now_s_;
        }
        return;
      case Operation::kWait:
        return Wait(flow % 8);
      case Operation::kRestart:
        table_ = *ConnectionTable::Attach(memory_.bytes(), kWorkers);
        RC_ASSERT(table_.recovery().kept == model_.size());
        RC_ASSERT(table_.recovery().dropped == 0u);
        return;
    }
  }

  void Check() const {
    RC_ASSERT(table_.CountActive() == model_.size());
    for (uint32_t flow = 0; flow < kFlows; ++flow) {
      const FlowKey key = NumberedFlow(family_, flow, IpProtocol::kUdp);
      const ConnectionView original = table_.Lookup(key);
      const ConnectionView reply = table_.Lookup(key.Reversed());
      const auto found = model_.find(flow);
      RC_ASSERT(original.found() == (found != model_.end()));
      RC_ASSERT(reply.index == original.index);
      if (found == model_.end()) continue;
      RC_ASSERT(original.record.judgement.generation ==
                found->second.generation);
    }
    uint64_t packets = 0;
    table_.ForEach([&](const ConnectionInfo& info) {
      packets += info.counts[0].packets + info.counts[1].packets;
    });
    uint64_t expected = 0;
    for (const auto& [flow, modelled] : model_) expected += modelled.packets;
    RC_ASSERT(packets == expected);
  }

 private:
  void Insert(uint32_t flow) {
    // What was answered is never evicted.
    NewConnection connection =
        Answered(NumberedConnection(family_, flow, IpProtocol::kUdp));
    connection.judgement.generation = generation_;
    const WorkerId worker{static_cast<uint8_t>(flow % kWorkers)};
    const InsertStatus status =
        table_.Insert(worker, connection, now_s_ * kSecondNs).status;
    if (model_.contains(flow)) {
      // A worker without a free entry cannot tell that it needs none.
      RC_ASSERT(status == InsertStatus::kExisted ||
                status == InsertStatus::kFull);
    } else if (status == InsertStatus::kInserted) {
      model_[flow] = {generation_, 0, now_s_};
    } else {
      // Entries that were erased wait for their worker to look at them, so the
      // table may be full with fewer connections than it has entries.
      RC_ASSERT(status == InsertStatus::kFull);
    }
  }

  void Wait(uint32_t seconds) {
    for (uint32_t i = 0; i < seconds; ++i) {
      ++now_s_;
      uint32_t deleted = 0;
      for (uint8_t worker = 0; worker < kWorkers; ++worker) {
        const ExpireResult result = table_.Expire(
            WorkerId{worker}, now_s_ * kSecondNs, kTimeouts, 1000);
        for (uint32_t count : result.deleted) deleted += count;
      }
      const size_t expired = std::erase_if(model_, [&](const auto& entry) {
        return entry.second.last_seen_s + 40 <= now_s_;
      });
      RC_ASSERT(deleted == expired);
    }
  }

  IpFamily family_;
  TableMemory memory_{kCapacity};
  ConnectionTable table_ = NewTable(memory_);
  std::map<uint32_t, Modelled> model_;
  uint32_t generation_ = 0;
  uint64_t now_s_ = 1000;
};

class ConnectionTablePropertyTest : public testing::TestWithParam<IpFamily> {};

TEST_P(ConnectionTablePropertyTest, BehavesAsAMap) {
  EXPECT_TRUE(rc::check([] {
    const auto steps =
        *rc::gen::container<std::vector<std::pair<Operation, uint32_t>>>(
            rc::gen::pair(
                rc::gen::weightedElement<Operation>({{10, Operation::kInsert},
                                                     {4, Operation::kErase},
                                                     {4, Operation::kRefresh},
                                                     {4, Operation::kTouch},
                                                     {4, Operation::kWait},
                                                     {1, Operation::kRestart}}),
                rc::gen::inRange<uint32_t>(0, kFlows)));
    Model model(GetParam());
    for (const auto& [operation, flow] : steps) {
      model.Run(operation, flow);
      model.Check();
    }
  }));
}

INSTANTIATE_TEST_SUITE_P(Families, ConnectionTablePropertyTest,
                         testing::Values(IpFamily::kIpv4, IpFamily::kIpv6),
                         [](const auto& info) {
                           return info.param == IpFamily::kIpv4 ? "Ipv4"
                                                                : "Ipv6";
                         });

}  // namespace
}  // namespace vswitch
