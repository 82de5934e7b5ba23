// Numbers of ports and identities: stable, and never two uses alike.

#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "controlplane/compile/identity_allocator.h"
#include "controlplane/compile/port_numbering.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

void Put(DesiredState& state, const std::string& name,
         const std::string& netns = "/run/netns/a") {
  state.Upsert({.metadata = {.name = name}, .spec = Port{.netns = netns}});
}

TEST(PortNumberingTest, NumbersStayWhileOtherPortsComeAndGo) {
  DesiredState state;
  PortNumbering numbering;
  Put(state, "b");
  ASSERT_TRUE(numbering.Update(state, 1).ok());
  EXPECT_EQ(numbering.Find("b")->id, PortId{0});
  EXPECT_EQ(numbering.Find("b")->epoch, 1u);
  Put(state, "a");
  ASSERT_TRUE(numbering.Update(state, 2).ok());
  EXPECT_EQ(numbering.Find("b")->id, PortId{0});
  EXPECT_EQ(numbering.Find("a")->id, PortId{1});
  state.Erase({ObjectKind::kPort, "", "b"});
  ASSERT_TRUE(numbering.Update(state, 3).ok());
  EXPECT_EQ(numbering.Find("b"), nullptr);
  EXPECT_EQ(numbering.Find("a")->id, PortId{1});
}

TEST(PortNumberingTest, AReusedNumberHasAnotherEpoch) {
  DesiredState state;
  PortNumbering numbering;
  Put(state, "a");
  ASSERT_TRUE(numbering.Update(state, 1).ok());
  DesiredState next;
  Put(next, "b");
  ASSERT_TRUE(numbering.Update(next, 2).ok());
  EXPECT_EQ(numbering.Find("b")->id, PortId{0});
  EXPECT_EQ(numbering.Find("b")->epoch, 2u);
}

TEST(PortNumberingTest, AnotherDeviceIsANewUseAndNotReady) {
  DesiredState state;
  PortNumbering numbering;
  Put(state, "a");
  ASSERT_TRUE(numbering.Update(state, 1).ok());
  EXPECT_THAT(numbering.NotReady(), testing::ElementsAre("a"));
  numbering.SetReady("a", 1);
  EXPECT_THAT(numbering.NotReady(), testing::IsEmpty());
  ASSERT_TRUE(numbering.Update(state, 2).ok());
  EXPECT_EQ(numbering.Find("a")->epoch, 1u);
  Put(state, "a", "/run/netns/b");
  ASSERT_TRUE(numbering.Update(state, 3).ok());
  EXPECT_EQ(numbering.Find("a")->epoch, 3u);
  EXPECT_THAT(numbering.NotReady(), testing::ElementsAre("a"));
  numbering.SetReady("a", 1);  // a late answer about the use before
  EXPECT_THAT(numbering.NotReady(), testing::ElementsAre("a"));
}

TEST(PortNumberingTest, RestoreTakesTheNumbersOfALivingGeneration) {
  PortRecord records[3] = {};
  records[2].kind = PortKind::kPod;
  records[2].epoch = 7;
  records[2].ready = 1;
  records[2].name[0] = 'a';
  PortNumbering numbering;
  numbering.Restore(records);
  DesiredState state;
  Put(state, "a");
  Put(state, "b");
  ASSERT_TRUE(numbering.Update(state, 20).ok());
  EXPECT_EQ(numbering.Find("a")->id, PortId{2});
  EXPECT_EQ(numbering.Find("a")->epoch, 7u);
  EXPECT_TRUE(numbering.Find("a")->ready);
  EXPECT_EQ(numbering.Find("b")->id, PortId{0});
}

TEST(IdentityAllocatorTest, AKeyHasOneNumberInEveryProcess) {
  IdentityAllocator one, two;
  IdentityId first = *one.Allocate("demo\nrole=a\n");
  ASSERT_TRUE(two.Allocate("something else").ok());
  EXPECT_EQ(*two.Allocate("demo\nrole=a\n"), first);
  EXPECT_EQ(*one.Allocate("demo\nrole=a\n"), first);
  EXPECT_GE(ToInt(first), kFirstLabelIdentity);
  EXPECT_LE(ToInt(first), kMaxIdentity);
}

TEST(IdentityAllocatorTest, ManyKeysHaveManyNumbers) {
  IdentityAllocator allocator;
  absl::flat_hash_set<IdentityId> ids;
  for (int i = 0; i < 20000; ++i) {
    ids.insert(*allocator.Allocate(std::to_string(i)));
  }
  EXPECT_EQ(ids.size(), 20000u);
}

TEST(IdentityAllocatorTest, WhenAllAreInUseReleasedOnesServeAgain) {
  IdentityAllocator allocator({.max_count = 2});
  IdentityId a = *allocator.Allocate("a");
  ASSERT_TRUE(allocator.Allocate("b").ok());
  absl::Status full = allocator.Allocate("c").status();
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(full.message()),
              testing::HasSubstr("all 2 identities"));
  allocator.ReleaseUnused([](const std::string& key) { return key == "a"; }, 0);
  EXPECT_TRUE(allocator.Allocate("c").ok());
  EXPECT_EQ(*allocator.Allocate("a"), a);
}

// Finds two keys of one hash, the second of which gets another number.
std::pair<std::string, std::string> KeysThatMeet() {
  absl::flat_hash_map<IdentityId, std::string> keys;
  for (int i = 0;; ++i) {
    std::string key = std::to_string(i);
    IdentityId id = *IdentityAllocator().Allocate(key);
    auto [it, inserted] = keys.try_emplace(id, key);
    if (!inserted) return {it->second, key};
  }
}

TEST(IdentityAllocatorTest, ANumberIsNotReusedWithinItsQuarantine) {
  const auto [first, second] = KeysThatMeet();
  IdentityAllocator allocator({.quarantine_s = 600});
  IdentityId number = *allocator.Allocate(first);
  allocator.Release(first, 1000);
  EXPECT_EQ(allocator.count(), 0u);
  IdentityAllocator early = allocator;
  early.EndQuarantines(1599);
  EXPECT_NE(*early.Allocate(second), number);
  EXPECT_EQ(*early.Allocate(first), number);  // it means the same to all
  allocator.EndQuarantines(1600);
  EXPECT_EQ(*allocator.Allocate(second), number);
}

TEST(IdentityAllocatorTest, WhatIsSavedBringsEveryNumberBack) {
  const auto [first, second] = KeysThatMeet();
  IdentityAllocator before({.quarantine_s = 600});
  IdentityId number = *before.Allocate(first);
  IdentityId other = *before.Allocate(second);
  ASSERT_TRUE(before.Allocate("third").ok());
  EXPECT_EQ(before.saved().size(), 1u);  // the one that a hash cannot tell
  before.Release("third", 5);
  EXPECT_EQ(before.saved().size(), 2u);
  IdentityAllocator after({.quarantine_s = 600});
  for (const auto& [key, numbered] : before.saved()) {
    after.Restore(key, numbered);
  }
  // In the other order.
  EXPECT_EQ(*after.Allocate(second), other);
  EXPECT_EQ(*after.Allocate(first), number);
  EXPECT_EQ(after.saved(), before.saved());
  after.EndQuarantines(605);
  EXPECT_EQ(after.saved().size(), 1u);
}

}  // namespace
}  // namespace vswitch
