// Which equation a missing count breaks, and how a restart settles them.

#include "dataplane/stats/balance.h"

#include <cstddef>
#include <memory>
#include <random>
#include <string>

#include "dataplane/stats/counters.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

constexpr WorkerId kWorker0{0};
constexpr WorkerId kWorker1{1};
constexpr PortId kPort1{1};
constexpr PortId kPort2{2};

class BalanceTest : public testing::Test {
 protected:
  BalanceTest()
      : rows_(std::make_unique<CounterRows>()),
        table_(*CounterTable::Open(
            {reinterpret_cast<std::byte*>(rows_.get()), sizeof(CounterRows)})),
        view_(table_) {}

  // Names of the equations that do not hold, each with its port.
  std::string Broken(uint64_t active_connections = 0) const {
    std::string broken;
    for (const Equation& equation :
         EvaluateBalance(view_, active_connections)) {
      if (equation.holds()) continue;
      broken += std::string(equation.name);
      if (equation.port != kNoPort) {
        broken += ":" + std::to_string(ToInt(equation.port));
      }
      broken += " ";
    }
    return broken;
  }

  // One packet from port 1 on worker 0, sent to port 2.
  void Forward() {
    PortCounters& in = table_.port(kWorker0, kPort1);
    in.rx_packets.Add(1);
    in.forwarded_in.Add(1);
    PortCounters& out = table_.port(kWorker0, kPort2);
    out.tx_try.Add(1);
    out.tx_ok.Add(1);
  }

  std::unique_ptr<CounterRows> rows_;
  CounterTable table_;
  CounterView view_;
};

TEST_F(BalanceTest, FreshCountersBalance) {
  EXPECT_EQ(Broken(), "");
  EXPECT_EQ(EvaluateBalance(view_, 0).size(), 4u);
}

TEST_F(BalanceTest, EveryEndOfAPacketBalances) {
  Forward();
  // Dropped by policy.
  table_.port(kWorker1, kPort1).rx_packets.Add(1);
  table_.port(kWorker1, kPort1)
      .drops[ToIndex(DropReason::kPolicyDenied)]
      .Add(1);
  // Answered by the switch with a packet of its own, which could not be sent.
  table_.port(kWorker0, kPort1).rx_packets.Add(1);
  table_.port(kWorker0, kPort1).local_in.Add(1);
  table_.worker(kWorker0).generated.Add(1);
  table_.port(kWorker0, kPort1).tx_try.Add(1);
  table_.port(kWorker0, kPort1).drops[ToIndex(DropReason::kTxPeerFull)].Add(1);
  // A fragment kept for later.
  table_.port(kWorker1, kPort2).rx_packets.Add(1);
  table_.port(kWorker1, kPort2).held.Set(1);
  EXPECT_EQ(Broken(), "");
  EXPECT_EQ(EvaluateBalance(view_, 0).size(), 2u * 2 + 4);
}

TEST_F(BalanceTest, EachMissingCountBreaksItsEquation) {
  table_.port(kWorker0, kPort1).rx_packets.Add(1);
  EXPECT_EQ(Broken(), "E1:1 ");
  table_.port(kWorker0, kPort1).forwarded_in.Add(1);
  EXPECT_EQ(Broken(), "E3 ");
  table_.port(kWorker0, kPort2).tx_try.Add(1);
  EXPECT_EQ(Broken(), "E2:2 ");
  table_.port(kWorker0, kPort2).tx_ok.Add(1);
  EXPECT_EQ(Broken(), "");
  table_.worker(kWorker0).policy_lookups.Add(1);
  EXPECT_EQ(Broken(), "E7 ");
  table_.worker(kWorker0).policy_denied.Add(1);
  table_.worker(kWorker0).icmp_wanted.Add(1);
  EXPECT_EQ(Broken(), "E9 ");
  table_.worker(kWorker0).icmp_suppressed_rate.Add(1);
  table_.worker(kWorker0).connections_inserted.Add(2);
  EXPECT_EQ(Broken(), "E6 ");
  EXPECT_EQ(Broken(2), "");
  table_.worker(kWorker1)
      .connections_deleted[static_cast<uint32_t>(ConnectionEnd::kExpired)]
      .Add(1);
  EXPECT_EQ(Broken(1), "");
}

