// controlplane/compile/explain.h
//
// ExplainVerdict(): words for a verdict of the dataplane's judge: the deciding
// rule, or the policies that isolate and the rules that come nearest.
//
//   allowed by demo/backend-from-frontend
//   denied: POLICY_DENIED, isolated by demo/backend-from-frontend; nearest rule
//   wants role=frontend
//   denied: POLICY_DENY_RULE, denied by ClusterNetworkPolicy/x rule 2 (Deny) in
//   tier Admin
//
// The verdict itself is the judge's; this only asks the policy table of the
// same generation which side decided and compares peers with rules for the
// misses.  Pure function of its arguments: any thread.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_EXPLAIN_H_
#define VSWITCH_CONTROLPLANE_COMPILE_EXPLAIN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "controlplane/compile/compile.h"
#include "controlplane/compile/rule_catalog.h"
#include "controlplane/model/desired_state.h"
#include "dataplane/base/drop_reason.h"
#include "dataplane/base/flow_key.h"
#include "dataplane/base/ids.h"

namespace vswitch {

// What the judge found about a first packet.
struct JudgedFlow {
  FlowKey flow;  // after service translation: policy sees the backend
  IdentityId source = kIdentityUnknown;
  IdentityId destination = kIdentityUnknown;
  DropReason drop = DropReason::kNone;  // kNone: it is forwarded
};

// One side's policy about it.
struct DirectionExplanation {
  bool isolated = false;
  bool allowed = true;
  RuleId rule = kNoRule;   // that decided; kNoRule: none matched
  std::string policy;      // of the rule, as RuleInfo::policy
  std::string rule_text;   // "from role=frontend on TCP 80"
  std::string decided_by;  // "ClusterNetworkPolicy/x rule 2 (Deny) in tier ..."
  std::vector<std::string> isolating;       // policies
  std::vector<std::string> policies;        // all that have a say
  std::vector<std::string> nearest_misses;  // the nearest one first
};

struct Explanation {
  DirectionExplanation egress;   // of the source
  DirectionExplanation ingress;  // of the destination
  std::string summary;           // one line, as above
};

// `state` and `desired` must be those of the generation that judged.
Explanation ExplainVerdict(const CompiledState& state,
                           const DesiredState& desired,
                           const JudgedFlow& judged);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_EXPLAIN_H_
