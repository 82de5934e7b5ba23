// From Service and EndpointSlice objects to ServiceSpecs.

#include "controlplane/compile/service_compiler.h"

#include <set>
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

absl::Status CheckService(const Metadata& metadata, const Service& service) {
  std::string object = absl::StrCat("Service ", QualifiedName(metadata));
  if (service.type == ServiceType::kNodePort ||
      service.type == ServiceType::kLoadBalancer) {
    return absl::InvalidArgumentError(
        absl::StrCat(object,
                     " spec.type: only ClusterIP and ExternalName services "
                     "are served by this switch"));
  }
  std::set<std::pair<IpProtocol, uint16_t>> ports;
  for (size_t i = 0; i < service.ports.size(); ++i) {
    const ServicePort& port = service.ports[i];
    std::string field = absl::StrCat(object, " spec.ports[", i, "]");
    if (port.protocol != IpProtocol::kTcp &&
        port.protocol != IpProtocol::kUdp &&
        port.protocol != IpProtocol::kSctp) {
      return absl::InvalidArgumentError(
          absl::StrCat(field, ".protocol: ", ToString(port.protocol),
                       " is not TCP, UDP or SCTP"));
    }
    if (port.port == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(field, ".port: 0 is not from 1 to 65535"));
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
        builder_(maglev_seed) {}

  absl::Status Add(const Metadata& metadata, const Service& service) {
    RETURN_IF_ERROR(CheckService(metadata, service));
    if (service.type == ServiceType::kExternalName) return absl::OkStatus();
    RETURN_IF_ERROR(owners_.RefusalUpTo(ClaimRank::kService, metadata));
    for (const IpAddress& address : service.cluster_ips) {
      for (const ServicePort& port : service.ports) {
        RETURN_IF_ERROR(AddPort(metadata, service, address, port));
      }
    }
    return absl::OkStatus();
  }

  absl::StatusOr<CompiledServices> Finish() {
    ASSIGN_OR_RETURN(result_.blob, builder_.Build());
    return std::move(result_);
  }

 private:
  absl::Status AddPort(const Metadata& metadata, const Service& service,
                       const IpAddress& address, const ServicePort& port) {
    std::string name = absl::StrCat(QualifiedName(metadata), ":", port.port);
    if (port.protocol != IpProtocol::kTcp) {
      absl::StrAppend(&name, "/", ToString(port.protocol));
    }
    ServiceSpec spec{.address = address,
                     .protocol = port.protocol,
                     .port = port.port,
                     .service = Number(name)};
    if (service.session_affinity == SessionAffinity::kClientIp) {
      spec.affinity_s = service.session_affinity_timeout_s;
      spec.flags = kServiceSourceHash;
    }
    spec.backends = Backends(metadata, service, address.family(), port);
    AppendDescription(spec);
    absl::Status status = builder_.Insert(std::move(spec));
    if (status.ok()) return status;
    return absl::Status(status.code(),
                        absl::StrCat("Service ", name, ": ", status.message()));
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
  std::vector<BackendSpec> Backends(const Metadata& metadata,
                                    const Service& service, IpFamily family,
                                    const ServicePort& port) const {
    BackendMap ready, terminating;
    auto found = slices_.find({metadata.ns, metadata.name});
    if (found == slices_.end()) return {};
    for (const EndpointSlice* slice : found->second) {
      if (slice->address_type != family) continue;
      for (const EndpointSlicePort& backend_port : slice->ports) {
        if (backend_port.name == port.name &&
            backend_port.protocol == port.protocol) {
          AddEndpoints(service, *slice, backend_port.port, ready, terminating);
        }
      }
    }
    std::vector<BackendSpec> backends;
    for (auto& [key, backend] : ready.empty() ? terminating : ready) {
      backends.push_back(backend);
    }
    return backends;
  }

  void AddEndpoints(const Service& service, const EndpointSlice& slice,
                    uint16_t port, BackendMap& ready,
                    BackendMap& terminating) const {
    for (const Endpoint& endpoint : slice.endpoints) {
      bool far = service.internal_traffic_policy == TrafficPolicy::kLocal &&
                 endpoint.node_name != node_name_;
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
                    spec.service, " ", spec.affinity_s, " ", spec.flags, ":");
    for (const BackendSpec& backend : spec.backends) {
      result_.backends.insert(backend.address);
      absl::StrAppend(&text, " ", backend.address.ToString(), "/", backend.port,
                      "/", ToInt(backend.endpoint), "/", backend.weight);
    }
    absl::StrAppend(&text, "\n");
  }

  SlicesByService slices_;
  const std::string& node_name_;
  const AddressOwners& owners_;
  const std::function<EndpointId(const IpAddress&)>& endpoint_of_;
  ServiceTableBuilder builder_;
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
