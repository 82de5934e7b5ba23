// Lookups in the catalog.

#include "controlplane/compile/rule_catalog.h"

#include "absl/strings/str_cat.h"

namespace vswitch {

const char* ToString(PolicyDirection direction) {
  return direction == PolicyDirection::kIngress ? "ingress" : "egress";
}

const RuleInfo* RuleCatalog::FindRule(RuleId id) const {
  auto found = rules_.find(id);
  return found == rules_.end() ? nullptr : &found->second;
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
