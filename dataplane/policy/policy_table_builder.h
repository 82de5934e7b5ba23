// dataplane/policy/policy_table_builder.h
//
// PolicyTableBuilder: makes the bytes of a PolicyTable out of policy sets.
//
// Equal sets get one PolicySetId and are stored once.  Deterministic: the same
// sets added in the same order give the same bytes.
//
//   PolicyTableBuilder builder;
//   ASSIGN_OR_RETURN(PolicySetId id, builder.Add(spec));
//   ASSIGN_OR_RETURN(std::string blob, std::move(builder).Build());
//
// Control thread only.

#ifndef VSWITCH_DATAPLANE_POLICY_POLICY_TABLE_BUILDER_H_
#define VSWITCH_DATAPLANE_POLICY_POLICY_TABLE_BUILDER_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/base/ids.h"
#include "dataplane/policy/policy_set.h"

namespace vswitch {

class PolicyTableBuilder {
 public:
  struct Limits {
    // Cells of all sets: identity and CIDR classes times port classes.
    uint64_t max_cells = 32u << 20;
  };

  PolicyTableBuilder() = default;
  explicit PolicyTableBuilder(const Limits& limits) : limits_(limits) {}

  // Adds a set, normalised on the way; returns the number of an equal one if
  // there is one.  INVALID_ARGUMENT for what no table can hold: a prefix whose
  // bits are wrong, first > last, a protocol without ports.
  absl::StatusOr<PolicySetId> Add(PolicySetSpec spec);

  // Returns the blob for PolicyTable::Open().  RESOURCE_EXHAUSTED, with the
  // numbers, when the sets need more than the limits allow.
  absl::StatusOr<std::string> Build() &&;

  size_t set_count() const { return sets_.size(); }

 private:
  Limits limits_;
  std::vector<PolicySetSpec> sets_;
  std::map<PolicySetSpec, PolicySetId> ids_;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_POLICY_POLICY_TABLE_BUILDER_H_
