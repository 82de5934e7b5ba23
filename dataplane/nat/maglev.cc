// Maglev tables: weighted turns over the backends' permutations of the slots.

#include "dataplane/nat/maglev.h"

#include <algorithm>
#include <array>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "dataplane/nat/service_hash.h"

namespace vswitch {
namespace {

// Primes just below the powers of two.
constexpr std::array<uint32_t, 12> kSlotCounts = {
    251,   509,   1021,  2039,   4093,   8191,
    16381, 32749, 65521, 131071, 262139, kMaxMaglevSlots};

constexpr uint16_t kFree = std::numeric_limits<uint16_t>::max();

// A backend's way through all slots: from `next` in steps of `step`; as the
// slot count is prime, it meets each slot once.
struct Permutation {
  uint32_t next;
  uint32_t step;
  uint64_t credit;  // turns that its weight has earned, times the top weight
};

}  // namespace

absl::StatusOr<uint32_t> MaglevSlotCount(uint32_t backends) {
  if (backends > kMaxMaglevBackends) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a service with ", backends, " backends; at most ",
                     kMaxMaglevBackends, " fit"));
  }
  for (uint32_t count : kSlotCounts) {
    if (count >= 100 * backends) return count;
  }
  return absl::InternalError("no Maglev slot count is large enough");
}

std::vector<uint16_t> BuildMaglev(std::span<const MaglevBackend> backends,
                                  uint32_t slots) {
  std::vector<Permutation> permutations;
  uint32_t top_weight = 0;
  for (const MaglevBackend& backend : backends) {
    permutations.push_back(
        {static_cast<uint32_t>(HashWords(backend.seed, {1}) % slots),
         static_cast<uint32_t>(HashWords(backend.seed, {2}) % (slots - 1) + 1),
         0});
    top_weight = std::max(top_weight, backend.weight);
  }
  std::vector<uint16_t> table(slots, kFree);
  if (top_weight == 0) return table;
  uint32_t filled = 0;
  while (true) {
    // One round: the heaviest backend takes one slot, the others as many turns
    // as their weight has earned.
    for (uint32_t i = 0; i < backends.size(); ++i) {
      Permutation& permutation = permutations[i];
      permutation.credit += backends[i].weight;
      if (permutation.credit < top_weight) continue;
      permutation.credit -= top_weight;
      while (table[permutation.next] != kFree) {
        permutation.next = (permutation.next + permutation.step) % slots;
      }
      table[permutation.next] = static_cast<uint16_t>(i);
      if (++filled == slots) return table;
    }
  }
}

}  // namespace vswitch
