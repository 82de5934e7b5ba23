// Resources of the API back into Kubernetes' form.

#include "controlplane/cli/manifest_writer.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "controlplane/cli/json_fields.h"
#include "controlplane/cli/kinds.h"
#include "controlplane/cli/policy_writers.h"
#include "controlplane/cli/spellings.h"

namespace vswitch {
namespace {

Json Metadata(const v1::Metadata& metadata) {
  Json json;
  Set(json, "name", metadata.name());
  Set(json, "namespace", metadata.namespace_());
  Set(json, "uid", metadata.uid());
  SetMap(json, "labels", metadata.labels());
  SetMap(json, "annotations", metadata.annotations());
  if (metadata.version() != 0) {
    json["resourceVersion"] = absl::StrCat(metadata.version());
  }
  if (!metadata.owner().empty()) {
    json["managedFields"] = Json::array({{{"manager", metadata.owner()}}});
  }
  return json;
}

void AddPod(const v1::Pod& pod, Json& object) {
  Json spec = Json::object();
  Set(spec, "nodeName", pod.node_name());
  Set(spec, "serviceAccountName", pod.service_account_name());
  if (pod.host_network()) spec["hostNetwork"] = true;
  Json ports = Json::array();
  for (const auto& port : pod.container_ports()) {
    Json item;
    Set(item, "name", port.name());
    item["protocol"] = ProtocolText(port.protocol());
    item["containerPort"] = port.container_port();
    Set(item, "hostPort", port.host_port());
    Set(item, "hostIP", port.host_ip());
    ports.push_back(item);
  }
  if (!ports.empty()) {
    // Whose container a port is makes no difference to a switch.
    spec["containers"] = Json::array({{{"name", "all"}, {"ports", ports}}});
  }
  if (!spec.empty()) object["spec"] = spec;
  Json status = Json::object();
  Set(status, "phase", Spell(kPodPhaseSpellings, pod.phase()));
  if (!pod.pod_ips().empty()) status["podIP"] = pod.pod_ips(0);
  for (const auto& address : pod.pod_ips()) {
    status["podIPs"].push_back({{"ip", address}});
  }
  if (!status.empty()) object["status"] = status;
}

void AddService(const v1::Service& service, Json& object) {
  Json spec = Json::object();
  Set(spec, "type", Spell(kServiceTypeSpellings, service.type()));
  spec["clusterIP"] =
      service.cluster_ips().empty() ? "None" : service.cluster_ips(0);
  SetList(spec, "clusterIPs", service.cluster_ips());
  for (const auto& port : service.ports()) {
    Json item;
    Set(item, "name", port.name());
    item["protocol"] = ProtocolText(port.protocol());
    item["port"] = port.port();
    Set(item, "nodePort", port.node_port());
    spec["ports"].push_back(item);
  }
  SetMap(spec, "selector", service.selector());
  Set(spec, "sessionAffinity",
      Spell(kSessionAffinitySpellings, service.session_affinity()));
  if (service.session_affinity_timeout_seconds() != 0) {
    spec["sessionAffinityConfig"]["clientIP"]["timeoutSeconds"] =
        service.session_affinity_timeout_seconds();
  }
  Set(spec, "internalTrafficPolicy",
      Spell(kTrafficPolicySpellings, service.internal_traffic_policy()));
  Set(spec, "externalTrafficPolicy",
      Spell(kTrafficPolicySpellings, service.external_traffic_policy()));
  Set(spec, "trafficDistribution",
      Spell(kTrafficDistributionSpellings, service.traffic_distribution()));
  Set(spec, "healthCheckNodePort", service.health_check_node_port());
  if (service.publish_not_ready_addresses()) {
    spec["publishNotReadyAddresses"] = true;
  }
  SetList(spec, "externalIPs", service.external_ips());
  SetList(spec, "loadBalancerSourceRanges",
          service.load_balancer_source_ranges());
  object["spec"] = spec;
  for (const std::string& address : service.load_balancer_ips()) {
    object["status"]["loadBalancer"]["ingress"].push_back({{"ip", address}});
  }
}

void AddEndpointSlice(const v1::EndpointSlice& slice, Json& object) {
  Set(object, "addressType",
      Spell(kAddressTypeSpellings, slice.address_type()));
  object["endpoints"] = Json::array();
  for (const auto& endpoint : slice.endpoints()) {
    Json item;
    SetList(item, "addresses", endpoint.addresses());
    if (endpoint.has_ready()) item["conditions"]["ready"] = endpoint.ready();
    if (endpoint.has_serving()) {
      item["conditions"]["serving"] = endpoint.serving();
    }
    if (endpoint.has_terminating()) {
      item["conditions"]["terminating"] = endpoint.terminating();
    }
    Set(item, "nodeName", endpoint.node_name());
    Set(item, "zone", endpoint.zone());
    for (const std::string& zone : endpoint.hint_zones()) {
      item["hints"]["forZones"].push_back({{"name", zone}});
    }
    for (const std::string& node : endpoint.hint_nodes()) {
      item["hints"]["forNodes"].push_back({{"name", node}});
    }
    if (!endpoint.target_pod().empty()) {
      item["targetRef"] = {{"kind", "Pod"}, {"name", endpoint.target_pod()}};
    }
    object["endpoints"].push_back(item);
  }
  for (const auto& port : slice.ports()) {
    Json item;
    Set(item, "name", port.name());
    item["protocol"] = ProtocolText(port.protocol());
    item["port"] = port.port();
    object["ports"].push_back(item);
  }
}

void AddNode(const v1::Node& node, Json& object) {
  SetList(object["spec"], "podCIDRs", node.pod_cidrs());
  for (const auto& address : node.addresses()) {
    object["status"]["addresses"].push_back(
        {{"type", "InternalIP"}, {"address", address}});
  }
  if (object["spec"].is_null()) object.erase("spec");
}

void AddPort(const v1::Port& port, Json& object) {
  Json spec = Json::object();
  Set(spec, "kind", Spell(kPortKindSpellings, port.kind()));
  Set(spec, "driver", Spell(kPortDriverSpellings, port.driver()));
  if (!port.pod_name().empty()) {
    spec["pod"] = absl::StrCat(port.pod_namespace(), "/", port.pod_name());
  }
  Set(spec, "netns", port.netns());
  Set(spec, "interface", port.interface_name());
  Set(spec, "device", port.device());
  Set(spec, "mac", port.mac());
  Set(spec, "mtu", port.mtu());
  SetList(spec, "addresses", port.addresses());
  SetList(spec, "gateways", port.gateways());
  SetList(spec, "routes", port.routes());
  object["spec"] = spec;
}

void AddSettings(const v1::Settings& settings, Json& object) {
  Json spec = Json::object();
  Set(spec, "gatewayMAC", settings.gateway_mac());
  Set(spec, "gatewayIPv4", settings.gateway_ipv4());
  Set(spec, "gatewayIPv6", settings.gateway_ipv6());
  Set(spec, "mtu", settings.mtu());
  Set(spec, "timeoutProfile",
      Spell(kTimeoutProfileSpellings, settings.timeout_profile()));
  const v1::ConnectionTimeouts& timeouts = settings.timeouts();
  const auto& descriptor = *v1::ConnectionTimeouts::descriptor();
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const auto* field = descriptor.field(i);
    const uint32_t seconds =
        timeouts.GetReflection()->GetUInt32(timeouts, field);
    if (seconds != 0) spec["timeouts"][field->json_name()] = seconds;
  }
  const v1::ConnectionLimits& limits = settings.connection_limits();
  for (int i = 0; i < limits.GetDescriptor()->field_count(); ++i) {
    const auto* field = limits.GetDescriptor()->field(i);
    if (!limits.GetReflection()->HasField(limits, field)) continue;
    spec["connectionLimits"][field->json_name()] =
        limits.GetReflection()->GetUInt32(limits, field);
  }
  if (settings.tcp_needs_syn()) spec["tcpNeedsSyn"] = true;
  if (settings.has_icmp_errors_per_second()) {
    spec["icmpErrorsPerSecond"] = settings.icmp_errors_per_second();
  }
  if (settings.has_icmp_errors_per_second_port()) {
    spec["icmpErrorsPerSecondPerPort"] = settings.icmp_errors_per_second_port();
  }
  Set(spec, "maglevSeed", settings.maglev_seed());
  SetList(spec, "ignoredPodLabels", settings.ignored_pod_labels());
  if (settings.has_source_nat()) {
    const v1::SourceNat& nat = settings.source_nat();
    Json& out = spec["sourceNAT"] = Json::object();
    if (nat.disabled()) out["disabled"] = true;
    SetList(out, "addresses", nat.addresses());
    Set(out, "firstPort", nat.first_port());
    Set(out, "lastPort", nat.last_port());
    SetList(out, "excludedCIDRs", nat.excluded_cidrs());
    if (nat.tcp_endpoint_independent()) out["tcpEndpointIndependent"] = true;
  }
  object["spec"] = spec;
}

}  // namespace

