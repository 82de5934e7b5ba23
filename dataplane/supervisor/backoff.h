// dataplane/supervisor/backoff.h
//
// Backoff: how long to wait before a process that died is started again.  Not
// at all after a run that lasted; longer and longer while it dies at once, so
// that a crash loop does not take the machine's time.
//
//   int64_t delay_ms = backoff.DelayAfterRun(run_ms);
//
// Thread rule: thread-compatible.

#ifndef VSWITCH_DATAPLANE_SUPERVISOR_BACKOFF_H_
#define VSWITCH_DATAPLANE_SUPERVISOR_BACKOFF_H_

#include <algorithm>
#include <cstdint>

namespace vswitch {

class Backoff {
 public:
  static constexpr int64_t kStableRunMs = 10'000;
  static constexpr int64_t kFirstDelayMs = 100;
  static constexpr int64_t kMaxDelayMs = 10'000;

  // Returns the delay after a run of `run_ms` that ended by itself.  The first
  // short run costs nothing either: one crash is not a loop.
  int64_t DelayAfterRun(int64_t run_ms) {
    if (run_ms >= kStableRunMs) next_delay_ms_ = 0;
    const int64_t delay_ms = next_delay_ms_;
    next_delay_ms_ = std::clamp(2 * delay_ms, kFirstDelayMs, kMaxDelayMs);
    return delay_ms;
  }

 private:
  int64_t next_delay_ms_ = 0;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_SUPERVISOR_BACKOFF_H_
