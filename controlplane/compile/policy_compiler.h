// controlplane/compile/policy_compiler.h
//
// What policies mean together: which of them make the enforced set and which
// the shadow set, and which ClusterNetworkPolicies are in each other's way.
//
//   SetRecipe recipe = MakeRecipe(
//       direction, SourcesOfKind(about, direction, SetKind::kShadow), subject);
//
// Pure functions: any thread.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_POLICY_COMPILER_H_
#define VSWITCH_CONTROLPLANE_COMPILE_POLICY_COMPILER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/compile/policy_source.h"
#include "controlplane/compile/rule_catalog.h"
#include "controlplane/compile/source_pool.h"
#include "controlplane/model/desired_state.h"

namespace vswitch {

// The sources of every policy, in the order of their keys.  INVALID_ARGUMENT
// for a policy that has no meaning, naming object and field.
absl::StatusOr<PolicySources> CollectSources(const DesiredState& desired,
                                             SourcePool& pool);

// Takes from the sources about a subject those that its set of `kind` is made
// of.  The shadow set is what the enforced and the shadow policies together
// would make of it; none where no shadow policy has a say.
PolicySources SourcesOfKind(PolicySources sources, PolicyDirection direction,
                            SetKind kind);

// Says which ClusterNetworkPolicies have one tier and priority and can be about
// one pod: their names decide then.  In order of `sources`.
std::vector<std::string> EqualPriorityWarnings(const PolicySources& sources);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_POLICY_COMPILER_H_
