// Kubernetes' NetworkPolicy, rules NP-1 to NP-19, as plainly as possible.

#include "controlplane/compile/naive_policy_evaluator_ends.h"

namespace vswitch {
namespace {

bool PeerMeets(const NaiveSide& side, const std::string& policy_ns,
               const NetworkPolicyPeer& peer) {
  if (peer.ip_block.has_value()) {
    return NaiveInside(*peer.ip_block, side.other.address);  // NP-11
  }
  if (side.other.pod == nullptr) return false;
  if (peer.namespace_selector.has_value()) {
    if (!NaiveMeets(*peer.namespace_selector, side.other.namespace_labels)) {
      return false;
    }
  } else if (side.other.metadata->ns != policy_ns) {
    return false;
  }
  return !peer.pod_selector.has_value() ||
         NaiveMeets(*peer.pod_selector, side.other.metadata->labels);
}

// `named` is the pod whose port names count, nullptr if there is none.
bool PortMeets(const NaiveSide& side, const NetworkPolicyPort& port,
               const Pod* named) {
  if (port.protocol != side.probe.protocol) return false;
  if (!port.port_name.empty()) {
    return NaiveNamedPort(named, port.protocol, port.port_name) ==
           side.probe.port;
  }
  if (!port.port.has_value()) return true;
  const uint16_t last = port.end_port.value_or(*port.port);
  return *port.port <= side.probe.port && side.probe.port <= last;
}

bool PortsMeet(const NaiveSide& side, const NetworkPolicyRule& rule,
               const Pod* named) {
  if (rule.ports.empty()) return true;
  for (const NetworkPolicyPort& port : rule.ports) {
    if (PortMeets(side, port, named)) return true;
  }
  return false;
}

bool RuleMeets(const NaiveSide& side, const std::string& policy_ns,
               const NetworkPolicyRule& rule) {
  if (rule.peers.empty()) {
    return PortsMeet(side, rule, side.DestinationPod());
  }
  for (const NetworkPolicyPeer& peer : rule.peers) {
    if (!PeerMeets(side, policy_ns, peer)) continue;
    // A block has no pod to resolve a name with (NP-15).
    const bool nobody_named = !side.ingress && peer.ip_block.has_value();
    if (PortsMeet(side, rule, nobody_named ? nullptr : side.DestinationPod())) {
      return true;
    }
  }
  return false;
}

}  // namespace

void AskNetworkPolicies(const NaiveSide& side, NaiveTierAnswer& answer) {
  if (side.self.pod == nullptr) return;
  side.desired.ForEach<NetworkPolicy>(
      [&](const Metadata& metadata, const NetworkPolicy& policy) {
        if (NaiveIsShadow(metadata) || metadata.ns != side.self.metadata->ns ||
            !NaiveMeets(policy.pod_selector, side.self.metadata->labels)) {
          return;
        }
        if (side.ingress ? !policy.isolates_ingress : !policy.isolates_egress) {
          return;
        }
        answer.isolated = true;
        for (const NetworkPolicyRule& rule :
             side.ingress ? policy.ingress : policy.egress) {
          if (RuleMeets(side, metadata.ns, rule)) answer.allowed = true;
        }
      });
}

}  // namespace vswitch
