// The balance equations, and how a restart makes them hold again.

#include "dataplane/stats/balance.h"

#include <cstdint>

namespace vswitch {
namespace {

struct PortSums {
  uint64_t forwarded_in = 0;
  uint64_t tx_try = 0;
};

PortId PortAt(uint32_t index) { return PortId{static_cast<uint16_t>(index)}; }

Equation RxEquation(PortId port, const PortTotals& totals) {
  return {
      "E1", "rx = forwarded_in + local_in + drops + held", port,
      totals.rx_packets,
      totals.forwarded_in + totals.local_in + totals.DropsIn() + totals.held};
}

Equation TxEquation(PortId port, const PortTotals& totals) {
  return {"E2", "tx_try = tx_ok + drops", port, totals.tx_try,
          totals.tx_ok + totals.DropsOut()};
}

// The equations of the whole switch.
std::vector<Equation> SwitchEquations(const PortSums& ports,
                                      const WorkerTotals& workers,
                                      uint64_t active_connections) {
  return {
      {"E3", "sum(forwarded_in) + generated = sum(tx_try) + lost_in_restart",
       kNoPort, ports.forwarded_in + workers.generated,
       ports.tx_try + workers.lost_in_restart},
      {"E6", "connections: inserted = active + deleted", kNoPort,
       workers.connections_inserted,
       active_connections + workers.ConnectionsDeleted()},
      {"E7", "policy: lookups = allowed + denied + interrupted", kNoPort,
       workers.policy_lookups,
       workers.policy_allowed + workers.policy_denied +
           workers.policy_interrupted},
      {"E9", "icmp errors: wanted = sent + suppressed + interrupted", kNoPort,
       workers.icmp_wanted,
       workers.icmp_sent + workers.icmp_suppressed_rate +
           workers.icmp_suppressed_rule + workers.icmp_interrupted},
  };
}

// Makes `left` = `right` by adding to whichever counter stands for the smaller
// side: a kill may fall between any two stores, in either order.  Returns how
// much the right side was short.
uint64_t Settle(const Equation& equation, Counter& left, Counter& right) {
  if (equation.left >= equation.right) {
    right.Add(equation.left - equation.right);
    return equation.left - equation.right;
  }
  left.Add(equation.right - equation.left);
  return 0;
}

}  // namespace

std::vector<Equation> EvaluateBalance(const CounterView& counters,
                                      uint64_t active_connections) {
  std::vector<Equation> equations;
  PortSums sums;
  for (uint32_t index = 0; index < kMaxPorts; ++index) {
    const PortTotals totals = counters.SumPort(PortAt(index));
    if (totals.IsZero()) continue;
    sums.forwarded_in += totals.forwarded_in;
    sums.tx_try += totals.tx_try;
    equations.push_back(RxEquation(PortAt(index), totals));
    equations.push_back(TxEquation(PortAt(index), totals));
  }
  for (const Equation& equation :
       SwitchEquations(sums, counters.SumWorkers(), active_connections)) {
    equations.push_back(equation);
  }
  return equations;
}

uint64_t BookRestart(const CounterTable& counters,
                     uint64_t active_connections) {
  const CounterView view(counters);
  uint64_t lost_packets = 0;
  PortSums sums;
  for (uint32_t index = 0; index < kMaxPorts; ++index) {
    const PortId port = PortAt(index);
    if (view.SumPort(port).IsZero()) continue;
    // Nothing is held any more: its memory went with the process.
    for (uint32_t writer = 0; writer < kCounterWriterCount; ++writer) {
      PortCounters& row =
          counters.port(WorkerId{static_cast<uint8_t>(writer)}, port);
      if (row.held.value() != 0) row.held.Set(0);
    }
    PortCounters& row = counters.port(kMainThread, port);
    lost_packets += Settle(RxEquation(port, view.SumPort(port)), row.rx_packets,
                           row.drops[ToIndex(DropReason::kDataplaneRestarted)]);
    lost_packets += Settle(TxEquation(port, view.SumPort(port)), row.tx_try,
                           row.tx_restarted);
    const PortTotals totals = view.SumPort(port);
    sums.forwarded_in += totals.forwarded_in;
    sums.tx_try += totals.tx_try;
  }
  WorkerCounters& row = counters.worker(kMainThread);
  const struct {
    Counter& left;
    Counter& right;
  } corrections[] = {
      {row.generated, row.lost_in_restart},
      {row.connections_inserted, row.connections_deleted[static_cast<uint32_t>(
                                     ConnectionEnd::kRestarted)]},
      {row.policy_lookups, row.policy_interrupted},
      {row.icmp_wanted, row.icmp_interrupted},
  };
  const std::vector<Equation> equations =
      SwitchEquations(sums, view.SumWorkers(), active_connections);
  for (size_t i = 0; i < equations.size(); ++i) {
    const uint64_t missing =
        Settle(equations[i], corrections[i].left, corrections[i].right);
    if (i == 0) lost_packets += missing;
  }
  return lost_packets;
}

}  // namespace vswitch
