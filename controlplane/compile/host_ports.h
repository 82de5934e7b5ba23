// controlplane/compile/host_ports.h
//
// HostPortsOf(): the node's ports that lead to a pod (containers' hostPort), as
// services before that pod alone.
//
//   ASSIGN_OR_RETURN(auto host_ports, HostPortsOf(metadata, pod, node));
//   for (HostPort& each : host_ports) builder.Insert(each.spec);
//
// Control thread only.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_HOST_PORTS_H_
#define VSWITCH_CONTROLPLANE_COMPILE_HOST_PORTS_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/model/desired_state.h"
#include "dataplane/base/address.h"
#include "dataplane/base/ids.h"
#include "dataplane/nat/service_table_builder.h"

namespace vswitch {

// What kube-apiserver gives out to Services (--service-node-port-range).
inline constexpr uint16_t kFirstNodePort = 30000;
inline constexpr uint16_t kLastNodePort = 32767;
inline bool IsNodePort(uint16_t port) {
  return port >= kFirstNodePort && port <= kLastNodePort;
}

// A port of one of the node's addresses.
struct HostPort {
  std::string field;  // "Pod demo/web spec.containerPorts[0].hostPort"
  ServiceSpec spec;   // without backends while the pod has no port here
};

// This node as a pod with host ports needs it.
struct HostPortNode {
  const std::string& name;
  const std::vector<IpAddress>* addresses;  // nullptr: there is no Node yet
  // Returns the endpoint of an address of this node's pods, or kNoEndpoint.
  const std::function<EndpointId(const IpAddress&)>& endpoint_of;
};

// Whether a pod asks for ports of its node.
bool HasHostPorts(const Pod& pod);

// Returns the host ports of a pod, none if it is another node's or has the
// node's own network.  Refuses a port that services may get, and an address
// that is not the node's.
absl::StatusOr<std::vector<HostPort>> HostPortsOf(const Metadata& metadata,
                                                  const Pod& pod,
                                                  const HostPortNode& node);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_HOST_PORTS_H_
