// Counts, limits and the claims of entries that are to go.

#include "dataplane/conntrack/connection_quota.h"

#include "gtest/gtest.h"

namespace vswitch {
namespace {

constexpr uint32_t kCapacity = 64;
constexpr EndpointId kPod{3};
constexpr EndpointId kOtherPod{4};
constexpr ConnectionCharge kHalfOpenCharge{.owner = kPod, .is_half_open = true};
constexpr ConnectionCharge kNatCharge{.owner = kPod, .holds_nat_port = true};

// Counts and notes an entry that is made at `now_s`.
void Make(ConnectionQuota& quota, uint32_t index,
          const ConnectionCharge& charge, uint32_t now_s = 0,
          uint16_t incarnation = 1) {
  ASSERT_EQ(quota.Take(charge, kUnlimited), InsertStatus::kInserted);
  quota.Note(index, incarnation, charge, now_s);
}

TEST(ConnectionQuotaTest, EachLimitHoldsForEachPod) {
  ConnectionQuota quota(kCapacity);
  ConnectionLimits limits = kUnlimited;
  limits.pod_connections = 5;
  limits.pod_half_open = 2;
  limits.pod_nat_ports = 1;
  EXPECT_EQ(quota.Take(kNatCharge, limits), InsertStatus::kInserted);
  EXPECT_EQ(quota.Take(kNatCharge, limits), InsertStatus::kNatPodQuota);
  EXPECT_EQ(quota.Take(kHalfOpenCharge, limits), InsertStatus::kInserted);
  EXPECT_EQ(quota.Take(kHalfOpenCharge, limits), InsertStatus::kInserted);
  EXPECT_EQ(quota.Take(kHalfOpenCharge, limits), InsertStatus::kPodQuota);
  EXPECT_EQ(quota.Use(kPod), (ConnectionUse{3, 2, 1}));
  EXPECT_EQ(quota.Take({.owner = kPod}, limits), InsertStatus::kInserted);
  EXPECT_EQ(quota.Take({.owner = kPod}, limits), InsertStatus::kInserted);
  EXPECT_EQ(quota.Take({.owner = kPod}, limits), InsertStatus::kPodQuota);
  // What was refused is not counted, and the next pod has its own.
  EXPECT_EQ(quota.Use(kPod), (ConnectionUse{5, 2, 1}));
  EXPECT_EQ(quota.Take({.owner = kOtherPod, .is_half_open = true}, limits),
            InsertStatus::kInserted);
  EXPECT_EQ(quota.Use(kOtherPod), (ConnectionUse{1, 1, 0}));
  EXPECT_EQ(quota.half_open(), 3u);
  quota.GiveBack(kNatCharge);
  EXPECT_EQ(quota.Use(kPod), (ConnectionUse{4, 2, 0}));
}

TEST(ConnectionQuotaTest, EndCountsOnce) {
  ConnectionQuota quota(kCapacity);
  Make(quota, 7, kHalfOpenCharge);
  Make(quota, 8, kNatCharge);
  EXPECT_EQ(quota.Use(kPod), (ConnectionUse{2, 1, 1}));
  EXPECT_TRUE(quota.End(7, 1));
  EXPECT_TRUE(quota.End(7, 1));
  EXPECT_EQ(quota.Use(kPod), (ConnectionUse{1, 0, 1}));
  EXPECT_EQ(quota.half_open(), 0u);
  // The end of an earlier life says nothing about the entry's present one.
  Make(quota, 7, kHalfOpenCharge, 0, 2);
  EXPECT_FALSE(quota.End(7, 1));
  EXPECT_EQ(quota.Use(kPod), (ConnectionUse{2, 1, 1}));
  quota.Forget(7);
  EXPECT_EQ(quota.Use(kPod), (ConnectionUse{1, 0, 1}));
}

TEST(ConnectionQuotaTest, AnswerAndCloseGiveBackWhatTheyEnd) {
  ConnectionQuota quota(kCapacity);
  Make(quota, 1, {.owner = kPod, .is_half_open = true, .holds_nat_port = true});
  quota.StateChanged(1, 1, ConnectionState::kSynReceived);
  EXPECT_EQ(quota.Use(kPod), (ConnectionUse{1, 1, 1}));
  quota.StateChanged(1, 2, ConnectionState::kEstablished);  // another life's
  EXPECT_EQ(quota.Use(kPod), (ConnectionUse{1, 1, 1}));
  quota.StateChanged(1, 1, ConnectionState::kEstablished);
  EXPECT_EQ(quota.Use(kPod), (ConnectionUse{1, 0, 1}));
  quota.StateChanged(1, 1, ConnectionState::kTimeWait);
  quota.StateChanged(1, 1, ConnectionState::kTimeWait);
  EXPECT_EQ(quota.Use(kPod), (ConnectionUse{1, 0, 0}));
  EXPECT_EQ(quota.half_open(), 0u);
  EXPECT_TRUE(quota.End(1, 1));
  EXPECT_EQ(quota.Use(kPod), ConnectionUse{});
}

TEST(ConnectionQuotaTest, OldestOfTheUnansweredIsClaimed) {
  ConnectionQuota quota(kCapacity);
  for (uint32_t i = 0; i < 6; ++i) {
    Make(quota, i, kHalfOpenCharge, i == 4 ? 100 : 200);
  }
  EXPECT_EQ(quota.ClaimVictim(kCapacity, 210).index, 4u);
  // What is claimed is not claimed again.
  EXPECT_NE(quota.ClaimVictim(kCapacity, 210).index, 4u);
}

TEST(ConnectionQuotaTest, EqualsGoInTurn) {
  ConnectionQuota quota(kCapacity);
  for (uint32_t i = 0; i < 20; ++i) Make(quota, i, kHalfOpenCharge);
  for (uint32_t i = 0; i < 40; ++i) {
    const ConnectionQuota::Claim claim = quota.ClaimVictim(20, 0);
    EXPECT_EQ(claim.index, i % 20);
    quota.EndClaimed(claim);
    Make(quota, claim.index, kHalfOpenCharge);
  }
}

TEST(ConnectionQuotaTest, NothingElseMayGo) {
  ConnectionQuota quota(kCapacity);
  EXPECT_FALSE(quota.ClaimVictim(kCapacity, 0).valid());
  Make(quota, 0, {.owner = kPod});  // answered
  Make(quota, 1, {.owner = kPod, .is_half_open = true, .holds_nat_port = true});
  Make(quota, 2, kHalfOpenCharge);
  quota.StateChanged(2, 1, ConnectionState::kReplied);
  Make(quota, 3, kHalfOpenCharge);  // behind the limit
  EXPECT_FALSE(quota.ClaimVictim(3, 0).valid());
  EXPECT_EQ(quota.ClaimVictim(kCapacity, 0).index, 3u);
}

TEST(ConnectionQuotaTest, RefusedConnectionMayGo) {
  ConnectionQuota quota(kCapacity);
  Make(quota, 0, {.owner = kPod, .is_half_open = true, .holds_nat_port = true});
  Make(quota, 1, kHalfOpenCharge);
  quota.StateChanged(1, 1, ConnectionState::kEstablished);
  quota.StateChanged(1, 1, ConnectionState::kClosed);
  EXPECT_FALSE(quota.ClaimVictim(kCapacity, 0).valid());
  quota.StateChanged(0, 1, ConnectionState::kClosed);
  EXPECT_EQ(quota.Use(kPod), (ConnectionUse{2, 0, 0}));
  EXPECT_EQ(quota.ClaimVictim(kCapacity, 0).index, 0u);
}

// No change of state tells whether anybody answered it.
TEST(ConnectionQuotaTest, PickedUpOneMayGoUntilItsPacketsSayNo) {
  ConnectionQuota quota(kCapacity);
  Make(quota, 0, {.owner = kPod, .is_picked_up = true});
  EXPECT_EQ(quota.Use(kPod), (ConnectionUse{1, 0, 0}));
  quota.StateChanged(0, 1, ConnectionState::kFinWait);
  const ConnectionQuota::Claim claim = quota.ClaimVictim(kCapacity, 0);
  ASSERT_EQ(claim.index, 0u);
  EXPECT_TRUE(ConnectionQuota::IsPickedUp(claim));
  quota.Unclaim(claim, true);
  EXPECT_FALSE(quota.ClaimVictim(kCapacity, 0).valid());
  EXPECT_TRUE(quota.End(0, 1));
  EXPECT_EQ(quota.Use(kPod), ConnectionUse{});

  Make(quota, 1, kHalfOpenCharge);
  EXPECT_FALSE(ConnectionQuota::IsPickedUp(quota.ClaimVictim(kCapacity, 0)));
}

TEST(ConnectionQuotaTest, PortOfTheWorldMayGo) {
  ConnectionQuota quota(kCapacity);
  Make(quota, 5, {.is_half_open = true, .holds_nat_port = true});
  EXPECT_EQ(quota.ClaimVictim(kCapacity, 0).index, 5u);
}

TEST(ConnectionQuotaTest, ClaimedEntryBelongsToWhoClaimedIt) {
  ConnectionQuota quota(kCapacity);
  Make(quota, 0, kHalfOpenCharge);
  const ConnectionQuota::Claim claim = quota.ClaimVictim(kCapacity, 0);
  ASSERT_TRUE(claim.valid());
  EXPECT_TRUE(ConnectionQuota::IsOf(claim, 1));
  EXPECT_FALSE(ConnectionQuota::IsOf(claim, 2));
  EXPECT_FALSE(quota.End(0, 1));
  quota.StateChanged(0, 1, ConnectionState::kEstablished);
  EXPECT_EQ(quota.Use(kPod), (ConnectionUse{1, 1, 0}));
  quota.Unclaim(claim, false);
  quota.StateChanged(0, 1, ConnectionState::kEstablished);
  EXPECT_EQ(quota.Use(kPod), (ConnectionUse{1, 0, 0}));
  EXPECT_TRUE(quota.End(0, 1));
  EXPECT_EQ(quota.Use(kPod), ConnectionUse{});

  Make(quota, 1, kHalfOpenCharge);
  const ConnectionQuota::Claim other = quota.ClaimVictim(kCapacity, 0);
  ASSERT_EQ(other.index, 1u);
  quota.EndClaimed(other);
  EXPECT_EQ(quota.Use(kPod), ConnectionUse{});
  EXPECT_FALSE(quota.End(1, 1));
  Make(quota, 1, {.owner = kOtherPod}, 0, 2);
  EXPECT_FALSE(quota.End(1, 1));
  EXPECT_TRUE(quota.End(1, 2));
  EXPECT_EQ(quota.Use(kOtherPod), ConnectionUse{});
}

TEST(ConnectionQuotaTest, OwnersWithoutNumbersHaveNoLimits) {
  ConnectionQuota quota(kCapacity);
  for (EndpointId owner : {kNoEndpoint, EndpointId{kMaxPorts + 1}}) {
    EXPECT_EQ(quota.Take({.owner = owner}, kUnlimited),
              InsertStatus::kInserted);
  }
  EXPECT_EQ(quota.Use(kNoEndpoint).entries, 2u);
  EXPECT_EQ(quota.Take({.owner = EndpointId{kMaxPorts}}, kUnlimited),
            InsertStatus::kInserted);
  EXPECT_EQ(quota.Use(EndpointId{kMaxPorts}).entries, 1u);
}

TEST(ConnectionLimitsTest, DefaultsAreSharesOfTheTable) {
  NatSettings nat{};
  nat.first_port = 20000;
  nat.last_port = 20999;
  const ConnectionLimits limits = CompleteLimits({}, 1'000'000, nat);
  EXPECT_EQ(limits.half_open, 100'000u);  // spec/faults.md F-50
  EXPECT_EQ(limits.pod_connections, 250'000u);
  EXPECT_EQ(limits.pod_half_open, 50'000u);
  EXPECT_EQ(limits.pod_nat_ports, 500u);
  const ConnectionLimits small = CompleteLimits({}, 1000, nat);
  EXPECT_EQ(small.pod_connections, 8192u);
  const ConnectionLimits wanted{7, kNoLimit, 8, 9};
  EXPECT_EQ(CompleteLimits(wanted, 1000, nat).pod_connections, kNoLimit);
  EXPECT_EQ(CompleteLimits(wanted, 1000, nat).pod_nat_ports, 9u);
  const ConnectionLimits world = WithoutPodLimits(wanted);
  EXPECT_EQ(world.half_open, 7u);
  EXPECT_EQ(world.pod_half_open, kNoLimit);
  EXPECT_EQ(world.pod_nat_ports, kNoLimit);
}

}  // namespace
}  // namespace vswitch
