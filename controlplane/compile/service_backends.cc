// Readiness, place and hints of endpoints.

#include "controlplane/compile/service_backends.h"

#include <algorithm>
#include <set>

#include "absl/functional/function_ref.h"

namespace vswitch {
namespace {

// What the EndpointSlice controller would hint at if it had seen the service:
// an endpoint is for its own zone, or node.
std::vector<std::string> ZonesOf(const Service& service,
                                 const Endpoint& endpoint) {
  if (!endpoint.hint_zones.empty() || endpoint.zone.empty() ||
      service.traffic_distribution == TrafficDistribution::kNone) {
    return endpoint.hint_zones;
  }
  return {endpoint.zone};
}
std::vector<std::string> NodesOf(const Service& service,
                                 const Endpoint& endpoint) {
  if (!endpoint.hint_nodes.empty() || endpoint.node_name.empty() ||
      service.traffic_distribution != TrafficDistribution::kPreferSameNode) {
    return endpoint.hint_nodes;
  }
  return {endpoint.node_name};
}

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

ServiceBackends::ServiceBackends(const DesiredState& desired,
                                 const std::string& node_name,
                                 const EndpointFinder& endpoint_of)
    : node_name_(node_name), endpoint_of_(endpoint_of) {
  if (const Object* node =
          desired.FindObject({ObjectKind::kNode, "", node_name})) {
    const Labels& labels = node->metadata.labels;
    const auto zone = labels.find(std::string(kZoneLabel));
    if (zone != labels.end()) zone_ = zone->second;
  }
  desired.ForEach<EndpointSlice>(
      [&](const Metadata& metadata, const EndpointSlice& slice) {
        auto service = metadata.labels.find(std::string(kServiceNameLabel));
        if (service == metadata.labels.end()) return;
        slices_[{metadata.ns, service->second}].push_back(&slice);
      });
}

BackendSets ServiceBackends::Of(const Metadata& metadata,
                                const Service& service, const ServicePort& port,
                                IpFamily family) const {
  const Candidates all = CandidatesOf(metadata, service, port, family);
  // A backend that two slices name counts once.
  auto choose = [&all](absl::FunctionRef<bool(const Candidate&)> wants) {
    std::map<std::pair<IpAddress, uint16_t>, BackendSpec> chosen;
    for (const Candidate& each : all) {
      if (!wants(each)) continue;
      chosen.try_emplace({each.backend.address, each.backend.port},
                         each.backend);
    }
    std::vector<BackendSpec> backends;
    for (const auto& [key, backend] : chosen) backends.push_back(backend);
    return backends;
  };
  const Nearness nearness = NearnessOf(service, all);
  BackendSets sets;
  sets.cluster = choose([&](const Candidate& each) {
    return each.is_ready && IsNear(service, *each.endpoint, nearness);
  });
  if (sets.cluster.empty()) {
    sets.cluster = choose([](const Candidate& each) { return each.Lingers(); });
  }
  sets.local = choose(
      [](const Candidate& each) { return each.is_ready && each.is_local; });
  if (sets.local.empty()) {
    sets.local = choose(
        [](const Candidate& each) { return each.Lingers() && each.is_local; });
  }
  for (const Candidate& each : all) {
    sets.listed.emplace_back(each.backend.address, each.backend.port);
  }
  std::sort(sets.listed.begin(), sets.listed.end());
  return sets;
}

uint32_t ServiceBackends::CountLocalReady(const Metadata& metadata,
                                          const Service& service) const {
  if (service.cluster_ips.empty()) return 0;
  std::set<IpAddress> addresses;
  for (const ServicePort& port : service.ports) {
    for (const Candidate& each : CandidatesOf(
             metadata, service, port, service.cluster_ips[0].family())) {
      if (each.is_ready && each.is_local) {
        addresses.insert(each.backend.address);
      }
    }
  }
  return static_cast<uint32_t>(addresses.size());
}

ServiceBackends::Candidates ServiceBackends::CandidatesOf(
    const Metadata& metadata, const Service& service, const ServicePort& port,
    IpFamily family) const {
  Candidates candidates;
  const auto found = slices_.find({metadata.ns, metadata.name});
  if (found == slices_.end()) return candidates;
  for (const EndpointSlice* slice : found->second) {
    if (slice->address_type != family) continue;
    for (const EndpointSlicePort& backend_port : slice->ports) {
      if (backend_port.name == port.name &&
          backend_port.protocol == port.protocol) {
        AddEndpoints(service, *slice, backend_port.port, candidates);
      }
    }
  }
  return candidates;
}

void ServiceBackends::AddEndpoints(const Service& service,
                                   const EndpointSlice& slice, uint16_t port,
                                   Candidates& candidates) const {
  for (const Endpoint& endpoint : slice.endpoints) {
    if (endpoint.addresses.empty() ||
        endpoint.addresses[0].family() != slice.address_type) {
      continue;
    }
    const IpAddress& address = endpoint.addresses[0];
    candidates.push_back(
        {.backend = {.address = address,
                     .port = port,
                     .endpoint = endpoint_of_(address)},
         .endpoint = &endpoint,
         .is_ready = endpoint.ready || service.publish_not_ready_addresses,
         .is_local = endpoint.node_name == node_name_});
  }
}

ServiceBackends::Nearness ServiceBackends::NearnessOf(
    const Service& service, const Candidates& candidates) const {
  bool all_have_zones = true, all_have_nodes = true;
  bool one_is_of_zone = false, one_is_of_node = false;
  for (const Candidate& each : candidates) {
    if (!each.is_ready) continue;
    const std::vector<std::string> zones = ZonesOf(service, *each.endpoint);
    const std::vector<std::string> nodes = NodesOf(service, *each.endpoint);
    all_have_zones &= !zones.empty();
    all_have_nodes &= !nodes.empty();
    one_is_of_zone |= Contains(zones, zone_);
    one_is_of_node |= Contains(nodes, node_name_);
  }
  if (all_have_nodes && one_is_of_node) return Nearness::kSameNode;
  return all_have_zones && one_is_of_zone ? Nearness::kSameZone
                                          : Nearness::kAnywhere;
}

bool ServiceBackends::IsNear(const Service& service, const Endpoint& endpoint,
                             Nearness nearness) const {
  switch (nearness) {
    case Nearness::kAnywhere:
      return true;
    case Nearness::kSameZone:
      return Contains(ZonesOf(service, endpoint), zone_);
    case Nearness::kSameNode:
      return Contains(NodesOf(service, endpoint), node_name_);
  }
  return true;
}

}  // namespace vswitch
