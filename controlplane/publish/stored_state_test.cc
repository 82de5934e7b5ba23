// Ownership, fencing, versions and existence.

#include "controlplane/publish/stored_state.h"

#include <string>

#include "controlplane/translate/errors.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

Object MakePod(const std::string& name, const std::string& account = "") {
  Object object;
  object.metadata.name = name;
  object.metadata.ns = "demo";
  Pod pod;
  pod.service_account = account;
  object.spec = pod;
  return object;
}

ObjectKey PodKey(const std::string& name) {
  return {ObjectKind::kPod, "demo", name};
}

Transaction Upsert(const std::string& manager, Object object,
                   uint64_t epoch = 0) {
  Transaction transaction;
  transaction.manager = {manager, epoch};
  transaction.upserts.push_back(std::move(object));
  return transaction;
}

Transaction Delete(const std::string& manager, const std::string& name) {
  Transaction transaction;
  transaction.manager = {manager, 0};
  transaction.deletes.push_back(PodKey(name));
  return transaction;
}

TEST(StoredStateTest, TheCreatorOwnsAResource) {
  StoredState state;
  absl::StatusOr<StateChange> change =
      Change(Upsert("cli", MakePod("a")), state);
  ASSERT_TRUE(change.ok());
  EXPECT_EQ(change->results[0].outcome, ObjectOutcome::kCreated);
  const Object* object = state.desired.FindObject(PodKey("a"));
  EXPECT_EQ(object->metadata.owner, "cli");
  EXPECT_EQ(object->metadata.version, 1u);
}

// Each transaction of these tests has the number after that of the one before.
const Metadata& PodMetadata(const StoredState& state) {
  return state.desired.FindObject(PodKey("a"))->metadata;
}

TEST(StoredStateTest, AnUpdateKeepsWhenAResourceWasCreated) {
  StoredState state;
  ASSERT_TRUE(Change(Upsert("cli", MakePod("a")), state).ok());
  EXPECT_EQ(PodMetadata(state).created_version, 1u);
  Object claims = MakePod("a", "other");
  claims.metadata.created_version = 77;
  ASSERT_TRUE(Change(Upsert("cli", claims), state).ok());
  EXPECT_EQ(PodMetadata(state).version, 2u);
  EXPECT_EQ(PodMetadata(state).created_version, 1u);
  ASSERT_TRUE(Change(Delete("cli", "a"), state).ok());
  ASSERT_TRUE(Change(Upsert("cli", MakePod("a")), state).ok());
  EXPECT_EQ(PodMetadata(state).created_version, 4u);
}

TEST(StoredStateTest, AnotherUidIsAnotherResource) {
  StoredState state;
  Object first = MakePod("a");
  first.metadata.uid = "first";
  ASSERT_TRUE(Change(Upsert("cli", first), state).ok());
  // Without a uid it is the one that is there, uid and all.
  absl::StatusOr<StateChange> same = Change(Upsert("cli", MakePod("a")), state);
  ASSERT_TRUE(same.ok());
  EXPECT_EQ(same->results[0].outcome, ObjectOutcome::kUnchanged);
  ASSERT_TRUE(Change(Upsert("cli", MakePod("a", "x")), state).ok());
  EXPECT_EQ(PodMetadata(state).uid, "first");
  EXPECT_EQ(PodMetadata(state).created_version, 1u);
  Object second = MakePod("a", "x");
  second.metadata.uid = "second";
  absl::StatusOr<StateChange> change = Change(Upsert("cli", second), state);
  ASSERT_TRUE(change.ok());
  EXPECT_EQ(change->results[0].outcome, ObjectOutcome::kUpdated);
  EXPECT_EQ(PodMetadata(state).uid, "second");
  EXPECT_EQ(PodMetadata(state).created_version, 3u);
}

