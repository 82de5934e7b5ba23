// dataplane/policy/policy_set_builder.h
//
// BuildPolicySet(): the bytes of one policy set, as PolicyTable reads them.
//
//   ASSIGN_OR_RETURN(std::string bytes, BuildPolicySet(spec));
//
// PolicyTableBuilder numbers the sets of a table, equal ones once:
//
//   PolicyTableBuilder builder;
//   ASSIGN_OR_RETURN(PolicySetId id, builder.Add(spec));
//   std::vector<std::shared_ptr<const std::string>> sets =
//       std::move(builder).Build();
//
// Deterministic: equal specs give equal bytes, and the same sets added in the
// same order the same numbers.  Control thread only.

#ifndef VSWITCH_DATAPLANE_POLICY_POLICY_SET_BUILDER_H_
#define VSWITCH_DATAPLANE_POLICY_POLICY_SET_BUILDER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/base/ids.h"
#include "dataplane/policy/policy_set.h"

namespace vswitch {

struct PolicySetLimits {
  // Verdicts of one set: classes of peers times classes of ports, 8 bytes each.
  uint64_t max_cells = 4u << 20;
};

// Rules are numbered below this.
inline constexpr uint32_t kMaxRules = 0xffffff;

// INVALID_ARGUMENT for what no set can hold: a prefix whose bits are wrong,
// first > last, a protocol without ports, a verdict or a tier that does not
// exist.  RESOURCE_EXHAUSTED, with the numbers, for more than `limits` allow.
absl::StatusOr<std::string> BuildPolicySet(PolicySetSpec spec,
                                           const PolicySetLimits& limits = {});

class PolicyTableBuilder {
 public:
  PolicyTableBuilder() = default;
  explicit PolicyTableBuilder(const PolicySetLimits& limits)
      : limits_(limits) {}

  // Adds a set, normalised on the way; returns the number of an equal one if
  // there is one.  Fails as BuildPolicySet() does; nothing is added then.
  absl::StatusOr<PolicySetId> Add(PolicySetSpec spec);

  // Returns the sets' bytes by number.
  std::vector<std::shared_ptr<const std::string>> Build() && {
    return std::move(sets_);
  }

  size_t set_count() const { return sets_.size(); }

 private:
  PolicySetLimits limits_;
  std::vector<std::shared_ptr<const std::string>> sets_;
  std::map<PolicySetSpec, PolicySetId> ids_;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_POLICY_POLICY_SET_BUILDER_H_
