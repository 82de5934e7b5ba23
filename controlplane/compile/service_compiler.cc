// From Services and host ports of pods to ServiceSpecs.

#include "controlplane/compile/service_compiler.h"

#include <algorithm>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "controlplane/compile/host_ports.h"
#include "controlplane/compile/service_backends.h"
#include "controlplane/compile/stable_hash.h"
#include "dataplane/base/status_macros.h"
#include "dataplane/nat/service_table.h"
#include "dataplane/nat/service_table_builder.h"

namespace vswitch {
namespace {

constexpr char kNotANodePort[] = " is not from 30000 to 32767";
static_assert(kFirstNodePort == 30000 && kLastNodePort == 32767);

bool HasNodePorts(const Service& service) {
  return service.type == ServiceType::kNodePort ||
         service.type == ServiceType::kLoadBalancer;
}

absl::Status CheckPort(const ServicePort& port, const std::string& field) {
  if (port.protocol != IpProtocol::kTcp && port.protocol != IpProtocol::kUdp &&
      port.protocol != IpProtocol::kSctp) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ".protocol: ", ToString(port.protocol),
                     " is not TCP, UDP or SCTP"));
  }
  if (port.port == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ".port: 0 is not from 1 to 65535"));
  }
  if (port.node_port != 0 && !IsNodePort(port.node_port)) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ".nodePort: ", port.node_port, kNotANodePort));
  }
  return absl::OkStatus();
}

absl::Status CheckHealthCheckPort(const Service& service,
                                  const std::string& object) {
  if (service.health_check_node_port == 0) return absl::OkStatus();
  const std::string field = absl::StrCat(object, " spec.healthCheckNodePort: ");
  if (service.type != ServiceType::kLoadBalancer ||
      service.external_traffic_policy != TrafficPolicy::kLocal) {
    return absl::InvalidArgumentError(absl::StrCat(
        field,
        "only type LoadBalancer with externalTrafficPolicy Local has one"));
  }
  if (!IsNodePort(service.health_check_node_port)) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, service.health_check_node_port, kNotANodePort));
  }
  return absl::OkStatus();
}

absl::Status CheckService(const Metadata& metadata, const Service& service) {
  std::string object = absl::StrCat("Service ", QualifiedName(metadata));
  std::set<std::pair<IpProtocol, uint16_t>> ports;
  for (size_t i = 0; i < service.ports.size(); ++i) {
    const ServicePort& port = service.ports[i];
    std::string field = absl::StrCat(object, " spec.ports[", i, "]");
    RETURN_IF_ERROR(CheckPort(port, field));
    if (port.node_port != 0 && !HasNodePorts(service)) {
      return absl::InvalidArgumentError(absl::StrCat(
          field, ".nodePort: only type NodePort or LoadBalancer has one"));
    }
    if (!ports.emplace(port.protocol, port.port).second) {
      return absl::InvalidArgumentError(
          absl::StrCat(field, ".port: ", ToString(port.protocol), " ",
                       port.port, " is in the list twice"));
    }
  }
  return CheckHealthCheckPort(service, object);
}

class ServiceCompiler {
 public:
  ServiceCompiler(
      const DesiredState& desired, const std::string& node_name,
      uint64_t maglev_seed, const AddressOwners& owners,
      const std::function<EndpointId(const IpAddress&)>& endpoint_of)
      : backends_(desired, node_name, endpoint_of),
        node_name_(node_name),
        owners_(owners),
        endpoint_of_(endpoint_of),
        node_(desired.Find<Node>("", node_name)),
        builder_(maglev_seed) {
    if (node_ != nullptr) node_addresses_ = node_->addresses;
  }

