// controlplane/compile/policy_adapters.h
//
// PolicySources made of each kind of policy.  Each adapter checks what one
// object can say wrong about itself: INVALID_ARGUMENT names the object and the
// field, and says what would be right.
//
//   SourcePool pool;
//   ASSIGN_OR_RETURN(PolicySources sources,
//                    SourcesOf(metadata, network_policy, pool));
//
// Pure functions of object and pool; control thread only.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_POLICY_ADAPTERS_H_
#define VSWITCH_CONTROLPLANE_COMPILE_POLICY_ADAPTERS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controlplane/compile/policy_source.h"
#include "controlplane/compile/source_pool.h"
#include "controlplane/model/objects.h"
#include "controlplane/model/policy_objects.h"

namespace vswitch {

// One source.
absl::StatusOr<PolicySources> SourcesOf(const Metadata& metadata,
                                        const NetworkPolicy& policy,
                                        SourcePool& pool);
absl::StatusOr<PolicySources> SourcesOf(const Metadata& metadata,
                                        const ClusterNetworkPolicy& policy,
                                        SourcePool& pool);
// One for each spec.
absl::StatusOr<PolicySources> SourcesOf(const Metadata& metadata,
                                        const CiliumNetworkPolicy& policy,
                                        SourcePool& pool);
absl::StatusOr<PolicySources> SourcesOf(
    const Metadata& metadata, const CiliumClusterwideNetworkPolicy& policy,
    SourcePool& pool);

// --- What the adapters share ---

// Checks that each of `block.except` lies inside its `cidr`.
absl::Status CheckBlock(const IpBlock& block, const std::string& field);
// Checks that `protocol` has ports.
absl::Status CheckPortProtocol(IpProtocol protocol, const std::string& field);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_POLICY_ADAPTERS_H_
