// Free lists and wheels: nothing is lost, nothing is early.

#include "dataplane/conntrack/worker_lists.h"

#include <set>
#include <vector>

#include "gtest/gtest.h"

namespace vswitch {
namespace {

constexpr WorkerId kFirst{0};
constexpr WorkerId kSecond{1};

TEST(WorkerListsTest, GivesEachEntryOnce) {
  WorkerLists lists(1000, 0, 1);
  std::set<uint32_t> given;
  uint32_t index;
  while ((index = lists.Allocate(kFirst)) != kNoConnection) {
    EXPECT_LT(index, 1000u);
    EXPECT_TRUE(given.insert(index).second);
  }
  EXPECT_EQ(given.size(), 1000u);
}

TEST(WorkerListsTest, EntriesFoundFreeAreGivenToo) {
  WorkerLists lists(100, 50, 2);
  for (uint32_t i = 0; i < 50; ++i) lists.AddFree(i);
  std::set<uint32_t> given;
  uint32_t index;
  while ((index = lists.Allocate(kSecond)) != kNoConnection) {
    EXPECT_TRUE(given.insert(index).second);
  }
  EXPECT_EQ(given.size(), 100u);
}

TEST(WorkerListsTest, FreeEntryRestsBeforeItIsUsedAgain) {
  WorkerLists lists(64, 0, 1);
  const uint32_t first = lists.Allocate(kFirst);
  lists.Free(kFirst, first);
  EXPECT_NE(lists.Allocate(kFirst), first);
}

TEST(WorkerListsTest, WhatOneWorkerFreesAnotherCanUse) {
  constexpr uint32_t kCapacity = 1600;
  WorkerLists lists(kCapacity, 0, 2);
  std::vector<uint32_t> taken;
  uint32_t index;
  while ((index = lists.Allocate(kFirst)) != kNoConnection) {
    taken.push_back(index);
  }
  ASSERT_EQ(taken.size(), kCapacity);
  EXPECT_EQ(lists.Allocate(kSecond), kNoConnection);
  for (uint32_t i : taken) lists.Free(kFirst, i);
  uint32_t count = 0;
  while (lists.Allocate(kSecond) != kNoConnection) ++count;
  // The first keeps at most three blocks of an eighth of its half.
  EXPECT_GE(count, kCapacity - 3 * kCapacity / 16);
}

TEST(WorkerListsTest, EntryIsDueAtItsTime) {
  WorkerLists lists(16, 0, 1);
  const uint32_t index = lists.Allocate(kFirst);
  lists.Arm(kFirst, index, 110, 100);
  for (uint32_t now = 100; now < 110; ++now) {
    EXPECT_EQ(lists.PopDue(kFirst, now), kNoConnection) << now;
    EXPECT_FALSE(lists.IsDue(kFirst, now));
  }
  EXPECT_TRUE(lists.IsDue(kFirst, 110));
  EXPECT_EQ(lists.PopDue(kFirst, 110), index);
  EXPECT_EQ(lists.PopDue(kFirst, 110), kNoConnection);
}

TEST(WorkerListsTest, EntryArmedForThePastIsDueNow) {
  WorkerLists lists(16, 0, 1);
  const uint32_t index = lists.Allocate(kFirst);
  EXPECT_EQ(lists.PopDue(kFirst, 100), kNoConnection);
  lists.Arm(kFirst, index, 50, 101);
  EXPECT_EQ(lists.PopDue(kFirst, 101), index);
}

TEST(WorkerListsTest, SleepingForLongLosesNothing) {
  WorkerLists lists(128, 0, 1);
  for (uint32_t i = 0; i < 40; ++i) {
    lists.Arm(kFirst, lists.Allocate(kFirst), 100 + i, 100);
  }
  uint32_t count = 0;
  while (lists.PopDue(kFirst, 1'000'000) != kNoConnection) ++count;
  EXPECT_EQ(count, 40u);
  EXPECT_FALSE(lists.IsDue(kFirst, 2'000'000));
}

TEST(WorkerListsTest, TheSecondsMayWrapAround) {
  WorkerLists lists(16, 0, 1);
  const uint32_t index = lists.Allocate(kFirst);
  lists.Arm(kFirst, index, 5, UINT32_MAX - 5);
  EXPECT_EQ(lists.PopDue(kFirst, UINT32_MAX), kNoConnection);
  EXPECT_EQ(lists.PopDue(kFirst, 4), kNoConnection);
  EXPECT_EQ(lists.PopDue(kFirst, 5), index);
}

TEST(WorkerListsTest, FoundEntriesAreLookedAtFirst) {
  WorkerLists lists(16, 2, 1);
  lists.ArmFound(kFirst, 0);
  lists.ArmFound(kFirst, 1);
  EXPECT_TRUE(lists.IsDue(kFirst, 12345));
  const std::set<uint32_t> found{lists.PopDue(kFirst, 12345),
                                 lists.PopDue(kFirst, 12345)};
  EXPECT_EQ(found, (std::set<uint32_t>{0, 1}));
}

TEST(WorkerListsTest, SweepMakesAllDueOnce) {
  WorkerLists lists(128, 0, 1);
  for (uint32_t i = 0; i < 40; ++i) {
    lists.Arm(kFirst, lists.Allocate(kFirst), 101 + i, 100);
  }
  lists.RequestSweep();
  EXPECT_TRUE(lists.IsDue(kFirst, 100));
  uint32_t count = 0;
  while (lists.PopDue(kFirst, 100) != kNoConnection) ++count;
  EXPECT_EQ(count, 40u);
  EXPECT_FALSE(lists.IsDue(kFirst, 100));
}

}  // namespace
}  // namespace vswitch
