// The starter's side.

#include "bench/pipeline/traffic_control.h"

#include "absl/time/clock.h"

namespace vswitch {

void StartArrivals(const Schedule& schedule, TrafficControl& control) {
  control.schedule = schedule;
  control.arrivals = Arrivals();
  control.phase.StoreRelease(TrafficControl::kBegin);
}

Arrivals StopArrivals(TrafficControl& control) {
  // A schedule that the worker has not begun yet is not to be lost.
  while (control.phase.LoadAcquire() == TrafficControl::kBegin) {
    absl::SleepFor(absl::Milliseconds(1));
  }
  control.phase.StoreRelease(TrafficControl::kEnds);
  while (control.phase.LoadAcquire() != TrafficControl::kIdle) {
    absl::SleepFor(absl::Milliseconds(1));
  }
  return control.arrivals;
}

}  // namespace vswitch