Json ToManifest(const v1::Resource& resource) {
  Json object;
  const KindInfo* info = KindOf(resource);
  if (info != nullptr) {
    object["apiVersion"] = std::string(info->api_version);
    object["kind"] = std::string(info->name);
  }
  object["metadata"] = Metadata(resource.metadata());
  switch (resource.spec_case()) {
    case v1::Resource::kPod:
      AddPod(resource.pod(), object);
      break;
    case v1::Resource::kService:
      AddService(resource.service(), object);
      break;
    case v1::Resource::kEndpointSlice:
      AddEndpointSlice(resource.endpoint_slice(), object);
      break;
    case v1::Resource::kNetworkPolicy:
      AddNetworkPolicy(resource.network_policy(), object);
      break;
    case v1::Resource::kClusterNetworkPolicy:
      AddClusterNetworkPolicy(resource.cluster_network_policy(), object);
      break;
    case v1::Resource::kCiliumNetworkPolicy:
      AddCiliumSpecs(resource.cilium_network_policy().specs(), object);
      break;
    case v1::Resource::kCiliumClusterwideNetworkPolicy:
      AddCiliumSpecs(resource.cilium_clusterwide_network_policy().specs(),
                     object);
      break;
    case v1::Resource::kNode:
      AddNode(resource.node(), object);
      break;
    case v1::Resource::kPort:
      AddPort(resource.port(), object);
      break;
    case v1::Resource::kSettings:
      AddSettings(resource.settings(), object);
      break;
    default:
      break;
  }
  return object;
}

Json ToManifestList(
    const google::protobuf::RepeatedPtrField<v1::Resource>& resources) {
  Json list = {
      {"apiVersion", "v1"}, {"kind", "List"}, {"items", Json::array()}};
  for (const auto& resource : resources) {
    list["items"].push_back(ToManifest(resource));
  }
  return list;
}

}  // namespace vswitch
