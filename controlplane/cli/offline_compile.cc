// A compiled state as tables on the heap.

#include "controlplane/cli/offline_compile.h"

#include <algorithm>

#include "controlplane/compile/shared_bytes.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

constexpr Generation kGeneration = 1;

OfflineTables TablesOf(const CompiledState& state) {
  OfflineTables tables;
  std::transform(
      state.blobs.begin(), state.blobs.end(), tables.blobs.begin(),
      [](const SharedBytes& blob) { return std::string(blob.view()); });
  tables.policy_sets = state.policy_sets;
  tables.bindings.assign(state.bindings.begin(), state.bindings.end());
  return tables;
}

}  // namespace

absl::StatusOr<OfflineGeneration> CompileOffline(
    const DesiredState& desired, const std::string& node_name,
    IdentityAllocator& identities) {
  OfflineGeneration result;
  RETURN_IF_ERROR(result.ports.Update(desired, kGeneration));
  for (const auto& [name, number] :
       PortNumbering::Ports(result.ports.ports())) {
    result.ports.SetReady(name, number.epoch);
  }
  ASSIGN_OR_RETURN(
      result.state,
      Compile(desired, {.node_name = node_name, .generation = kGeneration},
              result.ports, identities, nullptr));
  result.tables = TablesOf(result.state);
  return result;
}

}  // namespace vswitch
