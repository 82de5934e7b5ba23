// dataplane/tables/hash.h
//
// SipHash-1-3 over addresses and flow keys, under a 128-bit secret: pods choose
// their own ports and addresses, so without a secret a pod could fill one
// bucket and make every lookup slow.
//
// Written from Aumasson and Bernstein, "SipHash: a fast short-input PRF"
// (2012), section 2; one compression and three finalisation rounds.  Inputs are
// whole 64-bit words, so the word that holds the length is the last one.
//
//   uint64_t hash = HashFlowKey(secret, key);
//
// Pure functions: any thread.

#ifndef VSWITCH_DATAPLANE_TABLES_HASH_H_
#define VSWITCH_DATAPLANE_TABLES_HASH_H_

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "dataplane/base/address.h"
#include "dataplane/base/flow_key.h"

namespace vswitch {

struct HashSecret {
  uint64_t words[2] = {};
};

// Returns the SipHash-1-3 of `word_count` 64-bit words.
template <uint32_t word_count>
[[gnu::always_inline]] inline uint64_t SipHash13(
    const HashSecret& secret, const uint64_t (&words)[word_count]) {
  uint64_t v0 = secret.words[0] ^ 0x736f6d6570736575u;
  uint64_t v1 = secret.words[1] ^ 0x646f72616e646f6du;
  uint64_t v2 = secret.words[0] ^ 0x6c7967656e657261u;
  uint64_t v3 = secret.words[1] ^ 0x7465646279746573u;
  auto round = [&] {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  };
  for (uint64_t word : words) {
    v3 ^= word;
    round();
    v0 ^= word;
  }
  constexpr uint64_t kLengthWord = uint64_t{word_count * 8 & 0xff} << 56;
  v3 ^= kLengthWord;
  round();
  v0 ^= kLengthWord;
  v2 ^= 0xff;
  round();
  round();
  round();
  return v0 ^ v1 ^ v2 ^ v3;
}

// An IPv4 key is hashed as the 16 bytes that differ between such keys; the word
// of the length keeps them apart from IPv6 keys.
[[gnu::always_inline]] inline uint64_t HashFlowKey(const HashSecret& secret,
                                                   const FlowKey& key) {
  const std::array<uint64_t, 5> all = key.Words();
  if (key.source.IsIpv4() && key.destination.IsIpv4()) {
    const uint64_t words[2] = {
        (all[1] >> 32) | (all[3] & ~uint64_t{0xffffffff}), all[4]};
    return SipHash13(secret, words);
  }
  const uint64_t words[5] = {all[0], all[1], all[2], all[3], all[4]};
  return SipHash13(secret, words);
}

inline uint64_t HashIpAddress(const HashSecret& secret,
                              const IpAddress& address) {
  uint64_t words[2];
  static_assert(sizeof(words) == sizeof(IpAddress));
  std::memcpy(words, address.bytes.data(), sizeof(words));
  return SipHash13(secret, words);
}

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_TABLES_HASH_H_
