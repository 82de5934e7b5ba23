// controlplane/cli/replay_switch.h
//
// MakeReplaySwitch(): one node's switch as manifests describe it, for packets
// to run through: every pod of the node has a port, and there are `host` and
// `uplink`.
//
//   ASSIGN_OR_RETURN(ReplaySwitch node, MakeReplaySwitch(desired, options));
//   node.ports.at("demo/web")
//
// Pure functions: any thread.

#ifndef VSWITCH_CONTROLPLANE_CLI_REPLAY_SWITCH_H_
#define VSWITCH_CONTROLPLANE_CLI_REPLAY_SWITCH_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "controlplane/compile/compile.h"
#include "controlplane/model/desired_state.h"
#include "dataplane/base/address.h"
#include "dataplane/base/ids.h"
#include "dataplane/conntrack/timeouts.h"
#include "dataplane/offline/offline_tables.h"

namespace vswitch {

// Annotations of a Pod, about its port: "02:00:00:00:00:05", "1500".
inline constexpr char kMacAnnotation[] = "vswitch.dev/mac";
inline constexpr char kMtuAnnotation[] = "vswitch.dev/mtu";

inline constexpr char kReplayHostPort[] = "host";
inline constexpr char kReplayUplinkPort[] = "uplink";

struct ReplaySwitchOptions {
  std::string node_name;  // empty: the only one there is
  std::optional<TimeoutProfile> profile;
  uint32_t uplink_mtu = 0;  // bytes of L3; 0: as the manifests say
  // Of the uplink's next hop; nullopt: as the manifests say.
  std::optional<MacAddress> uplink_mac;
};

struct ReplaySwitch {
  std::string node_name;
  DesiredState desired;  // with the ports
  CompiledState state;
  OfflineTables tables;
  std::map<std::string, PortId> ports;  // by name: "demo/web", "host", "uplink"
};

// INVALID_ARGUMENT names the Nodes to choose from when there are several, or
// the Pod and annotation that is wrong; else the compiler's errors.  Port
// resources of the manifests give their ends MAC address, MTU and routes.
absl::StatusOr<ReplaySwitch> MakeReplaySwitch(
    const DesiredState& desired, const ReplaySwitchOptions& options);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_CLI_REPLAY_SWITCH_H_
