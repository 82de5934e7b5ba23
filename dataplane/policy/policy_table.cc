// From the number of a set to its bytes.

#include "dataplane/policy/policy_table.h"

#include <cstddef>
#include <span>

#include "dataplane/policy/policy_lookup.h"

namespace vswitch {

PolicyTable PolicyTable::Open(const PieceList& sets) {
  PolicyTable table;
  table.sets_ = sets;
  return table;
}

void PolicyTable::Prefetch(PolicySetId set) const {
  const std::span<const std::byte> bytes = sets_.Piece(ToInt(set));
  if (!bytes.empty()) __builtin_prefetch(bytes.data());
}

PolicyVerdict PolicyTable::Lookup(PolicySetId set,
                                  const PolicyQuery& query) const {
  if (set == kNoPolicySet) return {.allowed = true};
  NoLines lines;
  return PolicySetReader<NoLines>(sets_.Piece(ToInt(set)), lines).Lookup(query);
}

}  // namespace vswitch
