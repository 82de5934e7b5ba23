// Sources and derived labels, after Cilium's pkg/k8s/apis/cilium.io/const.go.

#include "controlplane/compile/cilium_selector.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

constexpr absl::string_view kSources[] = {
    "k8s:", "any:", "container:", "unspec:"};
constexpr absl::string_view kReservedSource = "reserved:";
constexpr absl::string_view kNamespace = "io.kubernetes.pod.namespace";
constexpr absl::string_view kNamespaceLabels =
    "io.cilium.k8s.namespace.labels.";
constexpr absl::string_view kServiceAccount =
    "io.cilium.k8s.policy.serviceaccount";
constexpr absl::string_view kCluster = "io.cilium.k8s.policy.cluster";

// Takes a source that means "a label of the object" off `key`.
absl::Status StripSource(absl::string_view& key, const std::string& field) {
  for (absl::string_view source : kSources) {
    if (absl::ConsumePrefix(&key, source)) return absl::OkStatus();
  }
  if (absl::StrContains(key, ':')) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": ", key,
                     " has a source that is not known; k8s, any, "
                     "container, unspec and reserved are"));
  }
  return absl::OkStatus();
}

absl::StatusOr<LabelTerm> TermOf(const LabelRequirement& requirement,
                                 const std::string& field) {
  absl::string_view key = requirement.key;
  LabelTerm term{.origin = LabelOrigin::kPod, .requirement = requirement};
  if (absl::ConsumePrefix(&key, kReservedSource)) {
    term.origin = LabelOrigin::kReserved;
  } else {
    RETURN_IF_ERROR(StripSource(key, field));
    if (key == kNamespace) {
      term.origin = LabelOrigin::kNamespaceName;
    } else if (absl::ConsumePrefix(&key, kNamespaceLabels)) {
      term.origin = LabelOrigin::kNamespace;
    } else if (key == kServiceAccount) {
      term.origin = LabelOrigin::kServiceAccount;
    } else if (key == kCluster) {
      term.origin = LabelOrigin::kCluster;
    }
  }
  term.requirement.key = std::string(key);
  return term;
}

bool SaysWhere(const LabelTerm& term) {
  return term.origin == LabelOrigin::kNamespaceName ||
         term.origin == LabelOrigin::kNamespace ||
         term.origin == LabelOrigin::kReserved;
}

}  // namespace

absl::StatusOr<IdentityPredicate> CiliumPredicate(const LabelSelector& selector,
                                                  const std::string& field) {
  IdentityPredicate predicate;
  for (const LabelRequirement& requirement : selector.requirements) {
    ASSIGN_OR_RETURN(LabelTerm term, TermOf(requirement, field));
    predicate.terms.push_back(std::move(term));
  }
  return predicate;
}

absl::StatusOr<IdentityPredicate> CiliumPeerPredicate(
    const LabelSelector& selector, const std::string& ns,
    const std::string& field) {
  ASSIGN_OR_RETURN(IdentityPredicate predicate,
                   CiliumPredicate(selector, field));
  bool says_where =
      std::any_of(predicate.terms.begin(), predicate.terms.end(), SaysWhere);
  if (!ns.empty() && !says_where) AddNamespaceName(ns, predicate);
  return predicate;
}

absl::StatusOr<LabelSelector> CiliumObjectSelector(
    const LabelSelector& selector, const std::string& field) {
  LabelSelector result = selector;
  for (LabelRequirement& requirement : result.requirements) {
    absl::string_view key = requirement.key;
    RETURN_IF_ERROR(StripSource(key, field));
    requirement.key = std::string(key);
  }
  return result;
}

}  // namespace vswitch
