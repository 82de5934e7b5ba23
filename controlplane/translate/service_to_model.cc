// From the messages of services to the model, and lists of addresses.

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controlplane/translate/to_model_internal.h"

namespace vswitch {
namespace {

using google::protobuf::RepeatedPtrField;

constexpr uint32_t kMaxAffinitySeconds = 86400;  // Kubernetes' limit
constexpr uint32_t kDefaultAffinitySeconds = 10800;
constexpr int kMaxHints = 8;            // Kubernetes' limit
constexpr size_t kMaxHintLength = 253;  // of a Node's name

}  // namespace

std::vector<IpAddress> ReadAddresses(FieldReader& reader,
                                     const FieldPath& parent,
                                     absl::string_view name,
                                     const RepeatedPtrField<std::string>& in) {
  std::vector<IpAddress> addresses;
  for (int i = 0; i < in.size(); ++i) {
    FieldPath path(&parent, name, i);
    IpAddress address = reader.ReadAddress(path, in[i]);
    for (const IpAddress& other : addresses) {
      if (other == address) reader.AddFault(path, "stands here twice");
    }
    addresses.push_back(address);
  }
  return addresses;
}

std::vector<IpPrefix> ReadPrefixes(FieldReader& reader, const FieldPath& parent,
                                   absl::string_view name,
                                   const RepeatedPtrField<std::string>& in) {
  std::vector<IpPrefix> prefixes;
  for (int i = 0; i < in.size(); ++i) {
    prefixes.push_back(reader.ReadPrefix({&parent, name, i}, in[i]));
  }
  return prefixes;
}

void CheckReachable(FieldReader& reader, const FieldPath& parent,
                    absl::string_view name,
                    const std::vector<IpAddress>& addresses) {
  for (size_t i = 0; i < addresses.size(); ++i) {
    const IpAddress& address = addresses[i];
    if (address.IsUnspecified() || address.IsLoopback() ||
        address.IsMulticast() || address.IsLinkLocal()) {
      reader.AddFault({&parent, name, static_cast<int>(i)},
                      absl::StrCat(address.ToString(),
                                   " is unspecified, loopback, multicast or "
                                   "link-local; others must be able to reach "
                                   "it"));
    }
  }
}

void CheckOnePerFamily(FieldReader& reader, const FieldPath& parent,
                       absl::string_view name,
                       const std::vector<IpAddress>& addresses) {
  int counts[2] = {0, 0};
  for (size_t i = 0; i < addresses.size(); ++i) {
    int& count = counts[addresses[i].IsIpv4() ? 0 : 1];
    if (++count == 2) {
      reader.AddFault({&parent, name, static_cast<int>(i)},
                      "is the second of its family; at most one IPv4 and one "
                      "IPv6 address");
    }
  }
}

namespace {

void ReadServiceAddresses(FieldReader& reader, const FieldPath& path,
                          const v1::Service& message, Service& service) {
  service.cluster_ips =
      ReadAddresses(reader, path, "cluster_ips", message.cluster_ips());
  CheckOnePerFamily(reader, path, "cluster_ips", service.cluster_ips);
  CheckReachable(reader, path, "cluster_ips", service.cluster_ips);
  service.external_ips =
      ReadAddresses(reader, path, "external_ips", message.external_ips());
  CheckReachable(reader, path, "external_ips", service.external_ips);
  service.load_balancer_ips = ReadAddresses(reader, path, "load_balancer_ips",
                                            message.load_balancer_ips());
  CheckReachable(reader, path, "load_balancer_ips", service.load_balancer_ips);
  service.load_balancer_source_ranges =
      ReadPrefixes(reader, path, "load_balancer_source_ranges",
                   message.load_balancer_source_ranges());
}

void ReadServicePorts(FieldReader& reader, const FieldPath& path,
                      const v1::Service& message, Service& service) {
  for (int i = 0; i < message.ports_size(); ++i) {
    const v1::ServicePort& in = message.ports(i);
    FieldPath port(&path, "ports", i);
    reader.CheckLength({&port, "name"}, in.name(), kMaxPortNameLength);
    ServicePort out{in.name(), ReadProtocol(in.protocol()),
                    reader.ReadPortNumber({&port, "port"}, in.port())};
    if (in.node_port() != 0) {
      out.node_port =
          reader.ReadPortNumber({&port, "node_port"}, in.node_port());
    }
    if (in.name().empty() && message.ports_size() > 1) {
      reader.AddFault({&port, "name"}, "must be set: there are several ports");
    }
    service.ports.push_back(std::move(out));
  }
  if (message.health_check_node_port() != 0) {
    service.health_check_node_port = reader.ReadPortNumber(
        {&path, "health_check_node_port"}, message.health_check_node_port());
  }
}

void ReadAffinity(FieldReader& reader, const FieldPath& path,
                  const v1::Service& message, Service& service) {
  if (message.session_affinity() == v1::SESSION_AFFINITY_CLIENT_IP) {
    service.session_affinity = SessionAffinity::kClientIp;
  }
  service.session_affinity_timeout_s =
      message.session_affinity_timeout_seconds() == 0
          ? kDefaultAffinitySeconds
          : message.session_affinity_timeout_seconds();
  if (service.session_affinity_timeout_s > kMaxAffinitySeconds) {
    reader.AddFault({&path, "session_affinity_timeout_seconds"},
                    absl::StrCat("is more than ", kMaxAffinitySeconds));
  }
}

TrafficPolicy ReadTrafficPolicy(v1::TrafficPolicy policy) {
  return policy == v1::TRAFFIC_POLICY_LOCAL ? TrafficPolicy::kLocal
                                            : TrafficPolicy::kCluster;
}

// Names of zones or nodes.
std::vector<std::string> ReadHints(FieldReader& reader, const FieldPath& parent,
                                   absl::string_view name,
                                   const RepeatedPtrField<std::string>& in) {
  if (in.size() > kMaxHints) {
    reader.AddFault({&parent, name},
                    absl::StrCat("holds ", in.size(), "; at most ", kMaxHints));
  }
  for (int i = 0; i < in.size(); ++i) {
    const FieldPath path(&parent, name, i);
    if (in[i].empty()) reader.AddFault(path, "must not be empty");
    reader.CheckLength(path, in[i], kMaxHintLength);
  }
  return {in.begin(), in.end()};
}

Endpoint ReadEndpoint(FieldReader& reader, const FieldPath& path,
                      const v1::Endpoint& message, IpFamily family) {
  Endpoint endpoint;
  endpoint.addresses =
      ReadAddresses(reader, path, "addresses", message.addresses());
  if (endpoint.addresses.empty()) {
    reader.AddFault({&path, "addresses"}, "must hold at least one address");
  }
  CheckReachable(reader, path, "addresses", endpoint.addresses);
  for (size_t i = 0; i < endpoint.addresses.size(); ++i) {
    if (endpoint.addresses[i].family() != family) {
      reader.AddFault({&path, "addresses", static_cast<int>(i)},
                      "is not of the slice's address_type");
    }
  }
  // Kubernetes: a condition that is not set is to be taken as ready.
  endpoint.ready = message.has_ready() ? message.ready() : true;
  endpoint.serving = message.has_serving() ? message.serving() : endpoint.ready;
  endpoint.terminating = message.terminating();
  endpoint.node_name = message.node_name();
  endpoint.target_pod = message.target_pod();
  endpoint.zone = message.zone();
  reader.CheckLength({&path, "zone"}, endpoint.zone, kMaxHintLength);
  endpoint.hint_zones =
      ReadHints(reader, path, "hint_zones", message.hint_zones());
  endpoint.hint_nodes =
      ReadHints(reader, path, "hint_nodes", message.hint_nodes());
  return endpoint;
}

}  // namespace

Service ReadService(FieldReader& reader, const FieldPath& path,
                    const v1::Service& message) {
  Service service;
  service.type = message.type() == v1::SERVICE_TYPE_UNSPECIFIED
                     ? ServiceType::kClusterIp
                     : static_cast<ServiceType>(message.type() -
                                                v1::SERVICE_TYPE_CLUSTER_IP);
  ReadServiceAddresses(reader, path, message, service);
  ReadServicePorts(reader, path, message, service);
  service.selector = reader.ReadLabels({&path, "selector"}, message.selector());
  ReadAffinity(reader, path, message, service);
  service.internal_traffic_policy =
      ReadTrafficPolicy(message.internal_traffic_policy());
  service.external_traffic_policy =
      ReadTrafficPolicy(message.external_traffic_policy());
  service.publish_not_ready_addresses = message.publish_not_ready_addresses();
  service.traffic_distribution =
      static_cast<TrafficDistribution>(message.traffic_distribution());
  return service;
}

EndpointSlice ReadEndpointSlice(FieldReader& reader, const FieldPath& path,
                                const v1::EndpointSlice& message) {
  EndpointSlice slice;
  if (message.address_type() == v1::ADDRESS_TYPE_UNSPECIFIED) {
    reader.AddFault({&path, "address_type"}, "must be IPV4 or IPV6");
  }
  slice.address_type = message.address_type() == v1::ADDRESS_TYPE_IPV6
                           ? IpFamily::kIpv6
                           : IpFamily::kIpv4;
  for (int i = 0; i < message.endpoints_size(); ++i) {
    slice.endpoints.push_back(ReadEndpoint(reader, {&path, "endpoints", i},
                                           message.endpoints(i),
                                           slice.address_type));
  }
  for (int i = 0; i < message.ports_size(); ++i) {
    const v1::EndpointPort& in = message.ports(i);
    FieldPath port(&path, "ports", i);
    reader.CheckLength({&port, "name"}, in.name(), kMaxPortNameLength);
    slice.ports.push_back({in.name(), ReadProtocol(in.protocol()),
                           reader.ReadPortNumber({&port, "port"}, in.port())});
  }
  return slice;
}

}  // namespace vswitch
