// Names of policies, and labels against terms.

#include "controlplane/compile/policy_source.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

constexpr char kClusterName[] = "default";

// `value` is nullptr when there is no such label.
bool MeetsValue(const LabelRequirement& requirement, const std::string* value) {
  bool listed = value != nullptr &&
                std::find(requirement.values.begin(), requirement.values.end(),
                          *value) != requirement.values.end();
  switch (requirement.op) {
    case SelectorOperator::kIn:
      return listed;
    case SelectorOperator::kNotIn:
      return !listed;
    case SelectorOperator::kExists:
      return value != nullptr;
    case SelectorOperator::kDoesNotExist:
      return value == nullptr;
  }
  return false;
}

absl::Status CheckTerms(const IdentityPredicate& predicate,
                        const std::string& where, const LabelFilter& filter) {
  for (const LabelTerm& term : predicate.terms) {
    if (term.origin != LabelOrigin::kPod ||
        !filter.Ignores(term.requirement.key)) {
      continue;
    }
    return absl::InvalidArgumentError(absl::StrCat(
        where, ": selects pods by the label \"", term.requirement.key,
        "\", which is among ignored_pod_labels of the Settings"));
  }
  return absl::OkStatus();
}

}  // namespace

const char* ToString(PolicyDirection direction) {
  return direction == PolicyDirection::kIngress ? "ingress" : "egress";
}

const char* ToString(PolicyKind kind) {
  switch (kind) {
    case PolicyKind::kNetworkPolicy:
      return "NetworkPolicy";
    case PolicyKind::kClusterNetworkPolicy:
      return "ClusterNetworkPolicy";
    case PolicyKind::kCiliumNetworkPolicy:
      return "CiliumNetworkPolicy";
    case PolicyKind::kCiliumClusterwideNetworkPolicy:
      return "CiliumClusterwideNetworkPolicy";
  }
  return "policy";
}

const char* ToString(RuleSection section) {
  switch (section) {
    case RuleSection::kIngress:
      return "ingress";
    case RuleSection::kIngressDeny:
      return "ingressDeny";
    case RuleSection::kEgress:
      return "egress";
    case RuleSection::kEgressDeny:
      return "egressDeny";
  }
  return "rules";
}

std::string PolicyName(PolicyKind kind, const std::string& ns,
                       const std::string& name) {
  std::string qualified = ns.empty() ? name : absl::StrCat(ns, "/", name);
  if (kind == PolicyKind::kNetworkPolicy) return qualified;
  return absl::StrCat(ToString(kind), "/", qualified);
}

const char* ReservedName(IdentityId id) {
  switch (id) {
    case kIdentityHost:
      return "host";
    case kIdentityWorld:
      return "world";
    case kIdentityUnmanaged:
      return "unmanaged";
    case kIdentityHealth:
      return "health";
    case kIdentityInit:
      return "init";
    case kIdentityRemoteNode:
      return "remote-node";
    default:
      return "unknown";
  }
}

bool Meets(const LabelTerm& term, const PodIdentity& identity) {
  static const std::string cluster = kClusterName;
  switch (term.origin) {
    case LabelOrigin::kPod:
      return term.requirement.Matches(identity.labels);
    case LabelOrigin::kNamespace:
      return term.requirement.Matches(*identity.namespace_labels);
    case LabelOrigin::kNamespaceName:
      return MeetsValue(term.requirement, &identity.ns);
    case LabelOrigin::kServiceAccount:
      return MeetsValue(term.requirement, &identity.service_account);
    case LabelOrigin::kCluster:
      return MeetsValue(term.requirement, &cluster);
    case LabelOrigin::kReserved:
      return MeetsValue(term.requirement, nullptr);
  }
  return false;
}

bool IdentityPredicate::NamesReserved() const {
  return std::any_of(terms.begin(), terms.end(), [](const LabelTerm& term) {
    return term.origin == LabelOrigin::kReserved;
  });
}

bool IdentityPredicate::Matches(const PodIdentity& identity) const {
  return std::all_of(
      terms.begin(), terms.end(),
      [&identity](const LabelTerm& term) { return Meets(term, identity); });
}

bool IdentityPredicate::MatchesReserved(IdentityId id) const {
  if (!NamesReserved()) return false;
  const std::string empty;
  return std::all_of(terms.begin(), terms.end(), [&](const LabelTerm& term) {
    bool has = term.origin == LabelOrigin::kReserved &&
               term.requirement.key == ReservedName(id);
    return MeetsValue(term.requirement, has ? &empty : nullptr);
  });
}

void AddTerms(LabelOrigin origin, const LabelSelector& selector,
              IdentityPredicate& predicate) {
  for (const LabelRequirement& requirement : selector.requirements) {
    predicate.terms.push_back({origin, requirement});
  }
}

void AddNamespaceName(const std::string& ns, IdentityPredicate& predicate) {
  predicate.terms.push_back(
      {LabelOrigin::kNamespaceName, {.key = "namespace", .values = {ns}}});
}

absl::Status CheckLabels(const PolicySource& source,
                         const LabelFilter& filter) {
  if (filter.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(CheckTerms(source.subject, source.Name(), filter));
  for (const SourceDirection* direction : {&source.ingress, &source.egress}) {
    for (const SourceRule& rule : direction->rules) {
      if (rule.peers == nullptr) continue;
      for (const IdentityPredicate& pods : rule.peers->pods) {
        RETURN_IF_ERROR(
            CheckTerms(pods,
                       absl::StrCat(source.Name(), ", ", ToString(rule.section),
                                    " rule ", rule.index),
                       filter));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace vswitch
