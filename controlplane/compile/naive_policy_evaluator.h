// controlplane/compile/naive_policy_evaluator.h
//
// NaiveVerdictOf(): what policies of all kinds say about a flow, read from the
// objects as their specifications word it, for tests only.  It shares no code
// with the compiler nor with the tables, not even the selectors' and the
// prefixes' arithmetic, and takes no care to be fast.
//
//   ProbeVerdict verdict = NaiveVerdictOf(desired, "n1", {.source = ...});
//   EXPECT_EQ(verdict.allowed(), ...);
//
// Pure functions: any thread.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_NAIVE_POLICY_EVALUATOR_H_
#define VSWITCH_CONTROLPLANE_COMPILE_NAIVE_POLICY_EVALUATOR_H_

#include <cstdint>
#include <string>

#include "controlplane/model/desired_state.h"
#include "dataplane/base/address.h"
#include "dataplane/base/flow_key.h"

namespace vswitch {

// The first packet of a connection between two addresses of one family, each a
// pod's, a node's or one from outside of the cluster.
struct PolicyProbe {
  IpAddress source;
  IpAddress destination;
  IpProtocol protocol = IpProtocol::kTcp;
  uint16_t port = 80;  // the destination's; of ICMP and ICMPv6 the type

  // Returns "10.0.0.1 > 10.0.0.2 TCP 80".
  std::string ToString() const;
};

struct ProbeVerdict {
  bool egress = true;   // what the source's policies say
  bool ingress = true;  // what the destination's policies say

  bool allowed() const { return egress && ingress; }
  friend bool operator==(const ProbeVerdict&, const ProbeVerdict&) = default;
};

// Judges as the switch of the node `node_name` does: the policies of pods that
// have a Port and of the node itself count, those of others are their switch's
// business.
ProbeVerdict NaiveVerdictOf(const DesiredState& desired,
                            const std::string& node_name,
                            const PolicyProbe& probe);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_NAIVE_POLICY_EVALUATOR_H_