TEST_F(BalanceTest, TransmitDropsDoNotCountAsDropsOnTheWayIn) {
  table_.port(kWorker0, kPort1).rx_packets.Add(1);
  table_.port(kWorker0, kPort1).drops[ToIndex(DropReason::kTxPeerFull)].Add(1);
  EXPECT_EQ(Broken(), "E1:1 E2:1 ");
}

TEST_F(BalanceTest, RestartNamesWhatWasLost) {
  Forward();
  table_.port(kWorker0, kPort1).rx_packets.Add(5);    // in the burst
  table_.port(kWorker0, kPort1).forwarded_in.Add(2);  // two got further
  table_.port(kWorker0, kPort2).tx_try.Add(1);        // one of them this far
  table_.port(kWorker1, kPort2).rx_packets.Add(1);
  table_.port(kWorker1, kPort2).held.Set(1);
  table_.worker(kWorker0).connections_inserted.Add(3);
  table_.worker(kWorker0).policy_lookups.Add(1);
  table_.worker(kWorker0).icmp_wanted.Add(1);
  EXPECT_EQ(BookRestart(table_, 2), 3u + 1u + 1u + 1u);
  EXPECT_EQ(Broken(2), "");
  const PortTotals port1 = view_.SumPort(kPort1);
  EXPECT_EQ(port1.drops[ToIndex(DropReason::kDataplaneRestarted)], 3u);
  const PortTotals port2 = view_.SumPort(kPort2);
  EXPECT_EQ(port2.drops[ToIndex(DropReason::kDataplaneRestarted)], 2u);
  EXPECT_EQ(port2.tx_restarted, 1u);
  EXPECT_EQ(port2.held, 0u);
  EXPECT_EQ(view_.SumWorkers().lost_in_restart, 1u);
  EXPECT_EQ(BookRestart(table_, 2), 0u) << "booked once";
}

// A kill may fall between any two stores, whichever was first.
TEST_F(BalanceTest, RestartSettlesAnyState) {
  std::mt19937 random(5);
  for (int round = 0; round < 50; ++round) {
    for (int i = 0; i < 10; ++i) {
      const WorkerId worker{static_cast<uint8_t>(random() % 3)};
      PortCounters& port =
          table_.port(worker, PortId{static_cast<uint16_t>(random() % 4)});
      WorkerCounters& own = table_.worker(worker);
      Counter* const counters[] = {
          &port.rx_packets,
          &port.forwarded_in,
          &port.local_in,
          &port.held,
          &port.tx_try,
          &port.tx_ok,
          &port.drops[ToIndex(DropReason::kTtl)],
          &port.drops[ToIndex(DropReason::kTxRejected)],
          &own.generated,
          &own.icmp_wanted,
          &own.icmp_sent,
          &own.policy_lookups,
          &own.policy_allowed,
          &own.connections_inserted,
          &own.connections_deleted[0],
      };
      counters[random() % std::size(counters)]->Add(random() % 5);
    }
    const uint64_t active = random() % 10;
    BookRestart(table_, active);
    ASSERT_EQ(Broken(active), "") << "round " << round;
  }
}

TEST_F(BalanceTest, AreaOfAnotherSizeIsRefused) {
  auto* bytes = reinterpret_cast<std::byte*>(rows_.get());
  EXPECT_FALSE(CounterTable::Open({bytes, sizeof(CounterRows) - 1}).ok());
  EXPECT_FALSE(CounterView::Open(
                   std::span<const std::byte>(bytes + 8, sizeof(CounterRows)))
                   .ok());
}

}  // namespace
}  // namespace vswitch
