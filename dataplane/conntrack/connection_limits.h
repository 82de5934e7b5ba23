// dataplane/conntrack/connection_limits.h
//
// How much of the connection table the whole switch and each pod may use: the
// settings that say so, and the shares of the table that hold where an operator
// says nothing.
//
//   const ConnectionLimits limits =
//       CompleteLimits(settings.limits, table.capacity(), settings.nat);
//   table.Insert(worker, connection, now_ns, limits);
//
// Pure functions: any thread.

#ifndef VSWITCH_DATAPLANE_CONNTRACK_CONNECTION_LIMITS_H_
#define VSWITCH_DATAPLANE_CONNTRACK_CONNECTION_LIMITS_H_

#include <array>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "dataplane/conntrack/connection.h"
#include "dataplane/forwarding/records.h"

namespace vswitch {

// One limit.
struct LimitField {
  absl::string_view name;  // of the API: "pod_connections"
  uint32_t ConnectionLimits::*field;
};
inline constexpr uint32_t kLimitFieldCount = 4;
extern const std::array<LimitField, kLimitFieldCount> kLimitFields;

// Nothing is limited.
inline constexpr ConnectionLimits kUnlimited{kNoLimit, kNoLimit, kNoLimit,
                                             kNoLimit};

// Returns `wanted` with the default wherever it has 0: of a table for
// `capacity` connections, and of the range of ports in `nat`.
ConnectionLimits CompleteLimits(const ConnectionLimits& wanted,
                                uint32_t capacity, const NatSettings& nat);

// Returns `limits` without those that hold for each pod: for the node itself,
// and for what comes from outside.
ConnectionLimits WithoutPodLimits(const ConnectionLimits& limits);

// Whether a connection in `state` has not been answered yet: one that a sender
// of lies can make alone.
inline bool IsHalfOpen(ConnectionState state) {
  return state == ConnectionState::kSynSent ||
         state == ConnectionState::kSynReceived ||
         state == ConnectionState::kSynSent2 ||
         state == ConnectionState::kUnreplied ||
         state == ConnectionState::kCookieWait ||
         state == ConnectionState::kCookieEchoed;
}

// Whether a connection in `state` only waits to be forgotten: source NAT may
// give its port away (RFC 6888 REQ-8 A).
inline bool IsOver(ConnectionState state) {
  return state == ConnectionState::kTimeWait ||
         state == ConnectionState::kClosed;
}

// Whether the entry is what holds a port of source NAT: a mapping, or a
// connection with a source of its own outside.  Those that have a mapping's
// port hold none.
bool HoldsNatPort(uint8_t flags, const FlowKey& original, const FlowKey& reply);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_CONNTRACK_CONNECTION_LIMITS_H_
