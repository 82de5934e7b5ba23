// The command line: what is read, what it is without options, and that every
// error names the option that is wrong.

#include "dataplane/main/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace vswitch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

absl::StatusOr<DataplaneOptions> Parse(std::vector<std::string> words) {
  words.insert(words.begin(), "vswitch-dataplane");
  std::vector<const char*> argv;
  for (const std::string& word : words) argv.push_back(word.c_str());
  return ParseOptions(static_cast<int>(argv.size()), argv.data());
}

TEST(OptionsTest, WithoutOptionsEverythingHasItsDefault) {
  const absl::StatusOr<DataplaneOptions> options = Parse({});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->supervisor_fd, 3);
  EXPECT_EQ(options->table_memory_fd, 4);
  EXPECT_EQ(options->worker_memory_fd, 5);
  EXPECT_EQ(options->incarnation, 1u);
  EXPECT_EQ(options->workers, 1u);
  EXPECT_THAT(options->cpus, IsEmpty());
  EXPECT_EQ(options->poll, PollMode::kAdaptive);
  EXPECT_EQ(options->hugepages, EalHugepages::kAuto);
  EXPECT_EQ(options->packet_buffers, 16384u);
  EXPECT_EQ(options->large_buffers, 512u);
  EXPECT_THAT(options->pci_devices, IsEmpty());
  EXPECT_FALSE(options->show_help);
  EXPECT_FALSE(options->show_version);
}

