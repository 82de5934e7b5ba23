// dataplane/policy/naive_policy.h
//
// NaiveVerdict(): a policy set read entry by entry, for tests only.  It shares
// no code with the sets' reader or builder, not even the prefix arithmetic.

#ifndef VSWITCH_DATAPLANE_POLICY_NAIVE_POLICY_H_
#define VSWITCH_DATAPLANE_POLICY_NAIVE_POLICY_H_

#include "dataplane/policy/policy_query.h"
#include "dataplane/policy/policy_set.h"

namespace vswitch {

// Returns the first of the strongest entries that match, below every pass.
PolicyVerdict NaiveVerdict(const PolicySetSpec& spec, const PolicyQuery& query);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_POLICY_NAIVE_POLICY_H_
