// controlplane/compile/rule_catalog.h
//
// RuleCatalog: what the numbers in the tables are called: RuleId to the rule of
// the policy it came from, IdentityId to the labels it stands for and the
// policies that isolate it, a service's number to its name and port.
//
// A rule's number is the hash of its name, so it stays the same from generation
// to generation: a drop record or a connection of an older generation is still
// named rightly, unless the rule is gone.
//
//   if (const RuleInfo* rule = catalog.FindRule(verdict.rule)) ...rule->policy
//
// Immutable after compilation: any thread.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_RULE_CATALOG_H_
#define VSWITCH_CONTROLPLANE_COMPILE_RULE_CATALOG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "controlplane/model/labels.h"
#include "controlplane/model/objects.h"
#include "dataplane/base/ids.h"

namespace vswitch {

enum class PolicyDirection : uint8_t { kIngress, kEgress };

// Returns "ingress" or "egress".
const char* ToString(PolicyDirection direction);

struct RuleInfo {
  std::string policy;  // "demo/backend-from-frontend"
  PolicyDirection direction = PolicyDirection::kIngress;
  uint32_t index = 0;  // of the rule within its policy and direction, from 1
  std::string text;    // "from pods role=frontend on TCP 80"
};

// The rule that lets a pod's own node reach it; in every ingress set.
inline constexpr RuleId kLocalNodeRule{0};

struct IdentityInfo {
  std::string ns;  // empty for reserved identities
  Labels labels;
  std::vector<ContainerPort> named_ports;
  std::string text;  // "demo: role=frontend", "world"
  PolicySetId ingress = kNoPolicySet;
  PolicySetId egress = kNoPolicySet;
  std::vector<std::string> ingress_policies;  // that isolate it, "ns/name"
  std::vector<std::string> egress_policies;
};

class RuleCatalog {
 public:
  // Return nullptr if unknown.
  const RuleInfo* FindRule(RuleId id) const;
  const IdentityInfo* FindIdentity(IdentityId id) const;
  // Returns the text of an identity, or "identity N".
  std::string IdentityText(IdentityId id) const;

  // Returns "demo/backend:80", or "service N".
  std::string ServiceText(uint32_t service) const;

  const absl::flat_hash_map<RuleId, RuleInfo>& rules() const { return rules_; }
  const absl::flat_hash_map<IdentityId, IdentityInfo>& identities() const {
    return identities_;
  }
  absl::flat_hash_map<RuleId, RuleInfo>& mutable_rules() { return rules_; }
  absl::flat_hash_map<IdentityId, IdentityInfo>& mutable_identities() {
    return identities_;
  }
  absl::flat_hash_map<uint32_t, std::string>& mutable_services() {
    return services_;
  }

 private:
  absl::flat_hash_map<RuleId, RuleInfo> rules_;
  absl::flat_hash_map<IdentityId, IdentityInfo> identities_;
  absl::flat_hash_map<uint32_t, std::string> services_;
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_RULE_CATALOG_H_