TEST(OptionsTest, EveryOptionIsRead) {
  const absl::StatusOr<DataplaneOptions> options = Parse({"--supervisor-fd",
                                                          "10",
                                                          "--table-memory-fd",
                                                          "11",
                                                          "--worker-memory-fd",
                                                          "12",
                                                          "--incarnation",
                                                          "5000000000",
                                                          "--workers",
                                                          "1",
                                                          "--cpus",
                                                          "0",
                                                          "--poll",
                                                          "busy",
                                                          "--hugepages",
                                                          "require",
                                                          "--packet-buffers",
                                                          "1024",
                                                          "--large-buffers",
                                                          "65536",
                                                          "--pci-device",
                                                          "0000:3b:00.0",
                                                          "--pci-device",
                                                          "0000:3b:00.1"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->supervisor_fd, 10);
  EXPECT_EQ(options->table_memory_fd, 11);
  EXPECT_EQ(options->worker_memory_fd, 12);
  EXPECT_EQ(options->incarnation, 5'000'000'000u);
  EXPECT_EQ(options->workers, 1u);
  EXPECT_THAT(options->cpus, ElementsAre(0));
  EXPECT_EQ(options->poll, PollMode::kBusy);
  EXPECT_EQ(options->hugepages, EalHugepages::kRequire);
  EXPECT_EQ(options->packet_buffers, 1024u);
  EXPECT_EQ(options->large_buffers, 65536u);
  EXPECT_THAT(options->pci_devices,
              ElementsAre("0000:3b:00.0", "0000:3b:00.1"));
}

TEST(OptionsTest, EveryNameOfAModeIsKnown) {
  EXPECT_EQ(Parse({"--poll=adaptive"})->poll, PollMode::kAdaptive);
  EXPECT_EQ(Parse({"--poll=busy"})->poll, PollMode::kBusy);
  EXPECT_EQ(Parse({"--poll=interrupt"})->poll, PollMode::kInterrupt);
  EXPECT_EQ(Parse({"--hugepages=auto"})->hugepages, EalHugepages::kAuto);
  EXPECT_EQ(Parse({"--hugepages=off"})->hugepages, EalHugepages::kOff);
  EXPECT_EQ(Parse({"--hugepages=require"})->hugepages, EalHugepages::kRequire);
}

TEST(OptionsTest, BoundsThemselvesAreAllowed) {
  for (const char* option :
       {"--workers=1", "--workers=16", "--packet-buffers=1024",
        "--packet-buffers=4194304", "--large-buffers=64",
        "--large-buffers=65536", "--supervisor-fd=0"}) {
    EXPECT_TRUE(Parse({option}).ok()) << option;
  }
}

TEST(OptionsTest, HelpNamesEveryOption) {
  // It wins over what is wrong, and over --version.
  for (const auto& words :
       std::vector<std::vector<std::string>>{{"--help"},
                                             {"-h"},
                                             {"--version", "--help"},
                                             {"--workers=99", "--help"}}) {
    const absl::StatusOr<DataplaneOptions> options = Parse(words);
    ASSERT_TRUE(options.ok()) << options.status();
    EXPECT_TRUE(options->show_help);
    for (const char* name :
         {"--version", "--supervisor-fd", "--table-memory-fd",
          "--worker-memory-fd", "--incarnation", "--workers", "--cpus",
          "--poll", "--hugepages", "--packet-buffers", "--large-buffers",
          "--pci-device"}) {
      EXPECT_THAT(options->help, HasSubstr(name));
    }
  }
}

TEST(OptionsTest, VersionIsAskedFor) {
  const absl::StatusOr<DataplaneOptions> options = Parse({"--version"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_TRUE(options->show_version);
  EXPECT_FALSE(options->show_help);
}

struct BadCase {
  std::vector<std::string> words;
  std::string option;  // that the error names
  std::string value;   // and what it says of it
};

class BadOptionTest : public testing::TestWithParam<BadCase> {};

TEST_P(BadOptionTest, IsNamedWithItsValue) {
  const absl::StatusOr<DataplaneOptions> options = Parse(GetParam().words);
  ASSERT_FALSE(options.ok());
  EXPECT_EQ(options.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(options.status().message(), HasSubstr(GetParam().option));
  EXPECT_THAT(options.status().message(), HasSubstr(GetParam().value));
}

INSTANTIATE_TEST_SUITE_P(
    OutOfBounds, BadOptionTest,
    testing::Values(
        BadCase{{"--workers=0"}, "--workers: ", "0 is not between 1 and 16"},
        BadCase{{"--workers=17"}, "--workers: ", "17 is not between 1 and 16"},
        BadCase{{"--packet-buffers=1023"},
                "--packet-buffers: ",
                "1023 is not between 1024 and 4194304"},
        BadCase{{"--packet-buffers=4194305"},
                "--packet-buffers: ",
                "4194305 is not between 1024 and 4194304"},
        BadCase{{"--large-buffers=63"},
                "--large-buffers: ",
                "63 is not between 64 and 65536"},
        BadCase{{"--large-buffers=65537"},
                "--large-buffers: ",
                "65537 is not between 64 and 65536"},
        BadCase{{"--incarnation=0"}, "--incarnation: ", "0 is not a run"}));

INSTANTIATE_TEST_SUITE_P(
    Descriptors, BadOptionTest,
    testing::Values(
        BadCase{{"--supervisor-fd=-1"}, "--supervisor-fd: ", "-1"},
        BadCase{{"--table-memory-fd=-2"}, "--table-memory-fd: ", "-2"},
        BadCase{{"--worker-memory-fd=-3"}, "--worker-memory-fd: ", "-3"}));

INSTANTIATE_TEST_SUITE_P(
    Cpus, BadOptionTest,
    testing::Values(
        BadCase{{"--cpus=0,1"}, "--cpus: ", "2 cores for 1 workers"},
        BadCase{
            {"--workers=2", "--cpus=0"}, "--cpus: ", "1 cores for 2 workers"},
        BadCase{{"--cpus=65535"}, "--cpus: ", "65535 does not exist"},
        BadCase{
            {"--workers=2", "--cpus=0,0"}, "--cpus: ", "0 is named twice"}));

INSTANTIATE_TEST_SUITE_P(
    Words, BadOptionTest,
    testing::Values(
        BadCase{{"--poll=sleepy"}, "--poll: ", "\"sleepy\" is none of"},
        BadCase{{"--poll=Busy"}, "--poll: ", "\"Busy\" is none of"},
        BadCase{{"--hugepages=on"}, "--hugepages: ", "\"on\" is none of"}));

// What is no option, no number or no value is refused before it is checked.
INSTANTIATE_TEST_SUITE_P(
    Syntax, BadOptionTest,
    testing::Values(
        BadCase{{"--worker=1"}, "--worker", ""},
        BadCase{{"surplus"}, "surplus", ""},
        BadCase{{"--workers=many"}, "--workers", "many"},
        BadCase{{"--workers=-1"}, "--workers", "-1"},
        BadCase{{"--workers=4294967297"}, "--workers", "4294967297"},
        BadCase{{"--cpus=65536"}, "--cpus", "65536"},
        BadCase{{"--supervisor-fd=x"}, "--supervisor-fd", "x"},
        BadCase{{"--table-memory-fd=x"}, "--table-memory-fd", "x"},
        BadCase{{"--worker-memory-fd=x"}, "--worker-memory-fd", "x"},
        BadCase{{"--incarnation=x"}, "--incarnation", "x"},
        BadCase{{"--packet-buffers=x"}, "--packet-buffers", "x"},
        BadCase{{"--large-buffers=x"}, "--large-buffers", "x"},
        BadCase{{"--poll"}, "--poll", ""},
        BadCase{{"--pci-device"}, "--pci-device", ""}));

}  // namespace
}  // namespace vswitch
