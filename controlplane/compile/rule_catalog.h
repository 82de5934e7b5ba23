// controlplane/compile/rule_catalog.h
//
// RuleCatalog: what the numbers in the tables are called: RuleId to the rule of
// the policy it came from, IdentityId to the labels it stands for and the
// policies that isolate it, a service's number to its name and port.
//
// A rule's number comes from its policy's name (rule_numbering.h), so it stays
// the same from generation to generation: a drop record or a connection of an
// older generation is still named rightly, unless the rule is gone.
//
//   if (auto rule = catalog.FindRule(verdict.rule)) ...rule->policy
//
// Thread-safe; what it says does not change.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_RULE_CATALOG_H_
#define VSWITCH_CONTROLPLANE_COMPILE_RULE_CATALOG_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/node_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "controlplane/compile/pod_index.h"
#include "controlplane/compile/policy_source.h"
#include "controlplane/compile/rule_numbering.h"
#include "controlplane/model/labels.h"
#include "controlplane/model/objects.h"
#include "dataplane/base/ids.h"

namespace vswitch {

struct RuleInfo {
  std::string policy;  // "demo/backend-from-frontend", "ClusterNetworkPolicy/x"
  PolicyKind kind = PolicyKind::kNetworkPolicy;
  PolicyTier tier = PolicyTier::kNetworkPolicy;  // kLocalNode: no policy's rule
  PolicyDirection direction = PolicyDirection::kIngress;
  std::string section;  // "ingress", "egressDeny", "specs[1].ingress"
  uint32_t index = 0;   // of the rule within its section, from 1
  RuleAction action = RuleAction::kAllow;
  PolicyAttributes attributes;  // the mode among them
  std::string text;             // "from role=frontend on TCP 80"
};

enum class SetKind : uint8_t { kEnforced, kShadow };

// The policies of an identity in one direction.
struct IdentityPolicies {
  PolicySetId set = kNoPolicySet;
  // That have a say, strongest first; nullptr: none.
  std::shared_ptr<const PolicySources> sources;

  // Returns the names of those policies, and of those that isolate; sorted.
  std::vector<std::string> Names() const;
  std::vector<std::string> Isolating(PolicyDirection direction) const;
};

// An identity's policies in both directions, of both kinds.
constexpr size_t SetIndexOf(PolicyDirection direction, SetKind kind) {
  return 2 * static_cast<size_t>(direction) + static_cast<size_t>(kind);
}
using AllPolicies = std::array<IdentityPolicies, 4>;  // by SetIndexOf()

struct IdentityInfo {
  std::string ns;  // empty for reserved identities
  Labels namespace_labels;
  std::string service_account;
  Labels labels;
  std::vector<ContainerPort> named_ports;
  std::string text;  // "demo: role=frontend", "world"
  AllPolicies policies{};

  const IdentityPolicies& Of(PolicyDirection direction, SetKind kind) const {
    return policies[SetIndexOf(direction, kind)];
  }
};

// What was compiled, as the catalog looks it up.
struct CatalogParts {
  RuleNumbering numbering;
  PodIndex::Identities identities;
  // Of the identities that have a port here, and of the host.
  std::shared_ptr<const absl::flat_hash_map<IdentityId, AllPolicies>> policies;
  std::shared_ptr<const absl::flat_hash_map<uint32_t, std::string>> services;
};

class RuleCatalog {
 public:
  RuleCatalog() = default;
  explicit RuleCatalog(CatalogParts parts) : parts_(std::move(parts)) {}

  // Returns nullopt if unknown.
  std::optional<RuleInfo> FindRule(RuleId id) const;
  // Returns nullptr if unknown.  Made when it is first asked for; lives as long
  // as the catalog.
  const IdentityInfo* FindIdentity(IdentityId id) const
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Returns the text of an identity, or "identity N".
  std::string IdentityText(IdentityId id) const;

  // Returns "demo/backend:80", or "service N".
  std::string ServiceText(uint32_t service) const;

  const RuleNumbering& numbering() const { return parts_.numbering; }

 private:
  std::optional<IdentityInfo> Describe(IdentityId id) const;

  const CatalogParts parts_{};
  mutable absl::Mutex mutex_;
  mutable absl::node_hash_map<IdentityId, IdentityInfo> described_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_RULE_CATALOG_H_
