// Which of the node's addresses lead to a pod, and what is refused.

#include "controlplane/compile/host_ports.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

bool IsHere(const Pod& pod, const HostPortNode& node) {
  if (!pod.node_name.empty()) return pod.node_name == node.name;
  return std::any_of(pod.addresses.begin(), pod.addresses.end(),
                     [&node](const IpAddress& address) {
                       return node.endpoint_of(address) != kNoEndpoint;
                     });
}

absl::Status Check(const ContainerPort& port, const std::string& field,
                   const HostPortNode& node) {
  if (IsNodePort(port.host_port)) {
    return absl::InvalidArgumentError(absl::StrCat(
        field, ".hostPort: ", port.host_port, " may be a Service's; from ",
        kFirstNodePort, " to ", kLastNodePort, " are NodePorts"));
  }
  if (!port.host_ip || port.host_ip->IsUnspecified() ||
      node.addresses == nullptr ||
      std::find(node.addresses->begin(), node.addresses->end(),
                *port.host_ip) != node.addresses->end()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat(field, ".hostIP: ", port.host_ip->ToString(),
                   " is not an address of Node ", node.name));
}

// Whether the host port is one of that address of the node.
bool IsAt(const ContainerPort& port, const IpAddress& address) {
  if (!port.host_ip) return true;
  return port.host_ip->IsUnspecified()
             ? port.host_ip->family() == address.family()
             : *port.host_ip == address;
}

// The pod as backend for clients of `family`: none while it has no port here.
std::vector<BackendSpec> BackendsOf(const Pod& pod, uint16_t port,
                                    IpFamily family, const HostPortNode& node) {
  for (const IpAddress& address : pod.addresses) {
    const EndpointId endpoint = node.endpoint_of(address);
    if (address.family() != family || endpoint == kNoEndpoint) continue;
    return {{.address = address, .port = port, .endpoint = endpoint}};
  }
  return {};
}

}  // namespace

bool HasHostPorts(const Pod& pod) {
  return std::any_of(
      pod.ports.begin(), pod.ports.end(),
      [](const ContainerPort& port) { return port.host_port != 0; });
}

absl::StatusOr<std::vector<HostPort>> HostPortsOf(const Metadata& metadata,
                                                  const Pod& pod,
                                                  const HostPortNode& node) {
  std::vector<HostPort> result;
  // A pod that has ended has no address, and one in the node's network has its
  // ports without help.
  if (pod.host_network || pod.phase == PodPhase::kSucceeded ||
      pod.phase == PodPhase::kFailed || !HasHostPorts(pod) ||
      !IsHere(pod, node)) {
    return result;
  }
  for (size_t i = 0; i < pod.ports.size(); ++i) {
    const ContainerPort& port = pod.ports[i];
    if (port.host_port == 0) continue;
    const std::string field = absl::StrCat("Pod ", QualifiedName(metadata),
                                           " spec.containerPorts[", i, "]");
    RETURN_IF_ERROR(Check(port, field, node));
    if (node.addresses == nullptr) continue;
    for (const IpAddress& address : *node.addresses) {
      if (!IsAt(port, address)) continue;
      HostPort& added = result.emplace_back();
      added.field = absl::StrCat(field, ".hostPort");
      added.spec = {.address = address,
                    .protocol = port.protocol,
                    .port = port.host_port,
                    .flags = kServiceFromInside | kServiceFromOutside,
                    .shares_address = true};
      added.spec.backends = BackendsOf(pod, port.port, address.family(), node);
      added.spec.outside_backends = added.spec.backends;
    }
  }
  return result;
}

}  // namespace vswitch
