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
  std::optional<NumberedRule> numbered = numbering_.Find(id);
  if (!numbered.has_value()) return std::nullopt;
  return InfoOf(*numbered);
}

const IdentityInfo* RuleCatalog::FindIdentity(IdentityId id) const {
  auto found = identities_.find(id);
  return found == identities_.end() ? nullptr : &found->second;
}

std::string RuleCatalog::IdentityText(IdentityId id) const {
  const IdentityInfo* info = FindIdentity(id);
  return info != nullptr ? info->text : absl::StrCat("identity ", ToInt(id));
}

std::string RuleCatalog::ServiceText(uint32_t service) const {
  auto found = services_.find(service);
  return found != services_.end() ? found->second
                                  : absl::StrCat("service ", service);
}

}  // namespace vswitch
