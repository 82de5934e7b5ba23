// ToProto() of the policy kinds.

#include "controlplane/translate/to_proto_internal.h"

namespace vswitch {
namespace {

// A single value goes to match_labels, where people wrote it; the keys there
// are unique, so a second requirement on one key is an expression.
void Fill(const LabelSelector& selector, v1::LabelSelector* out) {
  for (const LabelRequirement& requirement : selector.requirements) {
    if (requirement.op == SelectorOperator::kIn &&
        requirement.values.size() == 1 &&
        out->match_labels().count(requirement.key) == 0) {
      (*out->mutable_match_labels())[requirement.key] = requirement.values[0];
      continue;
    }
    v1::LabelSelectorRequirement* expression = out->add_match_expressions();
    expression->set_key(requirement.key);
    expression->set_operator_(static_cast<v1::SelectorOperator>(
        static_cast<int>(requirement.op) + v1::SELECTOR_OPERATOR_IN));
    for (const std::string& value : requirement.values) {
      expression->add_values(value);
    }
  }
}

void Fill(const IpBlock& block, v1::IpBlock* out) {
  out->set_cidr(block.cidr.ToString());
  AddTexts(block.except, out->mutable_except());
}

void Fill(const NetworkPolicyRule& rule, v1::NetworkPolicyRule* out) {
  for (const NetworkPolicyPeer& peer : rule.peers) {
    v1::NetworkPolicyPeer* added = out->add_peers();
    if (peer.pod_selector) {
      Fill(*peer.pod_selector, added->mutable_pod_selector());
    }
    if (peer.namespace_selector) {
      Fill(*peer.namespace_selector, added->mutable_namespace_selector());
    }
    if (peer.ip_block) Fill(*peer.ip_block, added->mutable_ip_block());
  }
  for (const NetworkPolicyPort& port : rule.ports) {
    v1::NetworkPolicyPort* added = out->add_ports();
    added->set_protocol(ToProto(port.protocol));
    if (port.port) added->set_port(*port.port);
    if (!port.port_name.empty()) added->set_port_name(port.port_name);
    if (port.end_port) added->set_end_port(*port.end_port);
  }
}

void Fill(const ClusterPodSelector& pods, v1::NamespacedPods* out) {
  Fill(pods.namespace_selector, out->mutable_namespace_selector());
  Fill(pods.pod_selector, out->mutable_pod_selector());
}

// A subject or a peer: `namespaces` or `pods`, as it was written.
template <typename Message>
void FillPods(const ClusterPodSelector& pods, Message* out) {
  if (pods.all_pods) {
    Fill(pods.namespace_selector, out->mutable_namespaces());
  } else {
    Fill(pods, out->mutable_pods());
  }
}

void Fill(const ClusterPolicyProtocol& protocol,
          v1::ClusterPolicyProtocol* out) {
  if (!protocol.port_name.empty()) {
    out->set_destination_named_port(protocol.port_name);
    return;
  }
  v1::ClusterPolicyPorts* ports = nullptr;
  switch (protocol.protocol.value_or(IpProtocol::kTcp)) {
    case IpProtocol::kUdp:
      ports = out->mutable_udp();
      break;
    case IpProtocol::kSctp:
      ports = out->mutable_sctp();
      break;
    default:
      ports = out->mutable_tcp();
  }
  if (protocol.first == protocol.last) {
    ports->set_number(protocol.first);
  } else if (protocol.first != 0) {
    ports->mutable_range()->set_start(protocol.first);
    ports->mutable_range()->set_end(protocol.last);
  }
}

void Fill(const ClusterPolicyRule& rule, v1::ClusterPolicyRule* out) {
  out->set_name(rule.name);
  out->set_action(static_cast<v1::ClusterPolicyAction>(
      static_cast<int>(rule.action) + v1::CLUSTER_POLICY_ACTION_ACCEPT));
  for (const ClusterPolicyPeer& peer : rule.peers) {
    v1::ClusterPolicyPeer* added = out->add_peers();
    if (peer.pods) FillPods(*peer.pods, added);
    AddTexts(peer.networks, added->mutable_networks());
    if (peer.nodes) Fill(*peer.nodes, added->mutable_nodes());
  }
  for (const ClusterPolicyProtocol& protocol : rule.protocols) {
    Fill(protocol, out->add_protocols());
  }
}

v1::CiliumProtocol ToProto(std::optional<IpProtocol> protocol) {
  if (!protocol) return v1::CILIUM_PROTOCOL_ANY;
  switch (*protocol) {
    case IpProtocol::kUdp:
      return v1::CILIUM_PROTOCOL_UDP;
    case IpProtocol::kSctp:
      return v1::CILIUM_PROTOCOL_SCTP;
    case IpProtocol::kIcmp:
      return v1::CILIUM_PROTOCOL_ICMP;
    case IpProtocol::kIcmpv6:
      return v1::CILIUM_PROTOCOL_ICMPV6;
    default:
      return v1::CILIUM_PROTOCOL_TCP;
  }
}

void Fill(const CiliumPort& port, v1::CiliumPort* out) {
  out->set_protocol(ToProto(port.protocol));
  if (!port.port_name.empty()) {
    out->set_port_name(port.port_name);
    return;
  }
  out->set_port(port.first);
  if (port.first != 0 && port.last != port.first) out->set_end_port(port.last);
}

void FillPeers(const CiliumRule& rule, v1::CiliumRule* out) {
  if (rule.endpoints) {
    v1::CiliumSelectors* endpoints = out->mutable_endpoints();
    for (const auto& each : *rule.endpoints) {
      Fill(each, endpoints->add_selectors());
    }
  }
  if (rule.entities) {
    v1::CiliumEntities* entities = out->mutable_entities();
    for (CiliumEntity entity : *rule.entities) {
      entities->add_entities(static_cast<v1::CiliumEntity>(
          static_cast<int>(entity) + v1::CILIUM_ENTITY_ALL));
    }
  }
  if (rule.cidrs) {
    v1::CiliumCidrs* cidrs = out->mutable_cidrs();
    for (const IpBlock& block : *rule.cidrs) Fill(block, cidrs->add_blocks());
  }
  if (rule.nodes) {
    v1::CiliumSelectors* nodes = out->mutable_nodes();
    for (const auto& each : *rule.nodes) Fill(each, nodes->add_selectors());
  }
  if (!rule.services) return;
  v1::CiliumServices* services = out->mutable_services();
  for (const CiliumServiceReference& service : *rule.services) {
    v1::CiliumServiceReference* added = services->add_services();
    added->set_service_name(service.name);
    added->set_namespace_(service.ns);
    if (service.name.empty()) {
      Fill(service.selector, added->mutable_selector());
    }
  }
}

void Fill(const CiliumRule& rule, v1::CiliumRule* out) {
  FillPeers(rule, out);
  for (const CiliumPort& port : rule.ports) Fill(port, out->add_ports());
  for (const CiliumIcmp& icmp : rule.icmps) {
    v1::CiliumIcmpField* added = out->add_icmps();
    added->set_family(icmp.family == IpFamily::kIpv6 ? v1::ADDRESS_TYPE_IPV6
                                                     : v1::ADDRESS_TYPE_IPV4);
    added->set_type(icmp.type);
  }
}

void Fill(const CiliumPolicySpec& spec, v1::CiliumPolicySpec* out) {
  if (spec.endpoint_selector) {
    Fill(*spec.endpoint_selector, out->mutable_endpoint_selector());
  }
  if (spec.node_selector) {
    Fill(*spec.node_selector, out->mutable_node_selector());
  }
  if (spec.default_deny_ingress) {
    out->mutable_enable_default_deny()->set_ingress(*spec.default_deny_ingress);
  }
  if (spec.default_deny_egress) {
    out->mutable_enable_default_deny()->set_egress(*spec.default_deny_egress);
  }
  for (const CiliumRule& rule : spec.ingress) Fill(rule, out->add_ingress());
  for (const CiliumRule& rule : spec.ingress_deny) {
    Fill(rule, out->add_ingress_deny());
  }
  for (const CiliumRule& rule : spec.egress) Fill(rule, out->add_egress());
  for (const CiliumRule& rule : spec.egress_deny) {
    Fill(rule, out->add_egress_deny());
  }
}

}  // namespace

v1::Protocol ToProto(IpProtocol protocol) {
  switch (protocol) {
    case IpProtocol::kUdp:
      return v1::PROTOCOL_UDP;
    case IpProtocol::kSctp:
      return v1::PROTOCOL_SCTP;
    default:
      return v1::PROTOCOL_TCP;
  }
}

void Fill(const NetworkPolicy& policy, v1::NetworkPolicy* out) {
  Fill(policy.pod_selector, out->mutable_pod_selector());
  if (policy.isolates_ingress) out->add_policy_types(v1::POLICY_TYPE_INGRESS);
  if (policy.isolates_egress) out->add_policy_types(v1::POLICY_TYPE_EGRESS);
  for (const NetworkPolicyRule& rule : policy.ingress) {
    Fill(rule, out->add_ingress());
  }
  for (const NetworkPolicyRule& rule : policy.egress) {
    Fill(rule, out->add_egress());
  }
}

void Fill(const ClusterNetworkPolicy& policy, v1::ClusterNetworkPolicy* out) {
  out->set_tier(policy.tier == ClusterPolicyTier::kAdmin
                    ? v1::CLUSTER_POLICY_TIER_ADMIN
                    : v1::CLUSTER_POLICY_TIER_BASELINE);
  out->set_priority(policy.priority);
  FillPods(policy.subject, out->mutable_subject());
  for (const ClusterPolicyRule& rule : policy.ingress) {
    Fill(rule, out->add_ingress());
  }
  for (const ClusterPolicyRule& rule : policy.egress) {
    Fill(rule, out->add_egress());
  }
}

void Fill(const CiliumNetworkPolicy& policy, v1::CiliumNetworkPolicy* out) {
  for (const CiliumPolicySpec& spec : policy.specs) {
    Fill(spec, out->add_specs());
  }
}

void Fill(const CiliumClusterwideNetworkPolicy& policy,
          v1::CiliumClusterwideNetworkPolicy* out) {
  for (const CiliumPolicySpec& spec : policy.specs) {
    Fill(spec, out->add_specs());
  }
}

}  // namespace vswitch
