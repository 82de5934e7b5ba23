// dataplane/tables/hash.h
//
// The keyed hash of all tables whose keys come from the network.  Who does not
// know the secret, which is random for each table's life, cannot choose keys
// that meet in one bucket.
//
// It is built as PMAC (J. Black, P. Rogaway, "A Block-Cipher Mode of Operation
// for Parallelizable Message Authentication", EUROCRYPT 2002): blocks of 16
// bytes, each with a mask of its own, are encrypted side by side and added, and
// the sum is encrypted again; a single block needs no sum.  The cipher is four
// rounds of AES, each one instruction: nobody sees the result, and no
// difference of two keys goes through four rounds with a probability above
// 2^-113 (J. Daemen, V. Rijmen, "The Design of Rijndael", section 9.4).
//
//   uint64_t hash = HashFlowKey(secret, key);
//
// Pure functions: any thread.

#ifndef VSWITCH_DATAPLANE_TABLES_HASH_H_
#define VSWITCH_DATAPLANE_TABLES_HASH_H_

#include <immintrin.h>

#include <array>
#include <cstdint>

#include "dataplane/base/address.h"
#include "dataplane/base/flow_key.h"

namespace vswitch {

struct HashSecret {
  uint64_t words[2] = {};
};

// Two words, the lower one first.
struct alignas(16) HashBlock {
  uint64_t low;
  uint64_t high;
};

// Added to the secret: first for each of the four rounds, then for the first
// block of one, then for each of three.  The fractional part of pi.
inline constexpr std::array<HashBlock, 8> kHashConstants = {{
    {0x243f6a8885a308d3, 0x13198a2e03707344},
    {0xa4093822299f31d0, 0x082efa98ec4e6c89},
    {0x452821e638d01377, 0xbe5466cf34e90c6c},
    {0xc0ac29b7c97c50dd, 0x3f84d5b5b5470917},
    {0x9216d5d98979fb1b, 0xd1310ba698dfb5ac},
    {0x2ffd72dbd01adfb7, 0xb8e1afed6a267e96},
    {0xba7c9045f12c7f99, 0x24a19947b3916cf7},
    {0x0801f2e2858efc16, 0x636920d871574e69},
}};

namespace hash_internal {

// The secret's keys for the rounds and the blocks.
struct Keys {
  __m128i secret;
  [[gnu::always_inline]] __m128i operator[](uint32_t number) const {
    return _mm_xor_si128(
        secret, _mm_load_si128(
                    reinterpret_cast<const __m128i*>(&kHashConstants[number])));
  }
};
[[gnu::always_inline]] inline Keys KeysOf(const HashSecret& secret) {
  return {_mm_loadu_si128(reinterpret_cast<const __m128i*>(secret.words))};
}
[[gnu::always_inline]] inline __m128i Load(const HashBlock& block) {
  return _mm_set_epi64x(static_cast<int64_t>(block.high),
                        static_cast<int64_t>(block.low));
}
[[gnu::always_inline]] inline __m128i Encrypt(const Keys& keys, __m128i state) {
  for (uint32_t i = 0; i < 4; ++i) state = _mm_aesenc_si128(state, keys[i]);
  return state;
}
[[gnu::always_inline]] inline uint64_t Fold(__m128i state) {
  return static_cast<uint64_t>(_mm_cvtsi128_si64(state)) ^
         static_cast<uint64_t>(
             _mm_cvtsi128_si64(_mm_unpackhi_epi64(state, state)));
}

}  // namespace hash_internal

// Returns the hash of one block, or of three.
[[gnu::always_inline]] inline uint64_t HashBlocks(const HashSecret& secret,
                                                  const HashBlock& block) {
  using namespace hash_internal;  // NOLINT
  const Keys keys = KeysOf(secret);
  return Fold(Encrypt(keys, _mm_xor_si128(keys[4], Load(block))));
}
[[gnu::always_inline]] inline uint64_t HashBlocks(const HashSecret& secret,
                                                  const HashBlock& first,
                                                  const HashBlock& second,
                                                  const HashBlock& third) {
  using namespace hash_internal;  // NOLINT
  const Keys keys = KeysOf(secret);
  const __m128i a = Encrypt(keys, _mm_xor_si128(keys[5], Load(first)));
  const __m128i b = Encrypt(keys, _mm_xor_si128(keys[6], Load(second)));
  const __m128i c = Encrypt(keys, _mm_xor_si128(keys[7], Load(third)));
  return Fold(Encrypt(keys, _mm_xor_si128(_mm_xor_si128(a, b), c)));
}

// An IPv4 key is hashed as the 16 bytes that differ between such keys.
[[gnu::always_inline]] inline uint64_t HashFlowKey(const HashSecret& secret,
                                                   const FlowKey& key) {
  const std::array<uint64_t, 5> all = key.Words();
  if (key.source.IsIpv4() && key.destination.IsIpv4()) {
    constexpr uint64_t kUpperHalf = 0xffffffff00000000;
    return HashBlocks(secret, {(all[1] >> 32) | (all[3] & kUpperHalf), all[4]});
  }
  return HashBlocks(secret, {all[0], all[1]}, {all[2], all[3]}, {all[4], 0});
}

inline uint64_t HashIpAddress(const HashSecret& secret,
                              const IpAddress& address) {
  const std::array<uint64_t, 2> words = address.Words();
  return HashBlocks(secret, {words[0], words[1]});
}

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_TABLES_HASH_H_
