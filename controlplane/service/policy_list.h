// controlplane/service/policy_list.h
//
// The policies of one generation, of every kind, as clients list them.
//
//   ASSIGN_OR_RETURN(std::vector<ListedPolicy> policies,
//                    ListPolicies(desired, "demo/db"));
//
// Pure functions: any thread.

#ifndef VSWITCH_CONTROLPLANE_SERVICE_POLICY_LIST_H_
#define VSWITCH_CONTROLPLANE_SERVICE_POLICY_LIST_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "controlplane/compile/policy_source.h"
#include "controlplane/model/desired_state.h"

namespace vswitch {

struct ListedPolicy {
  ObjectKey key;
  std::string name;       // as rules and drop records call it
  uint64_t version = 0;   // of the resource
  uint16_t priority = 0;  // of a ClusterNetworkPolicy
  PolicySources sources;  // at least one
  uint32_t selected_pods = 0;

  bool is_shadow() const;
};

// Returns all policies, or the one called `name` ("" for all): as
// ListedPolicy::name, with its kind before that ("NetworkPolicy/demo/db"), or
// without it where only one policy has the name.  NOT_FOUND if there is none,
// INVALID_ARGUMENT if several have that name; `field` is that of the request in
// which the name stands.
absl::StatusOr<std::vector<ListedPolicy>> ListPolicies(
    const DesiredState& desired, const std::string& name,
    absl::string_view field = "name");

// Returns the rules in words: "ingress rule 1: Allow from role=web on TCP 80".
std::vector<std::string> RulesInWords(const ListedPolicy& policy);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_SERVICE_POLICY_LIST_H_
