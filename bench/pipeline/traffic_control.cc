// The starter's side.

#include "bench/pipeline/traffic_control.h"

#include <cstdio>
#include <cstdlib>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace vswitch {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(60);

// Ends the program if the worker does not answer.
template <typename Holds>
void AwaitPhase(const TrafficControl& control, Holds holds) {
  const absl::Time deadline = absl::Now() + kPatience;
  while (!holds(control.phase.LoadAcquire())) {
    if (absl::Now() > deadline) {
      std::fprintf(stderr, "policy_churn: the worker does not answer\n");
      std::exit(1);
    }
    absl::SleepFor(absl::Milliseconds(1));
  }
}

}  // namespace

void StartArrivals(const Schedule& schedule, TrafficControl& control) {
  control.schedule = schedule;
  control.arrivals = Arrivals();
  control.phase.StoreRelease(TrafficControl::kBegin);
}

Arrivals StopArrivals(TrafficControl& control) {
  // A schedule that the worker has not begun yet is not to be lost.
  AwaitPhase(control, [](uint32_t p) { return p != TrafficControl::kBegin; });
  control.phase.StoreRelease(TrafficControl::kEnds);
  AwaitPhase(control, [](uint32_t p) { return p == TrafficControl::kIdle; });
  return control.arrivals;
}

}  // namespace vswitch
