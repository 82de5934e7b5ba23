// controlplane/compile/resolve.h
//
// What Port, Node and Settings resources mean once their defaults are filled
// in: the publisher makes the device from the same values as the compiler makes
// the tables.
//
//   ASSIGN_OR_RETURN(Gateways gateways, ResolveGateways(desired, node_name));
//   ASSIGN_OR_RETURN(ResolvedPort port, ResolvePort(desired, node, metadata,
//                                                   spec));
//
// Pure functions: any thread.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_RESOLVE_H_
#define VSWITCH_CONTROLPLANE_COMPILE_RESOLVE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/model/desired_state.h"
#include "dataplane/base/address.h"

namespace vswitch {

// The MAC address of the switch itself unless Settings name another.
inline constexpr MacAddress kDefaultGatewayMac{
    {0x02, 0x76, 0x73, 0x77, 0x00, 0x01}};

// The switch's own addresses on every port.
struct Gateways {
  MacAddress mac;
  IpAddress ipv4;  // unspecified (::) when the node has no such podCIDR
  IpAddress ipv6;
};

// From Settings, else the first host address of the podCIDRs of the Node named
// `node_name`.
absl::StatusOr<Gateways> ResolveGateways(const DesiredState& desired,
                                         const std::string& node_name);

// A Port with every default filled in.
struct ResolvedPort {
  MacAddress peer_mac;
  uint32_t mtu = 0;
  std::vector<IpAddress> addresses;
  std::vector<IpAddress> gateways;  // of the addresses' families
  bool pod_known = false;           // kind kPod: the Pod object exists
};

// Also checks the port against its Pod: the addresses must be the Pod's.
absl::StatusOr<ResolvedPort> ResolvePort(const DesiredState& desired,
                                         const std::string& node_name,
                                         const Metadata& metadata,
                                         const Port& port);

// Returns the locally administered MAC address that a port gets by default: of
// its first address, else of its name.
MacAddress DerivedMac(const std::vector<IpAddress>& addresses,
                      const std::string& name);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_RESOLVE_H_
