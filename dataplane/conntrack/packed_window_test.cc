// TCP windows and counts in few bits: what comes back.

#include "dataplane/conntrack/packed_window.h"

#include <random>

#include "dataplane/conntrack/connection_entry.h"
#include "dataplane/tables/atomics.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

TcpWindow PackAndUnpack(const TcpWindow& window) {
  TcpWindow again;
  UnpackWindow(PackWindow(window), again);
  return again;
}

TEST(PackedWindowTest, WindowsOfSegmentsAreKept) {
  for (uint32_t scale = 0; scale <= kMaxWindowScale; ++scale) {
    for (uint32_t window = 0; window <= 0xffff; ++window) {
      const TcpWindow given{.max_window = window << scale};
      ASSERT_EQ(PackAndUnpack(given), given) << window << " << " << scale;
    }
  }
}

TEST(PackedWindowTest, OtherWindowsAreRoundedUpALittle) {
  std::mt19937 random(7);
  for (int i = 0; i < 100000; ++i) {
    const uint32_t window = static_cast<uint32_t>(random()) >> (random() % 31);
    if (window > 0x7fff0000) continue;  // above, the largest stands for all
    const uint32_t again = PackAndUnpack({.max_window = window}).max_window;
    ASSERT_GE(again, window);
    ASSERT_LE(again, window + window / 0x8000);
    // It does not grow when it is packed again.
    ASSERT_EQ(PackAndUnpack({.max_window = again}).max_window, again);
  }
  EXPECT_EQ(PackAndUnpack({.max_window = 0xffffffff}).max_window,
            0xffffu << 15);
  EXPECT_EQ(PackAndUnpack({.max_window = 0x1ffff}).max_window, 0x20000u);
}

TEST(PackedWindowTest, NotesAndRepetitionsAreKept) {
  for (uint32_t notes = 0; notes < 2 * kTcpSimultaneous; ++notes) {
    const uint32_t scale = notes & kTcpScaleMask;
    // A scale comes with the note that there is one.
    if (scale > kMaxWindowScale) continue;
    if (scale != 0 && (notes & kTcpScaled) == 0) continue;
    for (uint8_t repetitions = 0; repetitions <= kMaxRepetitions;
         ++repetitions) {
      const TcpWindow given{.notes = notes, .repetitions = repetitions};
      ASSERT_EQ(PackAndUnpack(given), given);
    }
    const auto ignored = static_cast<uint8_t>(notes & 0x3f);
    ASSERT_EQ(UnpackIgnored(PackIgnored(ignored)), ignored);
  }
}

TEST(PackedWindowTest, ChangesAreWholeGroupsOrSingleNotes) {
  const auto changed = [](const TcpWindow& before, const TcpWindow& after) {
    return ChangedBits(PackWindow(before), PackWindow(after));
  };
  EXPECT_EQ(changed({.max_window = 4}, {.max_window = 5}), kPackedMaxWindow);
  EXPECT_EQ(changed({.notes = kTcpScaled | 3}, {.notes = kTcpScaled | 2}),
            kPackedScale);
  EXPECT_EQ(changed({.repetitions = 1}, {.repetitions = 2}),
            kPackedRepetitions);
  const uint32_t liberal =
      changed({.notes = kTcpSack}, {.notes = kTcpSack | kTcpLiberal});
  EXPECT_EQ(liberal & kPackedNotes, liberal);
  EXPECT_EQ(liberal & (liberal - 1), 0u);
  EXPECT_EQ(changed({.notes = kTcpSack}, {.notes = kTcpSack}), 0u);
}

TEST(ConnectionCountTest, CarriesOverBothNumbers) {
  StdAtomics::Atomic<uint32_t> low;
  StdAtomics::Atomic<uint16_t> high;
  uint64_t expected = 0;
  std::mt19937 random(7);
  for (int i = 0; i < 100000; ++i) {
    const uint32_t delta = static_cast<uint32_t>(random()) >> 1;
    AddToCount(low, high, delta);
    expected += delta;
    ASSERT_EQ(ReadCount(low, high), expected & ((uint64_t{1} << 47) - 1));
  }
}

// A reader between the two stores of a writer.
TEST(ConnectionCountTest, IsRightWhileTheUpperNumberIsBehind) {
  StdAtomics::Atomic<uint32_t> low;
  StdAtomics::Atomic<uint16_t> high;
  AddToCount(low, high, 0x7fffffff);
  low.StoreRelaxed(0x80000000);
  EXPECT_EQ(ReadCount(low, high), 0x80000000u);
  high.StoreRelaxed(1);
  EXPECT_EQ(ReadCount(low, high), 0x80000000u);
  low.StoreRelaxed(0);
  EXPECT_EQ(ReadCount(low, high), uint64_t{1} << 32);
}

}  // namespace
}  // namespace vswitch
