// Random clusters: the compiled tables must agree with the objects read
// naively, and a change must name every address whose verdicts it changes.

#include <algorithm>
#include <string>
#include <vector>

#include "controlplane/compile/naive_network_policy.h"
#include "controlplane/compile/random_cluster.h"
#include "controlplane/compile/test_cluster.h"
#include "gtest/gtest.h"
#include "rapidcheck.h"

namespace vswitch {
namespace {

constexpr int kFlows = 300;

bool Names(const CompiledState& state, const std::string& address) {
  return std::binary_search(state.changed_addresses.begin(),
                            state.changed_addresses.end(),
                            TestAddress(address));
}

TEST(CompilePropertyTest, TablesAgreeWithTheObjectsReadNaively) {
  ASSERT_TRUE(rc::check([](uint32_t seed) {
    RandomCluster random(seed);
    TestCluster cluster;
    random.Fill(cluster);
    absl::StatusOr<CompiledTables> tables = cluster.Compile();
    RC_ASSERT(tables.ok());
    for (int i = 0; i < kFlows; ++i) {
      TestFlow flow = random.AnyFlow();
      NaiveVerdict expected = NaiveAllowed(cluster.state(), flow);
      TestVerdict found = tables->Judge(flow);
      RC_ASSERT(found.egress.allowed == expected.egress);
      RC_ASSERT(found.ingress.allowed == expected.ingress);
    }
  }));
}

TEST(CompilePropertyTest, AChangeNamesEveryAddressThatItConcerns) {
  ASSERT_TRUE(rc::check([](uint32_t seed) {
    RandomCluster random(seed);
    TestCluster cluster;
    random.Fill(cluster);
    absl::StatusOr<CompiledTables> before = cluster.Compile();
    RC_ASSERT(before.ok());
    for (int change = 0; change < 5; ++change) {
      random.ChangeOne(cluster);
      absl::StatusOr<CompiledTables> after = cluster.Compile();
      RC_ASSERT(after.ok());
      RC_ASSERT(!after->state().all_changed);
      for (int i = 0; i < kFlows; ++i) {
        TestFlow flow = random.AnyFlow();
        TestVerdict old_verdict = before->Judge(flow);
        TestVerdict new_verdict = after->Judge(flow);
        bool same = old_verdict.allowed == new_verdict.allowed &&
                    old_verdict.egress.rule == new_verdict.egress.rule &&
                    old_verdict.ingress.rule == new_verdict.ingress.rule &&
                    before->BindingOf(TestAddress(flow.source)) ==
                        after->BindingOf(TestAddress(flow.source)) &&
                    before->BindingOf(TestAddress(flow.destination)) ==
                        after->BindingOf(TestAddress(flow.destination));
        RC_ASSERT(same || Names(after->state(), flow.source) ||
                  Names(after->state(), flow.destination));
      }
      before = std::move(after);
    }
  }));
}

}  // namespace
}  // namespace vswitch
