// Later fragments follow their first one; overlaps are refused.

#include "dataplane/pipeline/fragment_table.h"

#include "gtest/gtest.h"

namespace vswitch {
namespace {

constexpr uint64_t kNow = 1'000'000'000;

class FragmentTableTest : public testing::TestWithParam<IpFamily> {
 protected:
  bool is_ipv4() const { return GetParam() == IpFamily::kIpv4; }

  // A fragment of bytes [begin, end) of a datagram; the last one if `last`.
  PacketMeta Fragment(uint32_t begin, bool last, uint32_t id = 1) const {
    PacketMeta meta;
    meta.in_port = PortId{1};
    meta.l3 = is_ipv4() ? L3Kind::kIpv4 : L3Kind::kIpv6;
    meta.fragment = begin == 0 ? FragmentKind::kFirst : FragmentKind::kLater;
    meta.fragment_id = id;
    meta.fragment_offset = static_cast<uint16_t>(begin);
    meta.more_fragments = !last;
    meta.key.source = *IpAddress::Parse(is_ipv4() ? "10.0.0.2" : "fd00::2");
    meta.key.destination =
        *IpAddress::Parse(is_ipv4() ? "10.0.0.3" : "fd00::3");
    meta.key.protocol = IpProtocol::kUdp;
    if (begin == 0) {
      meta.key.source_port = Be16::FromHost(1000);
      meta.key.destination_port = Be16::FromHost(53);
    }
    return meta;
  }

  DropReason Track(uint32_t begin, uint32_t end, bool last, uint32_t id = 1,
                   uint64_t now = kNow) {
    last_ = Fragment(begin, last, id);
    return table_.Track(last_, end - begin, now);
  }

