// What messages make of a neighbour, and how long it holds.

#include "dataplane/tables/neighbor_table.h"

#include <memory>

#include "gtest/gtest.h"

namespace vswitch {
namespace {

using enum NeighborState;

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kNow = 1000 * kSecond;
constexpr RouterTag kTag{7};
constexpr MacAddress kOld{{2, 0, 0, 0, 0, 1}};
constexpr MacAddress kNew{{2, 0, 0, 0, 0, 2}};

class NeighborTableTest : public testing::Test {
 protected:
  // Makes the neighbour one at kOld in `state`.
  void Make(NeighborState state) {
    if (state == kUnknown) return;
    table_->Update(3, kTag, kNow, [state](const Neighbor&) {
      return std::optional(NeighborChange{kOld, state == kReachable});
    });
  }
  // What an advertisement makes of a neighbour at kOld in `state`.
  Neighbor After(NeighborState state, const NeighborAnnouncement& said) {
    table_ = std::make_unique<NeighborTable>();
    Make(state);
    table_->Update(3, kTag, kNow, [&said](const Neighbor& before) {
      return AfterAdvertisement(before, said);
    });
    return table_->Read(3, kTag, kNow);
  }
  Neighbor AfterQuestionOf(NeighborState state, const MacAddress& mac) {
    table_ = std::make_unique<NeighborTable>();
    Make(state);
    table_->Update(3, kTag, kNow, [&mac](const Neighbor& before) {
      return AfterQuestion(before, mac);
    });
    return table_->Read(3, kTag, kNow);
  }

