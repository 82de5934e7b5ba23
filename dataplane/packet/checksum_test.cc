// Sums against the RFCs' examples, and incremental against full.

#include "dataplane/packet/checksum.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "test/testing/fake_packet_pool.h"

namespace vswitch {
namespace {

std::vector<uint8_t> RandomBytes(std::mt19937& random, size_t count) {
  std::vector<uint8_t> bytes(count);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  return bytes;
}

TEST(ChecksumTest, SumsTheExampleOfRfc1071) {
  // Section 3: 00 01 f2 03 f4 f5 f6 f7 sum to ddf2.
  const uint8_t data[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  EXPECT_EQ(Be16{Fold(SumBytes(data, 8))}, Be16::FromHost(0xddf2));
  EXPECT_EQ(ChecksumOf(SumBytes(data, 8)), Be16::FromHost(0x220d));
}

TEST(ChecksumTest, OddLastByteIsTheHighHalfOfAWord) {
  const uint8_t data[] = {0x12, 0x34, 0x56, 0xff};
  EXPECT_EQ(Be16{Fold(SumBytes(data, 3))}, Be16::FromHost(0x1234 + 0x5600));
}

TEST(ChecksumTest, FoldKeepsEveryCarry) {
  EXPECT_EQ(Fold(0), 0);
  EXPECT_EQ(Fold(0xffff), 0xffff);
  EXPECT_EQ(Fold(0x10000), 1);
  EXPECT_EQ(Fold(~ChecksumSum{0}), 0xffff);
  EXPECT_EQ(Fold(ChecksumSum{0xffffffff} * 16383), 0xffff);
}

TEST(ChecksumTest, SegmentsOfAnyLengthSumAsOne) {
  std::mt19937 random(1);
  FakePacketPool pool;
  for (int i = 0; i < 500; ++i) {
    std::vector<uint8_t> bytes = RandomBytes(random, 1 + random() % 200);
    rte_mbuf* packet =
        pool.Make(bytes, {random() % 50, random() % 50, random() % 50, 400});
    uint32_t offset = random() % bytes.size();
    uint32_t count = random() % (bytes.size() - offset + 1);
    EXPECT_EQ(Fold(PacketSum(*packet, offset, count)),
              Fold(SumBytes(bytes.data() + offset, count)));
    pool.Free({&packet, 1});
  }
}

TEST(ChecksumTest, UpdateEqualsComputingAnew) {
  std::mt19937 random(2);
  for (int i = 0; i < 20000; ++i) {
    std::vector<uint8_t> before = RandomBytes(random, 40);
    // Corner values of ones' complement turn up often.
    if (i % 3 == 0) before[4] = before[5] = i % 2 == 0 ? 0xff : 0;
    std::vector<uint8_t> after = before;
    size_t offset = random() % 16 * 2;
    size_t count = 2 + random() % 4 * 2;
    for (size_t j = 0; j < count; ++j) {
      after[offset + j] =
          static_cast<uint8_t>(i % 5 == 0 ? 0xff * (i & 1) : random());
    }
    Be16 checksum = ChecksumOf(SumBytes(before.data(), 40));
    EXPECT_EQ(UpdateChecksum(checksum, before.data() + offset,
                             after.data() + offset, count),
              ChecksumOf(SumBytes(after.data(), 40)));
  }
}

TEST(ChecksumTest, UpdateKeepsADamagedPacketDamaged) {
  const uint8_t before[] = {1, 2, 3, 4};
  const uint8_t after[] = {9, 8, 7, 6};
  Be16 wrong{static_cast<uint16_t>(ChecksumOf(SumBytes(before, 4)).raw ^ 1)};
  EXPECT_NE(UpdateChecksum(wrong, before, after, 4),
            ChecksumOf(SumBytes(after, 4)));
}

TEST(ChecksumTest, Crc32cOfTheCheckString) {
  // "123456789" alone gives e3069283, the check value of this CRC; with the
  // four zeros of the field behind it, 55a059d9.
  const std::string text = "123456789";
  std::vector<uint8_t> bytes(text.begin(), text.end());
  bytes.insert(bytes.end(), 4, 0);
  std::vector<uint8_t> damaged = bytes;
  damaged[10] = 0xaa;  // inside the field: counts as zero
  FakePacketPool pool;
  rte_mbuf* whole = pool.Make(bytes);
  rte_mbuf* cut = pool.Make(damaged, {3, 7, 1, 20});
  uint32_t crc = PacketCrc32c(*whole, 0, 13, 9);
  EXPECT_EQ(PacketCrc32c(*cut, 0, 13, 9), crc);
  EXPECT_EQ(crc, 0x55a059d9u);
  pool.Free({&whole, 1});
  pool.Free({&cut, 1});
}

}  // namespace
}  // namespace vswitch
