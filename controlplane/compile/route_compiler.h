// controlplane/compile/route_compiler.h
//
// CompileRoutes(): the route table.  Pod ranges of this node lead nowhere: an
// address without an endpoint in them is nobody's.  Then ports' routes; by
// default everything goes out by the uplink, or to the host when there is none.
//
// Control thread only.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_ROUTE_COMPILER_H_
#define VSWITCH_CONTROLPLANE_COMPILE_ROUTE_COMPILER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/compile/port_compiler.h"
#include "controlplane/model/desired_state.h"

namespace vswitch {

// Returns the table's bytes, none without routes.  INVALID_ARGUMENT for a
// prefix that has two owners.
absl::StatusOr<std::string> CompileRoutes(
    const DesiredState& desired, const std::string& node_name,
    const std::vector<CompiledPort>& ports);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_ROUTE_COMPILER_H_
