// PolicyTimes: which changes of a transaction move a policy's time.

#include "controlplane/service/policy_times.h"

#include <optional>

#include "gtest/gtest.h"

namespace vswitch {
namespace {

const ObjectKey kPolicy{ObjectKind::kNetworkPolicy, "demo", "p"};

Accepted Answer(Generation generation, ObjectOutcome outcome,
                const ObjectKey& key = kPolicy) {
  Accepted accepted;
  accepted.generation = generation;
  accepted.time = absl::FromUnixSeconds(static_cast<int64_t>(generation));
  accepted.change.results = {{.key = key, .outcome = outcome}};
  return accepted;
}

TEST(PolicyTimesTest, KeepsTheLastChange) {
  PolicyTimes times;
  EXPECT_FALSE(times.Find(kPolicy).has_value());
  times.Record(Answer(3, ObjectOutcome::kCreated));
  times.Record(Answer(5, ObjectOutcome::kUpdated));
  const std::optional<PolicyTime> time = times.Find(kPolicy);
  ASSERT_TRUE(time.has_value());
  EXPECT_EQ(time->generation, 5u);
  EXPECT_EQ(time->accepted, absl::FromUnixSeconds(5));
}

TEST(PolicyTimesTest, AnAnswerThatComesLateChangesNothing) {
  PolicyTimes times;
  times.Record(Answer(5, ObjectOutcome::kUpdated));
  times.Record(Answer(4, ObjectOutcome::kUpdated));
  EXPECT_EQ(times.Find(kPolicy)->generation, 5u);
  EXPECT_EQ(times.Find(kPolicy)->accepted, absl::FromUnixSeconds(5));
}

TEST(PolicyTimesTest, WhatDidNotChangeKeepsItsTime) {
  PolicyTimes times;
  times.Record(Answer(3, ObjectOutcome::kCreated));
  times.Record(Answer(4, ObjectOutcome::kUnchanged));
  times.Record(Answer(5, ObjectOutcome::kMissing));
  EXPECT_EQ(times.Find(kPolicy)->generation, 3u);
}

TEST(PolicyTimesTest, ADeletedPolicyHasNone) {
  PolicyTimes times;
  times.Record(Answer(3, ObjectOutcome::kCreated));
  times.Record(Answer(4, ObjectOutcome::kDeleted));
  EXPECT_FALSE(times.Find(kPolicy).has_value());
}

TEST(PolicyTimesTest, OnlyPoliciesAreKept) {
  PolicyTimes times;
  for (ObjectKind kind :
       {ObjectKind::kNetworkPolicy, ObjectKind::kClusterNetworkPolicy,
        ObjectKind::kCiliumNetworkPolicy,
        ObjectKind::kCiliumClusterwideNetworkPolicy}) {
    const ObjectKey key{kind, "", "x"};
    times.Record(Answer(3, ObjectOutcome::kCreated, key));
    EXPECT_TRUE(times.Find(key).has_value()) << ToString(kind);
  }
  const ObjectKey pod{ObjectKind::kPod, "demo", "web"};
  times.Record(Answer(3, ObjectOutcome::kCreated, pod));
  EXPECT_FALSE(times.Find(pod).has_value());
}

}  // namespace
}  // namespace vswitch
