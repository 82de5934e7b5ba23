// Readers of Service and EndpointSlice.

#include <string>
#include <utility>

#include "controlplane/cli/spec_readers.h"

namespace vswitch {
namespace {

constexpr uint64_t kMaxPortNumber = 65535;
// Kubernetes' limit: one day.
constexpr uint64_t kMaxAffinitySeconds = 86400;

// Of an address of a load balancer; not in the API.
constexpr int kIpModeVip = 0, kIpModeProxy = 1;
constexpr Spelling kIpModeSpellings[] = {{"VIP", kIpModeVip},
                                         {"Proxy", kIpModeProxy}};

void ReadServicePort(const YamlNode& node, const std::string& path,
                     ReadContext& context, v1::ServicePort& port) {
  MappingReader reader(node, path, context);
  if (auto name = reader.Text("name")) port.set_name(*name);
  if (auto value = reader.Enum("protocol", kProtocolSpellings)) {
    port.set_protocol(static_cast<v1::Protocol>(*value));
  }
  reader.Require("port");
  if (auto number = reader.Number("port", 1, kMaxPortNumber)) {
    port.set_port(static_cast<uint32_t>(*number));
  }
  if (auto number = reader.Number("nodePort", 0, kMaxPortNumber)) {
    port.set_node_port(static_cast<uint32_t>(*number));
  }
  // The port behind the service comes from the EndpointSlices.
  reader.Ignore({"appProtocol", "targetPort"});
  reader.Finish();
}

void ReadClusterIps(MappingReader& spec, v1::Service& service) {
  const auto first = spec.Text("clusterIP");
  for (std::string& address : spec.TextList("clusterIPs")) {
    if (address != "None") service.add_cluster_ips(std::move(address));
  }
  const bool given = first && !first->empty() && *first != "None";
  if (given && service.cluster_ips().empty()) service.add_cluster_ips(*first);
  // Kubernetes: clusterIPs[0] must be clusterIP.
  if (given && *first != service.cluster_ips(0)) {
    spec.Fault("clusterIP", "must be the first of clusterIPs");
  }
}

void ReadAffinity(MappingReader& spec, v1::Service& service) {
  if (auto value = spec.Enum("sessionAffinity", kSessionAffinitySpellings)) {
    service.set_session_affinity(static_cast<v1::SessionAffinity>(*value));
  }
  ReadContext& context = spec.context();
  spec.Mapping("sessionAffinityConfig", [&](const YamlNode& node,
                                            const std::string& path) {
    MappingReader config(node, path, context);
    config.Mapping("clientIP", [&](const YamlNode& item, const std::string& p) {
      MappingReader reader(item, p, context);
      if (auto seconds =
              reader.Number("timeoutSeconds", 1, kMaxAffinitySeconds)) {
        service.set_session_affinity_timeout_seconds(
            static_cast<uint32_t>(*seconds));
      }
      reader.Finish();
    });
    config.Finish();
  });
}

void ReadTrafficPolicies(MappingReader& spec, v1::Service& service) {
  if (auto value =
          spec.Enum("internalTrafficPolicy", kTrafficPolicySpellings)) {
    service.set_internal_traffic_policy(static_cast<v1::TrafficPolicy>(*value));
  }
  if (auto value =
          spec.Enum("externalTrafficPolicy", kTrafficPolicySpellings)) {
    service.set_external_traffic_policy(static_cast<v1::TrafficPolicy>(*value));
  }
  if (auto value =
          spec.Enum("trafficDistribution", kTrafficDistributionSpellings)) {
    service.set_traffic_distribution(
        static_cast<v1::TrafficDistribution>(*value));
  }
}

void ReadServiceSpec(const YamlNode& node, const std::string& path,
                     ReadContext& context, v1::Service& service) {
  MappingReader spec(node, path, context);
  if (auto value = spec.Enum("type", kServiceTypeSpellings)) {
    service.set_type(static_cast<v1::ServiceType>(*value));
  }
  ReadClusterIps(spec, service);
  spec.Each("ports", [&](const YamlNode& item, const std::string& p) {
    ReadServicePort(item, p, context, *service.add_ports());
  });
  for (auto& [key, value] : spec.TextMap("selector")) {
    (*service.mutable_selector())[key] = value;
  }
  ReadAffinity(spec, service);
  ReadTrafficPolicies(spec, service);
  if (auto value = spec.Bool("publishNotReadyAddresses")) {
    service.set_publish_not_ready_addresses(*value);
  }
  for (std::string& address : spec.TextList("externalIPs")) {
    service.add_external_ips(std::move(address));
  }
  for (std::string& cidr : spec.TextList("loadBalancerSourceRanges")) {
    service.add_load_balancer_source_ranges(std::move(cidr));
  }
  if (auto number = spec.Number("healthCheckNodePort", 0, kMaxPortNumber)) {
    service.set_health_check_node_port(static_cast<uint32_t>(*number));
  }
  // loadBalancerIP is a wish; what was given stands in the status.
  spec.Ignore({"allocateLoadBalancerNodePorts", "externalName", "ipFamilies",
               "ipFamilyPolicy", "loadBalancerClass", "loadBalancerIP"});
  spec.Finish();
}

// Reads a list of mappings that hold a name each.
void ReadNames(MappingReader& parent, absl::string_view list,
               google::protobuf::RepeatedPtrField<std::string>& names) {
  ReadContext& context = parent.context();
  parent.Each(list, [&](const YamlNode& node, const std::string& path) {
    MappingReader reader(node, path, context);
    reader.Require("name");
    if (auto name = reader.Text("name")) names.Add(std::move(*name));
    reader.Finish();
  });
}

void ReadEndpoint(const YamlNode& node, const std::string& path,
                  ReadContext& context, v1::Endpoint& endpoint) {
  MappingReader reader(node, path, context);
  reader.Require("addresses");
  for (std::string& address : reader.TextList("addresses")) {
    endpoint.add_addresses(std::move(address));
  }
  reader.Mapping("conditions", [&](const YamlNode& item, const std::string& p) {
    MappingReader conditions(item, p, context);
    if (auto value = conditions.Bool("ready")) endpoint.set_ready(*value);
    if (auto value = conditions.Bool("serving")) endpoint.set_serving(*value);
    if (auto value = conditions.Bool("terminating")) {
      endpoint.set_terminating(*value);
    }
    conditions.Finish();
  });
  if (auto name = reader.Text("nodeName")) endpoint.set_node_name(*name);
  reader.Mapping("targetRef", [&](const YamlNode& item, const std::string& p) {
    MappingReader reference(item, p, context);
    const auto kind = reference.Text("kind");
    const auto name = reference.Text("name");
    if (kind && *kind == "Pod" && name) endpoint.set_target_pod(*name);
    reference.Ignore(
        {"apiVersion", "fieldPath", "namespace", "resourceVersion", "uid"});
    reference.Finish();
  });
  if (auto zone = reader.Text("zone")) endpoint.set_zone(*zone);
  reader.Mapping("hints", [&](const YamlNode& item, const std::string& p) {
    MappingReader hints(item, p, context);
    ReadNames(hints, "forZones", *endpoint.mutable_hint_zones());
    ReadNames(hints, "forNodes", *endpoint.mutable_hint_nodes());
    hints.Finish();
  });
  reader.Ignore({"deprecatedTopology", "hostname"});
  reader.Finish();
}

}  // namespace

void ReadService(MappingReader& object, v1::Service& service) {
  object.Require("spec");
  object.Mapping("spec", [&](const YamlNode& node, const std::string& path) {
    ReadServiceSpec(node, path, object.context(), service);
  });
  ReadContext& context = object.context();
  object.Mapping("status", [&](const YamlNode& node, const std::string& path) {
    MappingReader status(node, path, context);
    status.Mapping(
        "loadBalancer", [&](const YamlNode& item, const std::string& p) {
          MappingReader balancer(item, p, context);
          balancer.Each(
              "ingress", [&](const YamlNode& entry, const std::string& q) {
                MappingReader ingress(entry, q, context);
                const auto ip = ingress.Text("ip");
                const auto mode = ingress.Enum("ipMode", kIpModeSpellings);
                // What is sent to a proxy's address is to go
                // there: it comes back to a node port.
                if (ip && mode != kIpModeProxy) {
                  service.add_load_balancer_ips(*ip);
                }
                ingress.Ignore({"hostname", "ports"});
                ingress.Finish();
              });
          balancer.Finish();
        });
    status.Ignore({"conditions"});
    status.Finish();
  });
}

void ReadEndpointSlice(MappingReader& object, v1::EndpointSlice& slice) {
  ReadContext& context = object.context();
  object.Require("addressType");
  if (auto value = object.Enum("addressType", kAddressTypeSpellings)) {
    slice.set_address_type(static_cast<v1::AddressType>(*value));
  }
  object.Each("endpoints", [&](const YamlNode& node, const std::string& path) {
    ReadEndpoint(node, path, context, *slice.add_endpoints());
  });
  object.Each("ports", [&](const YamlNode& node, const std::string& path) {
    MappingReader reader(node, path, context);
    v1::EndpointPort& port = *slice.add_ports();
    if (auto name = reader.Text("name")) port.set_name(*name);
    if (auto value = reader.Enum("protocol", kProtocolSpellings)) {
      port.set_protocol(static_cast<v1::Protocol>(*value));
    }
    reader.Require("port");
    if (auto number = reader.Number("port", 1, kMaxPortNumber)) {
      port.set_port(static_cast<uint32_t>(*number));
    }
    reader.Ignore({"appProtocol"});
    reader.Finish();
  });
}

}  // namespace vswitch
