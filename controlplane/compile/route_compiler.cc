// Prefixes, each with one owner.

#include "controlplane/compile/route_compiler.h"

#include <algorithm>
#include <map>

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

}  // namespace

absl::StatusOr<std::string> CompileRoutes(
    const DesiredState& desired, const std::string& node_name,
    const std::vector<CompiledPort>& ports) {
  std::map<IpPrefix, std::string> owners;
  RouteTableBuilder routes;
  auto insert = [&](const IpPrefix& prefix, const RouteTarget& target,
                    const std::string& object) -> absl::Status {
    auto [it, inserted] = owners.try_emplace(prefix, object);
    if (!inserted && it->second != object) {
      return absl::InvalidArgumentError(
          absl::StrCat(object, ": ", prefix.ToString(),
                       " is already the route of ", it->second));
    }
    return routes.Insert(prefix, PackRouteTarget(target));
  };
  if (const Node* node = desired.Find<Node>("", node_name)) {
    for (const IpPrefix& cidr : node->pod_cidrs) {
      RETURN_IF_ERROR(
          insert(cidr, {.kind = RouteKind::kUnreachable, .port = kNoPort},
                 absl::StrCat("Node ", node_name, " spec.podCIDRs")));
    }
  }
  for (const CompiledPort& port : ports) {
    for (const IpPrefix& prefix : RoutesOf(port, ports)) {
      RETURN_IF_ERROR(
          insert(prefix, {.kind = RouteKind::kPort, .port = port.id},
                 absl::StrCat("Port ", port.metadata->name, " spec.routes")));
    }
  }
  return routes.prefix_count() == 0 ? std::string() : routes.Build();
}

}  // namespace vswitch
