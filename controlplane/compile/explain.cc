// Words for verdicts.

#include "controlplane/compile/explain.h"

#include <cstddef>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/compile/near_miss.h"
#include "dataplane/policy/policy_table.h"

namespace vswitch {
namespace {

// How many misses are worth reading.
constexpr size_t kMaxMisses = 3;

// A copy of the table's bytes at the alignment that it asks for.
struct alignas(64) Line {
  char bytes[64];
};

PolicyVerdict Ask(const CompiledState& state, PolicySetId set,
                  const PolicyQuery& query) {
  const std::string& blob = state.blobs[static_cast<size_t>(BlobKind::kPolicy)];
  std::vector<Line> lines((blob.size() + sizeof(Line) - 1) / sizeof(Line));
  if (!blob.empty()) std::memcpy(lines.data(), blob.data(), blob.size());
  absl::StatusOr<PolicyTable> table = PolicyTable::Open(
      {reinterpret_cast<const std::byte*>(lines.data()), blob.size()});
  return table.ok() ? table->Lookup(set, query) : PolicyVerdict{};
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
  PolicySetId set = ingress ? info->ingress : info->egress;
  if (set == kNoPolicySet) return result;
  const FlowKey& flow = judged.flow;
  PolicyQuery query{
      .peer = peer,
      .peer_address = ingress ? flow.source : flow.destination,
      .protocol = flow.protocol,
      .destination_port = flow.destination_port.ToHost(),
  };
  PolicyVerdict verdict = Ask(state, set, query);
  result.isolated = true;
  result.allowed = verdict.allowed;
  result.rule = verdict.rule;
  result.isolating = ingress ? info->ingress_policies : info->egress_policies;
  if (const RuleInfo* rule = state.catalog->FindRule(verdict.rule)) {
    result.policy = rule->policy;
    result.rule_text = rule->text;
  }
  if (!result.allowed) {
    const IdentityInfo* other = state.catalog->FindIdentity(peer);
    result.nearest_misses =
        NearestMisses(desired, direction, *info, other, query, kMaxMisses);
  }
  return result;
}

std::string DeniedSummary(const Explanation& explanation, DropReason drop) {
  std::string summary = absl::StrCat("denied: ", DropReasonName(drop));
  const DirectionExplanation* side = nullptr;
  absl::string_view whose;
  if (!explanation.egress.allowed) {
    side = &explanation.egress;
    whose = "egress isolated by ";
  } else if (!explanation.ingress.allowed) {
    side = &explanation.ingress;
    whose = "isolated by ";
  }
  if (drop != DropReason::kPolicyDenied || side == nullptr) {
    return absl::StrCat(summary, ", ", GetDropReasonInfo(drop).text);
  }
  absl::StrAppend(&summary, ", ", whose, absl::StrJoin(side->isolating, ", "));
  if (!side->nearest_misses.empty()) {
    absl::StrAppend(&summary, "; ", side->nearest_misses.front());
  } else {
    absl::StrAppend(&summary, "; no rule allows anything");
  }
  return summary;
}

std::string AllowedSummary(const Explanation& explanation) {
  const DirectionExplanation& egress = explanation.egress;
  const DirectionExplanation& ingress = explanation.ingress;
  if (egress.isolated && ingress.isolated) {
    return absl::StrCat("allowed by ", egress.policy, " (egress) and ",
                        ingress.policy, " (ingress)");
  }
  if (egress.isolated) return absl::StrCat("allowed by ", egress.policy);
  if (ingress.isolated) return absl::StrCat("allowed by ", ingress.policy);
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
