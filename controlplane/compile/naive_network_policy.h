// controlplane/compile/naive_network_policy.h
//
// NaiveAllowed(): Kubernetes' NetworkPolicy read from the objects, for tests
// only.  It shares no code with the compiler nor with the tables, not even the
// selectors' and prefixes' arithmetic.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_NAIVE_NETWORK_POLICY_H_
#define VSWITCH_CONTROLPLANE_COMPILE_NAIVE_NETWORK_POLICY_H_

#include "controlplane/compile/test_cluster.h"
#include "controlplane/model/desired_state.h"

namespace vswitch {

struct NaiveVerdict {
  bool egress = true;
  bool ingress = true;
};

// Judges a flow on the node "n1": pods that have a Port are isolated here, the
// policies of others are another node's business.
NaiveVerdict NaiveAllowed(const DesiredState& state, const TestFlow& flow);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_NAIVE_NETWORK_POLICY_H_
