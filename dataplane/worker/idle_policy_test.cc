// An idle worker steps down to sleep, and one packet wakes it fully.

#include "dataplane/worker/idle_policy.h"

#include <gtest/gtest.h>

namespace vswitch {
namespace {

TEST(IdlePolicyTest, AdaptiveSpinsThenPausesThenSleeps) {
  IdlePolicy idle(PollMode::kAdaptive);
  IdleStep last = idle.Idle();
  EXPECT_EQ(last, IdleStep::kSpin);
  bool paused = false;
  for (int turn = 0; turn < 10000 && last != IdleStep::kSleep; ++turn) {
    const IdleStep step = idle.Idle();
    EXPECT_GE(step, last) << "never steps back up by itself";
    paused |= step == IdleStep::kPause;
    last = step;
  }
  EXPECT_TRUE(paused);
  EXPECT_EQ(last, IdleStep::kSleep);
  EXPECT_EQ(idle.Idle(), IdleStep::kSleep);
  idle.Busy();
  EXPECT_EQ(idle.Idle(), IdleStep::kSpin);
}

TEST(IdlePolicyTest, BusyNeverSleepsAndInterruptAlwaysDoes) {
  IdlePolicy busy(PollMode::kBusy);
  IdlePolicy interrupt(PollMode::kInterrupt);
  for (int turn = 0; turn < 10000; ++turn) {
    ASSERT_EQ(busy.Idle(), IdleStep::kSpin);
    ASSERT_EQ(interrupt.Idle(), IdleStep::kSleep);
  }
}

TEST(IdlePolicyTest, EveryModeHasAName) {
  for (PollMode mode :
       {PollMode::kAdaptive, PollMode::kBusy, PollMode::kInterrupt}) {
    EXPECT_EQ(ParsePollMode(PollModeName(mode)), mode);
  }
  EXPECT_EQ(ParsePollMode("lazy"), std::nullopt);
}

}  // namespace
}  // namespace vswitch