  std::unique_ptr<NeighborTable> table_ = std::make_unique<NeighborTable>();
};

// Conformance ND-09: RFC 4861 appendix C, the rows about advertisements.
TEST_F(NeighborTableTest, TwelveRowsOfTheStandard) {
  struct Row {
    NeighborState before;
    bool solicited;
    bool overrides;
    std::optional<MacAddress> mac;
    Neighbor after;
  };
  const Row rows[] = {
      // Incomplete: any address is taken, its flag says how fresh it is.
      {kUnknown, false, false, kNew, {kNew, kStale}},
      {kUnknown, true, false, kNew, {kNew, kReachable}},
      {kUnknown, true, true, std::nullopt, {}},
      // Another address that does not override.
      {kReachable, true, false, kNew, {kOld, kStale}},
      {kStale, true, false, kNew, {kOld, kStale}},
      // The same one, or none at all.
      {kStale, true, false, kOld, {kOld, kReachable}},
      {kStale, true, true, std::nullopt, {kOld, kReachable}},
      {kStale, false, false, kOld, {kOld, kStale}},
      {kReachable, false, true, kOld, {kOld, kReachable}},
      {kReachable, false, false, std::nullopt, {kOld, kReachable}},
      // Another one that does.
      {kReachable, false, true, kNew, {kNew, kStale}},
      {kStale, true, true, kNew, {kNew, kReachable}},
  };
  int number = 0;
  for (const Row& row : rows) {
    SCOPED_TRACE(++number);
    EXPECT_EQ(After(row.before, {.mac = row.mac,
                                 .is_solicited = row.solicited,
                                 .overrides = row.overrides}),
              row.after);
  }
}

// RFC 4861 7.2.3.
TEST_F(NeighborTableTest, QuestionOfItsOwn) {
  EXPECT_EQ(AfterQuestionOf(kUnknown, kNew), (Neighbor{kNew, kStale}));
  EXPECT_EQ(AfterQuestionOf(kReachable, kOld), (Neighbor{kOld, kReachable}));
  EXPECT_EQ(AfterQuestionOf(kReachable, kNew), (Neighbor{kNew, kStale}));
  EXPECT_EQ(AfterQuestionOf(kStale, kOld), (Neighbor{kOld, kStale}));
}

// Conformance ND-10: REACHABLE_TIME.
TEST_F(NeighborTableTest, ReachableForThirtySeconds) {
  Make(kReachable);
  EXPECT_EQ(table_->Read(3, kTag, kNow + 29 * kSecond).state, kReachable);
  EXPECT_EQ(table_->Read(3, kTag, kNow + 30 * kSecond).state, kStale);
  EXPECT_EQ(table_->Read(3, kTag, kNow + 3600 * kSecond),
            (Neighbor{kOld, kStale}));
}

TEST_F(NeighborTableTest, StaleFromTheStart) {
  Make(kStale);
  EXPECT_EQ(table_->Read(3, kTag, kNow).state, kStale);
}

// A Port that names another router has none that is known.
TEST_F(NeighborTableTest, RoutersAreApart) {
  Make(kReachable);
  constexpr RouterTag kOther{8};
  EXPECT_EQ(table_->Read(3, kOther, kNow), Neighbor{});
  EXPECT_EQ(table_->Read(3, RouterTag::kNone, kNow), Neighbor{});
  table_->Forget(3, kOther, kOld);
  EXPECT_EQ(table_->Read(3, kTag, kNow), (Neighbor{kOld, kReachable}));
  table_->Update(3, kOther, kNow, [](const Neighbor& before) {
    EXPECT_EQ(before, Neighbor{});
    return std::optional(NeighborChange{kNew, false});
  });
  EXPECT_EQ(table_->Read(3, kOther, kNow), (Neighbor{kNew, kStale}));
  EXPECT_EQ(table_->Read(3, kTag, kNow), Neighbor{});
}

// One worker's clock is behind that of another, which heard of the router.
TEST_F(NeighborTableTest, ClocksMayDiffer) {
  Make(kReachable);
  EXPECT_EQ(table_->Read(3, kTag, kNow - 1).state, kReachable);
  EXPECT_TRUE(table_->MayAsk(3, kNow));
  EXPECT_FALSE(table_->MayAsk(3, kNow - 1));
  EXPECT_TRUE(table_->WasAsked(3, kNow - 1));
}

TEST(RouterTagTest, TellsRoutersAndPortsApart) {
  const IpAddress router = *IpAddress::Parse("192.0.2.1");
  EXPECT_EQ(TagOfRouter(router, 1), TagOfRouter(router, 1));
  EXPECT_NE(TagOfRouter(router, 1), TagOfRouter(router, 2));
  EXPECT_NE(TagOfRouter(router, 1),
            TagOfRouter(*IpAddress::Parse("192.0.2.2"), 1));
  EXPECT_NE(TagOfRouter(*IpAddress::Parse("fe80::1"), 1),
            TagOfRouter(*IpAddress::Parse("fe80::2"), 1));
}

TEST_F(NeighborTableTest, SlotsAreApart) {
  Make(kReachable);
  EXPECT_EQ(table_->Read(2, kTag, kNow), Neighbor{});
  EXPECT_EQ(table_->Read(4, kTag, kNow), Neighbor{});
  EXPECT_EQ(NeighborSlot(PortId{1}, IpFamily::kIpv4), 2u);
  EXPECT_EQ(NeighborSlot(PortId{1}, IpFamily::kIpv6), 3u);
}

TEST_F(NeighborTableTest, ForgetsWhatIsStillThere) {
  Make(kReachable);
  table_->Forget(3, kTag, kNew);
  EXPECT_EQ(table_->Read(3, kTag, kNow).mac, kOld);
  table_->Forget(3, kTag, kOld);
  EXPECT_EQ(table_->Read(3, kTag, kNow), Neighbor{});
}

TEST_F(NeighborTableTest, AsksOnceASecond) {
  EXPECT_FALSE(table_->WasAsked(3, kNow));
  EXPECT_TRUE(table_->MayAsk(3, kNow));
  EXPECT_FALSE(table_->MayAsk(3, kNow + kSecond - 1));
  EXPECT_TRUE(table_->WasAsked(3, kNow + 3 * kSecond));
  EXPECT_FALSE(table_->WasAsked(3, kNow + 3 * kSecond + 1));
  EXPECT_TRUE(table_->MayAsk(3, kNow + kSecond));
}

TEST_F(NeighborTableTest, NothingIsOutsideOfTheTable) {
  constexpr uint32_t kOutside = 2 * kMaxPorts;
  EXPECT_EQ(table_->Read(kOutside, kTag, kNow), Neighbor{});
  EXPECT_FALSE(table_->MayAsk(kOutside, kNow));
  EXPECT_FALSE(table_->Update(kOutside, kTag, kNow, [](const Neighbor&) {
    return std::optional(NeighborChange{kOld, false});
  }));
}

}  // namespace
}  // namespace vswitch
