// Warnings about ClusterNetworkPolicies of one priority.

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/compile/policy_compiler.h"

namespace vswitch {
namespace {

// Whether no pod can meet both terms: they ask for different values of one
// label.
bool Exclude(const LabelTerm& a, const LabelTerm& b) {
  if (a.origin != b.origin || a.requirement.key != b.requirement.key ||
      a.requirement.op != SelectorOperator::kIn ||
      b.requirement.op != SelectorOperator::kIn) {
    return false;
  }
  return std::none_of(a.requirement.values.begin(), a.requirement.values.end(),
                      [&b](const std::string& value) {
                        return std::find(b.requirement.values.begin(),
                                         b.requirement.values.end(),
                                         value) != b.requirement.values.end();
                      });
}

bool CanMeet(const IdentityPredicate& a, const IdentityPredicate& b) {
  for (const LabelTerm& term : a.terms) {
    for (const LabelTerm& other : b.terms) {
      if (Exclude(term, other)) return false;
    }
  }
  return true;
}

bool Meet(const PolicySource& a, const PolicySource& b) {
  bool same_direction = (a.ingress.applies() && b.ingress.applies()) ||
                        (a.egress.applies() && b.egress.applies());
  return same_direction && CanMeet(a.subject, b.subject);
}

}  // namespace

std::vector<std::string> EqualPriorityWarnings(const PolicySources& sources) {
  std::vector<std::string> warnings;
  std::map<std::pair<PolicyTier, uint16_t>, std::vector<const PolicySource*>>
      earlier;
  for (const auto& source : sources) {
    if (source->key.kind != PolicyKind::kClusterNetworkPolicy) continue;
    auto& others = earlier[{source->tier, source->order}];
    for (const PolicySource* other : others) {
      if (!Meet(*other, *source)) continue;
      warnings.push_back(absl::StrCat(
          "ClusterNetworkPolicy ", source->key.name, " spec.priority: ",
          source->order, " is that of ClusterNetworkPolicy ", other->key.name,
          " of the same tier, and both can be about one pod; ", other->key.name,
          " goes first, by its name"));
      break;
    }
    others.push_back(source.get());
  }
  return warnings;
}

}  // namespace vswitch
