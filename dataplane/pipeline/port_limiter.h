// dataplane/pipeline/port_limiter.h
//
// PortLimiter: how many of something a worker does in a second for one port,
// so that none of them keeps it from its other work.
//
//   if (limiter.Take(in_port, kNeighborMessagesPerSecond, now_ns)) ...answer
//
// Worker thread only.

#ifndef VSWITCH_DATAPLANE_PIPELINE_PORT_LIMITER_H_
#define VSWITCH_DATAPLANE_PIPELINE_PORT_LIMITER_H_

#include <array>
#include <cstdint>

#include "dataplane/base/ids.h"
#include "dataplane/pipeline/token_bucket.h"

namespace vswitch {

class PortLimiter {
 public:
  // Returns whether `port` may have one more now, and counts it if so.
  bool Take(PortId port, uint32_t rate_per_second, uint64_t now_ns) {
    if (ToInt(port) >= kMaxPorts) return false;
    TokenBucket& bucket = ports_[ToInt(port)];
    if (!bucket.MayTake(rate_per_second, now_ns)) return false;
    bucket.Take(rate_per_second, now_ns);
    return true;
  }

 private:
  std::array<TokenBucket, kMaxPorts> ports_;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_PIPELINE_PORT_LIMITER_H_
