// dataplane/policy/policy_set_check.h
//
// CheckPolicySet(): refuses specs that no policy set can mean.
//
// Part of the builder; control thread only.

#ifndef VSWITCH_DATAPLANE_POLICY_POLICY_SET_CHECK_H_
#define VSWITCH_DATAPLANE_POLICY_POLICY_SET_CHECK_H_

#include "absl/status/status.h"
#include "dataplane/policy/policy_set.h"

namespace vswitch {

// INVALID_ARGUMENT naming what is wrong and what would be right;
// RESOURCE_EXHAUSTED for a rule whose number is too large.
absl::Status CheckPolicySet(const PolicySetSpec& spec);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_POLICY_POLICY_SET_CHECK_H_
