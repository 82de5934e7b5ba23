// controlplane/cli/policy_writers.h
//
// The `spec` of each policy kind as its API writes it.
//
//   AddNetworkPolicy(resource.network_policy(), object);
//
// Any thread.

#ifndef VSWITCH_CONTROLPLANE_CLI_POLICY_WRITERS_H_
#define VSWITCH_CONTROLPLANE_CLI_POLICY_WRITERS_H_

#include "controlplane/cli/output.h"
#include "proto/vswitch/v1/resource.pb.h"

namespace vswitch {

// Each adds `spec`; AddCiliumSpecs() adds `specs` if there are several.
void AddNetworkPolicy(const v1::NetworkPolicy& policy, Json& object);
void AddClusterNetworkPolicy(const v1::ClusterNetworkPolicy& policy,
                             Json& object);
void AddCiliumSpecs(
    const google::protobuf::RepeatedPtrField<v1::CiliumPolicySpec>& specs,
    Json& object);

// A Kubernetes LabelSelector.
Json SelectorJson(const v1::LabelSelector& selector);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_CLI_POLICY_WRITERS_H_
