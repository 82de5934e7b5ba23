// Golden files: twins, repetitions, continuation lines and errors.

#include "test/golden/golden_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vswitch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

std::vector<std::string> Names(const std::vector<GoldenCase>& cases) {
  std::vector<std::string> names;
  for (const GoldenCase& one : cases) names.push_back(one.name);
  return names;
}

TEST(GoldenFileTest, ReadsDirectivesWithContinuationLines) {
  auto cases = ParseGoldenFile(
      "# a comment\n"
      "case one\n"
      "in pod 3: eth /\n"
      "  ip4\n"
      "\n"
      "drop: TTL\n",
      "x.golden");
  ASSERT_TRUE(cases.ok()) << cases.status();
  ASSERT_EQ(cases->size(), 1u);
  const GoldenCase& one = cases->front();
  EXPECT_EQ(one.where, "x.golden:2");
  ASSERT_EQ(one.directives.size(), 2u);
  EXPECT_THAT(one.directives[0].words, ElementsAre("in", "pod", "3"));
  EXPECT_EQ(one.directives[0].text, "eth / ip4");
  EXPECT_EQ(one.directives[1].text, "TTL");
}

TEST(GoldenFileTest, TwinIsOneCasePerFamily) {
  auto cases = ParseGoldenFile("twin t\nin: {ip} {ttl}=1 {a=4|b=6} {v}\n", "x");
  ASSERT_TRUE(cases.ok()) << cases.status();
  EXPECT_THAT(Names(*cases), ElementsAre("t/v4", "t/v6"));
  EXPECT_EQ((*cases)[0].directives[0].text, "ip4 ttl=1 a=4 4");
  EXPECT_EQ((*cases)[1].directives[0].text, "ip6 hop=1 b=6 6");
}

TEST(GoldenFileTest, ListRepeatsTheCase) {
  auto cases = ParseGoldenFile("case t N=1..3,9\nin: cut {N}\n", "x");
  ASSERT_TRUE(cases.ok()) << cases.status();
  EXPECT_THAT(Names(*cases), ElementsAre("t/N=1", "t/N=2", "t/N=3", "t/N=9"));
  EXPECT_EQ((*cases)[3].directives[0].text, "cut 9");
  EXPECT_EQ(GoldenTestName((*cases)[3].name), "t_N_9");
}

TEST(GoldenFileTest, SceneIsPlayedInCasesAndScenes) {
  auto cases = ParseGoldenFile(
      "scene one\n"
      "in: {ip}\n"
      " / udp\n"
      "scene two\n"
      "play one\n"
      "wait: 3\n"
      "twin t\n"
      "play two\n"
      "drop: TTL\n"
      "case u\n"
      "play one\n",
      "x");
  ASSERT_TRUE(cases.ok()) << cases.status();
  EXPECT_THAT(Names(*cases), ElementsAre("t/v4", "t/v6", "u"));
  ASSERT_EQ((*cases)[1].directives.size(), 3u);
  EXPECT_EQ((*cases)[1].directives[0].text, "ip6 / udp");
  EXPECT_EQ((*cases)[1].directives[1].text, "3");
  EXPECT_EQ((*cases)[1].directives[2].text, "TTL");
  EXPECT_EQ((*cases)[2].directives.size(), 1u);
}

TEST(GoldenFileTest, ErrorsNameFileAndLine) {
  for (const char* text :
       {"\nin: x\n", "case a\nin x\n", "case a\n\n\n in\n", "case a B=1 C=2\n",
        "case a\nplay b\n", "scene a\nscene a\n"}) {
    auto cases = ParseGoldenFile(text, "x.golden");
    ASSERT_FALSE(cases.ok()) << text;
    EXPECT_THAT(std::string(cases.status().message()), HasSubstr("x.golden:"));
  }
}

TEST(GoldenFileTest, KeyValuesKeepTheirOrder) {
  GoldenDirective directive{.words = {"pass"}, .text = "b=1 a=x=y"};
  auto pairs = KeyValues(directive);
  ASSERT_TRUE(pairs.ok());
  EXPECT_THAT(*pairs, ElementsAre(Pair("b", "1"), Pair("a", "x=y")));
  directive.text = "b";
  EXPECT_FALSE(KeyValues(directive).ok());
}

}  // namespace
}  // namespace vswitch
