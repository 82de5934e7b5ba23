// Order, loss and impossible indices of a ring.

#include "dataplane/memory/ring.h"

#include <memory>

#include "gtest/gtest.h"

namespace vswitch {
namespace {

struct Entry {
  uint64_t number;
};

class RingTest : public testing::Test {
 protected:
  RingArea<Entry, 4> area_;
  RingTail tail_;
  RingProducer<Entry, 4> producer_{&area_, &tail_};
  RingConsumer<Entry, 4> consumer_{&area_, &tail_};
};

TEST_F(RingTest, EntriesComeOutInOrder) {
  Entry entry;
  EXPECT_EQ(consumer_.Pop(entry), RingPop::kEmpty);
  for (uint64_t round = 0; round < 10; ++round) {
    EXPECT_EQ(producer_.next_number(), round * 3);
    for (uint64_t i = 0; i < 3; ++i) {
      ASSERT_TRUE(producer_.Push({round * 3 + i}));
    }
    for (uint64_t i = 0; i < 3; ++i) {
      ASSERT_EQ(consumer_.Pop(entry), RingPop::kEntry);
      EXPECT_EQ(entry.number, round * 3 + i);
    }
    EXPECT_EQ(consumer_.Pop(entry), RingPop::kEmpty);
  }
}

TEST_F(RingTest, FullRingKeepsTheOldAndCountsTheNew) {
  for (uint64_t i = 0; i < 6; ++i) producer_.PushOrCount({i});
  EXPECT_FALSE(producer_.Push({9}));
  EXPECT_EQ(consumer_.lost_count(), 2u);
  Entry entry;
  ASSERT_EQ(consumer_.Pop(entry), RingPop::kEntry);
  EXPECT_EQ(entry.number, 0u);
  EXPECT_TRUE(producer_.PushOrCount({7}));
}

TEST_F(RingTest, SkipForgetsWhatWasPushed) {
  producer_.Push({1});
  producer_.Push({2});
  consumer_.Skip();
  Entry entry;
  EXPECT_EQ(consumer_.Pop(entry), RingPop::kEmpty);
  producer_.Push({3});
  ASSERT_EQ(consumer_.Pop(entry), RingPop::kEntry);
  EXPECT_EQ(entry.number, 3u);
}

TEST_F(RingTest, ImpossibleHeadIsAnErrorAndCanBeSkipped) {
  area_.head.StoreRelease(100);
  Entry entry;
  EXPECT_EQ(consumer_.Pop(entry), RingPop::kCorrupt);
  consumer_.Skip();
  EXPECT_EQ(consumer_.Pop(entry), RingPop::kEmpty);
}

TEST_F(RingTest, ImpossibleTailMakesTheRingLookFull) {
  tail_.value.StoreRelease(7);
  EXPECT_FALSE(producer_.Push({1}));
}

}  // namespace
}  // namespace vswitch
