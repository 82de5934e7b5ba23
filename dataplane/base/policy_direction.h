// dataplane/base/policy_direction.h
//
// The two sides of a connection that policy is asked about.
//
// Plain values: any thread.

#ifndef VSWITCH_DATAPLANE_BASE_POLICY_DIRECTION_H_
#define VSWITCH_DATAPLANE_BASE_POLICY_DIRECTION_H_

#include <cstdint>

namespace vswitch {

// kEgress: the sender's policies, about what it may reach.  kIngress: the
// receiver's, about who may reach it.  Part of the memory's layout.
enum class PolicyDirection : uint8_t { kEgress, kIngress };

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_BASE_POLICY_DIRECTION_H_
