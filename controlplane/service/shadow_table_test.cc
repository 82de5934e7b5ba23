// ShadowTable: what is one row, in which order rows come, and the bound.

#include "controlplane/service/shadow_table.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

const absl::Time kTime = absl::FromUnixSeconds(1000);

class ShadowTableTest : public testing::TestWithParam<bool> {
 protected:
  // A connection of host `from` to host 2, TCP 80, that rule 5 would deny.
  Event Connection(int from, uint16_t source_port = 40000) const {
    const std::string prefix = GetParam() ? "10.0.0." : "fd00::";
    Event event{};
    event.kind = EventKind::kShadow;
    event.rule = RuleId{5};
    event.direction = PolicyDirection::kIngress;
    event.source_identity = IdentityId{300};
    event.destination_identity = IdentityId{301};
    event.key.source = *IpAddress::Parse(prefix + std::to_string(from));
    event.key.destination = *IpAddress::Parse(prefix + "2");
    event.key.protocol = IpProtocol::kTcp;
    event.key.source_port = Be16::FromHost(source_port);
    event.key.destination_port = Be16::FromHost(80);
    return event;
  }
};

INSTANTIATE_TEST_SUITE_P(Families, ShadowTableTest, testing::Bool(),
                         [](const auto& info) {
                           return info.param ? "Ipv4" : "Ipv6";
                         });

TEST_P(ShadowTableTest, ConnectionsOfOnePairToOnePortAreOneRow) {
  ShadowTable table;
  table.Add(Connection(1, 40000), kTime);
  Event later = Connection(1, 40001);
  later.source_identity = IdentityId{302};  // the address has another owner
  table.Add(later, kTime + absl::Seconds(9));
  const std::vector<ShadowRow> rows = table.Rows();
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(rows[0].connection_count, 2u);
  EXPECT_EQ(rows[0].rule, RuleId{5});
  EXPECT_EQ(rows[0].direction, PolicyDirection::kIngress);
  EXPECT_EQ(rows[0].first_time, kTime);
  EXPECT_EQ(rows[0].last_time, kTime + absl::Seconds(9));
  EXPECT_EQ(rows[0].latest, later.key);
  EXPECT_EQ(rows[0].source, IdentityId{302});
  EXPECT_EQ(rows[0].destination, IdentityId{301});
}

TEST_P(ShadowTableTest, WhateverElseDiffersIsAnotherRow) {
  ShadowTable table;
  table.Add(Connection(1), kTime);
  Event other = Connection(1);
  other.rule = kNoRule;
  table.Add(other, kTime);
  other = Connection(1);
  other.direction = PolicyDirection::kEgress;
  table.Add(other, kTime);
  other = Connection(1);
  other.key.destination_port = Be16::FromHost(81);
  table.Add(other, kTime);
  other = Connection(1);
  other.key.protocol = IpProtocol::kUdp;
  table.Add(other, kTime);
  table.Add(Connection(3), kTime);
  EXPECT_THAT(table.Rows(), SizeIs(6));
}

TEST_P(ShadowTableTest, MostConnectionsComeFirst) {
  ShadowTable table;
  EXPECT_THAT(table.Rows(), IsEmpty());
  for (int from : {3, 4, 4, 4, 5, 5}) table.Add(Connection(from), kTime);
  const std::vector<ShadowRow> rows = table.Rows();
  ASSERT_THAT(rows, SizeIs(3));
  EXPECT_EQ(rows[0].latest.source, Connection(4).key.source);
  EXPECT_EQ(rows[1].latest.source, Connection(5).key.source);
  EXPECT_EQ(rows[2].latest.source, Connection(3).key.source);
}

TEST_P(ShadowTableTest, WhatFindsNoRoomIsCountedTogether) {
  ShadowTable table(/*max_rows=*/2);
  for (int from : {3, 4, 5, 6, 3, 5}) table.Add(Connection(from), kTime);
  EXPECT_THAT(table.Rows(), SizeIs(2));
  EXPECT_EQ(table.untold_count(), 3u) << "5 twice and 6 once";
  EXPECT_EQ(table.Rows()[0].connection_count, 2u) << "a row goes on counting";
}

}  // namespace
}  // namespace vswitch
