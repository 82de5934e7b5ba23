// From Service and EndpointSlice objects to ServiceSpecs.

#include "controlplane/compile/service_compiler.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controlplane/compile/stable_hash.h"
#include "dataplane/base/status_macros.h"
#include "dataplane/nat/service_table.h"
#include "dataplane/nat/service_table_builder.h"

namespace vswitch {
namespace {

using SlicesByService =
    std::map<std::pair<std::string, std::string>,
             std::vector<const EndpointSlice*>>;  // by namespace and name

SlicesByService GroupSlices(const DesiredState& desired) {
  SlicesByService slices;
  desired.ForEach<EndpointSlice>(
      [&](const Metadata& metadata, const EndpointSlice& slice) {
        auto service = metadata.labels.find(std::string(kServiceNameLabel));
        if (service == metadata.labels.end()) return;
        slices[{metadata.ns, service->second}].push_back(&slice);
      });
  return slices;
}

// What kube-apiserver gives out (--service-node-port-range).
constexpr uint16_t kFirstNodePort = 30000;
constexpr uint16_t kLastNodePort = 32767;

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
  if (port.node_port != 0 &&
      (port.node_port < kFirstNodePort || port.node_port > kLastNodePort)) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ".nodePort: ", port.node_port, " is not from ",
                     kFirstNodePort, " to ", kLastNodePort));
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
  return absl::OkStatus();
}

class ServiceCompiler {
 public:
  ServiceCompiler(
      const DesiredState& desired, const std::string& node_name,
      uint64_t maglev_seed, const AddressOwners& owners,
      const std::function<EndpointId(const IpAddress&)>& endpoint_of)
      : slices_(GroupSlices(desired)),
        node_name_(node_name),
        owners_(owners),
        endpoint_of_(endpoint_of),
        builder_(maglev_seed) {
    if (const Node* node = desired.Find<Node>("", node_name)) {
      node_addresses_ = node->addresses;
    }
  }

