// Lookups in the catalog.

#include "controlplane/compile/rule_catalog.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "controlplane/compile/rule_text.h"

namespace vswitch {
namespace {

RuleInfo InfoOf(const NumberedRule& numbered) {
  const PolicySource& source = *numbered.source;
  const SourceRule& rule = *numbered.rule;
  bool ingress = rule.section == RuleSection::kIngress ||
                 rule.section == RuleSection::kIngressDeny;
  RuleInfo info{.policy = source.Name(),
                .kind = source.key.kind,
                .tier = source.tier,
                .direction = ingress ? PolicyDirection::kIngress
                                     : PolicyDirection::kEgress,
                .section = ToString(rule.section),
                .index = rule.index,
                .action = rule.action,
                .attributes = source.attributes,
                .text = RuleText(source, rule)};
  if (source.one_of_many) {
    info.section = absl::StrCat("specs[", source.key.spec, "].", info.section);
  }
  return info;
}

// nullptr for an identity that is not reserved, or has no name.
const char* ReservedText(IdentityId id) {
  switch (id) {
    case kIdentityHost:
      return "the local node";
    case kIdentityWorld:
      return "outside the cluster";
    case kIdentityUnmanaged:
      return "an unmanaged pod";
    case kIdentityHealth:
      return "health probes";
    case kIdentityInit:
      return "a pod whose labels are not known yet";
    case kIdentityRemoteNode:
      return "another node";
    default:
      return nullptr;
  }
}

}  // namespace

std::vector<std::string> IdentityPolicies::Names() const {
  std::set<std::string> names;
  if (sources == nullptr) return {};
  for (const auto& source : *sources) names.insert(source->Name());
  return {names.begin(), names.end()};
}

std::vector<std::string> IdentityPolicies::Isolating(
    PolicyDirection direction) const {
  std::set<std::string> names;
  if (sources == nullptr) return {};
  for (const auto& source : *sources) {
    if (source->Of(direction).isolates) names.insert(source->Name());
  }
  return {names.begin(), names.end()};
}

std::optional<RuleInfo> RuleCatalog::FindRule(RuleId id) const {
  if (id == kLocalNodeRule) {
    return RuleInfo{.policy = "the local node",
                    .tier = PolicyTier::kLocalNode,
                    .section = ToString(RuleSection::kIngress),
                    .text = "a pod's own node may always reach it"};
  }
  std::optional<NumberedRule> numbered = parts_.numbering.Find(id);
  if (!numbered.has_value()) return std::nullopt;
  return InfoOf(*numbered);
}

const IdentityInfo* RuleCatalog::FindIdentity(IdentityId id) const {
  absl::MutexLock lock(&mutex_);
  auto found = described_.find(id);
  if (found != described_.end()) return &found->second;
  std::optional<IdentityInfo> info = Describe(id);
  if (!info.has_value()) return nullptr;
  return &described_.emplace(id, *std::move(info)).first->second;
}

std::optional<IdentityInfo> RuleCatalog::Describe(IdentityId id) const {
  IdentityInfo info;
  if (const auto* found = parts_.identities.Find(id)) {
    const PodIdentity& identity = **found;
    info.ns = identity.ns;
    info.namespace_labels = *identity.namespace_labels;
    info.service_account = identity.service_account;
    info.labels = identity.labels;
    info.named_ports = identity.named_ports;
    info.text = IdentityLabelsText(identity.ns, identity.labels);
  } else if (const char* text = ReservedText(id)) {
    info.text = text;
  } else {
    return std::nullopt;
  }
  if (parts_.policies == nullptr) return info;
  auto policies = parts_.policies->find(id);
  if (policies != parts_.policies->end()) info.policies = policies->second;
  return info;
}

std::string RuleCatalog::IdentityText(IdentityId id) const {
  const IdentityInfo* info = FindIdentity(id);
  return info != nullptr ? info->text : absl::StrCat("identity ", ToInt(id));
}

std::string RuleCatalog::ServiceText(uint32_t service) const {
  if (parts_.services != nullptr) {
    auto found = parts_.services->find(service);
    if (found != parts_.services->end()) return found->second;
  }
  return absl::StrCat("service ", service);
}

}  // namespace vswitch
