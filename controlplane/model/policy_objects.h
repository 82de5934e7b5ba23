// controlplane/model/policy_objects.h
//
// The policy kinds beside NetworkPolicy, as plain C++: ClusterNetworkPolicy
// (policy.networking.k8s.io/v1alpha2), CiliumNetworkPolicy and
// CiliumClusterwideNetworkPolicy (cilium.io/v2), and what every policy kind can
// say by annotation.  Field names and meanings are those of their APIs; what
// the switch does not do is refused by the translator, so it has no field here.
//
// Plain values: any thread.

#ifndef VSWITCH_CONTROLPLANE_MODEL_POLICY_OBJECTS_H_
#define VSWITCH_CONTROLPLANE_MODEL_POLICY_OBJECTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/model/labels.h"
#include "dataplane/base/address.h"
#include "dataplane/base/denial.h"
#include "dataplane/base/flow_key.h"

namespace vswitch {

// A block of addresses without some of its parts, each inside `cidr`.
struct IpBlock {
  IpPrefix cidr;
  std::vector<IpPrefix> except;
};

// What a matching rule does.  kPass: the rest of its tier is skipped.
enum class RuleAction : uint8_t { kAllow, kDeny, kPass };

// --- Annotations of every policy kind ---

// vswitch.dev/mode: `shadow` counts what the policy would have dropped, and
// changes nothing.
inline constexpr char kModeAnnotation[] = "vswitch.dev/mode";
// vswitch.dev/established: keep, re-evaluate (the default) or reset.
inline constexpr char kEstablishedAnnotation[] = "vswitch.dev/established";
// vswitch.dev/deny-response: silent (the default), reset or icmp.
inline constexpr char kDenyResponseAnnotation[] = "vswitch.dev/deny-response";

enum class PolicyMode : uint8_t { kEnforce, kShadow };

struct PolicyAttributes {
  PolicyMode mode = PolicyMode::kEnforce;
  EstablishedAction established = EstablishedAction::kReEvaluate;
  DenyResponse deny_response = DenyResponse::kSilent;
};

// --- ClusterNetworkPolicy ---

enum class ClusterPolicyTier : uint8_t { kAdmin, kBaseline };

// Pods by namespace and label; both selectors must match.  `namespaces: S` is
// {namespace_selector: S} with `all_pods`.
struct ClusterPodSelector {
  LabelSelector namespace_selector;
  LabelSelector pod_selector;
  bool all_pods = false;  // written as `namespaces`, not as `pods`
};

// Exactly one is set.  None: a kind of peer that this version does not know; an
// Accept rule matches nothing by it, a Deny or Pass rule denies everything.
struct ClusterPolicyPeer {
  std::optional<ClusterPodSelector> pods;
  std::vector<IpPrefix> networks;      // egress only
  std::optional<LabelSelector> nodes;  // egress only, by the Nodes' labels

  bool IsUnknown() const {
    return !pods.has_value() && networks.empty() && !nodes.has_value();
  }
};

// One protocol and its destination ports; a name (of any protocol when
// `protocol` is empty) or a range.
struct ClusterPolicyProtocol {
  std::optional<IpProtocol> protocol;  // TCP, UDP or SCTP
  uint16_t first = 0;                  // 0 to 65535: every port
  uint16_t last = 65535;
  std::string port_name;  // destinationNamedPort; empty: `first` to `last`
};

struct ClusterPolicyRule {
  std::string name;
  RuleAction action = RuleAction::kAllow;
  std::vector<ClusterPolicyPeer> peers;          // at least one
  std::vector<ClusterPolicyProtocol> protocols;  // empty: everything
};

struct ClusterNetworkPolicy {
  ClusterPolicyTier tier = ClusterPolicyTier::kAdmin;
  uint16_t priority = 0;  // 0 to 1000, the lowest first
  ClusterPodSelector subject;
  std::vector<ClusterPolicyRule> ingress;
  std::vector<ClusterPolicyRule> egress;
};

// --- CiliumNetworkPolicy, CiliumClusterwideNetworkPolicy ---

enum class CiliumEntity : uint8_t {
  kAll,
  kWorld,
  kWorldIpv4,
  kWorldIpv6,
  kCluster,
  kHost,
  kRemoteNode,
  kKubeApiserver,
  kInit,
  kIngress,
  kHealth,
  kUnmanaged,
  kNone,
};

// toServices: one service by name, or those that the selector matches.
struct CiliumServiceReference {
  std::string name;  // empty: by `selector`
  std::string ns;    // empty: of the policy's namespace, or (selector) of any
  LabelSelector selector;
};

struct CiliumPort {
  // nullopt is ANY: TCP, UDP and SCTP.
  std::optional<IpProtocol> protocol;
  uint16_t first = 0;  // 0 to 65535: every port
  uint16_t last = 65535;
  std::string port_name;  // empty: `first` to `last`
};

struct CiliumIcmp {
  IpFamily family = IpFamily::kIpv4;
  uint8_t type = 0;
};

// One entry of ingress, ingressDeny, egress or egressDeny.  At most one kind of
// peer is set.  A list that is set and empty matches nobody; none set matches
// everybody if `ports` or `icmps` is set, else nobody.
struct CiliumRule {
  std::optional<std::vector<LabelSelector>> endpoints;
  std::optional<std::vector<CiliumEntity>> entities;
  std::optional<std::vector<IpBlock>> cidrs;        // fromCIDR and fromCIDRSet
  std::optional<std::vector<LabelSelector>> nodes;  // by the Nodes' labels
  std::optional<std::vector<CiliumServiceReference>> services;  // egress only
  // Set and empty: no restriction, as not set.
  std::vector<CiliumPort> ports;
  std::vector<CiliumIcmp> icmps;  // never beside `ports`
};

// One `spec`.  Labels of selectors are written as in the API, with their source
// where there is one: "k8s:role", "any:role", "role", "reserved:host".
struct CiliumPolicySpec {
  std::optional<LabelSelector> endpoint_selector;  // exactly one of the two
  std::optional<LabelSelector> node_selector;      // clusterwide only
  std::optional<bool> default_deny_ingress;  // not set: if it has such rules
  std::optional<bool> default_deny_egress;
  std::vector<CiliumRule> ingress;
  std::vector<CiliumRule> ingress_deny;
  std::vector<CiliumRule> egress;
  std::vector<CiliumRule> egress_deny;
};

// `spec` and `specs` together.
struct CiliumNetworkPolicy {
  std::vector<CiliumPolicySpec> specs;
};

struct CiliumClusterwideNetworkPolicy {
  std::vector<CiliumPolicySpec> specs;
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_MODEL_POLICY_OBJECTS_H_
