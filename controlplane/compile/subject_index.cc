// Filing policies by what their subjects must have.

#include "controlplane/compile/subject_index.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace vswitch {
namespace {

// The first term that asks one of some values of `origin`, nullptr if none.
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

SubjectIndex::SubjectIndex(const PolicySources& sources) : sources_(sources) {
  for (uint32_t i = 0; i < sources.size(); ++i) {
    if (sources[i]->node_subject.has_value()) continue;
    const IdentityPredicate& subject = sources[i]->subject;
    std::vector<std::string> namespaces = {""};
    std::vector<std::string> labels = {""};
    if (const auto* ns = RequiredValue(subject, LabelOrigin::kNamespaceName)) {
      namespaces = ns->values;
    }
    if (const auto* label = RequiredValue(subject, LabelOrigin::kPod)) {
      labels.clear();
      for (const std::string& value : label->values) {
        labels.push_back(absl::StrCat(label->key, "=", value));
      }
    }
    for (const std::string& ns : namespaces) {
      for (const std::string& label : labels) {
        std::vector<uint32_t>& list = filed_[{ns, label}];
        // A value may be written twice.
        if (list.empty() || list.back() != i) list.push_back(i);
      }
    }
  }
}

std::vector<uint32_t> SubjectIndex::Find(const PodIdentity& identity) const {
  std::vector<std::string> labels = {""};
  for (const auto& [key, value] : identity.labels) {
    labels.push_back(absl::StrCat(key, "=", value));
  }
  std::vector<uint32_t> found;
  for (const std::string& ns : {std::string(), identity.ns}) {
    for (const std::string& label : labels) {
      auto list = filed_.find(Place{ns, label});
      if (list == filed_.end()) continue;
      for (uint32_t i : list->second) {
        if (sources_[i]->subject.Matches(identity)) found.push_back(i);
      }
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace vswitch
