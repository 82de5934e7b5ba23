// Collecting policies, and finding those about a subject.

#include "controlplane/compile/policy_compiler.h"

#include <algorithm>
#include <utility>

#include "controlplane/compile/policy_adapters.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

template <typename Policy>
absl::Status CollectKind(const DesiredState& desired, SourcePool& pool,
                         PolicySources& sources) {
  absl::Status status;
  desired.ForEach<Policy>([&](const Metadata& metadata, const Policy& policy) {
    if (!status.ok()) return;
    absl::StatusOr<PolicySources> made = SourcesOf(metadata, policy, pool);
    status = made.status();
    if (!made.ok()) return;
    sources.insert(sources.end(), made->begin(), made->end());
  });
  return status;
}

bool IsShadow(const PolicySource& source) {
  return source.attributes.mode == PolicyMode::kShadow;
}

// Takes the sources that `kind` is made of, none if it says nothing that the
// enforced set does not say.
PolicySources OfKind(PolicySources sources, PolicyDirection direction,
                     SetKind kind) {
  if (kind == SetKind::kEnforced) {
    std::erase_if(sources,
                  [](const auto& source) { return IsShadow(*source); });
    return sources;
  }
  bool differs = std::any_of(
      sources.begin(), sources.end(), [direction](const auto& source) {
        return IsShadow(*source) && source->Of(direction).applies();
      });
  return differs ? std::move(sources) : PolicySources{};
}

}  // namespace

absl::StatusOr<PolicySources> CollectSources(const DesiredState& desired,
                                             SourcePool& pool) {
  PolicySources sources;
  RETURN_IF_ERROR(CollectKind<NetworkPolicy>(desired, pool, sources));
  RETURN_IF_ERROR(CollectKind<ClusterNetworkPolicy>(desired, pool, sources));
  RETURN_IF_ERROR(CollectKind<CiliumNetworkPolicy>(desired, pool, sources));
  RETURN_IF_ERROR(
      CollectKind<CiliumClusterwideNetworkPolicy>(desired, pool, sources));
  return sources;
}

absl::StatusOr<PolicyCompiler> PolicyCompiler::Create(PolicySources sources,
                                                      const PeerIndex& peers) {
  ASSIGN_OR_RETURN(RuleNumbering numbering, RuleNumbering::Assign(sources));
  return PolicyCompiler(std::move(sources), std::move(numbering), peers);
}

SetRecipe PolicyCompiler::RecipeOf(const PodIdentity& identity,
                                   PolicyDirection direction,
                                   SetKind kind) const {
  PolicySources about;
  for (uint32_t i : subjects_.Find(identity)) about.push_back((*sources_)[i]);
  return MakeRecipe(direction, OfKind(std::move(about), direction, kind),
                    &identity);
}

SetRecipe PolicyCompiler::HostRecipe(const Labels& node_labels,
                                     PolicyDirection direction,
                                     SetKind kind) const {
  PolicySources about;
  for (const auto& source : *sources_) {
    if (source->node_subject.has_value() &&
        source->node_subject->Matches(node_labels)) {
      about.push_back(source);
    }
  }
  return MakeRecipe(direction, OfKind(std::move(about), direction, kind),
                    nullptr);
}

}  // namespace vswitch
