// controlplane/cli/offline_compile.h
//
// CompileOffline(): the generation that a switch would have, as the offline
// tools open it.
//
//   IdentityAllocator identities;
//   ASSIGN_OR_RETURN(OfflineGeneration generation,
//                    CompileOffline(desired, "n1", identities));
//   OfflineJudge::Create(generation.tables);
//
// Pure but for `identities`: any thread.

#ifndef VSWITCH_CONTROLPLANE_CLI_OFFLINE_COMPILE_H_
#define VSWITCH_CONTROLPLANE_CLI_OFFLINE_COMPILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "controlplane/compile/compile.h"
#include "controlplane/model/desired_state.h"
#include "dataplane/offline/offline_tables.h"

namespace vswitch {

struct OfflineGeneration {
  PortNumbering ports;
  CompiledState state;
  OfflineTables tables;  // of `state`
};

// Compiles `desired` for the switch of that node, with all its ports ready.
// Numbers of identities come from `identities`.  The compiler's errors.
absl::StatusOr<OfflineGeneration> CompileOffline(const DesiredState& desired,
                                                 const std::string& node_name,
                                                 IdentityAllocator& identities);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_CLI_OFFLINE_COMPILE_H_
