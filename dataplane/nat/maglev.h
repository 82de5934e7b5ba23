// dataplane/nat/maglev.h
//
// Maglev hashing (Eisenbud et al., NSDI 2016, section 3.4): a table of slots,
// each naming a backend, such that every backend has its share of slots to
// within one, and a change of one backend moves few slots of the others.  The
// table depends on the backends' seeds and weights alone, so every node and
// every restart computes the same one, whatever came before.
//
// How many slots move needlessly falls as the table grows: a hundred slots for
// each backend move up to 2.5 % at a change of ten backends, a thousand 0.8 %.
// The sizes here keep it under 1 % (maglev_test.cc), at least a hundred for
// each backend up to the largest size.  Where a change leads to another size
// (from 5 backends to 6, from 16 to 17, 60, 200, 1310, 2621), all slots are
// dealt out anew: a size that depended on the sizes before would give two nodes
// two tables.  Established connections keep their backends by their entries
// then, and what has none by the earlier table (service_table.h).
//
// So that large tables take little memory, a slot has no more bits than it
// needs: five backends share 8191 slots of 4 bits, 4 KB.
//
//   ASSIGN_OR_RETURN(uint32_t slots, MaglevSlotCount(backends.size()));
//   std::vector<uint16_t> table = BuildMaglev(backends, slots);
//   std::vector<uint16_t> words = PackMaglev(table, backends.size());
//   uint32_t backend = MaglevBackendAt(words.data(), MaglevSlot(hash, slots),
//                                      backends.size());
//
// Pure functions: any thread.

#ifndef VSWITCH_DATAPLANE_NAT_MAGLEV_H_
#define VSWITCH_DATAPLANE_NAT_MAGLEV_H_

#include <bit>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace vswitch {

struct MaglevBackend {
  uint64_t seed = 0;    // of the backend's name; equal seeds share slots badly
  uint32_t weight = 1;  // share relative to the others; 0: no slots

  friend bool operator==(const MaglevBackend&, const MaglevBackend&) = default;
  template <typename H>
  friend H AbslHashValue(H state, const MaglevBackend& backend) {
    return H::combine(std::move(state), backend.seed, backend.weight);
  }
};

inline constexpr uint32_t kMaxMaglevBackends = 5000;
inline constexpr uint32_t kMaxMaglevSlots = 524287;

// Returns the size of the table of so many backends, a prime.
absl::StatusOr<uint32_t> MaglevSlotCount(uint32_t backends);

// Returns the index of a backend for each slot.  REQUIRES: at least one
// backend with weight, at most kMaxMaglevBackends; `slots` is a prime of
// MaglevSlotCount().  About 25 ns a slot.
std::vector<uint16_t> BuildMaglev(std::span<const MaglevBackend> backends,
                                  uint32_t slots);

// Returns the bits that a slot takes: 0 (one backend has all), 1, 2, 4, 8, 16.
constexpr uint32_t MaglevSlotBits(uint32_t backends) {
  if (backends <= 1) return 0;
  return std::bit_ceil(static_cast<uint32_t>(std::bit_width(backends - 1)));
}

// Returns how many words a packed table has.
constexpr uint32_t MaglevWordCount(uint32_t backends, uint32_t slots) {
  return (slots * MaglevSlotBits(backends) + 15) / 16;
}

// Returns the table in words, lowest bits first.
std::vector<uint16_t> PackMaglev(std::span<const uint16_t> table,
                                 uint32_t backends);

// Returns the backend of a slot.  REQUIRES: more than one backend.
inline uint32_t MaglevBackendAt(const uint16_t* words, uint32_t slot,
                                uint32_t backends) {
  const uint32_t bits = MaglevSlotBits(backends);
  const uint32_t bit = slot * bits;
  return words[bit / 16] >> bit % 16 & ((1u << bits) - 1);
}

// Returns the slot of `hash`: multiply-high, cheaper than a remainder.
inline uint32_t MaglevSlot(uint64_t hash, uint32_t slots) {
  return static_cast<uint32_t>(((hash >> 32) * slots) >> 32);
}

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_NAT_MAGLEV_H_
