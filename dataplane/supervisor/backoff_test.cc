// When a process that died is started again.

#include "dataplane/supervisor/backoff.h"

#include "gtest/gtest.h"

namespace vswitch {
namespace {

TEST(BackoffTest, StartsAtOnceAfterALongRun) {
  Backoff backoff;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(backoff.DelayAfterRun(60'000), 0);
}

TEST(BackoffTest, GrowsInACrashLoopUpToItsLimit) {
  Backoff backoff;
  EXPECT_EQ(backoff.DelayAfterRun(5), 0);
  EXPECT_EQ(backoff.DelayAfterRun(5), 100);
  EXPECT_EQ(backoff.DelayAfterRun(5), 200);
  EXPECT_EQ(backoff.DelayAfterRun(5), 400);
  for (int i = 0; i < 20; ++i) backoff.DelayAfterRun(5);
  EXPECT_EQ(backoff.DelayAfterRun(5), Backoff::kMaxDelayMs);
}

TEST(BackoffTest, BeginsAnewAfterARunThatLasted) {
  Backoff backoff;
  for (int i = 0; i < 20; ++i) backoff.DelayAfterRun(5);
  EXPECT_EQ(backoff.DelayAfterRun(Backoff::kStableRunMs), 0);
  EXPECT_EQ(backoff.DelayAfterRun(5), 100);
}

}  // namespace
}  // namespace vswitch
