// The limits on connections, and their defaults.

#include "dataplane/conntrack/connection_limits.h"

#include <algorithm>

namespace vswitch {
namespace {

// Of a table, where the operator says nothing.  One pod, whatever it does,
// leaves three quarters of the table, half of the room for half-open
// connections and half of an address's ports to the others (RFC 6888 REQ-4 and
// REQ-5).  A tenth for half-open ones: spec/faults.md F-50.
constexpr uint32_t kPodShare = 4;
constexpr uint32_t kHalfOpenShare = 10;
constexpr uint32_t kPodHalfOpenShare = 20;
constexpr uint32_t kPodPortShare = 2;
// In a small table a share would be in the way of ordinary pods.
constexpr uint32_t kLeastPodConnections = 8192;
constexpr uint32_t kLeastHalfOpen = 2048;
constexpr uint32_t kLeastPodHalfOpen = 1024;
constexpr uint32_t kLeastPodPorts = 64;  // or of a small range

}  // namespace

const std::array<LimitField, kLimitFieldCount> kLimitFields = {{
    {"half_open", &ConnectionLimits::half_open},
    {"pod_connections", &ConnectionLimits::pod_connections},
    {"pod_half_open", &ConnectionLimits::pod_half_open},
    {"pod_nat_ports", &ConnectionLimits::pod_nat_ports},
}};

ConnectionLimits CompleteLimits(const ConnectionLimits& wanted,
                                uint32_t capacity, const NatSettings& nat) {
  ConnectionLimits limits = wanted;
  if (limits.half_open == 0) {
    limits.half_open = std::max(capacity / kHalfOpenShare, kLeastHalfOpen);
  }
  if (limits.pod_connections == 0) {
    limits.pod_connections =
        std::max(capacity / kPodShare, kLeastPodConnections);
  }
  if (limits.pod_half_open == 0) {
    limits.pod_half_open =
        std::max(capacity / kPodHalfOpenShare, kLeastPodHalfOpen);
  }
  if (limits.pod_nat_ports == 0) {
    const uint32_t ports =
        nat.last_port < nat.first_port ? 0 : nat.last_port - nat.first_port + 1;
    limits.pod_nat_ports = std::max(ports / kPodPortShare, kLeastPodPorts);
  }
  return limits;
}

ConnectionLimits WithoutPodLimits(const ConnectionLimits& limits) {
  ConnectionLimits result = kUnlimited;
  result.half_open = limits.half_open;
  return result;
}

bool HoldsNatPort(uint8_t flags, const FlowKey& original,
                  const FlowKey& reply) {
  if ((flags & kNatMapping) != 0) return true;
  return (flags & (kNotAConnection | kKeptByOriginal)) == 0 &&
         !(reply.destination == original.source);
}

}  // namespace vswitch
