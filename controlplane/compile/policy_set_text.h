// controlplane/compile/policy_set_text.h
//
// PolicySetText(): what a policy set judges by, as text: equal exactly when the
// sets are.  Numbers of sets may differ between generations, this may not.
//
// Pure function: any thread.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_POLICY_SET_TEXT_H_
#define VSWITCH_CONTROLPLANE_COMPILE_POLICY_SET_TEXT_H_

#include <string>

#include "dataplane/policy/policy_set.h"

namespace vswitch {

// REQUIRES: `spec` is normalised.
std::string PolicySetText(const PolicySetSpec& spec);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_POLICY_SET_TEXT_H_
