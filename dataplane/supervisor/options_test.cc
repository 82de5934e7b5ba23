// Options from flags and file, right and wrong, and the page that explains
// them.

#include "dataplane/supervisor/options.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

using testing::TempDir;

absl::StatusOr<SupervisorOptions> Parse(std::vector<std::string> flags) {
  std::vector<const char*> argv = {"vswitchd", "--controlplane=/bin/true",
                                   "--dataplane=/bin/true"};
  for (const std::string& flag : flags) argv.push_back(flag.c_str());
  return ParseOptions(static_cast<int>(argv.size()), argv.data());
}

std::string Error(std::vector<std::string> flags) {
  return std::string(Parse(std::move(flags)).status().message());
}

std::string WriteFile(const std::string& text) {
  const std::string path = TempDir() + "/vswitch.yaml";
  std::ofstream(path) << text;
  return path;
}

TEST(OptionsTest, HasDefaults) {
  const auto options = Parse({});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->SocketPath(), "/run/vswitch/vswitch.sock");
  EXPECT_EQ(options->workers, 1u);
  EXPECT_EQ(options->poll, "adaptive");
}

TEST(OptionsTest, ReadsFlagsInBothForms) {
  const auto options = Parse({"--workers=2", "--cpus", "2,3", "--poll", "busy",
                              "--pci-devices=0000:3b:00.0,0000:3b:00.1"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->workers, 2u);
  EXPECT_EQ(options->cpus, (std::vector<uint32_t>{2, 3}));
  EXPECT_EQ(options->poll, "busy");
  EXPECT_EQ(options->pci_devices.size(), 2u);
}

TEST(OptionsTest, FlagWinsOverFile) {
  const std::string path =
      WriteFile("workers: 2\ncpus: [2, 3]\npoll: interrupt\n");
  const auto options = Parse({"--config=" + path, "--poll=busy"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->workers, 2u);
  EXPECT_EQ(options->cpus, (std::vector<uint32_t>{2, 3}));
  EXPECT_EQ(options->poll, "busy");
}

TEST(OptionsTest, ErrorsInFlagsNameTheOption) {
  EXPECT_EQ(Error({"--workers=17"}),
            "option --workers: \"17\": must be a number from 1 to 16");
  EXPECT_EQ(Error({"--poll=fast"}),
            "option --poll: \"fast\": must be one of adaptive, busy, "
            "interrupt");
  EXPECT_EQ(Error({"--cpus=1,x"}),
            "option --cpus: \"1,x\": must be core numbers separated by commas");
  EXPECT_EQ(Error({"--cpus=1,2"}),
            "option --cpus: names 2 cores for 1 workers");
  EXPECT_EQ(Error({"--run-dir=here"}),
            "option --run-dir: \"here\": must be an absolute path");
  EXPECT_EQ(Error({"--speed=9"}),
            "unknown option --speed (vswitchd --help has all)");
  EXPECT_EQ(Error({"fast"}),
            "unknown argument \"fast\" (vswitchd --help has all)");
  EXPECT_EQ(Error({"--workers"}), "option --workers needs a value");
  EXPECT_TRUE(absl::StrContains(Error({"--pci-devices=3b:00.0"}),
                                "option --pci-devices:"));
  EXPECT_TRUE(absl::StrContains(Error({"--socket=/" + std::string(107, 's')}),
                                "more than the 107 bytes"));
  EXPECT_TRUE(absl::StrContains(Error({"--dataplane=/nowhere"}),
                                "program /nowhere is not there"));
}

TEST(OptionsTest, ErrorsInTheFileNameFileAndLine) {
  std::string path = WriteFile("workers: 1\npoll: fast\n");
  EXPECT_EQ(Error({"--config=" + path}),
            absl::StrCat(path,
                         ":2: option poll: \"fast\": must be one of "
                         "adaptive, busy, interrupt"));
  path = WriteFile("workers: 1\nspeed: 9\n");
  EXPECT_EQ(Error({"--config=" + path}),
            absl::StrCat(path,
                         ":2: unknown option \"speed\" (vswitchd --help "
                         "has all)"));
  path = WriteFile("workers: 1\nworkers: 2\n");
  EXPECT_EQ(Error({"--config=" + path}),
            absl::StrCat(path, ":2: option workers is there twice"));
  path = WriteFile("workers: {a: 1}\n");
  EXPECT_TRUE(absl::StrContains(Error({"--config=" + path}),
                                ":1: option workers: must be a value"));
  path = WriteFile("workers: [1\n");
  EXPECT_TRUE(absl::StrContains(Error({"--config=" + path}), "not YAML"));
  EXPECT_EQ(Error({"--config=/nowhere"}),
            "option --config: cannot read /nowhere");
}

TEST(OptionsTest, PassesEverythingOnToTheDataplane) {
  const auto options =
      Parse({"--workers=2", "--cpus=2,3", "--poll=busy", "--hugepages=off",
             "--packet-buffers=2048", "--large-buffers=64",
             "--pci-devices=0000:3b:00.0"});
  ASSERT_TRUE(options.ok()) << options.status();
  const std::vector<std::string> command = DataplaneCommand(*options, 7);
  for (const char* argument :
       {"/bin/true", "--supervisor-fd=3", "--table-memory-fd=4",
        "--worker-memory-fd=5", "--incarnation=7", "--workers=2", "--cpus=2,3",
        "--poll=busy", "--hugepages=off", "--packet-buffers=2048",
        "--large-buffers=64", "--pci-device=0000:3b:00.0"}) {
    EXPECT_EQ(std::count(command.begin(), command.end(), argument), 1)
        << argument;
  }
}

TEST(OptionsTest, DocumentationHasEveryOptionWithItsDefault) {
  std::ifstream file("docs/configuration.md");
  std::vector<std::string> rows;
  // The options' table is the first one.
  for (std::string line; std::getline(file, line);) {
    if (absl::StartsWith(line, "| `")) rows.push_back(line);
    if (!rows.empty() && line.empty()) break;
  }
  const std::vector<OptionInfo> options = ListOptions();
  ASSERT_EQ(rows.size(), options.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_TRUE(
        absl::StartsWith(rows[i], absl::StrCat("| `", options[i].name, "` |")))
        << rows[i];
    EXPECT_TRUE(absl::StrContains(rows[i], options[i].default_value) ||
                absl::StrContains(rows[i], "beside `vswitchd`"))
        << rows[i];
    EXPECT_TRUE(absl::StrContains(
        HelpText(), absl::StrCat("  --", options[i].name, "=VALUE")));
  }
}

}  // namespace
}  // namespace vswitch
