// ClusterNetworkPolicy (policy.networking.k8s.io/v1alpha2), as plainly as
// possible.

#include <algorithm>
#include <utility>

#include "controlplane/compile/naive_policy_evaluator_ends.h"

namespace vswitch {
namespace {

bool Selects(const ClusterPodSelector& selector, const NaiveEnd& end) {
  if (end.pod == nullptr) return false;
  return NaiveMeets(selector.namespace_selector, end.namespace_labels) &&
         (selector.all_pods ||
          NaiveMeets(selector.pod_selector, end.metadata->labels));
}

bool PeerMeets(const NaiveSide& side, const ClusterPolicyPeer& peer) {
  if (peer.pods.has_value()) return Selects(*peer.pods, side.other);
  if (peer.nodes.has_value()) {
    return NaiveIsNode(side.desired, *peer.nodes, side.other.address);
  }
  for (const IpPrefix& network : peer.networks) {
    if (NaiveInside(network, side.other.address)) return true;
  }
  return false;
}

bool IsUnknown(const ClusterPolicyPeer& peer) {
  return !peer.pods.has_value() && !peer.nodes.has_value() &&
         peer.networks.empty();
}

bool ProtocolMeets(const NaiveSide& side,
                   const ClusterPolicyProtocol& protocol) {
  const PolicyProbe& probe = side.probe;
  if (!NaiveHasPorts(probe)) return false;
  if (protocol.protocol.value_or(probe.protocol) != probe.protocol) {
    return false;
  }
  if (!protocol.port_name.empty()) {
    return NaiveNamedPort(side.DestinationPod(), probe.protocol,
                          protocol.port_name) == probe.port;
  }
  return protocol.first <= probe.port && probe.port <= protocol.last;
}

// What a rule says, nullopt if it does not match.
std::optional<RuleAction> AskRule(const NaiveSide& side,
                                  const ClusterPolicyRule& rule) {
  bool peers = false;
  for (const ClusterPolicyPeer& peer : rule.peers) {
    // Fails closed: a peer of a kind that is not known.
    if (IsUnknown(peer) && rule.action != RuleAction::kAllow) {
      return RuleAction::kDeny;
    }
    if (PeerMeets(side, peer)) peers = true;
  }
  bool protocols = rule.protocols.empty();
  for (const ClusterPolicyProtocol& protocol : rule.protocols) {
    if (ProtocolMeets(side, protocol)) protocols = true;
  }
  if (!peers || !protocols) return std::nullopt;
  return rule.action;
}

}  // namespace

std::optional<RuleAction> AskClusterTier(const NaiveSide& side,
                                         ClusterPolicyTier tier) {
  using Place = std::pair<uint16_t, std::string>;
  std::vector<std::pair<Place, const ClusterNetworkPolicy*>> policies;
  side.desired.ForEach<ClusterNetworkPolicy>(
      [&](const Metadata& metadata, const ClusterNetworkPolicy& policy) {
        if (NaiveIsShadow(metadata) || policy.tier != tier ||
            !Selects(policy.subject, side.self)) {
          return;
        }
        policies.push_back({{policy.priority, metadata.name}, &policy});
      });
  std::sort(policies.begin(), policies.end());
  for (const auto& [place, policy] : policies) {
    for (const ClusterPolicyRule& rule :
         side.ingress ? policy->ingress : policy->egress) {
      std::optional<RuleAction> action = AskRule(side, rule);
      if (action.has_value()) return action;
    }
  }
  return std::nullopt;
}

}  // namespace vswitch
