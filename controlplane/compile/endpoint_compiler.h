// controlplane/compile/endpoint_compiler.h
//
// CompileEndpoints(): the endpoints of the host and of every pod that has a
// port, with the policy sets of their identities, numbered.
//
// Control thread only.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_ENDPOINT_COMPILER_H_
#define VSWITCH_CONTROLPLANE_COMPILE_ENDPOINT_COMPILER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "controlplane/compile/policy_sets.h"
#include "controlplane/compile/port_compiler.h"
#include "controlplane/compile/rule_catalog.h"
#include "controlplane/compile/shared_bytes.h"

namespace vswitch {

struct EndpointStage {
  SharedBytes records;
  std::vector<std::shared_ptr<const std::string>> policy_sets;  // by number
  std::shared_ptr<const absl::flat_hash_map<IdentityId, AllPolicies>> policies;
};

// Sets have the numbers of their first endpoints, so equal states give equal
// numbers.  `sets` has those of the host and of every pod's identity.
absl::StatusOr<EndpointStage> CompileEndpoints(
    const std::vector<CompiledPort>& ports, const PolicySets::ByIdentity& sets);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_ENDPOINT_COMPILER_H_
