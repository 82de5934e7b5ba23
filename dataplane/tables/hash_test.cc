// SipHash-1-3 against the definition in its paper.

#include "dataplane/tables/hash.h"

#include <array>
#include <bit>
#include <cstring>
#include <vector>

#include "gtest/gtest.h"

namespace vswitch {
namespace {

// SipHash-c-d over bytes, as the paper's section 2 defines it.
template <int c, int d>
uint64_t ReferenceSipHash(const std::array<uint8_t, 16>& key,
                          std::vector<uint8_t> message) {
  uint64_t k[2];
  std::memcpy(k, key.data(), 16);
  uint64_t v[4] = {k[0] ^ 0x736f6d6570736575, k[1] ^ 0x646f72616e646f6d,
                   k[0] ^ 0x6c7967656e657261, k[1] ^ 0x7465646279746573};
  auto sip_round = [&v] {
    v[0] += v[1], v[2] += v[3];
    v[1] = std::rotl(v[1], 13), v[3] = std::rotl(v[3], 16);
    v[1] ^= v[0], v[3] ^= v[2];
    v[0] = std::rotl(v[0], 32);
    v[2] += v[1], v[0] += v[3];
    v[1] = std::rotl(v[1], 17), v[3] = std::rotl(v[3], 21);
    v[1] ^= v[2], v[3] ^= v[0];
    v[2] = std::rotl(v[2], 32);
  };
  const uint8_t length = static_cast<uint8_t>(message.size());
  while (message.size() % 8 != 7) message.push_back(0);
  message.push_back(length);
  for (size_t i = 0; i < message.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, &message[i], 8);
    v[3] ^= word;
    for (int r = 0; r < c; ++r) sip_round();
    v[0] ^= word;
  }
  v[2] ^= 0xff;
  for (int r = 0; r < d; ++r) sip_round();
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

std::array<uint8_t, 16> PaperKey() {
  std::array<uint8_t, 16> key;
  for (uint8_t i = 0; i < 16; ++i) key[i] = i;
  return key;
}

HashSecret PaperSecret() {
  HashSecret secret;
  std::memcpy(secret.words, PaperKey().data(), 16);
  return secret;
}

TEST(SipHashTest, ReferenceGivesTheVectorOfThePaper) {
  std::vector<uint8_t> message;
  for (uint8_t i = 0; i < 15; ++i) message.push_back(i);
  EXPECT_EQ((ReferenceSipHash<2, 4>(PaperKey(), message)), 0xa129ca6149be45e5u);
}

TEST(SipHashTest, FlowKeyHashIsSipHash13OfItsBytes) {
  FlowKey key;
  key.source = *IpAddress::Parse("10.0.0.1");
  key.destination = *IpAddress::Parse("fd00::2");
  key.source_port = Be16::FromHost(1234);
  key.destination_port = Be16::FromHost(80);
  key.protocol = IpProtocol::kTcp;
  std::vector<uint8_t> bytes(sizeof(key));
  std::memcpy(bytes.data(), &key, sizeof(key));
  EXPECT_EQ(HashFlowKey(PaperSecret(), key),
            (ReferenceSipHash<1, 3>(PaperKey(), bytes)));
}

TEST(SipHashTest, AddressHashIsSipHash13OfItsBytes) {
  for (const char* text : {"10.0.0.1", "fd00::1"}) {
    const IpAddress address = *IpAddress::Parse(text);
    EXPECT_EQ(HashIpAddress(PaperSecret(), address),
              (ReferenceSipHash<1, 3>(
                  PaperKey(), {address.bytes.begin(), address.bytes.end()})));
  }
}

TEST(SipHashTest, SecretChangesTheHash) {
  const IpAddress address = *IpAddress::Parse("10.0.0.1");
  EXPECT_NE(HashIpAddress(HashSecret{{1, 2}}, address),
            HashIpAddress(HashSecret{{1, 3}}, address));
}

}  // namespace
}  // namespace vswitch
