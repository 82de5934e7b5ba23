// controlplane/compile/policy_compiler.h
//
// PolicyCompiler: the policies of all kinds, and the recipe of each subject's
// policy sets (set_compiler.h): the enforced set, and the shadow set, which is
// what the enforced and the shadow policies together would make of it.
//
//   ASSIGN_OR_RETURN(PolicySources sources, CollectSources(desired, pool));
//   ASSIGN_OR_RETURN(PolicyCompiler policies,
//                    PolicyCompiler::Create(std::move(sources), peers));
//   SetRecipe recipe = policies.RecipeOf(identity, direction, enforced);
//   if (!recipe.sources.empty()) ...policies.Compile(recipe)...
//
// Control thread only.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_POLICY_COMPILER_H_
#define VSWITCH_CONTROLPLANE_COMPILE_POLICY_COMPILER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/compile/peer_index.h"
#include "controlplane/compile/policy_source.h"
#include "controlplane/compile/rule_catalog.h"
#include "controlplane/compile/rule_numbering.h"
#include "controlplane/compile/set_compiler.h"
#include "controlplane/compile/source_pool.h"
#include "controlplane/compile/subject_index.h"
#include "controlplane/model/desired_state.h"

namespace vswitch {

// The sources of every policy, in the order of their keys.  INVALID_ARGUMENT
// for a policy that has no meaning, naming object and field.
absl::StatusOr<PolicySources> CollectSources(const DesiredState& desired,
                                             SourcePool& pool);

class PolicyCompiler {
 public:
  // `peers` must outlive the compiler.
  static absl::StatusOr<PolicyCompiler> Create(PolicySources sources,
                                               const PeerIndex& peers);

  // A recipe without sources: there is no such set.  There is a shadow set only
  // where a shadow policy has a say.
  SetRecipe RecipeOf(const PodIdentity& identity, PolicyDirection direction,
                     SetKind kind) const;
  // The same for the local node itself, whose Node has these labels.
  SetRecipe HostRecipe(const Labels& node_labels, PolicyDirection direction,
                       SetKind kind) const;

  absl::StatusOr<PolicySetSpec> Compile(const SetRecipe& recipe) const {
    return CompileRecipe(recipe, numbering_, *peers_);
  }
  const RuleNumbering& numbering() const { return numbering_; }

 private:
  PolicyCompiler(PolicySources sources, RuleNumbering numbering,
                 const PeerIndex& peers)
      : sources_(std::make_unique<const PolicySources>(std::move(sources))),
        numbering_(std::move(numbering)),
        subjects_(*sources_),
        peers_(&peers) {}

  // Stays where it is when the compiler is moved.
  std::unique_ptr<const PolicySources> sources_;
  RuleNumbering numbering_;
  SubjectIndex subjects_;
  const PeerIndex* peers_;
};

// Says which ClusterNetworkPolicies have one tier and priority and can be about
// one pod: their names decide then.  In order of `sources`.
std::vector<std::string> EqualPriorityWarnings(const PolicySources& sources);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_POLICY_COMPILER_H_
