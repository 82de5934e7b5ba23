// Where predicates and identities meet.

#include "controlplane/compile/predicate_index.h"

#include <algorithm>

namespace vswitch {
namespace {

// The first term that asks for one of some values of `origin`, or nullptr.
const LabelRequirement* RequiredValue(const IdentityPredicate& predicate,
                                      LabelOrigin origin) {
  for (const LabelTerm& term : predicate.terms) {
    if (term.origin == origin && term.requirement.op == SelectorOperator::kIn) {
      return &term.requirement;
    }
  }
  return nullptr;
}

}  // namespace

std::vector<PredicatePlace> PlacesOf(const IdentityPredicate& predicate) {
  std::vector<std::string> namespaces = {""};
  std::vector<std::string> labels = {""};
  if (const auto* ns = RequiredValue(predicate, LabelOrigin::kNamespaceName)) {
    namespaces = ns->values;
  }
  if (const auto* label = RequiredValue(predicate, LabelOrigin::kPod)) {
    labels.clear();
    for (const std::string& value : label->values) {
      labels.push_back(absl::StrCat(label->key, "=", value));
    }
  }
  std::vector<PredicatePlace> places;
  for (const std::string& ns : namespaces) {
    for (const std::string& label : labels) places.emplace_back(ns, label);
  }
  // A value may be written twice.
  std::sort(places.begin(), places.end());
  places.erase(std::unique(places.begin(), places.end()), places.end());
  return places;
}

std::vector<PredicatePlace> PlacesOf(const PodIdentity& identity) {
  std::vector<PredicatePlace> places;
  for (const std::string& ns : {std::string(), identity.ns}) {
    places.emplace_back(ns, "");
    for (const auto& [key, value] : identity.labels) {
      places.emplace_back(ns, absl::StrCat(key, "=", value));
    }
  }
  return places;
}

}  // namespace vswitch
