// dataplane/conntrack/timeouts.h
//
// How long an idle connection is remembered, by protocol and state: the two
// sets of figures that an operator chooses from, and how low the RFCs let each
// go.
//
//   settings.timeouts = CompleteTimeouts(wanted, TimeoutProfile::kRfc);
//   uint32_t idle_s = TimeoutSeconds(protocol, state, settings.timeouts);
//
// Pure functions: any thread.

#ifndef VSWITCH_DATAPLANE_CONNTRACK_TIMEOUTS_H_
#define VSWITCH_DATAPLANE_CONNTRACK_TIMEOUTS_H_

#include <array>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "dataplane/base/flow_key.h"
#include "dataplane/conntrack/connection.h"
#include "dataplane/forwarding/records.h"

namespace vswitch {

enum class TimeoutProfile : uint8_t { kRfc, kLinux };

// One timer.
struct TimeoutField {
  absl::string_view name;  // of the API, without "_seconds": "tcp_syn_sent"
  uint32_t ConnectionTimeouts::*field;
  uint32_t rfc_s;    // default of each profile
  uint32_t linux_s;  // nf_conntrack's sysctl default
  uint32_t least_s;  // profile kRfc refuses less, by `least_source`
  absl::string_view least_source;
};
inline constexpr uint32_t kTimeoutFieldCount = 21;
extern const std::array<TimeoutField, kTimeoutFieldCount> kTimeoutFields;

// Returns the figures of a profile.
ConnectionTimeouts DefaultTimeouts(TimeoutProfile profile);

// Returns `wanted` with the profile's figure wherever it has 0.
ConnectionTimeouts CompleteTimeouts(const ConnectionTimeouts& wanted,
                                    TimeoutProfile profile);

// Returns the seconds after which a connection in `state` is forgotten.
uint32_t TimeoutSeconds(IpProtocol protocol, ConnectionState state,
                        const ConnectionTimeouts& timeouts);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_CONNTRACK_TIMEOUTS_H_
