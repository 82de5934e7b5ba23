// bench/pipeline/traffic_control.h
//
// TrafficControl: what the two processes of the benchmark say to each other
// about traffic, in memory that they share: policy_churn starts and stops
// arrivals, policy_churn_worker makes them and says what became of them.
//
//   StartArrivals({.packets_per_second = 1e6, .first_share = 0.01}, control);
//   absl::SleepFor(...);
//   Arrivals result = StopArrivals(control);  // once the ring is empty
//
// StartArrivals() and StopArrivals(): one thread; a worker that does not answer
// for a minute ends the program.  Zeroed memory is idle.

#ifndef VSWITCH_BENCH_PIPELINE_TRAFFIC_CONTROL_H_
#define VSWITCH_BENCH_PIPELINE_TRAFFIC_CONTROL_H_

#include <cstdint>

#include "bench/pipeline/histogram.h"
#include "dataplane/tables/atomics.h"

namespace vswitch {

// Packets that arrived and are not taken; one more is lost.
inline constexpr uint64_t kRingPackets = 4096;

struct Schedule {
  double packets_per_second = 0;
  double first_share = 0;  // of packets that begin a flow, 0 to 1
};

// What came of a schedule.
struct Arrivals {
  uint64_t arrived = 0;
  uint64_t taken = 0;
  uint64_t lost = 0;         // the ring was full, or there was no buffer
  uint64_t max_backlog = 0;  // arrived and not taken, the lost ones among them
  uint64_t sent = 0;         // that the switch sent to a pod
  Histogram waiting_ns;      // from arrival to the worker's hands
};

// In kIdle all but the phase is the starter's, else the worker's; the starter
// ends kIdle and kRuns, the worker the two others.
struct TrafficControl {
  enum Phase : uint32_t { kIdle, kBegin, kRuns, kEnds };

  StdAtomics::Atomic<uint32_t> phase;
  StdAtomics::Atomic<uint32_t> ready;  // 1: the worker has all its ports
  Schedule schedule;
  Arrivals arrivals;
};

void StartArrivals(const Schedule& schedule, TrafficControl& control);
Arrivals StopArrivals(TrafficControl& control);

}  // namespace vswitch

#endif  // VSWITCH_BENCH_PIPELINE_TRAFFIC_CONTROL_H_
