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

// Refers to objects of the desired state; whoever keeps it makes it again when
// one of them is another.
struct CompiledPort {
  const Object* object;
  const Metadata* metadata;
  const Port* port;
  PortId id;
  PortRecord record;
  ResolvedPort resolved;
  // Of the pod behind it; kIdentityUnknown: not a pod's, or it is not known.
  IdentityId pod_identity = kIdentityUnknown;
  uint32_t epoch = 0;  // of the bindings of its addresses
};

// In order of their names.  Claims the addresses in `owners`, for the pod or,
// while that is not known, for the port.  At most one port is the host's.
absl::StatusOr<std::vector<CompiledPort>> CompilePorts(
    const DesiredState& desired, const std::string& node_name,
    const PortNumbering& numbering, const PodIndex& pods,
    AddressOwners& owners);

// Which use of its addresses a pod is, for HostBinding::epoch.
uint32_t BindingEpochOf(const Metadata& metadata);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_PORT_COMPILER_H_