  absl::Status Add(const Metadata& metadata, const Service& service) {
    RETURN_IF_ERROR(CheckService(metadata, service));
    if (service.type == ServiceType::kExternalName) return absl::OkStatus();
    RETURN_IF_ERROR(owners_.RefusalUpTo(ClaimRank::kService, metadata));
    if (metadata.labels.contains(std::string(kProxyNameLabel))) {
      return absl::OkStatus();
    }
    for (size_t i = 0; i < service.ports.size(); ++i) {
      RETURN_IF_ERROR(AddPort({metadata, service, service.ports[i], i}));
    }
    return AddHealthCheck(metadata, service);
  }

  // After all services: of two that want one port the pod is refused.
  absl::Status Add(const Metadata& metadata, const Pod& pod) {
    const HostPortNode node{node_name_,
                            node_ == nullptr ? nullptr : &node_addresses_,
                            endpoint_of_};
    ASSIGN_OR_RETURN(std::vector<HostPort> host_ports,
                     HostPortsOf(metadata, pod, node));
    if (HasHostPorts(pod)) {
      result_.backends.insert(pod.addresses.begin(), pod.addresses.end());
    }
    const std::string name = absl::StrCat("Pod ", QualifiedName(metadata));
    for (HostPort& each : host_ports) {
      RETURN_IF_ERROR(
          Claim(each.spec.address, each.spec.protocol, each.spec.port, name,
                absl::StrCat(each.field, ": ", ToString(each.spec.protocol))));
      if (each.spec.backends.empty()) continue;
      each.spec.service = Number(absl::StrCat(name, ":", each.spec.port));
      // A host port follows its pod: no connection outlives the change.
      RETURN_IF_ERROR(Build(each.field, std::move(each.spec), {}));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<CompiledServices> Finish(const MaglevTables& known) {
    ASSIGN_OR_RETURN(result_.blob, builder_.Build(known, result_.tables));
    return std::move(result_);
  }

 private:
  // One port of one service.
  struct Offer {
    const Metadata& metadata;
    const Service& service;
    const ServicePort& port;
    size_t index;  // of the port

    std::string FieldName(absl::string_view field) const {
      return absl::StrCat("Service ", QualifiedName(metadata), " spec.ports[",
                          index, "].", field);
    }
    std::string Name() const {
      std::string name = absl::StrCat(QualifiedName(metadata), ":", port.port);
      if (port.protocol != IpProtocol::kTcp) {
        absl::StrAppend(&name, "/", ToString(port.protocol));
      }
      return name;
    }
  };

  // Of the offer that AddPort() is at: all its addresses have the same.
  const BackendSets& BackendsOf(const Offer& offer, IpFamily family) {
    std::optional<BackendSets>& sets =
        family == IpFamily::kIpv4 ? ipv4_sets_ : ipv6_sets_;
    if (!sets.has_value()) {
      sets = backends_.Of(offer.metadata, offer.service, offer.port, family);
    }
    return *sets;
  }

  absl::Status AddPort(const Offer& offer) {
    const Service& service = offer.service;
    const uint32_t number = Number(offer.Name());
    ipv4_sets_.reset();
    ipv6_sets_.reset();
    for (const IpAddress& address : service.cluster_ips) {
      const BackendSets& sets = BackendsOf(offer, address.family());
      ServiceSpec spec{.address = address,
                       .port = offer.port.port,
                       .flags = kServiceFromInside};
      spec.backends = sets.Of(service.internal_traffic_policy);
      if (sets.IsElsewhere(service.internal_traffic_policy)) {
        spec.flags |= kServiceElsewhereInside;
      }
      RETURN_IF_ERROR(Insert(offer, number, std::move(spec)));
    }
    for (const IpAddress& address : service.external_ips) {
      RETURN_IF_ERROR(Insert(
          offer, number,
          OutsideSpec(offer, address, offer.port.port, kServiceFromOutside)));
    }
    if (!HasNodePorts(service)) return absl::OkStatus();
    constexpr uint8_t kEverybody = kServiceFromInside | kServiceFromOutside;
    for (const IpAddress& address : service.load_balancer_ips) {
      ServiceSpec spec =
          OutsideSpec(offer, address, offer.port.port, kEverybody);
      spec.source_ranges = RangesOf(service, address.family());
      RETURN_IF_ERROR(Insert(offer, number, std::move(spec)));
    }
    for (const IpAddress& address : node_addresses_) {
      if (offer.port.node_port == 0) break;
      if (!HasFamily(service, address.family())) continue;
      RETURN_IF_ERROR(
          Insert(offer, number,
                 OutsideSpec(offer, address, offer.port.node_port, kEverybody),
                 "nodePort"));
    }
    return absl::OkStatus();
  }

  // An address where clients from outside are served too: by the backends of
  // externalTrafficPolicy, while those from inside have all.
  ServiceSpec OutsideSpec(const Offer& offer, const IpAddress& address,
                          uint16_t port, uint8_t flags) {
    ServiceSpec spec{.address = address, .port = port, .flags = flags};
    spec.shares_address =
        (flags & kServiceFromInside) == 0 ||
        std::find(node_addresses_.begin(), node_addresses_.end(), address) !=
            node_addresses_.end();
    const BackendSets& sets = BackendsOf(offer, address.family());
    const TrafficPolicy policy = offer.service.external_traffic_policy;
    spec.backends = sets.cluster;
    spec.outside_backends = sets.Of(policy);
    if (sets.IsElsewhere(policy)) spec.flags |= kServiceElsewhereOutside;
    return spec;
  }

  // Ranges of the other family admit nobody of this one.
  static std::vector<IpPrefix> RangesOf(const Service& service,
                                        IpFamily family) {
    std::vector<IpPrefix> ranges = service.load_balancer_source_ranges;
    if (ranges.empty()) return ranges;
    std::erase_if(ranges, [family](const IpPrefix& range) {
      return range.address.family() != family;
    });
    // Nobody's: a client never has it.
    if (ranges.empty()) ranges.push_back(IpPrefix{IpAddress{}, 128});
    return ranges;
  }

  // A headless service has no families of its own.
  static bool HasFamily(const Service& service, IpFamily family) {
    return std::any_of(
        service.cluster_ips.begin(), service.cluster_ips.end(),
        [family](const IpAddress& ip) { return ip.family() == family; });
  }

  // The node answers there, on each of its addresses and whatever families the
  // service has.
  absl::Status AddHealthCheck(const Metadata& metadata,
                              const Service& service) {
    const uint16_t port = service.health_check_node_port;
    if (port == 0) return absl::OkStatus();
    const std::string name =
        absl::StrCat("the health check of ", QualifiedName(metadata));
    const std::string field = absl::StrCat("Service ", QualifiedName(metadata),
                                           " spec.healthCheckNodePort: TCP");
    // The unspecified address stands for the node while it has none.
    std::vector<IpAddress> addresses = node_addresses_;
    addresses.emplace_back();
    for (const IpAddress& address : addresses) {
      RETURN_IF_ERROR(Claim(address, IpProtocol::kTcp, port, name, field));
    }
    result_.health_checks.push_back(
        {.port = port,
         .service_namespace = metadata.ns,
         .service_name = metadata.name,
         .local_endpoints = backends_.CountLocalReady(metadata, service)});
    return absl::OkStatus();
  }

  // Takes a port of an address for `owner`, or refuses with `prefix`.
  absl::Status Claim(const IpAddress& address, IpProtocol protocol,
                     uint16_t port, const std::string& owner,
                     const std::string& prefix) {
    const auto [taken, is_first] =
        taken_.try_emplace({address, protocol, port}, owner);
    if (is_first) return absl::OkStatus();
    return absl::AlreadyExistsError(
        absl::StrCat(prefix, " ", port, " of ", address.ToString(),
                     " is taken by ", taken->second));
  }

  // `field` of the offer's port is the one that says which port it is.
  absl::Status Insert(const Offer& offer, uint32_t number, ServiceSpec spec,
                      absl::string_view field = "port") {
    spec.protocol = offer.port.protocol;
    spec.service = number;
    if (offer.service.session_affinity == SessionAffinity::kClientIp) {
      spec.affinity_s = offer.service.session_affinity_timeout_s;
    }
    const std::string path = offer.FieldName(field);
    RETURN_IF_ERROR(Claim(spec.address, spec.protocol, spec.port, offer.Name(),
                          absl::StrCat(path, ": ", ToString(spec.protocol))));
    const BackendSets& sets = BackendsOf(offer, spec.address.family());
    return Build(path, std::move(spec), sets.listed);
  }

  absl::Status Build(
      const std::string& object, ServiceSpec spec,
      const std::vector<std::pair<IpAddress, uint16_t>>& listed) {
    AppendDescription(spec);
    result_.offers[{spec.address, spec.protocol, spec.port}] = {spec, listed};
    absl::Status status = builder_.Insert(std::move(spec));
    if (status.ok()) return status;
    return absl::Status(status.code(),
                        absl::StrCat(object, ": ", status.message()));
  }

  // Services come in order of their names, so the numbers are the same each
  // time even where two hashes meet.  0 is left for "no service".
  uint32_t Number(const std::string& name) {
    uint32_t number = static_cast<uint32_t>(StableHash(name));
    while (number == 0 ||
           (result_.names.contains(number) && result_.names[number] != name)) {
      ++number;
    }
    result_.names[number] = name;
    return number;
  }

  void AppendDescription(const ServiceSpec& spec) {
    std::string& text = result_.by_address[spec.address];
    absl::StrAppend(&text, static_cast<int>(spec.protocol), "/", spec.port, " ",
                    spec.service, " ", spec.flags, " ", spec.affinity_s);
    for (const IpPrefix& range : spec.source_ranges) {
      absl::StrAppend(&text, " ", range.ToString());
    }
    for (const auto* backends : {&spec.backends, &spec.outside_backends}) {
      absl::StrAppend(&text, ":");
      for (const BackendSpec& backend : *backends) {
        result_.backends.insert(backend.address);
        absl::StrAppend(&text, " ", backend.address.ToString(), "/",
                        backend.port, "/", ToInt(backend.endpoint), "/",
                        backend.weight);
      }
    }
    absl::StrAppend(&text, "\n");
  }

  const ServiceBackends backends_;
  const std::string& node_name_;
  const AddressOwners& owners_;
  const std::function<EndpointId(const IpAddress&)>& endpoint_of_;
  const Node* const node_;  // nullptr: there is none yet
  std::vector<IpAddress> node_addresses_;
  std::optional<BackendSets> ipv4_sets_;  // see BackendsOf()
  std::optional<BackendSets> ipv6_sets_;
  ServiceTableBuilder builder_;
  // Who has an address, protocol and port: the name of a service's port.
  std::map<std::tuple<IpAddress, IpProtocol, uint16_t>, std::string> taken_;
  CompiledServices result_;
};

}  // namespace

absl::StatusOr<CompiledServices> CompileServices(
    const DesiredState& desired, const std::string& node_name,
    uint64_t maglev_seed, const AddressOwners& owners,
    const std::function<EndpointId(const IpAddress&)>& endpoint_of,
    const MaglevTables& known) {
  ServiceCompiler compiler(desired, node_name, maglev_seed, owners,
                           endpoint_of);
  absl::Status status;
  desired.ForEach<Service>(
      [&](const Metadata& metadata, const Service& service) {
        if (status.ok()) status = compiler.Add(metadata, service);
      });
  desired.ForEach<Pod>([&](const Metadata& metadata, const Pod& pod) {
    if (status.ok()) status = compiler.Add(metadata, pod);
  });
  RETURN_IF_ERROR(status);
  return compiler.Finish(known);
}

}  // namespace vswitch
