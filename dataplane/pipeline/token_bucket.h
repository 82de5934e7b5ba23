// dataplane/pipeline/token_bucket.h
//
// TokenBucket: lets at most `rate` events a second pass, and a tenth of that,
// at least one, at once after a pause.
//
//   if (bucket.MayTake(rate, now_ns)) { bucket.Take(rate, now_ns); ... }
//
// It is the virtual scheduling form of the generic cell rate algorithm (ITU-T
// I.371 annex A): one number is its whole state, no timer refills it, and a
// new rate counts from the next event on.  Worker thread only.

#ifndef VSWITCH_DATAPLANE_PIPELINE_TOKEN_BUCKET_H_
#define VSWITCH_DATAPLANE_PIPELINE_TOKEN_BUCKET_H_

#include <algorithm>
#include <cstdint>

namespace vswitch {

class TokenBucket {
 public:
  // Returns whether an event may pass now.  Rate 0: none ever.
  bool MayTake(uint32_t rate_per_second, uint64_t now_ns) const {
    if (rate_per_second == 0) return false;
    const uint64_t burst = std::max(1u, rate_per_second / 10);
    return due_ns_ <= now_ns + Interval(rate_per_second) * (burst - 1);
  }

  // Counts an event.  REQUIRES: MayTake() said yes.
  void Take(uint32_t rate_per_second, uint64_t now_ns) {
    due_ns_ = std::max(due_ns_, now_ns) + Interval(rate_per_second);
  }

 private:
  static uint64_t Interval(uint32_t rate_per_second) {
    return 1'000'000'000u / rate_per_second;
  }

  uint64_t due_ns_ = 0;  // when the next event is due at the steady rate
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_PIPELINE_TOKEN_BUCKET_H_
