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

// A table for up to so many backends.
struct Size {
  uint32_t backends;
  uint32_t slots;
};
// Primes just below the powers of two.
constexpr std::array<Size, 7> kSizes = {
    {{5, 8191},
     {16, 16381},
     {60, 32749},
     {200, 65521},
     {1310, 131071},
     {2621, 262139},
     {kMaxMaglevBackends, kMaxMaglevSlots}}};

constexpr uint16_t kFree = std::numeric_limits<uint16_t>::max();

// A backend's way through all slots, each met once.  The paper's own ways, a
// fixed step from an offset, are so alike now and then that one change of three
// backends moves 7 % of the slots of 2039; it says that others of better
// quality do as well.  Here each number of the next power of two is multiplied
// and folded twice, which is one to one, and those beyond the table are left
// out.
class Permutation {
 public:
  Permutation(const MaglevBackend& backend, uint32_t slots)
      : slots_(slots),
        mask_(std::bit_ceil(slots) - 1),
        fold_((std::bit_width(slots) + 1) / 2) {
    const uint64_t first = HashWords(backend.seed, {1});
    const uint64_t second = HashWords(backend.seed, {2});
    offset_ = static_cast<uint32_t>(first >> 32);
    step_ = static_cast<uint32_t>(first) | 1;
    multiplier_ = static_cast<uint32_t>(second) | 1;
  }

  uint32_t Next() {
    uint32_t slot;
    do {
      const uint32_t number = (count_++ * step_ + offset_) & mask_;
      const uint32_t folded = number ^ number >> fold_;
      slot = folded * multiplier_ & mask_;
      slot ^= slot >> fold_;
    } while (slot >= slots_);
    return slot;
  }

 private:
  uint32_t slots_;
  uint32_t mask_;
  int fold_;
  uint32_t offset_;
  uint32_t step_;        // odd
  uint32_t multiplier_;  // odd
  uint32_t count_ = 0;
};

}  // namespace

absl::StatusOr<uint32_t> MaglevSlotCount(uint32_t backends) {
  for (const Size& size : kSizes) {
    if (backends <= size.backends) return size.slots;
  }
  return absl::ResourceExhaustedError(absl::StrCat("a service with ", backends,
                                                   " backends; at most ",
                                                   kMaxMaglevBackends, " fit"));
}

std::vector<uint16_t> BuildMaglev(std::span<const MaglevBackend> backends,
                                  uint32_t slots) {
  std::vector<Permutation> permutations;
  uint32_t top_weight = 0;
  for (const MaglevBackend& backend : backends) {
    permutations.emplace_back(backend, slots);
    top_weight = std::max(top_weight, backend.weight);
  }
  std::vector<uint16_t> table(slots, kFree);
  if (top_weight == 0) return table;
  // The turns that a backend's weight has earned, times the top weight.
  std::vector<uint64_t> credits(backends.size(), 0);
  uint32_t filled = 0;
  while (true) {
    // One round: the heaviest backend takes one slot, the others as many turns
    // as their weight has earned.
    for (uint32_t i = 0; i < backends.size(); ++i) {
      credits[i] += backends[i].weight;
      if (credits[i] < top_weight) continue;
      credits[i] -= top_weight;
      uint32_t slot = permutations[i].Next();
      while (table[slot] != kFree) slot = permutations[i].Next();
      table[slot] = static_cast<uint16_t>(i);
      if (++filled == slots) return table;
    }
  }
}

std::vector<uint16_t> PackMaglev(std::span<const uint16_t> table,
                                 uint32_t backends) {
  const auto slots = static_cast<uint32_t>(table.size());
  const uint32_t bits = MaglevSlotBits(backends);
  std::vector<uint16_t> words(MaglevWordCount(backends, slots), 0);
  for (uint32_t slot = 0; slot < slots && bits > 0; ++slot) {
    const uint32_t bit = slot * bits;
    words[bit / 16] |= static_cast<uint16_t>(table[slot] << bit % 16);
  }
  return words;
}

}  // namespace vswitch
