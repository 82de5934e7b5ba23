// controlplane/compile/near_miss.h
//
// NearestMisses(): which rules came nearest to allowing a denied flow, and what
// each of them wanted instead.  A rule is the nearer, the fewer things about
// the flow would have to change: a label of the peer, its namespace, its
// address, or the port.  Only rules count that would have decided: those that
// come before what denied the flow.
//
//   nearest rule wants role=frontend
//   rule 2 of demo/backend would have matched on TCP 8443
//
// Pure function: any thread.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_NEAR_MISS_H_
#define VSWITCH_CONTROLPLANE_COMPILE_NEAR_MISS_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/compile/policy_source.h"
#include "controlplane/compile/rule_catalog.h"
#include "controlplane/model/desired_state.h"
#include "dataplane/policy/policy_table.h"

namespace vswitch {

// A flow that was denied.
struct DeniedFlow {
  PolicyDirection direction = PolicyDirection::kIngress;
  const IdentityInfo* self = nullptr;  // the side whose policy denied it
  const IdentityInfo* peer = nullptr;  // the other one; nullptr: not known
  PolicyQuery query;                   // what the judge asked
  RuleId rule = kNoRule;               // kNoRule: no rule allowed it
};

// The nearest miss first, at most `max_count`; of equally near ones those of
// the first policy.
std::vector<std::string> NearestMisses(const DesiredState& desired,
                                       const RuleCatalog& catalog,
                                       const DeniedFlow& denied,
                                       size_t max_count);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_NEAR_MISS_H_
