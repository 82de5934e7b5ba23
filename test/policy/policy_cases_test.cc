// Policy cases: each folder of test/policy/cases is a cluster in Kubernetes'
// YAML and a list of probes with what they must give, one folder for each rule
// of the policies' semantics.  All go through vswitchctl policy probe, so
// through reader, translator, compiler and judge.

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controlplane/cli/cli.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace vswitch {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr char kCases[] = "test/policy/cases";

std::vector<std::string> AllCases() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(kCases)) {
    if (entry.is_directory()) names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

Json ReadJson(const std::string& path) {
  std::ifstream file(path);
  return Json::parse(file, nullptr, /*allow_exceptions=*/false);
}

struct Outcome {
  int exit_status = 0;
  Json results;
  std::string errors;
};

// Runs the probes of `probes` on the cluster of one case.
Outcome RunProbes(const std::string& name, const Json& probes) {
  std::ostringstream out, err;
  std::istringstream in(probes.dump());
  Outcome run;
  run.exit_status = RunCli({"policy", "probe", "--manifests",
                            absl::StrCat(kCases, "/", name, "/cluster.yaml"),
                            "--probes", "-", "-o", "json"},
                           out, err, in);
  run.results = Json::parse(out.str(), nullptr, /*allow_exceptions=*/false);
  run.errors = err.str();
  return run;
}

std::string NameOf(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !isalnum(c); }, '_');
  return name;
}

class PolicyCasesTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    probes_ = ReadJson(absl::StrCat(kCases, "/", GetParam(), "/probes.json"));
    ASSERT_TRUE(probes_.is_array() && !probes_.empty());
  }

  Json probes_;
};

INSTANTIATE_TEST_SUITE_P(Cases, PolicyCasesTest, testing::ValuesIn(AllCases()),
                         NameOf);

TEST_P(PolicyCasesTest, GivesWhatIsExpected) {
  const Outcome run = RunProbes(GetParam(), probes_);
  EXPECT_EQ(run.exit_status, 0) << run.errors;
  ASSERT_EQ(run.results.size(), probes_.size()) << run.errors;
  for (const Json& result : run.results) {
    EXPECT_EQ(result["verdict"], result["expect"]) << result.dump(2);
  }
}

TEST_P(PolicyCasesTest, OneOtherExpectationIsNoticed) {
  Json& changed = probes_[probes_.size() / 2]["expect"];
  changed = changed == "allow" ? "deny" : "allow";
  EXPECT_EQ(RunProbes(GetParam(), probes_).exit_status, 1);
}

}  // namespace
}  // namespace vswitch