TEST(StoredStateTest, AnotherManagerIsRefusedByNameUnlessForced) {
  StoredState state;
  ASSERT_TRUE(Change(Upsert("controller/a", MakePod("a")), state).ok());
  absl::Status refused =
      Change(Upsert("cli", MakePod("a", "x")), state).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(refused.message()),
              AllOf(HasSubstr("Pod demo/a"), HasSubstr("controller/a"),
                    HasSubstr("\"cli\"")));
  EXPECT_EQ(Change(Delete("cli", "a"), state).status().code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(state.desired.FindObject(PodKey("a"))->metadata.owner,
            "controller/a");
  Transaction forced = Upsert("cli", MakePod("a", "x"));
  forced.force = true;
  ASSERT_TRUE(Change(forced, state).ok());
  EXPECT_EQ(state.desired.FindObject(PodKey("a"))->metadata.owner, "cli");
}

TEST(StoredStateTest, TheSameRequestChangesNothing) {
  StoredState state;
  ASSERT_TRUE(Change(Upsert("cli", MakePod("a")), state).ok());
  absl::StatusOr<StateChange> again =
      Change(Upsert("cli", MakePod("a")), state);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->results[0].outcome, ObjectOutcome::kUnchanged);
  EXPECT_EQ(again->results[0].version, 1u);
  EXPECT_FALSE(again->IsDurable());
}

TEST(StoredStateTest, ALowerEpochIsRefusedNamingBoth) {
  StoredState state;
  ASSERT_TRUE(Change(Upsert("controller/a", MakePod("a"), 12), state).ok());
  absl::Status refused =
      Change(Upsert("controller/a", MakePod("b"), 11), state).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()),
              AllOf(HasSubstr("epoch 11"), HasSubstr("epoch 12")));
}

TEST(StoredStateTest, ARaisedEpochAloneIsDurable) {
  StoredState state;
  ASSERT_TRUE(Change(Upsert("c", MakePod("a"), 1), state).ok());
  absl::StatusOr<StateChange> change =
      Change(Upsert("c", MakePod("a"), 2), state);
  ASSERT_TRUE(change.ok());
  EXPECT_FALSE(change->HasObjectChanges());
  EXPECT_TRUE(change->IsDurable());
}

TEST(StoredStateTest, AnUnexpectedVersionIsAborted) {
  StoredState state;
  ASSERT_TRUE(Change(Upsert("cli", MakePod("a")), state).ok());
  Object stale = MakePod("a", "x");
  stale.metadata.version = 9;
  EXPECT_EQ(Change(Upsert("cli", stale), state).status().code(),
            absl::StatusCode::kAborted);
  stale.metadata.version = 1;
  EXPECT_TRUE(Change(Upsert("cli", stale), state).ok());
}

TEST(StoredStateTest, DeletingWhatIsMissingIsNotFoundUnlessIgnored) {
  StoredState state;
  absl::Status missing = Change(Delete("cli", "a"), state).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.message()), HasSubstr("Pod demo/a"));
  Transaction transaction = Delete("cli", "a");
  transaction.ignore_missing = true;
  absl::StatusOr<StateChange> change = Change(transaction, state);
  ASSERT_TRUE(change.ok());
  EXPECT_EQ(change->results[0].outcome, ObjectOutcome::kMissing);
}

TEST(StoredStateTest, WhatMustBeNewMayNotExist) {
  StoredState state;
  Transaction transaction = Upsert("cli", MakePod("a"));
  transaction.must_be_new.push_back(PodKey("a"));
  ASSERT_TRUE(Change(transaction, state).ok());
  EXPECT_EQ(Change(transaction, state).status().code(),
            absl::StatusCode::kAlreadyExists);
}

TEST(StoredStateTest, EveryRefusalIsReported) {
  StoredState state;
  ASSERT_TRUE(Change(Upsert("other", MakePod("a")), state).ok());
  ASSERT_TRUE(Change(Upsert("other", MakePod("b")), state).ok());
  Transaction transaction = Upsert("cli", MakePod("a", "x"));
  transaction.deletes.push_back(PodKey("b"));
  EXPECT_EQ(FaultsOf(Change(transaction, state).status()).size(), 2u);
}

}  // namespace
}  // namespace vswitch
