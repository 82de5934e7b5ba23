// controlplane/compile/rule_numbering.h
//
// RuleNumbering: the RuleIds of all rules, and back.
//
// A source's rules have neighbouring numbers, from a place that is the hash of
// its name, so a rule keeps its number from generation to generation and from
// process to process.  Where two ranges would meet, the later one moves up:
// hardly ever with hundreds of rules, one range in four with a million, because
// the table has 24 bits for a number.  So numbers depend on all sources;
// whoever keeps a compiled set compares FirstOf() too.
//
//   ASSIGN_OR_RETURN(RuleNumbering numbering, RuleNumbering::Assign(sources));
//   entry.rule = numbering.NumberOf(source, rule);
//   if (auto found = numbering.Find(id)) ...found->source->Name()
//
// Immutable: any thread.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_RULE_NUMBERING_H_
#define VSWITCH_CONTROLPLANE_COMPILE_RULE_NUMBERING_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "controlplane/compile/policy_source.h"
#include "dataplane/base/ids.h"

namespace vswitch {

// The rule that lets a pod's own node reach it; in every ingress set of a pod.
inline constexpr RuleId kLocalNodeRule{0};

struct NumberedRule {
  const PolicySource* source;  // lives as long as the numbering
  const SourceRule* rule;
};

class RuleNumbering {
 public:
  RuleNumbering() = default;

  // The same sources in any order give the same numbers.  RESOURCE_EXHAUSTED
  // when they have more rules than there are numbers.
  static absl::StatusOr<RuleNumbering> Assign(const PolicySources& sources);

  // REQUIRES: `source` was one of the sources.
  uint32_t FirstOf(const PolicySource& source) const;
  RuleId NumberOf(const PolicySource& source, const SourceRule& rule) const;
  // Returns nullopt for a number of no rule.
  std::optional<NumberedRule> Find(RuleId id) const;

 private:
  struct Range {
    uint32_t first = 0;
    uint32_t count = 0;
    std::shared_ptr<const PolicySource> source;
  };
  std::vector<Range> ranges_;  // by `first`
  absl::flat_hash_map<const PolicySource*, uint32_t> first_;
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_RULE_NUMBERING_H_
