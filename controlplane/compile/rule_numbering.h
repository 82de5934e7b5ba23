// controlplane/compile/rule_numbering.h
//
// RuleNumbering: the RuleIds of all rules, and back.
//
// A source's rules have neighbouring numbers, from a place that is the hash of
// its name, so a rule keeps its number from generation to generation and from
// process to process.  Where two ranges would meet, the later one moves up:
// hardly ever with hundreds of rules, one range in four with a million, because
// the table has 24 bits for a number.  So numbers depend on all sources, but
// not on the order in which they came; whoever keeps a compiled set makes it
// again when Update() says that a source of it has moved.
//
//   RETURN_IF_ERROR(numbering.Update(removed, added, moved));
//   entry.rule = numbering.NumberOf(source, rule);
//   if (auto found = numbering.Find(id)) ...found->source->Name()
//
// A value; copies are O(1).  Thread-compatible.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_RULE_NUMBERING_H_
#define VSWITCH_CONTROLPLANE_COMPILE_RULE_NUMBERING_H_

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controlplane/compile/policy_source.h"
#include "controlplane/model/persistent_map.h"
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
  // Numbers `sources` alone.
  static absl::StatusOr<RuleNumbering> Assign(const PolicySources& sources);

  // Takes `removed` out and `added` in, and appends those of the other sources
  // whose numbers changed to `moved`.  RESOURCE_EXHAUSTED when there are more
  // rules than numbers.
  absl::Status Update(const PolicySources& removed, const PolicySources& added,
                      PolicySources& moved);

  // REQUIRES: `source` is one of the sources.
  uint32_t FirstOf(const PolicySource& source) const;
  RuleId NumberOf(const PolicySource& source, const SourceRule& rule) const {
    return NumberOf(FirstOf(source), source, rule);
  }
  // The same, with what FirstOf(source) returns.
  static RuleId NumberOf(uint32_t first, const PolicySource& source,
                         const SourceRule& rule);
  // Returns nullopt for a number of no rule.
  std::optional<NumberedRule> Find(RuleId id) const;

 private:
  struct Place {
    uint32_t wanted = 0;
    SourceKey key;
    friend auto operator<=>(const Place&, const Place&) = default;
  };
  struct Range {
    uint32_t first = 0;
    uint32_t count = 0;
    std::shared_ptr<const PolicySource> source;
    friend bool operator==(const Range&, const Range&) = default;
  };

  static Place PlaceOf(const PolicySource& source);
  uint32_t EndBefore(const Place& place) const;
  void Settle(const Place& place, PolicySources& moved);

  PersistentMap<Place, Range> ranges_;        // in order of `first`, too
  PersistentMap<uint32_t, Place> not_empty_;  // by `first`
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_RULE_NUMBERING_H_
