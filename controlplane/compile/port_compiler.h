// controlplane/compile/port_compiler.h
//
// CompilePorts(): Port resources checked, with defaults filled in, and as the
// records of the port table.
//
// Control thread only.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_PORT_COMPILER_H_
#define VSWITCH_CONTROLPLANE_COMPILE_PORT_COMPILER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/compile/address_owners.h"
#include "controlplane/compile/pod_index.h"
#include "controlplane/compile/port_numbering.h"
#include "controlplane/compile/resolve.h"
#include "controlplane/model/desired_state.h"
#include "dataplane/base/ids.h"
#include "dataplane/forwarding/records.h"

namespace vswitch {

struct CompiledPort {
  const Metadata* metadata;  // live as long as the desired state
  const Port* port;
  PortId id;
  PortRecord record;
  ResolvedPort resolved;
  const IndexedPod* pod;  // nullptr: not a pod's, or the pod is not known
};

// In order of their names.  Claims the addresses in `owners`, for the pod or,
// while that is not known, for the port.  At most one port is the host's.
absl::StatusOr<std::vector<CompiledPort>> CompilePorts(
    const DesiredState& desired, const std::string& node_name,
    const PortNumbering& numbering, const PodIndex& pods,
    AddressOwners& owners);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_PORT_COMPILER_H_