  FragmentTable table_;
  PacketMeta last_;
};

TEST_P(FragmentTableTest, LaterFragmentsHaveThePortsOfTheFirst) {
  ASSERT_EQ(Track(0, 800, false), DropReason::kNone);
  ASSERT_EQ(Track(800, 1600, false), DropReason::kNone);
  EXPECT_EQ(last_.key.source_port, Be16::FromHost(1000));
  EXPECT_EQ(last_.key.destination_port, Be16::FromHost(53));
  ASSERT_EQ(Track(1600, 1700, true), DropReason::kNone);
  EXPECT_EQ(last_.key.destination_port, Be16::FromHost(53));
}

TEST_P(FragmentTableTest, CompleteDatagramIsForgotten) {
  Track(0, 800, false);
  Track(800, 900, true);
  EXPECT_EQ(table_.DatagramCount(), 0u);
  // Its identification may come again at once.
  EXPECT_EQ(Track(0, 800, false), DropReason::kNone);
}

TEST_P(FragmentTableTest, LaterFragmentsMayChangePlaces) {
  Track(0, 800, false);
  EXPECT_EQ(Track(1600, 1700, true), DropReason::kNone);
  EXPECT_EQ(Track(800, 1600, false), DropReason::kNone);
  EXPECT_EQ(table_.DatagramCount(), 0u);
}

TEST_P(FragmentTableTest, LaterFragmentBeforeTheFirstIsRefused) {
  EXPECT_EQ(Track(800, 900, true), DropReason::kFragNoFirst);
  EXPECT_EQ(table_.DatagramCount(), 0u);
}

struct Overlap {
  uint32_t begin;
  uint32_t end;
};

// Allen's relations between an interval and [800, 1600) that share bytes.
TEST_P(FragmentTableTest, EveryOverlapIsRefusedAndAllThatFollows) {
  constexpr Overlap kOverlaps[] = {
      {800, 1600}, {800, 1200},  {1200, 1600}, {1000, 1400}, {792, 1608},
      {792, 808},  {1592, 2000}, {800, 1608},  {792, 1600},  {0, 808}};
  uint32_t id = 100;
  for (const Overlap& overlap : kOverlaps) {
    ++id;
    ASSERT_EQ(Track(0, 400, false, id), DropReason::kNone);
    ASSERT_EQ(Track(800, 1600, false, id), DropReason::kNone);
    EXPECT_EQ(Track(overlap.begin, overlap.end, false, id),
              DropReason::kFragOverlap)
        << overlap.begin << ".." << overlap.end;
    EXPECT_EQ(Track(2400, 2500, true, id), DropReason::kFragOverlap);
  }
}

TEST_P(FragmentTableTest, TwoEndsAreRefused) {
  Track(0, 800, false);
  ASSERT_EQ(Track(1600, 1700, true), DropReason::kNone);
  EXPECT_EQ(Track(2400, 2500, true), DropReason::kFragOverlap);
}

TEST_P(FragmentTableTest, BytesBehindTheEndAreRefused) {
  Track(0, 800, false);
  ASSERT_EQ(Track(1600, 1700, true), DropReason::kNone);
  EXPECT_EQ(Track(2400, 3200, false), DropReason::kFragOverlap);
}

TEST_P(FragmentTableTest, EndBeforeKnownBytesIsRefused) {
  Track(0, 800, false);
  ASSERT_EQ(Track(1600, 2400, false), DropReason::kNone);
  EXPECT_EQ(Track(800, 900, true), DropReason::kFragOverlap);
}

TEST_P(FragmentTableTest, TooManyGapsAreRefused) {
  Track(0, 8, false);
  for (uint32_t i = 1; i < FragmentTable::kRanges; ++i) {
    ASSERT_EQ(Track(i * 16, i * 16 + 8, false), DropReason::kNone);
  }
  EXPECT_EQ(Track(800, 808, false), DropReason::kFragQuota);
}

TEST_P(FragmentTableTest, TimeEnds) {
  Track(0, 800, false);
  EXPECT_EQ(Track(800, 900, true, 1, kNow + FragmentTable::kTimeoutNs),
            DropReason::kFragNoFirst);
}

TEST_P(FragmentTableTest, AnotherPortCannotAddToADatagram) {
  Track(0, 800, false);
  PacketMeta other = Fragment(800, true);
  other.in_port = PortId{2};
  EXPECT_EQ(table_.Track(other, 100, kNow), DropReason::kFragNoFirst);
}

TEST_P(FragmentTableTest, FloodKeepsMemoryBoundedAndTheNewest) {
  for (uint32_t id = 0; id < 100'000; ++id) {
    ASSERT_EQ(Track(0, 800, false, id, kNow + id), DropReason::kNone);
  }
  EXPECT_LE(table_.DatagramCount(), FragmentTable::kDatagrams);
  EXPECT_EQ(Track(800, 900, true, 99'999, kNow + 100'000), DropReason::kNone);
}

TEST_P(FragmentTableTest, ProtocolOfALaterFragmentCountsForIpv4Only) {
  Track(0, 800, false);
  PacketMeta later = Fragment(800, true);
  later.key.protocol = IpProtocol::kDestinationOptions;
  if (is_ipv4()) {
    EXPECT_EQ(table_.Track(later, 100, kNow), DropReason::kFragNoFirst);
  } else {
    EXPECT_EQ(table_.Track(later, 100, kNow), DropReason::kNone);
    EXPECT_EQ(later.key.protocol, IpProtocol::kUdp);
  }
}

TEST_P(FragmentTableTest, RefusedWithItsFirst) {
  ASSERT_EQ(Track(0, 800, false), DropReason::kNone);
  const PacketMeta first = last_;
  table_.Refuse(first, DropReason::kConnectionInvalid, kNow);
  EXPECT_EQ(Track(800, 1600, false), DropReason::kConnectionInvalid);
  EXPECT_EQ(Track(1600, 1700, true), DropReason::kConnectionInvalid);
  EXPECT_EQ(Track(0, 800, false), DropReason::kConnectionInvalid);
  // Another datagram is another matter.
  EXPECT_EQ(Track(0, 800, false, 2), DropReason::kNone);
  EXPECT_EQ(Track(800, 900, true, 2), DropReason::kNone);
}

TEST_P(FragmentTableTest, NothingIsRefusedOfACompleteDatagram) {
  Track(0, 800, false);
  const PacketMeta first = last_;
  Track(800, 900, true);
  table_.Refuse(first, DropReason::kConnectionInvalid, kNow);
  EXPECT_EQ(Track(0, 800, false), DropReason::kNone);
}

INSTANTIATE_TEST_SUITE_P(Families, FragmentTableTest,
                         testing::Values(IpFamily::kIpv4, IpFamily::kIpv6),
                         [](const auto& info) {
                           return info.param == IpFamily::kIpv4 ? "Ipv4"
                                                                : "Ipv6";
                         });

}  // namespace
}  // namespace vswitch
