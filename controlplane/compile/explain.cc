// Words for verdicts.

#include "controlplane/compile/explain.h"

#include <cstddef>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/compile/near_miss.h"
#include "controlplane/compile/rule_text.h"
#include "dataplane/base/piece_copies.h"
#include "dataplane/policy/policy_table.h"

namespace vswitch {
namespace {

// How many misses are worth reading.
constexpr size_t kMaxMisses = 3;

PolicyVerdict Ask(const CompiledState& state, PolicySetId set,
                  const PolicyQuery& query) {
  if (ToInt(set) >= state.policy_sets.size()) return {};
  const PieceCopies copy({state.policy_sets[ToInt(set)]});
  return PolicyTable::Open(copy.list()).Lookup(PolicySetId{0}, query);
}

DirectionExplanation ExplainDirection(const CompiledState& state,
                                      const DesiredState& desired,
                                      const JudgedFlow& judged,
                                      PolicyDirection direction) {
  bool ingress = direction == PolicyDirection::kIngress;
  IdentityId self = ingress ? judged.destination : judged.source;
  IdentityId peer = ingress ? judged.source : judged.destination;
  DirectionExplanation result;
  const IdentityInfo* info = state.catalog->FindIdentity(self);
  if (info == nullptr) return result;
  const IdentityPolicies& policies = info->Of(direction, SetKind::kEnforced);
  if (policies.set == kNoPolicySet) return result;
  const FlowKey& flow = judged.flow;
  PolicyQuery query{
      .peer = peer,
      .peer_address = ingress ? flow.source : flow.destination,
      .protocol = flow.protocol,
      .destination_port = flow.destination_port.ToHost(),
  };
  PolicyVerdict verdict = Ask(state, policies.set, query);
  result.allowed = verdict.allowed;
  result.rule = verdict.rule;
  result.isolating = policies.Isolating(direction);
  result.isolated = !result.isolating.empty();
  result.policies = policies.Names();
  if (auto rule = state.catalog->FindRule(verdict.rule)) {
    result.policy = rule->policy;
    result.rule_text = rule->text;
    result.decided_by = RuleReference(*rule);
  }
  if (!result.allowed) {
    result.nearest_misses =
        NearestMisses(desired, *state.catalog,
                      {.direction = direction,
                       .self = info,
                       .peer = state.catalog->FindIdentity(peer),
                       .query = query,
                       .rule = verdict.rule},
                      kMaxMisses);
  }
  return result;
}

std::string DeniedSummary(const Explanation& explanation, DropReason drop) {
  std::string summary = absl::StrCat("denied: ", DropReasonName(drop));
  const DirectionExplanation* side = nullptr;
  absl::string_view whose;
  if (!explanation.egress.allowed) {
    side = &explanation.egress;
    whose = "egress ";
  } else if (!explanation.ingress.allowed) {
    side = &explanation.ingress;
  }
  const bool is_policy =
      drop == DropReason::kPolicyDenied || drop == DropReason::kPolicyDenyRule;
  if (!is_policy || side == nullptr) {
    return absl::StrCat(summary, ", ", GetDropReasonInfo(drop).text);
  }
  if (!side->decided_by.empty()) {
    absl::StrAppend(&summary, ", ", whose, "denied by ", side->decided_by);
  } else {
    absl::StrAppend(&summary, ", ", whose, "isolated by ",
                    absl::StrJoin(side->isolating, ", "));
  }
  if (!side->nearest_misses.empty()) {
    absl::StrAppend(&summary, "; ", side->nearest_misses.front());
  } else if (side->decided_by.empty()) {
    absl::StrAppend(&summary, "; no rule allows anything");
  }
  return summary;
}

std::string AllowedSummary(const Explanation& explanation) {
  const std::string& egress = explanation.egress.policy;
  const std::string& ingress = explanation.ingress.policy;
  if (!egress.empty() && !ingress.empty()) {
    return absl::StrCat("allowed by ", egress, " (egress) and ", ingress,
                        " (ingress)");
  }
  if (!egress.empty()) return absl::StrCat("allowed by ", egress);
  if (!ingress.empty()) return absl::StrCat("allowed by ", ingress);
  return "allowed: no policy isolates either side";
}

}  // namespace

Explanation ExplainVerdict(const CompiledState& state,
                           const DesiredState& desired,
                           const JudgedFlow& judged) {
  Explanation explanation;
  explanation.egress =
      ExplainDirection(state, desired, judged, PolicyDirection::kEgress);
  explanation.ingress =
      ExplainDirection(state, desired, judged, PolicyDirection::kIngress);
  explanation.summary = judged.drop == DropReason::kNone
                            ? AllowedSummary(explanation)
                            : DeniedSummary(explanation, judged.drop);
  return explanation;
}

}  // namespace vswitch
