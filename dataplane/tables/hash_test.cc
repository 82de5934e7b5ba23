// The keyed hash against AES as its standard defines it, and what tables ask of
// it.

#include "dataplane/tables/hash.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace vswitch {
namespace {

using Bytes = std::array<uint8_t, 16>;

// FIPS 197, section 4.2: multiplication by x modulo x^8 + x^4 + x^3 + x + 1.
uint8_t TimesX(uint8_t a) {
  return static_cast<uint8_t>(a << 1 ^ ((a & 0x80) != 0 ? 0x1b : 0));
}
uint8_t Times(uint8_t a, uint8_t b) {
  uint8_t product = 0;
  for (; b != 0; b >>= 1, a = TimesX(a)) {
    if ((b & 1) != 0) product ^= a;
  }
  return product;
}

// FIPS 197, section 5.1.1: the inverse, and an affine transformation.
uint8_t Substitute(uint8_t a) {
  uint8_t inverse = 0;
  for (int b = 1; b < 256 && a != 0; ++b) {
    if (Times(a, static_cast<uint8_t>(b)) == 1) {
      inverse = static_cast<uint8_t>(b);
    }
  }
  return static_cast<uint8_t>(inverse ^ std::rotl(inverse, 1) ^
                              std::rotl(inverse, 2) ^ std::rotl(inverse, 3) ^
                              std::rotl(inverse, 4) ^ 0x63);
}

// One round (section 5.1): SubBytes, ShiftRows, MixColumns, AddRoundKey.
Bytes Round(const Bytes& state, const Bytes& key) {
  Bytes shifted;
  for (size_t column = 0; column < 4; ++column) {
    for (size_t row = 0; row < 4; ++row) {
      shifted[4 * column + row] =
          Substitute(state[4 * ((column + row) % 4) + row]);
    }
  }
  Bytes mixed;
  for (size_t i = 0; i < 16; ++i) {
    const size_t column = i / 4 * 4;
    mixed[i] = static_cast<uint8_t>(
        Times(shifted[i], 2) ^ Times(shifted[column + (i + 1) % 4], 3) ^
        shifted[column + (i + 2) % 4] ^ shifted[column + (i + 3) % 4] ^ key[i]);
  }
  return mixed;
}

Bytes BytesOf(uint64_t low, uint64_t high) {
  Bytes bytes;
  std::memcpy(bytes.data(), &low, 8);
  std::memcpy(bytes.data() + 8, &high, 8);
  return bytes;
}

Bytes Add(Bytes a, const Bytes& b) {
  for (size_t i = 0; i < a.size(); ++i) a[i] ^= b[i];
  return a;
}

uint64_t NaiveHash(const HashSecret& secret,
                   const std::vector<HashBlock>& blocks) {
  const Bytes key = BytesOf(secret.words[0], secret.words[1]);
  const auto constant = [](size_t number) {
    return BytesOf(kHashConstants[number].low, kHashConstants[number].high);
  };
  const auto encrypt = [&](Bytes state) {
    for (size_t i = 0; i < 4; ++i) state = Round(state, Add(key, constant(i)));
    return state;
  };
  const auto encrypt_block = [&](size_t number, size_t mask) {
    const HashBlock& block = blocks[number];
    return encrypt(
        Add(BytesOf(block.low, block.high), Add(key, constant(mask))));
  };
  Bytes state;
  if (blocks.size() == 1) {
    state = encrypt_block(0, 4);
  } else {
    state = encrypt(Add(encrypt_block(0, 5),
                        Add(encrypt_block(1, 6), encrypt_block(2, 7))));
  }
  uint64_t halves[2];
  std::memcpy(halves, state.data(), 16);
  return halves[0] ^ halves[1];
}

constexpr HashSecret kSecret{{0x0706050403020100, 0x0f0e0d0c0b0a0908}};

FlowKey Flow(const char* source, const char* destination) {
  FlowKey key;
  key.source = *IpAddress::Parse(source);
  key.destination = *IpAddress::Parse(destination);
  key.source_port = Be16::FromHost(1234);
  key.destination_port = Be16::FromHost(80);
  key.protocol = IpProtocol::kTcp;
  return key;
}

// FIPS 197, appendix B: the first round of its example.
TEST(HashTest, NaiveRoundIsThatOfTheStandard) {
  const Bytes start = {0x19, 0x3d, 0xe3, 0xbe, 0xa0, 0xf4, 0xe2, 0x2b,
                       0x9a, 0xc6, 0x8d, 0x2a, 0xe9, 0xf8, 0x48, 0x08};
  const Bytes key = {0xa0, 0xfa, 0xfe, 0x17, 0x88, 0x54, 0x2c, 0xb1,
                     0x23, 0xa3, 0x39, 0x39, 0x2a, 0x6c, 0x76, 0x05};
  const Bytes after = {0xa4, 0x9c, 0x7f, 0xf2, 0x68, 0x9f, 0x35, 0x2b,
                       0x6b, 0x5b, 0xea, 0x43, 0x02, 0x6a, 0x50, 0x49};
  EXPECT_EQ(Round(start, key), after);
}

TEST(HashTest, HashesAreTheNaiveOnes) {
  const std::array<uint64_t, 5> six = Flow("fd00::1", "fd00:0:0:1::2").Words();
  EXPECT_EQ(
      HashFlowKey(kSecret, Flow("fd00::1", "fd00:0:0:1::2")),
      NaiveHash(kSecret, {{six[0], six[1]}, {six[2], six[3]}, {six[4], 0}}));
  const FlowKey four = Flow("10.0.0.1", "10.1.0.2");
  uint32_t source;
  uint32_t destination;
  std::memcpy(&source, four.source.bytes.data() + 12, 4);
  std::memcpy(&destination, four.destination.bytes.data() + 12, 4);
  EXPECT_EQ(HashFlowKey(kSecret, four),
            NaiveHash(kSecret, {{source | uint64_t{destination} << 32,
                                 four.Words()[4]}}));
  for (const char* text : {"10.0.0.1", "fd00::1"}) {
    const IpAddress address = *IpAddress::Parse(text);
    EXPECT_EQ(HashIpAddress(kSecret, address),
              NaiveHash(kSecret, {{address.Words()[0], address.Words()[1]}}));
  }
}

TEST(HashTest, SecretChangesTheHash) {
  const IpAddress address = *IpAddress::Parse("10.0.0.1");
  EXPECT_NE(HashIpAddress(HashSecret{{1, 2}}, address),
            HashIpAddress(HashSecret{{1, 3}}, address));
}

// Any bit of a key changes about half of the hash's bits.
TEST(HashTest, EveryBitOfAKeyMatters) {
  std::mt19937_64 random(7);
  for (const FlowKey& key :
       {Flow("10.0.0.1", "10.1.0.2"), Flow("fd00::1", "fd00:0:0:1::2")}) {
    // Of an IPv4 address the last four bytes.
    const size_t first = key.source.IsIpv4() ? 12 : 0;
    for (size_t bit = 0; bit < sizeof(FlowKey) * 8; ++bit) {
      const size_t byte = bit / 8;
      if (byte < 32 && byte % 16 < first) continue;
      double flipped = 0;
      constexpr int kSecrets = 200;
      for (int i = 0; i < kSecrets; ++i) {
        const HashSecret secret{{random(), random()}};
        FlowKey other = key;
        reinterpret_cast<uint8_t*>(&other)[byte] ^=
            static_cast<uint8_t>(1u << bit % 8);
        flipped += std::popcount(HashFlowKey(secret, key) ^
                                 HashFlowKey(secret, other));
      }
      EXPECT_NEAR(flipped / kSecrets, 32, 2) << "bit " << bit;
    }
  }
}

// The flows of one client spread over buckets as by chance.
TEST(HashTest, SimilarKeysSpread) {
  constexpr uint32_t kBuckets = 4096;
  constexpr uint32_t kKeys = 64 * kBuckets;
  for (uint32_t shift : {0u, 20u, 52u}) {
    std::vector<uint32_t> count(kBuckets);
    for (uint32_t i = 0; i < kKeys; ++i) {
      FlowKey key = Flow("10.0.0.1", "10.1.0.2");
      key.source.bytes[15] = static_cast<uint8_t>(i >> 16);
      key.source_port = Be16::FromHost(static_cast<uint16_t>(i));
      ++count[HashFlowKey(kSecret, key) >> shift & (kBuckets - 1)];
    }
    double chi_squared = 0;
    for (uint32_t each : count) {
      chi_squared += (each - 64.0) * (each - 64.0) / 64.0;
    }
    // Its mean is kBuckets - 1, its deviation the root of twice that.
    EXPECT_NEAR(chi_squared, kBuckets - 1, 5 * 90.5) << "shift " << shift;
  }
}

// Keys that meet with one secret do not meet with another.
TEST(HashTest, CraftedCollisionsAreOfOneSecretOnly) {
  constexpr uint32_t kBuckets = 1024;
  std::vector<FlowKey> crafted;
  for (uint32_t i = 0; crafted.size() < 256; ++i) {
    FlowKey key = Flow("10.0.0.1", "10.1.0.2");
    std::memcpy(key.source.bytes.data() + 12, &i, 4);
    if (HashFlowKey(HashSecret{}, key) % kBuckets == 0) crafted.push_back(key);
  }
  std::vector<uint32_t> count(kBuckets);
  for (const FlowKey& key : crafted)
    ++count[HashFlowKey(kSecret, key) % kBuckets];
  EXPECT_LT(*std::max_element(count.begin(), count.end()), 8u);
}

}  // namespace
}  // namespace vswitch