  absl::Status Add(const Metadata& metadata, const Service& service) {
    RETURN_IF_ERROR(CheckService(metadata, service));
    if (service.type == ServiceType::kExternalName) return absl::OkStatus();
    RETURN_IF_ERROR(owners_.RefusalUpTo(ClaimRank::kService, metadata));
    for (const ServicePort& port : service.ports) {
      RETURN_IF_ERROR(AddPort({metadata, service, port}));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<CompiledServices> Finish() {
    ASSIGN_OR_RETURN(result_.blob, builder_.Build());
    return std::move(result_);
  }

 private:
  // One port of one service.
  struct Offer {
    const Metadata& metadata;
    const Service& service;
    const ServicePort& port;

    std::string Name() const {
      std::string name = absl::StrCat(QualifiedName(metadata), ":", port.port);
      if (port.protocol != IpProtocol::kTcp) {
        absl::StrAppend(&name, "/", ToString(port.protocol));
      }
      return name;
    }
  };

  absl::Status AddPort(const Offer& offer) {
    const Service& service = offer.service;
    const uint32_t number = Number(offer.Name());
    for (const IpAddress& address : service.cluster_ips) {
      ServiceSpec spec{.address = address,
                       .port = offer.port.port,
                       .flags = kServiceFromInside};
      spec.backends =
          Backends(offer, address.family(), service.internal_traffic_policy);
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
      RETURN_IF_ERROR(Insert(
          offer, number,
          OutsideSpec(offer, address, offer.port.node_port, kEverybody)));
    }
    return absl::OkStatus();
  }

  // An address where clients from outside are served too: by the backends of
  // externalTrafficPolicy, while those from inside have all.
  ServiceSpec OutsideSpec(const Offer& offer, const IpAddress& address,
                          uint16_t port, uint8_t flags) const {
    ServiceSpec spec{.address = address, .port = port, .flags = flags};
    spec.shares_address =
        (flags & kServiceFromInside) == 0 ||
        std::find(node_addresses_.begin(), node_addresses_.end(), address) !=
            node_addresses_.end();
    spec.backends = Backends(offer, address.family(), TrafficPolicy::kCluster);
    spec.outside_backends = Backends(offer, address.family(),
                                     offer.service.external_traffic_policy);
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

  absl::Status Insert(const Offer& offer, uint32_t number, ServiceSpec spec) {
    spec.protocol = offer.port.protocol;
    spec.service = number;
    if (offer.service.session_affinity == SessionAffinity::kClientIp) {
      spec.affinity_s = offer.service.session_affinity_timeout_s;
    }
    const auto [taken, is_first] = taken_.try_emplace(
        {spec.address, spec.protocol, spec.port}, offer.Name());
    if (!is_first) {
      return absl::AlreadyExistsError(
          absl::StrCat("Service ", offer.Name(), ": ", spec.address.ToString(),
                       " port ", spec.port, " is taken by ", taken->second));
    }
    AppendDescription(spec);
    absl::Status status = builder_.Insert(std::move(spec));
    if (status.ok()) return status;
    return absl::Status(status.code(), absl::StrCat("Service ", offer.Name(),
                                                    ": ", status.message()));
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

  using BackendMap = std::map<std::pair<IpAddress, uint16_t>, BackendSpec>;

  // A backend that two slices name counts once.
  std::vector<BackendSpec> Backends(const Offer& offer, IpFamily family,
                                    TrafficPolicy policy) const {
    BackendMap ready, terminating;
    auto found = slices_.find({offer.metadata.ns, offer.metadata.name});
    if (found == slices_.end()) return {};
    for (const EndpointSlice* slice : found->second) {
      if (slice->address_type != family) continue;
      for (const EndpointSlicePort& backend_port : slice->ports) {
        if (backend_port.name == offer.port.name &&
            backend_port.protocol == offer.port.protocol) {
          AddEndpoints(offer.service, policy, *slice, backend_port.port, ready,
                       terminating);
        }
      }
    }
    std::vector<BackendSpec> backends;
    for (auto& [key, backend] : ready.empty() ? terminating : ready) {
      backends.push_back(backend);
    }
    return backends;
  }

  void AddEndpoints(const Service& service, TrafficPolicy policy,
                    const EndpointSlice& slice, uint16_t port,
                    BackendMap& ready, BackendMap& terminating) const {
    for (const Endpoint& endpoint : slice.endpoints) {
      bool far =
          policy == TrafficPolicy::kLocal && endpoint.node_name != node_name_;
      if (endpoint.addresses.empty() || far ||
          endpoint.addresses[0].family() != slice.address_type) {
        continue;
      }
      const IpAddress& address = endpoint.addresses[0];
      BackendSpec backend{
          .address = address, .port = port, .endpoint = endpoint_of_(address)};
      if (endpoint.ready || service.publish_not_ready_addresses) {
        ready.emplace(std::pair(address, port), backend);
      } else if (endpoint.serving && endpoint.terminating) {
        terminating.emplace(std::pair(address, port), backend);
      }
    }
  }

  void AppendDescription(const ServiceSpec& spec) {
    std::string& text = result_.by_address[spec.address];
    absl::StrAppend(&text, static_cast<int>(spec.protocol), "/", spec.port, " ",
                    spec.service, " ", spec.flags);
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

  SlicesByService slices_;
  const std::string& node_name_;
  const AddressOwners& owners_;
  const std::function<EndpointId(const IpAddress&)>& endpoint_of_;
  std::vector<IpAddress> node_addresses_;
  ServiceTableBuilder builder_;
  // Who has an address, protocol and port: the name of a service's port.
  std::map<std::tuple<IpAddress, IpProtocol, uint16_t>, std::string> taken_;
  CompiledServices result_;
};

}  // namespace

absl::StatusOr<CompiledServices> CompileServices(
    const DesiredState& desired, const std::string& node_name,
    uint64_t maglev_seed, const AddressOwners& owners,
    const std::function<EndpointId(const IpAddress&)>& endpoint_of) {
  ServiceCompiler compiler(desired, node_name, maglev_seed, owners,
                           endpoint_of);
  absl::Status status;
  desired.ForEach<Service>(
      [&](const Metadata& metadata, const Service& service) {
        if (status.ok()) status = compiler.Add(metadata, service);
      });
  RETURN_IF_ERROR(status);
  return compiler.Finish();
}

}  // namespace vswitch
