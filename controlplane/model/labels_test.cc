// Selector semantics of policy.md NP-25.

#include "controlplane/model/labels.h"

#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace vswitch {
namespace {

LabelSelector One(const char* key, SelectorOperator op,
                  std::vector<std::string> values = {}) {
  return {
      .requirements = {{.key = key, .op = op, .values = std::move(values)}}};
}

TEST(LabelSelectorTest, EmptySelectorMatchesEverything) {
  EXPECT_TRUE(LabelSelector{}.Matches({}));
  EXPECT_TRUE(LabelSelector{}.Matches({{"a", "b"}}));
}

TEST(LabelSelectorTest, InNeedsKeyAndOneOfTheValues) {
  LabelSelector selector = One("role", SelectorOperator::kIn, {"a", "b"});
  EXPECT_TRUE(selector.Matches({{"role", "b"}}));
  EXPECT_FALSE(selector.Matches({{"role", "c"}}));
  EXPECT_FALSE(selector.Matches({}));
}

TEST(LabelSelectorTest, NotInMatchesObjectsWithoutTheKey) {
  LabelSelector selector = One("role", SelectorOperator::kNotIn, {"a"});
  EXPECT_TRUE(selector.Matches({}));
  EXPECT_TRUE(selector.Matches({{"role", "b"}}));
  EXPECT_FALSE(selector.Matches({{"role", "a"}}));
}

TEST(LabelSelectorTest, ExistsAndDoesNotExistLookAtTheKeyOnly) {
  EXPECT_TRUE(One("x", SelectorOperator::kExists).Matches({{"x", ""}}));
  EXPECT_FALSE(One("x", SelectorOperator::kExists).Matches({{"y", ""}}));
  EXPECT_TRUE(One("x", SelectorOperator::kDoesNotExist).Matches({{"y", ""}}));
  EXPECT_FALSE(One("x", SelectorOperator::kDoesNotExist).Matches({{"x", ""}}));
}

TEST(LabelSelectorTest, AllRequirementsMustMatch) {
  LabelSelector selector = LabelSelector::FromLabels({{"a", "1"}, {"b", "2"}});
  EXPECT_TRUE(selector.Matches({{"a", "1"}, {"b", "2"}, {"c", "3"}}));
  EXPECT_FALSE(selector.Matches({{"a", "1"}}));
}

TEST(LabelSelectorTest, IsWrittenAsKubectlDoes) {
  EXPECT_EQ(LabelSelector::FromLabels({{"a", "1"}, {"b", "2"}}).ToString(),
            "a=1,b=2");
  EXPECT_EQ(One("r", SelectorOperator::kIn, {"a", "b"}).ToString(),
            "r in (a,b)");
  EXPECT_EQ(One("r", SelectorOperator::kNotIn, {"a", "b"}).ToString(),
            "r notin (a,b)");
  EXPECT_EQ(One("r", SelectorOperator::kDoesNotExist).ToString(), "!r");
}

}  // namespace
}  // namespace vswitch
