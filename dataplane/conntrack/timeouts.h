// dataplane/conntrack/timeouts.h
//
// How long an idle connection is remembered, by protocol and state, and the
// two sets of defaults that an operator chooses from.
//
//   settings.timeouts = DefaultTimeouts(TimeoutProfile::kRfc);
//   uint32_t idle_s = TimeoutSeconds(protocol, state, settings.timeouts);
//
// Pure functions: any thread.

#ifndef VSWITCH_DATAPLANE_CONNTRACK_TIMEOUTS_H_
#define VSWITCH_DATAPLANE_CONNTRACK_TIMEOUTS_H_

#include <cstdint>

#include "dataplane/base/flow_key.h"
#include "dataplane/conntrack/connection.h"
#include "dataplane/forwarding/records.h"

namespace vswitch {

enum class TimeoutProfile : uint8_t { kRfc, kLinux };

ConnectionTimeouts DefaultTimeouts(TimeoutProfile profile);

// Returns the seconds after which a connection in `state` is forgotten.
uint32_t TimeoutSeconds(IpProtocol protocol, ConnectionState state,
                        const ConnectionTimeouts& timeouts);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_CONNTRACK_TIMEOUTS_H_
