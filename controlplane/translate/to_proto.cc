// ToProto(): the model as API messages, with its defaults written out.

#include "controlplane/translate/resources.h"

namespace vswitch {
namespace {

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

template <typename T>
void AddTexts(const std::vector<T>& values,
              google::protobuf::RepeatedPtrField<std::string>* out) {
  for (const T& value : values) *out->Add() = value.ToString();
}

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

void Fill(const Namespace&, v1::Namespace*) {}

void Fill(const Pod& pod, v1::Pod* out) {
  out->set_service_account_name(pod.service_account);
  out->set_node_name(pod.node_name);
  AddTexts(pod.addresses, out->mutable_pod_ips());
  for (const ContainerPort& port : pod.ports) {
    v1::ContainerPort* added = out->add_container_ports();
    added->set_name(port.name);
    added->set_protocol(ToProto(port.protocol));
    added->set_container_port(port.port);
  }
  out->set_host_network(pod.host_network);
  out->set_phase(static_cast<v1::PodPhase>(static_cast<int>(pod.phase) +
                                           v1::POD_PHASE_PENDING));
}

void Fill(const Service& service, v1::Service* out) {
  out->set_type(static_cast<v1::ServiceType>(static_cast<int>(service.type) +
                                             v1::SERVICE_TYPE_CLUSTER_IP));
  AddTexts(service.cluster_ips, out->mutable_cluster_ips());
  for (const ServicePort& port : service.ports) {
    v1::ServicePort* added = out->add_ports();
    added->set_name(port.name);
    added->set_protocol(ToProto(port.protocol));
    added->set_port(port.port);
    added->set_node_port(port.node_port);
  }
  out->mutable_selector()->insert(service.selector.begin(),
                                  service.selector.end());
  bool sticky = service.session_affinity == SessionAffinity::kClientIp;
  out->set_session_affinity(sticky ? v1::SESSION_AFFINITY_CLIENT_IP
                                   : v1::SESSION_AFFINITY_NONE);
  out->set_session_affinity_timeout_seconds(service.session_affinity_timeout_s);
  auto policy = [](TrafficPolicy value) {
    return value == TrafficPolicy::kLocal ? v1::TRAFFIC_POLICY_LOCAL
                                          : v1::TRAFFIC_POLICY_CLUSTER;
  };
  out->set_internal_traffic_policy(policy(service.internal_traffic_policy));
  out->set_external_traffic_policy(policy(service.external_traffic_policy));
  out->set_publish_not_ready_addresses(service.publish_not_ready_addresses);
}

void Fill(const EndpointSlice& slice, v1::EndpointSlice* out) {
  out->set_address_type(slice.address_type == IpFamily::kIpv6
                            ? v1::ADDRESS_TYPE_IPV6
                            : v1::ADDRESS_TYPE_IPV4);
  for (const Endpoint& endpoint : slice.endpoints) {
    v1::Endpoint* added = out->add_endpoints();
    AddTexts(endpoint.addresses, added->mutable_addresses());
    added->set_ready(endpoint.ready);
    added->set_serving(endpoint.serving);
    added->set_terminating(endpoint.terminating);
    added->set_node_name(endpoint.node_name);
    added->set_target_pod(endpoint.target_pod);
  }
  for (const EndpointSlicePort& port : slice.ports) {
    v1::EndpointPort* added = out->add_ports();
    added->set_name(port.name);
    added->set_protocol(ToProto(port.protocol));
    added->set_port(port.port);
  }
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
    if (peer.ip_block) {
      v1::IpBlock* block = added->mutable_ip_block();
      block->set_cidr(peer.ip_block->cidr.ToString());
      AddTexts(peer.ip_block->except, block->mutable_except());
    }
  }
  for (const NetworkPolicyPort& port : rule.ports) {
    v1::NetworkPolicyPort* added = out->add_ports();
    added->set_protocol(ToProto(port.protocol));
    if (port.port) added->set_port(*port.port);
    if (!port.port_name.empty()) added->set_port_name(port.port_name);
    if (port.end_port) added->set_end_port(*port.end_port);
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

void Fill(const Node& node, v1::Node* out) {
  AddTexts(node.pod_cidrs, out->mutable_pod_cidrs());
  AddTexts(node.addresses, out->mutable_addresses());
}

void Fill(const Port& port, v1::Port* out) {
  out->set_kind(static_cast<v1::PortKind>(static_cast<int>(port.kind) +
                                          v1::PORT_KIND_POD));
  out->set_driver(port.driver == PortResourceDriver::kDpdk
                      ? v1::PORT_DRIVER_DPDK
                      : v1::PORT_DRIVER_TAP);
  out->set_pod_namespace(port.pod_namespace);
  out->set_pod_name(port.pod_name);
  out->set_netns(port.netns);
  out->set_interface_name(port.interface_name);
  out->set_device(port.device);
  if (port.mac) out->set_mac(port.mac->ToString());
  out->set_mtu(port.mtu);
  AddTexts(port.addresses, out->mutable_addresses());
  AddTexts(port.gateways, out->mutable_gateways());
  AddTexts(port.routes, out->mutable_routes());
}

void Fill(const SwitchSettings& settings, v1::Settings* out) {
  if (settings.gateway_mac) {
    out->set_gateway_mac(settings.gateway_mac->ToString());
  }
  if (settings.gateway_ipv4) {
    out->set_gateway_ipv4(settings.gateway_ipv4->ToString());
  }
  if (settings.gateway_ipv6) {
    out->set_gateway_ipv6(settings.gateway_ipv6->ToString());
  }
  out->set_mtu(settings.mtu);
  out->set_timeout_profile(settings.timeout_profile == TimeoutProfile::kRfc
                               ? v1::TIMEOUT_PROFILE_RFC
                               : v1::TIMEOUT_PROFILE_LINUX);
  out->set_icmp_errors_per_second(settings.icmp_errors_per_second);
  out->set_icmp_errors_per_second_port(settings.icmp_errors_per_second_port);
  out->set_maglev_seed(settings.maglev_seed);
}

// The message of `out` that holds a specification of each type.
auto* Mutable(const Namespace&, v1::Resource& out) {
  return out.mutable_namespace_();
}
auto* Mutable(const Pod&, v1::Resource& out) { return out.mutable_pod(); }
auto* Mutable(const Service&, v1::Resource& out) {
  return out.mutable_service();
}
auto* Mutable(const EndpointSlice&, v1::Resource& out) {
  return out.mutable_endpoint_slice();
}
auto* Mutable(const NetworkPolicy&, v1::Resource& out) {
  return out.mutable_network_policy();
}
auto* Mutable(const Node&, v1::Resource& out) { return out.mutable_node(); }
auto* Mutable(const Port&, v1::Resource& out) { return out.mutable_port(); }
auto* Mutable(const SwitchSettings&, v1::Resource& out) {
  return out.mutable_settings();
}

}  // namespace

v1::Resource ToProto(const Object& object) {
  v1::Resource result;
  v1::Metadata* metadata = result.mutable_metadata();
  metadata->set_name(object.metadata.name);
  metadata->set_namespace_(object.metadata.ns);
  metadata->mutable_labels()->insert(object.metadata.labels.begin(),
                                     object.metadata.labels.end());
  metadata->mutable_annotations()->insert(object.metadata.annotations.begin(),
                                          object.metadata.annotations.end());
  metadata->set_version(object.metadata.version);
  metadata->set_owner(object.metadata.owner);
  std::visit([&](const auto& spec) { Fill(spec, Mutable(spec, result)); },
             object.spec);
  return result;
}

v1::ResourceKey ToProto(const ObjectKey& key) {
  v1::ResourceKey result;
  result.set_kind(ToProto(key.kind));
  result.set_namespace_(key.ns);
  result.set_name(key.name);
  return result;
}

}  // namespace vswitch
