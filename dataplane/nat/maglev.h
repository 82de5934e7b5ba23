// dataplane/nat/maglev.h
//
// Maglev hashing (Eisenbud et al., NSDI 2016, section 3.4): a table of a prime
// number of slots, each naming a backend, such that every backend has its
// share of slots (within about 1 %) and a change of one backend moves few
// others.  The table depends on the backends' seeds and weights alone, so
// every node and every restart computes the same one.
//
//   ASSIGN_OR_RETURN(uint32_t slots, MaglevSlotCount(backends.size()));
//   std::vector<uint16_t> table = BuildMaglev(backends, slots);
//   uint16_t backend = table[MaglevSlot(hash, slots)];
//
// Pure functions: any thread.

#ifndef VSWITCH_DATAPLANE_NAT_MAGLEV_H_
#define VSWITCH_DATAPLANE_NAT_MAGLEV_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

namespace vswitch {

struct MaglevBackend {
  uint64_t seed = 0;    // of the backend's name; equal seeds share slots badly
  uint32_t weight = 1;  // share relative to the others; 0: no slots
};

inline constexpr uint32_t kMaxMaglevBackends = 5000;
inline constexpr uint32_t kMaxMaglevSlots = 524287;

// Returns the smallest usable prime that is at least 100 x `backends`.
absl::StatusOr<uint32_t> MaglevSlotCount(uint32_t backends);

// Returns the index of a backend for each slot.  REQUIRES: at least one
// backend with weight, at most kMaxMaglevBackends; `slots` is a prime of
// MaglevSlotCount().
std::vector<uint16_t> BuildMaglev(std::span<const MaglevBackend> backends,
                                  uint32_t slots);

// Returns the slot of `hash`: multiply-high, cheaper than a remainder.
inline uint32_t MaglevSlot(uint64_t hash, uint32_t slots) {
  return static_cast<uint32_t>(((hash >> 32) * slots) >> 32);
}

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_NAT_MAGLEV_H_
