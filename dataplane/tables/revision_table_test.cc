// Which verdicts a mark makes stale, in both families.

#include "dataplane/tables/revision_table.h"

#include <memory>

#include "gtest/gtest.h"

namespace vswitch {
namespace {

class RevisionTableTest : public testing::TestWithParam<const char*> {
 protected:
  static constexpr HashSecret kSecret{{7, 8}};

  IpAddress Address(int last) const {
    IpAddress address = *IpAddress::Parse(GetParam());
    address.bytes[15] = static_cast<uint8_t>(last);
    return address;
  }

  std::unique_ptr<RevisionSlot<StdAtomics>[]> slots_ =
      std::make_unique<RevisionSlot<StdAtomics>[]>(kRevisionNumberCount);
  RevisionTableWriter writer_{slots_.get(), kRevisionSlotCount, kSecret};
  RevisionTable table_{slots_.get(), kRevisionSlotCount, kSecret};
};

TEST_P(RevisionTableTest, UnmarkedAddressesAreNeverStale) {
  EXPECT_FALSE(table_.IsStale(Address(1), Address(2), 0));
  EXPECT_FALSE(table_.IsStale(Address(1), Address(2), 5));
}

TEST_P(RevisionTableTest, MarkMakesOlderVerdictsStaleOnEitherSide) {
  writer_.Mark(Address(1), 5);
  EXPECT_TRUE(table_.IsStale(Address(1), Address(2), 4));
  EXPECT_TRUE(table_.IsStale(Address(2), Address(1), 4));
  EXPECT_FALSE(table_.IsStale(Address(1), Address(2), 5));
  EXPECT_FALSE(table_.IsStale(Address(2), Address(3), 4));
}

TEST_P(RevisionTableTest, TheNewestMarkSaysWhetherAnythingChanged) {
  EXPECT_FALSE(table_.IsAnyNewer(0));
  writer_.Mark(Address(1), 5);
  EXPECT_TRUE(table_.IsAnyNewer(4));
  EXPECT_FALSE(table_.IsAnyNewer(5));
  writer_.MarkAll(7);
  EXPECT_TRUE(table_.IsAnyNewer(6));
  EXPECT_FALSE(table_.IsAnyNewer(7));
}

TEST_P(RevisionTableTest, MarkAllMakesEveryVerdictStale) {
  writer_.MarkAll(9);
  for (int last = 1; last < 100; ++last) {
    EXPECT_TRUE(table_.IsStale(Address(last), Address(last), 8));
    EXPECT_FALSE(table_.IsStale(Address(last), Address(last), 9));
  }
}

TEST_P(RevisionTableTest, NumbersWrapWithoutLosingTheOrder) {
  const Generation last = 0xffffffff;
  writer_.Mark(Address(1), last + 2);  // low 32 bits: 1
  EXPECT_TRUE(table_.IsStale(Address(1), Address(1), last));
  EXPECT_FALSE(table_.IsStale(Address(1), Address(1), last + 2));
  EXPECT_FALSE(table_.IsStale(Address(1), Address(1), last + 100));
}

TEST_P(RevisionTableTest, RefreshKeepsOldSlotsWithinReach) {
  const Generation far = (Generation{1} << 31) + 1000;
  // Without Refresh() a slot that was never marked would look newer by wrap.
  for (Generation g = far; g < far + kRevisionNumberCount; ++g) {
    writer_.Refresh(g);
  }
  const Generation now = far + kRevisionNumberCount;
  for (int last = 1; last < 100; ++last) {
    EXPECT_FALSE(table_.IsStale(Address(last), Address(last), now));
    EXPECT_TRUE(table_.IsStale(Address(last), Address(last),
                               now - (Generation{1} << 31)));
  }
}

INSTANTIATE_TEST_SUITE_P(Families, RevisionTableTest,
                         testing::Values("10.0.0.0", "fd00::"));

}  // namespace
}  // namespace vswitch
