// Random clusters with policies of every kind: what the compiled tables say is
// what the naive evaluator reads from the objects; neither order nor names nor
// the way to a state matter where they must not; an allow takes nothing away; a
// change names every address whose verdicts it changes.
//
// `--clusters=10000` sets how many clusters each property is tried on.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controlplane/compile/naive_policy_evaluator.h"
#include "controlplane/compile/random_cluster_objects.h"
#include "controlplane/compile/test_cluster.h"
#include "gtest/gtest.h"
#include "rapidcheck.h"

namespace vswitch {
namespace {

constexpr size_t kProbes = 40;

void Fill(const RandomObjects& objects, TestCluster& cluster) {
  for (const Object& object : objects.cluster) cluster.state().Upsert(object);
  for (const Object& object : objects.policies) cluster.state().Upsert(object);
}

CompiledTables CompiledOf(TestCluster& cluster) {
  absl::StatusOr<CompiledTables> tables = cluster.Compile();
  if (!tables.ok()) RC_FAIL(std::string(tables.status().message()));
  return *std::move(tables);
}

TestVerdict Judge(const CompiledTables& tables, const PolicyProbe& probe) {
  return tables.Judge({.source = probe.source.ToString(),
                       .destination = probe.destination.ToString(),
                       .protocol = probe.protocol,
                       .port = probe.port});
}

ProbeVerdict Ask(const CompiledTables& tables, const PolicyProbe& probe) {
  const TestVerdict verdict = Judge(tables, probe);
  return {verdict.egress.allowed, verdict.ingress.allowed};
}

// Whether a connection that was judged by `before` need not be judged again.
bool StaysAsItIs(const CompiledTables& before, const CompiledTables& after,
                 const PolicyProbe& probe) {
  const TestVerdict old_verdict = Judge(before, probe);
  const TestVerdict new_verdict = Judge(after, probe);
  return old_verdict.allowed == new_verdict.allowed &&
         old_verdict.egress.rule == new_verdict.egress.rule &&
         old_verdict.ingress.rule == new_verdict.ingress.rule &&
         before.BindingOf(probe.source) == after.BindingOf(probe.source) &&
         before.BindingOf(probe.destination) ==
             after.BindingOf(probe.destination);
}

bool NamesEnd(const CompiledState& state, const PolicyProbe& probe) {
  const auto& changed = state.changed_addresses;
  auto names = [&changed](const IpAddress& address) {
    return std::binary_search(changed.begin(), changed.end(), address);
  };
  return names(probe.source) || names(probe.destination);
}

std::string Words(const ProbeVerdict& verdict) {
  return absl::StrCat("egress ", verdict.egress ? "allowed" : "denied",
                      ", ingress ", verdict.ingress ? "allowed" : "denied");
}

// Compares the tables with what the objects say.
void CheckAgainstObjects(const CompiledTables& tables,
                         const DesiredState& desired,
                         const RandomProbes& probes) {
  for (const PolicyProbe& probe : probes.probes) {
    const ProbeVerdict found = Ask(tables, probe);
    const ProbeVerdict expected = NaiveVerdictOf(desired, kRandomNode, probe);
    if (found == expected) continue;
    RC_FAIL(absl::StrCat(probe.ToString(), ": the tables say ", Words(found),
                         "; the objects ", Words(expected)));
  }
}

class PolicyPropertyTest : public testing::TestWithParam<RandomKind> {};

TEST_P(PolicyPropertyTest, TablesSayWhatTheObjectsSay) {
  const RandomKind kind = GetParam();
  ASSERT_TRUE(rc::check([kind] {
    const auto objects = *AnyCluster(kind);
    const auto probes = *AnyProbes(kProbes);
    TestCluster cluster;
    Fill(objects, cluster);
    CheckAgainstObjects(CompiledOf(cluster), cluster.state(), probes);
  }));
}

TEST_P(PolicyPropertyTest, TheWayToAStateDoesNotMatter) {
  const RandomKind kind = GetParam();
  ASSERT_TRUE(rc::check([kind] {
    const auto objects = *AnyCluster(kind);
    const auto probes = *AnyProbes(kProbes);
    const std::vector<Object> changes =
        *rc::gen::container<std::vector<Object>>(4, AnyChange(kind));
    TestCluster cluster;
    Fill(objects, cluster);
    CheckAgainstObjects(CompiledOf(cluster), cluster.state(), probes);
    // Each is compiled with the state before it as what is published.
    for (const Object& change : changes) {
      cluster.state().Upsert(change);
      CheckAgainstObjects(CompiledOf(cluster), cluster.state(), probes);
    }
    for (const Object& policy : objects.policies) {
      if (!cluster.state().Erase(DesiredState::KeyOf(policy))) continue;
      CheckAgainstObjects(CompiledOf(cluster), cluster.state(), probes);
    }
  }));
}

// Connections of addresses that no change names keep their verdict.
TEST_P(PolicyPropertyTest, AChangeNamesEveryAddressThatItConcerns) {
  const RandomKind kind = GetParam();
  ASSERT_TRUE(rc::check([kind] {
    const auto objects = *AnyCluster(kind);
    const auto probes = *AnyProbes(kProbes);
    const std::vector<Object> changes =
        *rc::gen::container<std::vector<Object>>(4, AnyChange(kind));
    TestCluster cluster;
    Fill(objects, cluster);
    CompiledTables before = CompiledOf(cluster);
    auto check = [&] {
      CompiledTables after = CompiledOf(cluster);
      // Cilium's may be about the node itself, whose connections are anybody's.
      const bool may_be_all =
          kind == RandomKind::kCilium || kind == RandomKind::kMixed;
      RC_ASSERT(may_be_all || !after.state().all_changed);
      for (const PolicyProbe& probe : probes.probes) {
        if (StaysAsItIs(before, after, probe)) continue;
        if (after.state().all_changed || NamesEnd(after.state(), probe)) {
          continue;
        }
        RC_FAIL(absl::StrCat(probe.ToString(),
                             " changed and neither end is named"));
      }
      before = std::move(after);
    };
    for (const Object& change : changes) {
      cluster.state().Upsert(change);
      check();
    }
    for (const auto* gone : {&objects.policies, &objects.cluster}) {
      for (const Object& object : *gone) {
        const bool erases =
            IsPolicy(object.kind()) || object.kind() == ObjectKind::kPod;
        if (!erases) continue;
        cluster.state().Erase(DesiredState::KeyOf(object));
        check();
      }
    }
  }));
}

// Kinds without priorities mean the same whatever they are called.
Object Renamed(Object policy) {
  if (policy.kind() != ObjectKind::kClusterNetworkPolicy) {
    policy.metadata.name =
        std::string(1, static_cast<char>('z' - policy.metadata.name[0] + 'a'));
  }
  return policy;
}

TEST_P(PolicyPropertyTest, NeitherOrderNorNamesMatter) {
  const RandomKind kind = GetParam();
  ASSERT_TRUE(rc::check([kind] {
    const auto objects = *AnyCluster(kind);
    const auto probes = *AnyProbes(kProbes);
    TestCluster one;
    Fill(objects, one);
    // The last of each name, from the last to the first.
    TestCluster other;
    std::vector<Object> reversed;
    for (const auto& [key, object] : one.state().objects()) {
      reversed.push_back(*object);
    }
    std::reverse(reversed.begin(), reversed.end());
    for (const Object& object : reversed) {
      other.state().Upsert(IsPolicy(object.kind()) ? Renamed(object) : object);
    }
    const CompiledTables tables = CompiledOf(one);
    const CompiledTables same = CompiledOf(other);
    for (const PolicyProbe& probe : probes.probes) {
      RC_ASSERT(Ask(tables, probe) == Ask(same, probe));
    }
  }));
}

TEST_P(PolicyPropertyTest, AnAllowOfNetworkPolicyTakesNothingAway) {
  const RandomKind kind = GetParam();
  ASSERT_TRUE(rc::check([kind] {
    const auto objects = *AnyCluster(kind);
    const auto probes = *AnyProbes(kProbes);
    Object policy = *rc::gen::exec(RandomNetworkPolicy);
    const NetworkPolicyRule rule = *rc::gen::exec(RandomNetworkPolicyRule);
    const bool ingress = *rc::gen::arbitrary<bool>();
    TestCluster cluster;
    Fill(objects, cluster);
    cluster.state().Upsert(policy);
    const CompiledTables before = CompiledOf(cluster);
    auto& spec = std::get<NetworkPolicy>(policy.spec);
    (ingress ? spec.ingress : spec.egress).push_back(rule);
    cluster.state().Upsert(policy);
    const CompiledTables after = CompiledOf(cluster);
    for (const PolicyProbe& probe : probes.probes) {
      const ProbeVerdict old_verdict = Ask(before, probe);
      const ProbeVerdict new_verdict = Ask(after, probe);
      RC_ASSERT(!old_verdict.egress || new_verdict.egress);
      RC_ASSERT(!old_verdict.ingress || new_verdict.ingress);
    }
  }));
}

// Whoever generates only what is open, or closed, tests nothing.
TEST_P(PolicyPropertyTest, ClustersAreNeitherOpenNorClosed) {
  const RandomKind kind = GetParam();
  int verdicts = 0;
  int denied[2] = {};
  ASSERT_TRUE(rc::check([&] {
    const auto objects = *AnyCluster(kind);
    const auto probes = *AnyProbes(kProbes);
    TestCluster cluster;
    Fill(objects, cluster);
    for (const PolicyProbe& probe : probes.probes) {
      const ProbeVerdict verdict =
          NaiveVerdictOf(cluster.state(), kRandomNode, probe);
      ++verdicts;
      denied[0] += !verdict.egress;
      denied[1] += !verdict.ingress;
    }
  }));
  for (int count : denied) {
    EXPECT_GT(count, verdicts / 20);
    EXPECT_LT(count, verdicts * 3 / 4);
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, PolicyPropertyTest,
                         testing::Values(RandomKind::kNp, RandomKind::kCluster,
                                         RandomKind::kCilium,
                                         RandomKind::kMixed),
                         RandomKindName);

}  // namespace
}  // namespace vswitch

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  vswitch::SetClusters(argc, argv);
  return RUN_ALL_TESTS();
}
