// Tests of tables, JSON and YAML.

#include "controlplane/cli/output.h"

#include "controlplane/cli/yaml_tree.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

TEST(OutputTest, TableAlignsColumnsAndMarksEmptyCells) {
  Table table({"PORT", "STATE", "ERROR"});
  table.AddRow({"demo/web", "up"});
  table.AddRow({"a", "failed", "gone"});
  EXPECT_EQ(table.ToText(),
            "PORT      STATE   ERROR\n"
            "demo/web  up      -\n"
            "a         failed  gone\n");
}

TEST(OutputTest, ControlCharactersNeverReachATerminal) {
  Table table({"NAME"});
  table.AddRow({"x\x1b[2J\n"});
  EXPECT_EQ(table.ToText(), "NAME\nx?[2J?\n");
}

TEST(OutputTest, YamlKeepsStringsStrings) {
  const Json value = {{"port", "80"},
                      {"answer", "no"},
                      {"empty", ""},
                      {"count", 80},
                      {"list", {1, 2}},
                      {"none", Json::array()},
                      {"mac", "02:00:00:00:00:01"}};
  const std::string text = ToYamlText(value);
  YamlErrors errors("out");
  const auto documents = ParseYaml(text, errors);
  ASSERT_TRUE(errors.empty()) << text;
  ASSERT_EQ(documents.size(), 1u);
  EXPECT_TRUE(documents[0].Find("port")->quoted) << text;
  EXPECT_TRUE(documents[0].Find("answer")->quoted) << text;
  EXPECT_TRUE(documents[0].Find("mac")->quoted) << text;
  EXPECT_TRUE(documents[0].Find("empty")->quoted) << text;
  EXPECT_FALSE(documents[0].Find("count")->quoted) << text;
  EXPECT_EQ(documents[0].Find("list")->values.size(), 2u);
  EXPECT_EQ(documents[0].Find("none")->kind, YamlNode::Kind::kSequence);
}

TEST(OutputTest, DurationsReadWell) {
  EXPECT_EQ(Duration(0.35), "350 ms");
  EXPECT_EQ(Duration(12.4), "12s");
  EXPECT_EQ(Duration(190), "3m10s");
  EXPECT_EQ(Duration(7500), "2h5m");
  EXPECT_EQ(Duration(4 * 86400 + 3 * 3600), "4d3h");
}

TEST(OutputTest, RatesReadWell) {
  EXPECT_EQ(BitRate(1.234e9), "1.23 Gbit/s");
  EXPECT_EQ(BitRate(5e6), "5.00 Mbit/s");
}

}  // namespace
}  // namespace vswitch
