// The shadow sets of both ends, asked as the judge asks them: egress first.

#include "controlplane/service/shadow_verdict.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "dataplane/base/piece_copies.h"
#include "dataplane/policy/policy_table.h"

namespace vswitch {
namespace {

bool HasPorts(IpProtocol protocol) {
  return protocol == IpProtocol::kTcp || protocol == IpProtocol::kUdp ||
         protocol == IpProtocol::kSctp || protocol == IpProtocol::kIcmp ||
         protocol == IpProtocol::kIcmpv6;
}

void FillDenial(const RuleCatalog& catalog, const IdentityPolicies& policies,
                PolicyDirection direction, RuleId rule_id,
                v1::ShadowVerdict& verdict) {
  verdict.set_denied(true);
  verdict.set_direction(ToString(direction));
  if (const std::optional<RuleInfo> rule = catalog.FindRule(rule_id)) {
    verdict.set_policy(rule->policy);
    verdict.set_rule(
        absl::StrCat(rule->section, " rule ", rule->index, ": ", rule->text));
    return;
  }
  for (std::string& policy : policies.Isolating(direction)) {
    verdict.add_isolating_policies(std::move(policy));
  }
}

}  // namespace

v1::ShadowVerdict JudgeShadow(const CompiledState& state,
                              const JudgedFlow& judged) {
  v1::ShadowVerdict verdict;
  const FlowKey& flow = judged.flow;
  for (PolicyDirection direction :
       {PolicyDirection::kEgress, PolicyDirection::kIngress}) {
    const bool ingress = direction == PolicyDirection::kIngress;
    const IdentityInfo* self = state.catalog->FindIdentity(
        ingress ? judged.destination : judged.source);
    if (self == nullptr) continue;
    const IdentityPolicies& policies = self->Of(direction, SetKind::kShadow);
    if (ToInt(policies.set) >= state.policy_sets.size()) continue;
    verdict.set_asked(true);
    const PieceCopies copy({state.policy_sets[ToInt(policies.set)]});
    const PolicyVerdict found =
        PolicyTable::Open(copy.list())
            .Lookup(PolicySetId{0},
                    {.peer = ingress ? judged.source : judged.destination,
                     .peer_address = ingress ? flow.source : flow.destination,
                     .protocol = flow.protocol,
                     .destination_port = flow.destination_port.ToHost(),
                     .has_port = HasPorts(flow.protocol)});
    if (found.allowed) continue;
    FillDenial(*state.catalog, policies, direction, found.rule, verdict);
    return verdict;
  }
  return verdict;
}

}  // namespace vswitch
