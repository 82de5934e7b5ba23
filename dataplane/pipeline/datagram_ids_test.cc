// Identifications of datagrams: T-17.

#include "dataplane/pipeline/datagram_ids.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace vswitch {
namespace {

constexpr uint64_t kKey = 0x0123456789abcdef;
constexpr uint32_t kIpv4Share = 65536 / kMaxWorkers;

PacketMeta Of(L3Kind l3) {
  PacketMeta meta;
  meta.l3 = l3;
  return meta;
}

TEST(DatagramIdsTest, NoneOfIpv4ComesTwiceBeforeTheSharesAreUsedUp) {
  std::set<uint32_t> seen;
  for (uint8_t worker = 0; worker < kMaxWorkers; ++worker) {
    DatagramIds ids(WorkerId{worker}, kKey);
    for (uint32_t i = 0; i < kIpv4Share; ++i) {
      const uint32_t id = ids.NextOf(Of(L3Kind::kIpv4));
      ASSERT_LT(id, 65536u);
      EXPECT_TRUE(seen.insert(id).second) << id << " of worker " << int{worker};
    }
  }
  EXPECT_EQ(seen.size(), 65536u);
}

TEST(DatagramIdsTest, NoneOfIpv6ComesTwice) {
  std::set<uint32_t> seen;
  uint32_t bits = 0;
  for (uint8_t worker = 0; worker < kMaxWorkers; ++worker) {
    DatagramIds ids(WorkerId{worker}, kKey);
    for (uint32_t i = 0; i < 10'000; ++i) {
      const uint32_t id = ids.NextOf(Of(L3Kind::kIpv6));
      bits |= id;
      EXPECT_TRUE(seen.insert(id).second) << id << " of worker " << int{worker};
    }
  }
  EXPECT_EQ(bits, 0xffffffffu);
}

// RFC 7739: neither the next one nor the count can be told from the last.
TEST(DatagramIdsTest, DistancesSayNothing) {
  DatagramIds ids(WorkerId{3}, kKey);
  std::map<uint32_t, int> distances;
  uint32_t last = ids.NextOf(Of(L3Kind::kIpv4));
  for (uint32_t i = 1; i < kIpv4Share; ++i) {
    const uint32_t id = ids.NextOf(Of(L3Kind::kIpv4));
    ++distances[(id - last) & 0xffff];
    last = id;
  }
  for (const auto& [distance, count] : distances) {
    EXPECT_LT(count, static_cast<int>(kIpv4Share / 20)) << distance;
  }
}

TEST(DatagramIdsTest, AnotherKeyGivesAnotherOrder) {
  DatagramIds one(WorkerId{0}, kKey);
  DatagramIds other(WorkerId{0}, kKey + 1);
  int equal = 0;
  for (int i = 0; i < 1000; ++i) {
    equal += one.NextOf(Of(L3Kind::kIpv4)) == other.NextOf(Of(L3Kind::kIpv4))
                 ? 1
                 : 0;
  }
  EXPECT_LT(equal, 50);
}

}  // namespace
}  // namespace vswitch
