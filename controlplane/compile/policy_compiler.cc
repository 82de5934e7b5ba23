// Collecting policies; enforced and shadow ones.

#include "controlplane/compile/policy_compiler.h"

#include <algorithm>
#include <utility>

#include "controlplane/compile/policy_adapters.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

bool IsShadow(const PolicySource& source) {
  return source.attributes.mode == PolicyMode::kShadow;
}

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

PolicySources SourcesOfKind(PolicySources sources, PolicyDirection direction,
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

}  // namespace vswitch
