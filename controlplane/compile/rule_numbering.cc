// Ranges of numbers by hash.

#include "controlplane/compile/rule_numbering.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "controlplane/compile/stable_hash.h"
#include "dataplane/policy/policy_set_builder.h"

namespace vswitch {
namespace {

// Hashes leave this many numbers free at the end, for ranges that move up: so
// two million rules always fit.
constexpr uint32_t kReserve = 1u << 22;

uint32_t WantedFirst(const PolicySource& source) {
  uint64_t hash = StableHash(absl::StrCat(source.Name(), " ", source.key.spec));
  return 1 + static_cast<uint32_t>(hash % (kMaxRules - kReserve));
}

// Rules of different sections lie between each other, so that a rule added to
// one section moves no other's number.  Only Cilium's kinds have all sections.
uint32_t PlaceOf(const PolicySource& source, const SourceRule& rule) {
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
      count = std::max(count, PlaceOf(source, rule) + 1);
    }
  }
  return count;
}

}  // namespace

absl::StatusOr<RuleNumbering> RuleNumbering::Assign(
    const PolicySources& sources) {
  RuleNumbering numbering;
  for (const auto& source : sources) {
    numbering.ranges_.push_back(
        {WantedFirst(*source), CountOf(*source), source});
  }
  std::sort(numbering.ranges_.begin(), numbering.ranges_.end(),
            [](const Range& a, const Range& b) {
              return std::tie(a.first, a.source->key) <
                     std::tie(b.first, b.source->key);
            });
  uint64_t next = 1;
  for (Range& range : numbering.ranges_) {
    uint64_t first = std::max<uint64_t>(range.first, next);
    next = first + range.count;
    if (next > kMaxRules) {
      return absl::ResourceExhaustedError(
          absl::StrCat("the rules of all policies need more than ", kMaxRules,
                       " numbers: fewer rules are needed"));
    }
    range.first = static_cast<uint32_t>(first);
    numbering.first_[range.source.get()] = range.first;
  }
  return numbering;
}

uint32_t RuleNumbering::FirstOf(const PolicySource& source) const {
  return first_.at(&source);
}

RuleId RuleNumbering::NumberOf(const PolicySource& source,
                               const SourceRule& rule) const {
  return RuleId{FirstOf(source) + PlaceOf(source, rule)};
}

std::optional<NumberedRule> RuleNumbering::Find(RuleId id) const {
  uint32_t number = ToInt(id);
  auto after = std::upper_bound(
      ranges_.begin(), ranges_.end(), number,
      [](uint32_t value, const Range& range) { return value < range.first; });
  if (after == ranges_.begin()) return std::nullopt;
  const PolicySource& source = *(after - 1)->source;
  uint32_t place = number - (after - 1)->first;
  for (const SourceDirection* direction : {&source.ingress, &source.egress}) {
    for (const SourceRule& rule : direction->rules) {
      if (PlaceOf(source, rule) == place) return NumberedRule{&source, &rule};
    }
  }
  return std::nullopt;
}

}  // namespace vswitch
