// Ranges of numbers by hash.

#include "controlplane/compile/rule_numbering.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "controlplane/compile/stable_hash.h"
#include "dataplane/base/status_macros.h"
#include "dataplane/policy/policy_set_builder.h"

namespace vswitch {
namespace {

// Hashes leave this many numbers free at the end, for ranges that move up: so
// two million rules always fit.
constexpr uint32_t kReserve = 1u << 22;

// Rules of different sections lie between each other, so that a rule added to
// one section moves no other's number.  Only Cilium's kinds have all sections.
uint32_t OffsetOf(const PolicySource& source, const SourceRule& rule) {
  bool has_all = source.key.kind == PolicyKind::kCiliumNetworkPolicy ||
                 source.key.kind == PolicyKind::kCiliumClusterwideNetworkPolicy;
  uint32_t section = static_cast<uint32_t>(rule.section);
  return has_all ? (rule.index - 1) * 4 + section
                 : (rule.index - 1) * 2 + section / 2;
}

uint32_t CountOf(const PolicySource& source) {
  uint32_t count = 0;
  for (const SourceDirection* direction : {&source.ingress, &source.egress}) {
    for (const SourceRule& rule : direction->rules) {
      count = std::max(count, OffsetOf(source, rule) + 1);
    }
  }
  return count;
}

}  // namespace

RuleNumbering::Place RuleNumbering::PlaceOf(const PolicySource& source) {
  uint64_t hash = StableHash(absl::StrCat(source.Name(), " ", source.key.spec));
  uint32_t wanted = 1 + static_cast<uint32_t>(hash % (kMaxRules - kReserve));
  return {wanted, source.key};
}

// The first number behind the range before `place`.
uint32_t RuleNumbering::EndBefore(const Place& place) const {
  const auto* before = ranges_.FindLastBefore(place);
  return before == nullptr ? 1 : before->second.first + before->second.count;
}

// Moves the ranges behind `place` to where they belong now.
void RuleNumbering::Settle(const Place& place, PolicySources& moved) {
  uint32_t end = EndBefore(place);
  for (auto it = ranges_.lower_bound(place); it != ranges_.end();) {
    Place here = it->first;
    Range range = it->second;
    uint32_t first = std::max(here.wanted, end);
    // What follows depends on where this one ends, and that has not changed.
    if (first == range.first && here != place) return;
    end = first + range.count;
    if (first != range.first) {
      if (range.count != 0) {
        const Place* owner = not_empty_.Find(range.first);
        if (owner != nullptr && *owner == here) not_empty_.Erase(range.first);
        not_empty_.Insert(first, here);
      }
      range.first = first;
      moved.push_back(range.source);
      ranges_.Insert(here, range);
      it = ranges_.lower_bound(here);
    }
    ++it;
  }
}

absl::Status RuleNumbering::Update(const PolicySources& removed,
                                   const PolicySources& added,
                                   PolicySources& moved) {
  for (const auto& source : removed) {
    Place place = PlaceOf(*source);
    const Range* range = ranges_.Find(place);
    if (range->count != 0) not_empty_.Erase(range->first);
    ranges_.Erase(place);
    Settle(place, moved);
  }
  for (const auto& source : added) {
    Place place = PlaceOf(*source);
    uint32_t first = std::max(place.wanted, EndBefore(place));
    Range range{first, CountOf(*source), source};
    ranges_.Insert(place, range);
    if (range.count != 0) not_empty_.Insert(first, place);
    Settle(place, moved);
  }
  if (EndBefore({kMaxRules, {}}) > kMaxRules) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the rules of all policies need more than ", kMaxRules,
                     " numbers: fewer rules are needed"));
  }
  return absl::OkStatus();
}

absl::StatusOr<RuleNumbering> RuleNumbering::Assign(
    const PolicySources& sources) {
  RuleNumbering numbering;
  PolicySources moved;
  RETURN_IF_ERROR(numbering.Update({}, sources, moved));
  return numbering;
}

uint32_t RuleNumbering::FirstOf(const PolicySource& source) const {
  return ranges_.Find(PlaceOf(source))->first;
}

RuleId RuleNumbering::NumberOf(uint32_t first, const PolicySource& source,
                               const SourceRule& rule) {
  return RuleId{first + OffsetOf(source, rule)};
}

std::optional<NumberedRule> RuleNumbering::Find(RuleId id) const {
  if (id == kNoRule) return std::nullopt;
  const auto* last = not_empty_.FindLastBefore(ToInt(id) + 1);
  if (last == nullptr) return std::nullopt;
  const PolicySource& source = *ranges_.Find(last->second)->source;
  uint32_t place = ToInt(id) - last->first;
  for (const SourceDirection* direction : {&source.ingress, &source.egress}) {
    for (const SourceRule& rule : direction->rules) {
      if (OffsetOf(source, rule) == place) return NumberedRule{&source, &rule};
    }
  }
  return std::nullopt;
}

}  // namespace vswitch
