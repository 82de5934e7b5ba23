// bench/micro/policy_workload.h
//
// Rules and questions for the policy benchmark.
//
//   PolicyWorkload workload = ExactRules(1000, 7, 143);  // 1 001 000 rules
//   for (const PolicyQuestion& question : workload.questions) ...
//
// The same arguments make the same workload.  Plain values.

#ifndef VSWITCH_BENCH_MICRO_POLICY_WORKLOAD_H_
#define VSWITCH_BENCH_MICRO_POLICY_WORKLOAD_H_

#include <cstdint>
#include <vector>

#include "dataplane/base/ids.h"
#include "dataplane/policy/policy_query.h"
#include "dataplane/policy/policy_set.h"

namespace vswitch {

struct PolicyQuestion {
  PolicySetId set;
  PolicyQuery query;
};

struct PolicyWorkload {
  std::vector<PolicySetSpec> sets;        // by PolicySetId
  std::vector<PolicyQuestion> questions;  // in random order
  // One for each combination of set, peer (identity or CIDR) and ports.
  uint64_t rule_count = 0;
};

// `set_count` sets of `entry_count` entries, each of which allows one TCP port
// to `identity_count` identities.  Half of the questions are about peers and
// ports that are allowed.
PolicyWorkload ExactRules(uint32_t set_count, uint32_t entry_count,
                          uint32_t identity_count);

// Sets of seven CIDRs of as many prefix lengths in each family, inside each
// other, each with port ranges of TCP and UDP that are no prefixes: each rule
// has masks of its own, and each question fits many of them.
PolicyWorkload MaskRules(uint32_t set_count);

}  // namespace vswitch

#endif  // VSWITCH_BENCH_MICRO_POLICY_WORKLOAD_H_
