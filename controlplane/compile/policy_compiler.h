// controlplane/compile/policy_compiler.h
//
// PolicyCompiler: the NetworkPolicies that select an identity, as one policy
// set for each direction that they isolate.
//
// Selectors become lists of identities, named ports become numbers: on ingress
// those of the isolated pod, on egress those of each peer (NP-15).  The numbers
// NP-n are the rules that policy_semantics_test.cc lists.
//
// Control thread only.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_POLICY_COMPILER_H_
#define VSWITCH_CONTROLPLANE_COMPILE_POLICY_COMPILER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "controlplane/compile/pod_index.h"
#include "controlplane/compile/rule_catalog.h"
#include "controlplane/model/desired_state.h"
#include "dataplane/policy/policy_set.h"

namespace vswitch {

class PolicyCompiler {
 public:
  // Resolves every policy's peers.  INVALID_ARGUMENT for a policy that has no
  // meaning, naming the field.  `index` must outlive the compiler.
  static absl::StatusOr<PolicyCompiler> Create(const DesiredState& desired,
                                               const PodIndex& index);

  struct Result {
    PolicySetSpec spec;
    std::vector<std::string> isolating;  // policies, "ns/name"
  };
  // Returns nullopt when no policy isolates the identity in that direction.
  std::optional<Result> Compile(const PodIdentity& identity,
                                PolicyDirection direction) const;

  // The rules of all policies.
  const absl::flat_hash_map<RuleId, RuleInfo>& rules() const { return rules_; }

 private:
  struct ResolvedRule {
    RuleId id;
    bool any_peer = false;
    std::vector<const PodIdentity*> identities;
    std::vector<CidrMatch> cidrs;
    const std::vector<NetworkPolicyPort>* ports;
  };
  struct ResolvedPolicy {
    std::string name;  // "ns/name"
    std::string ns;
    const NetworkPolicy* policy;
    std::vector<ResolvedRule> ingress;
    std::vector<ResolvedRule> egress;
  };

  explicit PolicyCompiler(const PodIndex& index) : index_(&index) {}
  absl::Status AddPolicy(const Metadata& metadata, const NetworkPolicy& policy);
  absl::StatusOr<ResolvedRule> Resolve(const ResolvedPolicy& policy,
                                       PolicyDirection direction,
                                       uint32_t index,
                                       const NetworkPolicyRule& rule);
  RuleId NumberRule(RuleInfo info);
  void AppendIngress(const ResolvedRule& rule, const PodIdentity& identity,
                     PolicySetSpec& spec) const;
  void AppendEgress(const ResolvedRule& rule, PolicySetSpec& spec) const;

  const PodIndex* index_;
  std::vector<ResolvedPolicy> policies_;
  absl::flat_hash_map<RuleId, RuleInfo> rules_;
};

// Whether `policy`, of namespace `ns`, selects the identity.
bool Selects(const NetworkPolicy& policy, const std::string& ns,
             const PodIdentity& identity);
// Whether the peer's selectors match the identity; false for an ipBlock.
bool PeerSelects(const NetworkPolicyPeer& peer, const std::string& policy_ns,
                 const PodIdentity& identity);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_POLICY_COMPILER_H_
