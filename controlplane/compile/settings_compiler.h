// controlplane/compile/settings_compiler.h
//
// CompileSettings(): the Settings record, with connection timeouts by profile.
//
// Pure function: any thread.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_SETTINGS_COMPILER_H_
#define VSWITCH_CONTROLPLANE_COMPILE_SETTINGS_COMPILER_H_

#include <string>

#include "absl/status/statusor.h"
#include "controlplane/compile/resolve.h"
#include "controlplane/model/desired_state.h"
#include "dataplane/forwarding/records.h"

namespace vswitch {

absl::StatusOr<Settings> CompileSettings(const DesiredState& desired,
                                         const std::string& node_name,
                                         const Gateways& gateways,
                                         PortId host_port);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_SETTINGS_COMPILER_H_
