// Fragments that wait for their first one.

#include "dataplane/pipeline/held_fragments.h"

#include <rte_mbuf.h>

#include <array>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace vswitch {
namespace {

constexpr uint64_t kNow = 1'000'000'000;

class HeldFragmentsTest : public testing::TestWithParam<IpFamily> {
 protected:
  bool is_ipv4() const { return GetParam() == IpFamily::kIpv4; }

  PacketMeta Fragment(uint32_t id, uint16_t offset, uint16_t port = 1) const {
    PacketMeta meta;
    meta.in_port = PortId{port};
    meta.l3 = is_ipv4() ? L3Kind::kIpv4 : L3Kind::kIpv6;
    meta.fragment = offset == 0 ? FragmentKind::kFirst : FragmentKind::kLater;
    meta.fragment_id = id;
    meta.fragment_offset = offset;
    meta.key.source = *IpAddress::Parse(is_ipv4() ? "10.0.0.2" : "fd00::2");
    meta.key.destination =
        *IpAddress::Parse(is_ipv4() ? "10.0.0.3" : "fd00::3");
    meta.key.protocol = IpProtocol::kUdp;
    return meta;
  }
  bool Hold(rte_mbuf& packet, const PacketMeta& meta, uint64_t now = kNow) {
    return held_.Hold(packet, meta, now);
  }

  HeldFragments held_;
  std::array<rte_mbuf*, kBurstPackets> taken_;
  std::vector<rte_mbuf> packets_{HeldFragments::kPlaces + 1};
};

TEST_P(HeldFragmentsTest, ComeOutInTheOrderOfTheirOffsets) {
  for (int i : {3, 1, 4, 2}) {
    ASSERT_TRUE(Hold(packets_[i], Fragment(7, static_cast<uint16_t>(8 * i))));
  }
  ASSERT_TRUE(Hold(packets_[9], Fragment(8, 8)));  // of another datagram
  ASSERT_EQ(held_.TakeDatagram(Fragment(7, 0), taken_), 4u);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(taken_[i], &packets_[i + 1]);
  EXPECT_EQ(held_.TakeDatagram(Fragment(7, 0), taken_), 0u);
  EXPECT_EQ(held_.CountOf(PortId{1}), 1u);
}

TEST_P(HeldFragmentsTest, EveryPartOfTheNameCounts) {
  ASSERT_TRUE(Hold(packets_[0], Fragment(7, 8)));
  PacketMeta first = Fragment(7, 0);
  first.in_port = PortId{2};
  EXPECT_EQ(held_.TakeDatagram(first, taken_), 0u);
  first = Fragment(7, 0);
  std::swap(first.key.source, first.key.destination);
  EXPECT_EQ(held_.TakeDatagram(first, taken_), 0u);
  first = Fragment(7, 0);
  first.key.protocol = IpProtocol::kTcp;
  EXPECT_EQ(held_.TakeDatagram(first, taken_), is_ipv4() ? 0u : 1u);
}

TEST_P(HeldFragmentsTest, NoPortTakesAnothersPlaces) {
  for (uint32_t i = 0; i < HeldFragments::kPerPort; ++i) {
    ASSERT_TRUE(Hold(packets_[i], Fragment(i, 8)));
  }
  EXPECT_FALSE(Hold(packets_[100], Fragment(100, 8)));
  EXPECT_TRUE(Hold(packets_[100], Fragment(100, 8, /*port=*/2)));
}

TEST_P(HeldFragmentsTest, PlacesAreBounded) {
  for (uint32_t i = 0; i < HeldFragments::kPlaces; ++i) {
    ASSERT_TRUE(Hold(packets_[i], Fragment(i, 8, static_cast<uint16_t>(i))));
  }
  EXPECT_FALSE(Hold(packets_[HeldFragments::kPlaces], Fragment(1, 8, 999)));
  uint32_t total = 0;
  while (const uint32_t count = held_.TakeAny(taken_)) total += count;
  EXPECT_EQ(total, HeldFragments::kPlaces);
}

TEST_P(HeldFragmentsTest, ExpireByPort) {
  ASSERT_TRUE(Hold(packets_[0], Fragment(1, 8, 1)));
  ASSERT_TRUE(Hold(packets_[1], Fragment(2, 8, 2)));
  ASSERT_TRUE(Hold(packets_[2], Fragment(3, 8, 1)));
  ASSERT_TRUE(Hold(packets_[3], Fragment(4, 8, 1), kNow + 1));
  PortId port = kNoPort;
  EXPECT_EQ(held_.TakeExpired(kNow + HeldFragments::kWaitNs - 1, port, taken_),
            0u);
  ASSERT_EQ(held_.TakeExpired(kNow + HeldFragments::kWaitNs, port, taken_), 2u);
  EXPECT_EQ(port, PortId{1});
  ASSERT_EQ(held_.TakeExpired(kNow + HeldFragments::kWaitNs, port, taken_), 1u);
  EXPECT_EQ(port, PortId{2});
  EXPECT_EQ(taken_[0], &packets_[1]);
  EXPECT_EQ(held_.TakeExpired(kNow + HeldFragments::kWaitNs, port, taken_), 0u);
  EXPECT_EQ(held_.CountOf(PortId{1}), 1u);
}

INSTANTIATE_TEST_SUITE_P(Families, HeldFragmentsTest,
                         testing::Values(IpFamily::kIpv4, IpFamily::kIpv6),
                         [](const testing::TestParamInfo<IpFamily>& info) {
                           return info.param == IpFamily::kIpv4 ? "Ipv4"
                                                                : "Ipv6";
                         });

}  // namespace
}  // namespace vswitch
