// controlplane/compile/stable_hash.h
//
// StableHash(): a hash that is the same in every process and on every machine,
// for numbers that must outlive a restart.  (absl::Hash has a seed per
// process.)  FNV-1a, then mixed, because FNV's high bits are poor.
//
// Not for keys that an attacker chooses: collisions only cost a probe here.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_STABLE_HASH_H_
#define VSWITCH_CONTROLPLANE_COMPILE_STABLE_HASH_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace vswitch {

inline uint64_t StableHash(absl::string_view text) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (char c : text) {
    hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3u;
  }
  // The finaliser of SplitMix64 (Steele, Lea, Flood 2014).
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9u;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebu;
  return hash ^ (hash >> 31);
}

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_STABLE_HASH_H_
