// Numbers of rules: stable, distinct, and back to the rule.

#include "controlplane/compile/rule_numbering.h"

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controlplane/compile/policy_adapters.h"
#include "controlplane/compile/rule_text.h"
#include "controlplane/compile/set_compiler.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

std::shared_ptr<const PolicySource> SourceOf(const std::string& name,
                                             NetworkPolicy policy) {
  SourcePool pool;
  return SourcesOf({.name = name, .ns = "demo"}, policy, pool)->front();
}

PolicySources ManySources(int count) {
  PolicySources sources;
  for (int i = 0; i < count; ++i) {
    sources.push_back(SourceOf(
        absl::StrCat("p", i),
        {.isolates_egress = true,
         .ingress = std::vector<NetworkPolicyRule>(static_cast<size_t>(i % 7)),
         .egress = std::vector<NetworkPolicyRule>(3)}));
  }
  return sources;
}

TEST(RuleNumberingTest, EveryRuleHasANumberOfItsOwnThatLeadsBack) {
  PolicySources sources = ManySources(500);
  RuleNumbering numbering = *RuleNumbering::Assign(sources);
  std::set<RuleId> seen = {kLocalNodeRule, kNoRule};
  for (const auto& source : sources) {
    for (PolicyDirection direction :
         {PolicyDirection::kIngress, PolicyDirection::kEgress}) {
      for (const SourceRule& rule : source->Of(direction).rules) {
        RuleId id = numbering.NumberOf(*source, rule);
        EXPECT_TRUE(seen.insert(id).second);
        auto found = numbering.Find(id);
        ASSERT_TRUE(found.has_value());
        EXPECT_EQ(found->source, source.get());
        EXPECT_EQ(found->rule, &rule);
      }
    }
  }
}

TEST(RuleNumberingTest, OtherPoliciesAndOtherRulesChangeNoNumber) {
  auto one = SourceOf("one", {.ingress = {{}}});
  auto more = SourceOf(
      "one", {.isolates_egress = true, .ingress = {{}, {}}, .egress = {{}}});
  RuleId alone =
      RuleNumbering::Assign({one})->NumberOf(*one, one->ingress.rules[0]);
  PolicySources all = ManySources(50);
  all.push_back(more);
  EXPECT_EQ(RuleNumbering::Assign(all)->NumberOf(*more, more->ingress.rules[0]),
            alone);
}

TEST(RuleNumberingTest, TheOrderOfSourcesDoesNotMatter) {
  // So many rules that ranges do meet.
  PolicySources sources;
  for (int i = 0; i < 40; ++i) {
    sources.push_back(
        SourceOf(absl::StrCat("p", i),
                 {.ingress = std::vector<NetworkPolicyRule>(20000)}));
  }
  RuleNumbering forth = *RuleNumbering::Assign(sources);
  PolicySources reversed(sources.rbegin(), sources.rend());
  RuleNumbering back = *RuleNumbering::Assign(reversed);
  std::vector<uint32_t> firsts;
  for (const auto& source : sources) {
    EXPECT_EQ(forth.FirstOf(*source), back.FirstOf(*source));
    firsts.push_back(forth.FirstOf(*source));
  }
  std::sort(firsts.begin(), firsts.end());
  for (size_t i = 1; i < firsts.size(); ++i) {
    EXPECT_GE(firsts[i] - firsts[i - 1], 2u * 19999 + 1);
  }
}

TEST(RuleNumberingTest, NumbersOfNoRuleAreUnknown) {
  auto one = SourceOf("one", {.ingress = {{}}});
  RuleNumbering numbering = *RuleNumbering::Assign({one});
  uint32_t first = numbering.FirstOf(*one);
  EXPECT_TRUE(numbering.Find(RuleId{first}).has_value());
  EXPECT_FALSE(numbering.Find(RuleId{first - 1}).has_value());
  EXPECT_FALSE(numbering.Find(RuleId{first + 1}).has_value());
  EXPECT_FALSE(numbering.Find(kNoRule).has_value());
}

TEST(SetCompilerTest, TooManyOrderedRulesAreRefusedWithTheNumber) {
  SourcePool pool;
  std::vector<ClusterPolicyRule> rules(
      30000, {.action = RuleAction::kDeny, .peers = {{}}});
  PolicySources sources;
  for (const char* name : {"a", "b", "c"}) {
    sources.push_back(SourcesOf({.name = name},
                                ClusterNetworkPolicy{.subject = {{}, {}, true},
                                                     .ingress = rules},
                                pool)
                          ->front());
  }
  RuleNumbering numbering = *RuleNumbering::Assign(sources);
  PeerIndex peers;
  for (const auto& source : sources) {
    for (const SourceRule& rule : source->ingress.rules) {
      peers.Add(rule.peers, DesiredState());
    }
  }
  SetRecipe recipe = MakeRecipe(PolicyDirection::kIngress, sources, nullptr);
  absl::Status status = CompileRecipe(recipe, numbering, peers).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(status.message(),
            "ClusterNetworkPolicy/c spec.ingress[5535]: more than 65535 rules "
            "of its tier are about one pod in one direction: fewer are needed");
}

}  // namespace
}  // namespace vswitch
