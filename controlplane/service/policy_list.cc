// Policies by name, and the pods that they are about.

#include "controlplane/service/policy_list.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/compile/identity_allocator.h"
#include "controlplane/compile/pod_index.h"
#include "controlplane/compile/policy_adapters.h"
#include "controlplane/compile/rule_text.h"
#include "controlplane/compile/source_pool.h"
#include "controlplane/translate/errors.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

bool HasName(const ListedPolicy& policy, const std::string& name) {
  const std::string plain =
      policy.key.ns.empty() ? policy.key.name
                            : absl::StrCat(policy.key.ns, "/", policy.key.name);
  return name == policy.name || name == plain ||
         name == absl::StrCat(ToString(policy.key.kind), "/", plain);
}

// Adds the policies of type T that are called `name`.
template <typename T>
absl::Status AddPolicies(const DesiredState& desired, const std::string& name,
                         SourcePool& pool,
                         std::vector<ListedPolicy>& policies) {
  absl::Status status;
  desired.ForEach<T>([&](const Metadata& metadata, const T& spec) {
    if (!status.ok()) return;
    absl::StatusOr<PolicySources> sources = SourcesOf(metadata, spec, pool);
    if (!sources.ok()) {
      status = sources.status();
      return;
    }
    if (sources->empty()) return;
    ListedPolicy policy{
        .key = {DesiredState::KindOf<T>(), metadata.ns, metadata.name},
        .name = sources->front()->Name(),
        .version = metadata.version,
        .sources = *std::move(sources)};
    if constexpr (std::is_same_v<T, ClusterNetworkPolicy>) {
      policy.priority = spec.priority;
    }
    if (name.empty() || HasName(policy, name)) {
      policies.push_back(std::move(policy));
    }
  });
  return status;
}

absl::Status CountPods(const DesiredState& desired,
                       std::vector<ListedPolicy>& policies) {
  IdentityAllocator identities;
  ASSIGN_OR_RETURN(const PodIndex pods, PodIndex::Build(desired, identities));
  pods.ForEachCounted(
      [&policies](const PodIdentity& identity, uint64_t pod_count) {
        for (ListedPolicy& policy : policies) {
          const bool selected = std::any_of(
              policy.sources.begin(), policy.sources.end(),
              [&identity](const std::shared_ptr<const PolicySource>& source) {
                return !source->node_subject.has_value() &&
                       source->subject.Matches(identity);
              });
          if (selected) {
            policy.selected_pods += static_cast<uint32_t>(pod_count);
          }
        }
      });
  return absl::OkStatus();
}

}  // namespace

bool ListedPolicy::is_shadow() const {
  return sources.front()->attributes.mode == PolicyMode::kShadow;
}

absl::StatusOr<std::vector<ListedPolicy>> ListPolicies(
    const DesiredState& desired, const std::string& name,
    absl::string_view field) {
  SourcePool pool;
  std::vector<ListedPolicy> policies;
  RETURN_IF_ERROR(AddPolicies<NetworkPolicy>(desired, name, pool, policies));
  RETURN_IF_ERROR(
      AddPolicies<ClusterNetworkPolicy>(desired, name, pool, policies));
  RETURN_IF_ERROR(
      AddPolicies<CiliumNetworkPolicy>(desired, name, pool, policies));
  RETURN_IF_ERROR(AddPolicies<CiliumClusterwideNetworkPolicy>(desired, name,
                                                              pool, policies));
  auto refuse = [&](absl::StatusCode code, absl::string_view message) {
    return FaultStatus(code, Fault{std::nullopt, std::string(field),
                                   absl::StrCat("\"", name, "\" ", message)});
  };
  if (!name.empty() && policies.empty()) {
    return refuse(absl::StatusCode::kNotFound, "is no policy");
  }
  if (!name.empty() && policies.size() > 1) {
    const std::string names = absl::StrJoin(
        policies, ", ", [](std::string* out, const ListedPolicy& policy) {
          absl::StrAppend(out, ToString(policy.key.kind), "/", policy.key.ns,
                          policy.key.ns.empty() ? "" : "/", policy.key.name);
        });
    return refuse(absl::StatusCode::kInvalidArgument,
                  absl::StrCat("are several policies; want one of ", names));
  }
  RETURN_IF_ERROR(CountPods(desired, policies));
  return policies;
}

std::vector<std::string> RulesInWords(const ListedPolicy& policy) {
  std::vector<std::string> rules;
  for (size_t i = 0; i < policy.sources.size(); ++i) {
    const PolicySource& source = *policy.sources[i];
    const std::string spec =
        source.one_of_many ? absl::StrCat("specs[", source.key.spec, "].") : "";
    for (const SourceDirection* direction : {&source.ingress, &source.egress}) {
      for (const SourceRule& rule : direction->rules) {
        rules.push_back(absl::StrCat(spec, ToString(rule.section), " rule ",
                                     rule.index, ": ",
                                     ActionText(source.key.kind, rule.action),
                                     " ", RuleText(source, rule)));
      }
    }
  }
  return rules;
}

}  // namespace vswitch
