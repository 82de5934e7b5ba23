// controlplane/publish/monotonic_clock.h
//
// MonotonicNs(), MonotonicSeconds(): the clock that workers have, and that the
// times in both memories are of.
//
// Any thread.

#ifndef VSWITCH_CONTROLPLANE_PUBLISH_MONOTONIC_CLOCK_H_
#define VSWITCH_CONTROLPLANE_PUBLISH_MONOTONIC_CLOCK_H_

#include <time.h>

#include <cstdint>

namespace vswitch {

// Returns CLOCK_MONOTONIC in nanoseconds, and in whole seconds.
inline uint64_t MonotonicNs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<uint64_t>(now.tv_nsec);
}
inline uint32_t MonotonicSeconds() {
  return static_cast<uint32_t>(MonotonicNs() / 1'000'000'000);
}

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_PUBLISH_MONOTONIC_CLOCK_H_
