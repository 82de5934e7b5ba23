// dataplane/stats/balance.h
//
// The balance equations: no packet is lost without a name.  They are exact
// whenever the switch is quiet, and within one burst while it runs.
//
//   E1 port    rx = forwarded_in + local_in + drops on the way in + held
//   E2 port    tx_try = tx_ok + drops on the way out
//   E3 switch  sum(forwarded_in) + generated = sum(tx_try) + lost_in_restart
//   E6         connections: inserted = active + deleted
//   E7         policy: lookups = allowed + denied + interrupted
//   E9         ICMP errors: wanted = sent + suppressed + interrupted
//
// (The numbers are those of the specification; E4, E5, E8 and E10 belong to
// pools, NAT, devices and the API.)
//
//   for (const Equation& e : EvaluateBalance(view, active)) {
//     if (!e.holds()) ...
//   }
//
// A killed dataplane leaves packets that were counted in but not out.
// BookRestart() names them DATAPLANE_RESTARTED, so that all hold again.

#ifndef VSWITCH_DATAPLANE_STATS_BALANCE_H_
#define VSWITCH_DATAPLANE_STATS_BALANCE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "dataplane/base/ids.h"
#include "dataplane/stats/counters.h"

namespace vswitch {

struct Equation {
  absl::string_view name;  // "E1"
  absl::string_view text;  // "rx = forwarded_in + local_in + drops + held"
  PortId port = kNoPort;   // of E1 and E2
  uint64_t left = 0;
  uint64_t right = 0;

  bool holds() const { return left == right; }
};

// Evaluates every equation: E1 and E2 of each port that ever counted anything,
// the others once.  `active_connections` is the connection table's count.
std::vector<Equation> EvaluateBalance(const CounterView& counters,
                                      uint64_t active_connections);

// Books what a killed dataplane left open into the main thread's rows; returns
// how many packets that were.  Called by a new dataplane before its workers
// start, after the connection table was rebuilt.  Main thread only.
uint64_t BookRestart(const CounterTable& counters, uint64_t active_connections);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_STATS_BALANCE_H_
