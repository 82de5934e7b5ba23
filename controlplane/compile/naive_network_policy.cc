// NetworkPolicy's definition, as plainly as possible.

#include "controlplane/compile/naive_network_policy.h"

#include <string>

namespace vswitch {
namespace {

bool Meets(const LabelRequirement& requirement, const Labels& labels) {
  std::string value;
  bool present = false;
  for (const auto& [key, text] : labels) {
    if (key == requirement.key) {
      present = true;
      value = text;
    }
  }
  bool listed = false;
  for (const std::string& text : requirement.values) {
    if (present && text == value) listed = true;
  }
  if (requirement.op == SelectorOperator::kIn) return listed;
  if (requirement.op == SelectorOperator::kNotIn) return !listed;
  if (requirement.op == SelectorOperator::kExists) return present;
  return !present;
}

bool Meets(const LabelSelector& selector, const Labels& labels) {
  for (const LabelRequirement& requirement : selector.requirements) {
    if (!Meets(requirement, labels)) return false;
  }
  return true;
}

bool Inside(const IpPrefix& prefix, const IpAddress& address) {
  if (prefix.address.WireByteCount() != address.WireByteCount()) return false;
  for (int bit = 0; bit < prefix.prefix_bits; ++bit) {
    int shift = 7 - bit % 8;
    if ((prefix.address.WireBytes()[bit / 8] >> shift & 1) !=
        (address.WireBytes()[bit / 8] >> shift & 1)) {
      return false;
    }
  }
  return true;
}

// One end of a flow.
struct End {
  IpAddress address;
  const Metadata* metadata = nullptr;  // of the pod, if it is one
  const Pod* pod = nullptr;
  Labels namespace_labels;
  bool has_port = false;
  bool is_local_node = false;
};

End FindEnd(const DesiredState& state, const std::string& text) {
  End end;
  end.address = *IpAddress::Parse(text);
  state.ForEach<Pod>([&](const Metadata& metadata, const Pod& pod) {
    if (pod.host_network || pod.phase == PodPhase::kSucceeded ||
        pod.phase == PodPhase::kFailed) {
      return;
    }
    for (const IpAddress& address : pod.addresses) {
      if (address == end.address) {
        end.metadata = &metadata;
        end.pod = &pod;
      }
    }
  });
  state.ForEach<Node>([&](const Metadata& metadata, const Node& node) {
    for (const IpAddress& address : node.addresses) {
      if (address == end.address && metadata.name == "n1") {
        end.is_local_node = true;
      }
    }
  });
  if (end.pod == nullptr) return end;
  end.namespace_labels["kubernetes.io/metadata.name"] = end.metadata->ns;
  state.ForEach<Namespace>([&](const Metadata& metadata, const Namespace&) {
    if (metadata.name != end.metadata->ns) return;
    for (const auto& [key, value] : metadata.labels) {
      end.namespace_labels[key] = value;
    }
  });
  state.ForEach<Port>([&](const Metadata&, const Port& port) {
    if (port.pod_namespace == end.metadata->ns &&
        port.pod_name == end.metadata->name) {
      end.has_port = true;
    }
  });
  return end;
}

bool PeerMeets(const NetworkPolicyPeer& peer, const std::string& policy_ns,
               const End& other) {
  if (peer.ip_block.has_value()) {
    if (!Inside(peer.ip_block->cidr, other.address)) return false;
    for (const IpPrefix& except : peer.ip_block->except) {
      if (Inside(except, other.address)) return false;
    }
    return true;
  }
  if (other.pod == nullptr) return false;
  if (peer.namespace_selector.has_value()) {
    if (!Meets(*peer.namespace_selector, other.namespace_labels)) return false;
  } else if (other.metadata->ns != policy_ns) {
    return false;
  }
  return !peer.pod_selector.has_value() ||
         Meets(*peer.pod_selector, other.metadata->labels);
}

// `named` is the pod whose port names count, nullptr if there is none.
bool PortMeets(const NetworkPolicyPort& port, const TestFlow& flow,
               const Pod* named) {
  if (port.protocol != flow.protocol) return false;
  if (!port.port_name.empty()) {
    if (named == nullptr) return false;
    for (const ContainerPort& candidate : named->ports) {
      // The first port of that name and protocol is the one.
      if (candidate.name == port.port_name &&
          candidate.protocol == port.protocol) {
        return candidate.port == flow.port;
      }
    }
    return false;
  }
  if (!port.port.has_value()) return true;
  if (port.end_port.has_value()) {
    return *port.port <= flow.port && flow.port <= *port.end_port;
  }
  return *port.port == flow.port;
}

bool RuleMeets(const NetworkPolicyRule& rule, const std::string& policy_ns,
               const TestFlow& flow, const End& self, const End& other,
               bool ingress) {
  bool ports = rule.ports.empty();
  bool ok = false;
  for (const NetworkPolicyPort& port : rule.ports) {
    ports = ports || PortMeets(port, flow, ingress ? self.pod : other.pod);
  }
  if (rule.peers.empty()) return ports;
  for (const NetworkPolicyPeer& peer : rule.peers) {
    if (!PeerMeets(peer, policy_ns, other)) continue;
    bool peer_ports = ports;
    if (!ingress && peer.ip_block.has_value() && !rule.ports.empty()) {
      // A block has no pod to resolve a name with (NP-15).
      peer_ports = false;
      for (const NetworkPolicyPort& port : rule.ports) {
        if (PortMeets(port, flow, nullptr)) peer_ports = true;
      }
    }
    ok = ok || peer_ports;
  }
  return ok;
}

bool DirectionAllowed(const DesiredState& state, const TestFlow& flow,
                      const End& self, const End& other, bool ingress) {
  if (self.pod == nullptr || !self.has_port) return true;
  if (ingress && other.is_local_node) return true;
  bool isolated = false;
  bool allowed = false;
  state.ForEach<NetworkPolicy>([&](const Metadata& metadata,
                                   const NetworkPolicy& policy) {
    bool isolates = ingress ? policy.isolates_ingress : policy.isolates_egress;
    if (!isolates || metadata.ns != self.metadata->ns ||
        !Meets(policy.pod_selector, self.metadata->labels)) {
      return;
    }
    isolated = true;
    for (const NetworkPolicyRule& rule :
         ingress ? policy.ingress : policy.egress) {
      if (RuleMeets(rule, metadata.ns, flow, self, other, ingress)) {
        allowed = true;
      }
    }
  });
  return allowed || !isolated;
}

}  // namespace

NaiveVerdict NaiveAllowed(const DesiredState& state, const TestFlow& flow) {
  End source = FindEnd(state, flow.source);
  End destination = FindEnd(state, flow.destination);
  return {.egress = DirectionAllowed(state, flow, source, destination, false),
          .ingress = DirectionAllowed(state, flow, destination, source, true)};
}

}  // namespace vswitch
