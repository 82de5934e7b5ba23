// ToProto(): the model as API messages, with its defaults written out.

#include "absl/strings/str_cat.h"
#include "controlplane/translate/resources.h"
#include "controlplane/translate/to_proto_internal.h"
#include "dataplane/conntrack/connection_limits.h"
#include "dataplane/conntrack/timeouts.h"

namespace vswitch {
namespace {

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
    added->set_host_port(port.host_port);
    if (port.host_ip) added->set_host_ip(port.host_ip->ToString());
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
  AddTexts(service.external_ips, out->mutable_external_ips());
  AddTexts(service.load_balancer_ips, out->mutable_load_balancer_ips());
  AddTexts(service.load_balancer_source_ranges,
           out->mutable_load_balancer_source_ranges());
  out->set_traffic_distribution(
      static_cast<v1::TrafficDistribution>(service.traffic_distribution));
  out->set_health_check_node_port(service.health_check_node_port);
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
    added->set_zone(endpoint.zone);
    for (const std::string& zone : endpoint.hint_zones) {
      added->add_hint_zones(zone);
    }
    for (const std::string& node : endpoint.hint_nodes) {
      added->add_hint_nodes(node);
    }
  }
  for (const EndpointSlicePort& port : slice.ports) {
    v1::EndpointPort* added = out->add_ports();
    added->set_name(port.name);
    added->set_protocol(ToProto(port.protocol));
    added->set_port(port.port);
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

void Fill(const SourceNat& nat, v1::SourceNat* out) {
  out->set_disabled(nat.disabled);
  AddTexts(nat.addresses, out->mutable_addresses());
  out->set_first_port(nat.first_port);
  out->set_last_port(nat.last_port);
  AddTexts(nat.excluded_cidrs, out->mutable_excluded_cidrs());
  out->set_tcp_endpoint_independent(nat.tcp_endpoint_independent);
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
  // Without the message when every timer is the profile's.
  for (const TimeoutField& field : kTimeoutFields) {
    const uint32_t seconds = settings.timeouts.*field.field;
    if (seconds == 0) continue;
    v1::ConnectionTimeouts& timeouts = *out->mutable_timeouts();
    timeouts.GetReflection()->SetUInt32(
        &timeouts,
        v1::ConnectionTimeouts::descriptor()->FindFieldByName(
            absl::StrCat(field.name, "_seconds")),
        seconds);
  }
  for (const LimitField& field : kLimitFields) {
    const uint32_t limit = settings.limits.*field.field;
    if (limit == 0) continue;
    v1::ConnectionLimits& limits = *out->mutable_connection_limits();
    limits.GetReflection()->SetUInt32(
        &limits,
        v1::ConnectionLimits::descriptor()->FindFieldByName(
            std::string(field.name)),
        limit == kNoLimit ? 0 : limit);
  }
  out->set_tcp_needs_syn(settings.tcp_needs_syn);
  out->set_icmp_errors_per_second(settings.icmp_errors_per_second);
  out->set_icmp_errors_per_second_port(settings.icmp_errors_per_second_port);
  out->set_maglev_seed(settings.maglev_seed);
  for (const std::string& label : settings.ignored_pod_labels) {
    out->add_ignored_pod_labels(label);
  }
  if (!(settings.source_nat == SourceNat{})) {
    Fill(settings.source_nat, out->mutable_source_nat());
  }
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
auto* Mutable(const ClusterNetworkPolicy&, v1::Resource& out) {
  return out.mutable_cluster_network_policy();
}
auto* Mutable(const CiliumNetworkPolicy&, v1::Resource& out) {
  return out.mutable_cilium_network_policy();
}
auto* Mutable(const CiliumClusterwideNetworkPolicy&, v1::Resource& out) {
  return out.mutable_cilium_clusterwide_network_policy();
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
  metadata->set_uid(object.metadata.uid);
  metadata->set_created_version(object.metadata.created_version);
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
