// Every option is checked, and an error names it.

#include "controlplane/daemon/options.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<DaemonOptions> Parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "vswitch-controlplane");
  return ParseOptions(static_cast<int>(arguments.size()), arguments.data());
}

TEST(OptionsTest, ReadsWhatTheSupervisorWrites) {
  absl::StatusOr<DaemonOptions> options =
      Parse({"--supervisor-fd=3", "--table-memory-fd=4", "--worker-memory-fd=5",
             "--socket=/run/x.sock", "--state-dir=/var/x", "--workers=2",
             "--poll=busy", "--node-name=n1"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->supervisor_fd, 3);
  EXPECT_EQ(options->table_memory_fd, 4);
  EXPECT_EQ(options->worker_memory_fd, 5);
  EXPECT_EQ(options->socket, "/run/x.sock");
  EXPECT_EQ(options->state_dir, "/var/x");
  EXPECT_EQ(options->workers, 2u);
  EXPECT_EQ(options->poll, "busy");
  EXPECT_EQ(options->node_name, "n1");
}

TEST(OptionsTest, NamesTheOptionAtFault) {
  const std::pair<const char*, const char*> kBad[] = {
      {"--supervisor-fd=x", "--supervisor-fd"},
      {"--table-memory-fd=-1", "--table-memory-fd"},
      {"--workers=0", "--workers"},
      {"--workers=17", "--workers"},
      {"--socket=relative", "--socket"},
      {"--state-dir=", "--state-dir"},
      {"--poll=never", "--poll"},
      {"--colour=red", "--colour"},
      {"stray", "stray"},
  };
  for (const auto& [argument, named] : kBad) {
    absl::StatusOr<DaemonOptions> options = Parse({argument});
    ASSERT_FALSE(options.ok()) << argument;
    EXPECT_THAT(std::string(options.status().message()), HasSubstr(named));
  }
}

TEST(OptionsTest, TheDescriptorsMustBeSet) {
  EXPECT_FALSE(Parse({"--workers=1"}).ok());
  EXPECT_TRUE(Parse({"--help"})->show_help);
}

}  // namespace
}  // namespace vswitch
