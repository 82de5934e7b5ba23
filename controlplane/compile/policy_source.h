// controlplane/compile/policy_source.h
//
// PolicySource: a policy of any kind in one form: whom it is about, whom it
// isolates, and its rules, each with peers, traffic and an action.  An adapter
// per kind makes it (policy_adapters.h), and nothing behind the adapters knows
// of kinds, except to name them.
//
// A source depends on one object's metadata and spec and on nothing else, so it
// is made again only when that object changes.  What it selects is found later:
// label identities by IdentityPredicate, addresses of nodes and services by
// PeerIndex, port names from PodIdentity.  So a change of
//
//   a policy         makes its sources again, and the sets of their subjects;
//   an identity      changes MatchedPeers of the peers that match it, and the
//                    sets whose rules have those peers;
//   a Node, Service or EndpointSlice
//                    changes MatchedPeers of peers with `nodes` or `services`.
//
// Immutable once made: any thread.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_POLICY_SOURCE_H_
#define VSWITCH_CONTROLPLANE_COMPILE_POLICY_SOURCE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "controlplane/compile/label_filter.h"
#include "controlplane/compile/pod_index.h"
#include "controlplane/model/labels.h"
#include "controlplane/model/policy_objects.h"
#include "dataplane/base/ids.h"
#include "dataplane/base/policy_direction.h"
#include "dataplane/policy/policy_set.h"

namespace vswitch {

// Returns "ingress" or "egress".
const char* ToString(PolicyDirection direction);

// In the order in which policies are gone through.
enum class PolicyKind : uint8_t {
  kNetworkPolicy,
  kClusterNetworkPolicy,
  kCiliumNetworkPolicy,
  kCiliumClusterwideNetworkPolicy,
};

// Returns "NetworkPolicy", "ClusterNetworkPolicy"...
const char* ToString(PolicyKind kind);
// Returns "demo/backend" for a NetworkPolicy, "ClusterNetworkPolicy/x",
// "CiliumNetworkPolicy/demo/x" for the others: what users see.
std::string PolicyName(PolicyKind kind, const std::string& ns,
                       const std::string& name);

// What a selector's label is a label of.  All but the first two are one value.
enum class LabelOrigin : uint8_t {
  kPod,
  kNamespace,
  kNamespaceName,
  kServiceAccount,
  kCluster,   // "default"
  kReserved,  // the key is a reserved identity's name, its value is empty
};

struct LabelTerm {
  LabelOrigin origin = LabelOrigin::kPod;
  LabelRequirement requirement;
  friend bool operator==(const LabelTerm&, const LabelTerm&) = default;
};

// Which label identities: those that meet all terms; no terms: every pod of
// every namespace.  Reserved identities only if a term is about them.
struct IdentityPredicate {
  std::vector<LabelTerm> terms;

  bool NamesReserved() const;
  bool Matches(const PodIdentity& identity) const;
  // REQUIRES: `id` is a reserved identity.
  bool MatchesReserved(IdentityId id) const;
  friend bool operator==(const IdentityPredicate&,
                         const IdentityPredicate&) = default;
};

// Whether one term is met by a pod's identity.
bool Meets(const LabelTerm& term, const PodIdentity& identity);

// Appends a term for each requirement.
void AddTerms(LabelOrigin origin, const LabelSelector& selector,
              IdentityPredicate& predicate);
// Appends "the namespace is `ns`".
void AddNamespaceName(const std::string& ns, IdentityPredicate& predicate);

// The reserved identities, and the names that Cilium has for them.
inline constexpr IdentityId kReservedIdentities[] = {
    kIdentityUnknown, kIdentityHost, kIdentityWorld,     kIdentityUnmanaged,
    kIdentityHealth,  kIdentityInit, kIdentityRemoteNode};
// Returns "host", "world", "remote-node"...; REQUIRES: a reserved identity.
const char* ReservedName(IdentityId id);

// The endpoints of services, as addresses.
struct ServicePeer {
  std::string ns;          // empty: of any namespace (with `selector` only)
  std::string name;        // empty: by `selector`
  LabelSelector selector;  // over the labels of Services
  bool ready_only = true;
  friend bool operator==(const ServicePeer&, const ServicePeer&) = default;
};

// The other side of a rule: the union of all that is listed; nothing listed and
// not `any_peer`: nobody.
struct SourcePeers {
  bool any_peer = false;
  std::vector<IdentityId> excluded;  // from `any_peer` only
  std::vector<IdentityId> reserved;
  std::vector<IdentityPredicate> pods;
  std::vector<CidrMatch> cidrs;
  std::vector<LabelSelector> nodes;  // the addresses of matching Nodes
  std::vector<ServicePeer> services;
  friend bool operator==(const SourcePeers&, const SourcePeers&) = default;
};

// A port by its name: on ingress the subject's, on egress each peer's (NP-15).
struct NamedPort {
  IpProtocol protocol = IpProtocol::kTcp;
  std::string name;
  friend bool operator==(const NamedPort&, const NamedPort&) = default;
};

// The union of both lists; both empty: nothing.
struct SourceTraffic {
  std::vector<TrafficMatch> matches;
  std::vector<NamedPort> names;
  friend bool operator==(const SourceTraffic&, const SourceTraffic&) = default;
};

// The list of the spec that a rule stands in.
enum class RuleSection : uint8_t {
  kIngress,
  kIngressDeny,
  kEgress,
  kEgressDeny
};

// Returns "ingress", "ingressDeny", "egress" or "egressDeny".
const char* ToString(RuleSection section);

// Peers and traffic are shared between equal rules (source_pool.h).
struct SourceRule {
  RuleAction action = RuleAction::kAllow;
  RuleSection section = RuleSection::kIngress;
  uint32_t index = 1;  // within the section, from 1
  std::shared_ptr<const SourcePeers> peers;
  std::shared_ptr<const SourceTraffic> traffic;  // nullptr: any protocol at all
};

// A policy's part about one direction of its subjects' traffic.
struct SourceDirection {
  bool isolates = false;
  std::vector<SourceRule> rules;  // in their order

  // Whether it has a say at all.
  bool applies() const { return isolates || !rules.empty(); }
};

// Where a source stands among all: by kind, namespace, name and spec.
struct SourceKey {
  PolicyKind kind = PolicyKind::kNetworkPolicy;
  std::string ns;
  std::string name;
  uint32_t spec = 0;  // among the specs of a Cilium policy
  friend auto operator<=>(const SourceKey&, const SourceKey&) = default;
};

struct PolicySource {
  SourceKey key;
  bool one_of_many = false;  // its object has several specs
  PolicyTier tier = PolicyTier::kNetworkPolicy;
  uint16_t order = 0;  // within the tier, the lowest first: `priority`
  PolicyAttributes attributes;
  IdentityPredicate subject;  // the pods that it is about
  // Instead of pods: the local node's own traffic, if its labels match.
  std::optional<LabelSelector> node_subject;
  SourceDirection ingress;
  SourceDirection egress;

  const SourceDirection& Of(PolicyDirection direction) const {
    return direction == PolicyDirection::kIngress ? ingress : egress;
  }
  std::string Name() const { return PolicyName(key.kind, key.ns, key.name); }
};

using PolicySources = std::vector<std::shared_ptr<const PolicySource>>;

// INVALID_ARGUMENT, naming policy, rule and label, if `source` selects pods by
// a label that `filter` ignores: it would match nobody, and nobody would know.
absl::Status CheckLabels(const PolicySource& source, const LabelFilter& filter);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_POLICY_SOURCE_H_
