// Tests of ParseYaml(): positions, and what is refused.

#include "controlplane/cli/yaml_tree.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(YamlTreeTest, EachValueKnowsWhereItStands) {
  YamlErrors errors("a.yaml");
  const auto documents = ParseYaml("kind: Pod\nspec:\n  name: x\n", errors);
  EXPECT_THAT(errors.messages(), IsEmpty());
  ASSERT_THAT(documents, SizeIs(1));
  const YamlNode* spec = documents[0].Find("spec");
  ASSERT_NE(spec, nullptr);
  const YamlNode* name = spec->Find("name");
  ASSERT_NE(name, nullptr);
  EXPECT_EQ(name->text, "x");
  EXPECT_EQ(name->position.line, 3);
  EXPECT_EQ(name->position.column, 9);
  EXPECT_EQ(spec->keys[0].position.column, 3);
}

TEST(YamlTreeTest, ReadsEveryDocumentAndSkipsEmptyOnes) {
  YamlErrors errors("a.yaml");
  const auto documents =
      ParseYaml("---\na: 1\n---\n# nothing\n---\nb: 2\n", errors);
  EXPECT_THAT(errors.messages(), IsEmpty());
  ASSERT_THAT(documents, SizeIs(2));
  EXPECT_NE(documents[1].Find("b"), nullptr);
}

TEST(YamlTreeTest, QuotesAreRemembered) {
  YamlErrors errors("a.yaml");
  const auto documents = ParseYaml("a: \"80\"\nb: 80\nc: null\nd:\n", errors);
  ASSERT_THAT(documents, SizeIs(1));
  EXPECT_TRUE(documents[0].Find("a")->quoted);
  EXPECT_FALSE(documents[0].Find("b")->quoted);
  EXPECT_EQ(documents[0].Find("c")->kind, YamlNode::Kind::kNull);
  EXPECT_EQ(documents[0].Find("d")->kind, YamlNode::Kind::kNull);
}

TEST(YamlTreeTest, ReadsJson) {
  YamlErrors errors("a.json");
  const auto documents =
      ParseYaml(R"({"kind": "List", "items": [{"a": 1}, {"a": 2}]})", errors);
  EXPECT_THAT(errors.messages(), IsEmpty());
  ASSERT_THAT(documents, SizeIs(1));
  EXPECT_THAT(documents[0].Find("items")->values, SizeIs(2));
}

struct RefusedCase {
  const char* name;
  const char* text;
  const char* message;
};

class YamlTreeRefusalTest : public ::testing::TestWithParam<RefusedCase> {};

TEST_P(YamlTreeRefusalTest, NamesFileLineAndReason) {
  YamlErrors errors("bad.yaml");
  ParseYaml(GetParam().text, errors);
  EXPECT_THAT(errors.messages(), ElementsAre(HasSubstr(GetParam().message)));
  EXPECT_EQ(errors.ToStatus().code(), absl::StatusCode::kInvalidArgument);
}

INSTANTIATE_TEST_SUITE_P(
    AllCases, YamlTreeRefusalTest,
    ::testing::Values(
        RefusedCase{"Broken", "a: [1, 2\nb: 3\n", "bad.yaml:"},
        RefusedCase{"Tab", "a:\n\tb: 1\n", "bad.yaml:2:"},
        RefusedCase{"TwiceTheSameField", "a: 1\nb: 2\na: 3\n",
                    "bad.yaml:3:1: field \"a\" occurs twice"},
        RefusedCase{"Anchor", "a: &x 1\n", "anchors are not accepted"},
        RefusedCase{"Alias", "a: &x [1]\nb: *x\n", "not accepted"},
        RefusedCase{"Tag", "a: !!python/object x\n", "is not accepted"},
        RefusedCase{"KeyIsAList", "[a, b]: 1\n", "must be a string"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(YamlTreeTest, DepthIsLimited) {
  YamlErrors errors("deep.yaml");
  ParseYaml(std::string(300, '[') + std::string(300, ']'), errors);
  EXPECT_THAT(errors.messages(), ElementsAre(HasSubstr("levels of nesting")));
}

TEST(YamlTreeTest, VeryDeepInputDoesNotCrash) {
  YamlErrors errors("deep.yaml");
  ParseYaml(std::string(100000, '['), errors);
  EXPECT_FALSE(errors.empty());
}

TEST(YamlTreeTest, FieldsOfOneMappingAreLimited) {
  std::string text;
  for (size_t i = 0; i <= kMaxYamlFields; ++i) {
    absl::StrAppend(&text, "k", i, ": 1\n");
  }
  YamlErrors errors("wide.yaml");
  ParseYaml(text, errors);
  EXPECT_THAT(errors.messages(), ElementsAre(HasSubstr("fields in one")));
}

}  // namespace
}  // namespace vswitch
