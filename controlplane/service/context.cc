// Times as the API writes them.

#include "controlplane/service/context.h"

#include "absl/time/clock.h"

namespace vswitch {

google::protobuf::Timestamp ToTimestamp(absl::Time time) {
  google::protobuf::Timestamp result;
  int64_t nanos = absl::ToUnixNanos(time);
  result.set_seconds(nanos / 1'000'000'000);
  result.set_nanos(static_cast<int32_t>(nanos % 1'000'000'000));
  return result;
}

absl::Time DeadlineAfter(uint32_t timeout_ms, absl::Duration default_timeout) {
  return absl::Now() +
         (timeout_ms == 0 ? default_timeout : absl::Milliseconds(timeout_ms));
}

}  // namespace vswitch
