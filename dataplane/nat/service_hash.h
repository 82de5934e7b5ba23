// dataplane/nat/service_hash.h
//
// HashWords(): the seeded hash behind Maglev tables and service cells.  It is
// part of the meaning of a flow (which backend it has) and the same on every
// node and in every version: never change it.  It is not secret; what must
// withstand chosen keys is bounded otherwise (ServiceTable's longest probe).
//
//   uint64_t hash = HashWords(seed, {first, second});
//
// Pure functions: any thread.

#ifndef VSWITCH_DATAPLANE_NAT_SERVICE_HASH_H_
#define VSWITCH_DATAPLANE_NAT_SERVICE_HASH_H_

#include <array>
#include <cstdint>
#include <cstring>
#include <initializer_list>

#include "dataplane/base/address.h"

namespace vswitch {

// Returns both halves of the 128-bit product, folded into one word.
inline uint64_t FoldedMultiply(uint64_t a, uint64_t b) {
  const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

inline uint64_t HashWords(uint64_t seed,
                          std::initializer_list<uint64_t> words) {
  // The constants are the first fraction bits of the square roots of 2 and 3,
  // made odd.
  uint64_t hash = seed ^ 0x6a09e667f3bcc909;
  for (uint64_t word : words) {
    hash = FoldedMultiply(hash ^ word, 0xbb67ae8584caa73b) + word;
  }
  hash = FoldedMultiply(hash ^ 0xbb67ae8584caa73b, 0x6a09e667f3bcc909);
  return hash ^ (hash >> 29);
}

inline std::array<uint64_t, 2> AddressWords(const IpAddress& address) {
  std::array<uint64_t, 2> words;
  std::memcpy(words.data(), address.bytes.data(), 16);
  return words;
}

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_NAT_SERVICE_HASH_H_
