// controlplane/compile/set_compiler.h
//
// CompileRecipe(): the policy set of one subject in one direction, from the
// policies that are about it.
//
// SetRecipe is all that the set depends on beside what the rules' peers match:
// the sources in order, and the numbers of the subject's own ports that rules
// name.  Subjects with one recipe have one set, so a caller keeps sets by
// recipe, and makes one again when one of its sources, its rules' numbers
// (RuleNumbering::FirstOf) or one of its rules' MatchedPeers is another.
//
// Pure functions; deterministic: any thread.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_SET_COMPILER_H_
#define VSWITCH_CONTROLPLANE_COMPILE_SET_COMPILER_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/compile/peer_index.h"
#include "controlplane/compile/policy_source.h"
#include "controlplane/compile/rule_numbering.h"
#include "dataplane/policy/policy_set.h"

namespace vswitch {

struct SetRecipe {
  PolicyDirection direction = PolicyDirection::kIngress;
  // The node's own set: nobody is let in for being the local node.
  bool is_host = false;
  // That have a say in this direction, strongest first: by tier, priority and
  // name.  None: there is no set.
  PolicySources sources;
  // On ingress, the subject's numbers of the port names that rules use.
  std::map<std::pair<IpProtocol, std::string>, uint16_t> names;

  friend auto operator<=>(const SetRecipe&, const SetRecipe&) = default;
};

// Puts sources in the order of SetRecipe::sources, drops those without a say
// and takes the numbers of names from `subject`, nullptr for the host.
SetRecipe MakeRecipe(PolicyDirection direction, PolicySources sources,
                     const PodIdentity* subject);

// RESOURCE_EXHAUSTED when a tier has more rules about the subject than a
// precedence can tell apart.  REQUIRES: the recipe has sources.
absl::StatusOr<PolicySetSpec> CompileRecipe(const SetRecipe& recipe,
                                            const RuleNumbering& numbering,
                                            const PeerIndex& peers);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_SET_COMPILER_H_
