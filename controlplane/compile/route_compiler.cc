// Prefixes, each with one owner.

#include "controlplane/compile/route_compiler.h"

#include <algorithm>
#include <map>
#include <optional>

#include "absl/strings/str_cat.h"
#include "dataplane/base/status_macros.h"
#include "dataplane/forwarding/forwarding_state.h"
#include "dataplane/tables/route_table.h"

namespace vswitch {
namespace {

std::vector<IpPrefix> RoutesOf(const CompiledPort& port,
                               const std::vector<CompiledPort>& ports) {
  if (port.port->kind == PortResourceKind::kPod) return {};
  if (!port.port->routes.empty()) return port.port->routes;
  bool has_uplink =
      std::any_of(ports.begin(), ports.end(), [](const CompiledPort& other) {
        return other.port->kind == PortResourceKind::kUplink;
      });
  if (port.port->kind == PortResourceKind::kHost && has_uplink) return {};
  constexpr uint8_t kZero[4] = {};
  return {IpPrefix{IpAddress::FromIpv4(kZero), 0}, IpPrefix{IpAddress{}, 0}};
}

// Returns the prefixes that see the pods' own addresses: those of the other
// nodes' pods, known one by one or not, and those that the Settings name.
std::vector<IpPrefix> PrefixesInside(const DesiredState& desired,
                                     const std::string& node_name) {
  std::vector<IpPrefix> prefixes;
  desired.ForEach<Node>([&](const Metadata& metadata, const Node& node) {
    if (metadata.name == node_name) return;
    prefixes.insert(prefixes.end(), node.pod_cidrs.begin(),
                    node.pod_cidrs.end());
  });
  desired.ForEach<SwitchSettings>(
      [&](const Metadata&, const SwitchSettings& settings) {
        const std::vector<IpPrefix>& more = settings.source_nat.excluded_cidrs;
        prefixes.insert(prefixes.end(), more.begin(), more.end());
      });
  return prefixes;
}

// Returns the address of all hosts of `prefix` (RFC 1812 4.2.3.1), or nothing
// where there is none: IPv6, and a range of at most two addresses (RFC 3021).
std::optional<IpPrefix> BroadcastOf(const IpPrefix& prefix) {
  if (!prefix.address.IsIpv4() || prefix.prefix_bits > 30) return std::nullopt;
  const uint32_t hosts = 0xffffffffu >> prefix.prefix_bits;
  return IpPrefix{IpAddress::FromIpv4(
                      Be32::FromHost(prefix.address.ToIpv4().ToHost() | hosts)),
                  32};
}

using Routes = std::map<IpPrefix, RouteTarget>;

// Returns `routes` with those to `prefixes` among them, by the same ports,
// whose packets keep their source.
Routes WithKeptSources(const Routes& routes,
                       const std::vector<IpPrefix>& prefixes) {
  Routes result = routes;
  for (const IpPrefix& prefix : prefixes) {
    const Routes::value_type* around = nullptr;
    for (const Routes::value_type& route : routes) {
      if (route.first.MappedBits() >= prefix.MappedBits()) {
        if (prefix.Contains(route.first.address)) {
          result[route.first].keeps_source = 1;
        }
      } else if (route.first.Contains(prefix.address) &&
                 (around == nullptr ||
                  around->first.prefix_bits < route.first.prefix_bits)) {
        around = &route;
      }
    }
    if (around == nullptr) continue;
    auto [it, inserted] = result.try_emplace(prefix, around->second);
    it->second.keeps_source = 1;
  }
  return result;
}

}  // namespace

absl::StatusOr<std::string> CompileRoutes(
    const DesiredState& desired, const std::string& node_name,
    const std::vector<CompiledPort>& ports) {
  std::map<IpPrefix, std::string> owners;
  Routes routes;
  auto insert = [&](const IpPrefix& prefix, const RouteTarget& target,
                    const std::string& object) -> absl::Status {
    auto [it, inserted] = owners.try_emplace(prefix, object);
    if (!inserted && it->second != object) {
      return absl::InvalidArgumentError(
          absl::StrCat(object, ": ", prefix.ToString(),
                       " is already the route of ", it->second));
    }
    routes[prefix] = target;
    return absl::OkStatus();
  };
  if (const Node* node = desired.Find<Node>("", node_name)) {
    for (const IpPrefix& cidr : node->pod_cidrs) {
      RETURN_IF_ERROR(
          insert(cidr, {.kind = RouteKind::kUnreachable, .port = kNoPort},
                 absl::StrCat("Node ", node_name, " spec.podCIDRs")));
      if (const std::optional<IpPrefix> all = BroadcastOf(cidr)) {
        routes.try_emplace(
            *all, RouteTarget{.kind = RouteKind::kBroadcast, .port = kNoPort});
      }
    }
  }
  for (const CompiledPort& port : ports) {
    for (const IpPrefix& prefix : RoutesOf(port, ports)) {
      RETURN_IF_ERROR(
          insert(prefix, {.kind = RouteKind::kPort, .port = port.id},
                 absl::StrCat("Port ", port.metadata->name, " spec.routes")));
    }
  }
  RouteTableBuilder builder;
  for (const auto& [prefix, target] :
       WithKeptSources(routes, PrefixesInside(desired, node_name))) {
    RETURN_IF_ERROR(builder.Insert(prefix, PackRouteTarget(target)));
  }
  return builder.prefix_count() == 0 ? std::string() : builder.Build();
}

}  // namespace vswitch
