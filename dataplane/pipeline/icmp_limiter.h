// dataplane/pipeline/icmp_limiter.h
//
// IcmpLimiter: how many ICMP errors, and TCP resets in answer to denials, a
// worker sends: so many a second in all, and so many a second that one port
// causes, so that no pod can use up the others' share (RFC 1812 4.3.2.8, RFC
// 4443 2.4 (f)).
//
//   if (limiter.Take(settings, in_port, now_ns)) ...send it
//
// Worker thread only.

#ifndef VSWITCH_DATAPLANE_PIPELINE_ICMP_LIMITER_H_
#define VSWITCH_DATAPLANE_PIPELINE_ICMP_LIMITER_H_

#include <array>
#include <cstdint>

#include "dataplane/base/ids.h"
#include "dataplane/forwarding/records.h"
#include "dataplane/pipeline/token_bucket.h"

namespace vswitch {

class IcmpLimiter {
 public:
  // Returns whether an error caused by a packet from `in` may be sent now, and
  // counts it if so.
  bool Take(const Settings& settings, PortId in, uint64_t now_ns) {
    if (ToInt(in) >= kMaxPorts) return false;
    TokenBucket& of_port = ports_[ToInt(in)];
    const uint32_t all_rate = settings.icmp_errors_per_second;
    const uint32_t port_rate = settings.icmp_errors_per_second_port;
    // Both must have room before either is charged: a port beyond its share
    // must not use up the rest.
    if (!of_port.MayTake(port_rate, now_ns)) return false;
    if (!all_.MayTake(all_rate, now_ns)) return false;
    of_port.Take(port_rate, now_ns);
    all_.Take(all_rate, now_ns);
    return true;
  }

 private:
  TokenBucket all_;
  std::array<TokenBucket, kMaxPorts> ports_;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_PIPELINE_ICMP_LIMITER_H_
