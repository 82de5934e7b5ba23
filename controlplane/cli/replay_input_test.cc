// vswitchctl replay: how inputs are put together, what is refused in which
// words, and what docs/cli.md says of it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "controlplane/cli/replay_test_case.h"

namespace vswitch {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kFromWeb[] =
    "eth src=02:00:00:00:00:02 dst=02:76:73:77:00:01 / ip4 src=10.1.0.2 "
    "dst=10.1.0.4 / udp dport=";
constexpr char kFromDb[] =
    "eth src=02:00:00:00:00:03 dst=02:76:73:77:00:01 / ip4 src=10.1.0.3 "
    "dst=10.1.0.4 / udp dport=";

class ReplayInputTest : public ReplayTest {
 protected:
  // Runs with one packet at demo/web besides; returns the error.
  std::string ErrorOf(const std::vector<std::string>& arguments) {
    inputs_.clear();
    Receive("demo/web", {{0, absl::StrCat(kFromWeb, 1)}});
    const ReplayOutcome run = Run(arguments);
    EXPECT_EQ(run.exit_status, 2);
    EXPECT_EQ(run.out, "");
    return run.errors;
  }
  // The same with the cluster changed.
  std::string ErrorOfCluster(const std::string& from, const std::string& to) {
    std::ifstream file(cluster_);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    EXPECT_THAT(text, HasSubstr(from));
    const std::string kept = cluster_;
    cluster_ =
        WriteText("changed.yaml", absl::StrReplaceAll(text, {{from, to}}));
    std::string error = ErrorOf({});
    cluster_ = kept;
    return error;
  }
};

TEST_F(ReplayInputTest, PacketsGoByTimeThenByArgument) {
  Receive("demo/web", {{5 * kSecond, absl::StrCat(kFromWeb, 50)},
                       {7 * kSecond, absl::StrCat(kFromWeb, 70)}});
  Receive("demo/db", {{7 * kSecond, absl::StrCat(kFromDb, 71)},
                      {6 * kSecond, absl::StrCat(kFromDb, 60)}});
  const ReplayOutcome run = Run();
  ASSERT_EQ(run.exit_status, 0) << run.errors;
  EXPECT_THAT(SentBy("demo/free"),
              ElementsAre(HasSubstr("dport=50"), HasSubstr("dport=60"),
                          HasSubstr("dport=70"), HasSubstr("dport=71")));
  // Numbers are those of the files.
  EXPECT_EQ(run.json["packets"][1]["in"], "demo/db");
  EXPECT_EQ(run.json["packets"][1]["index"], 1);
}

TEST_F(ReplayInputTest, OutputKeepsTheTimesOfItsCauses) {
  for (const CaptureResolution resolution :
       {CaptureResolution::kMicroseconds, CaptureResolution::kNanoseconds}) {
    const uint64_t time_ns =
        resolution == CaptureResolution::kNanoseconds ? 1'000'000'007 : 7000;
    inputs_ = {"--in", "demo/web=" +
                           WritePackets("web.pcap",
                                        {{time_ns, absl::StrCat(kFromWeb, 1)}},
                                        resolution)};
    ASSERT_EQ(Run().exit_status, 0);
    const auto sent = ReadCapture(folder_ + "/out/demo_free.pcap");
    ASSERT_TRUE(sent.ok()) << sent.status();
    ASSERT_EQ(sent->size(), 1u);
    EXPECT_EQ(sent->time_ns(0), time_ns);
    EXPECT_EQ(sent->resolution(), resolution);
  }
}

TEST_F(ReplayInputTest, TablesCountPortsAndDrops) {
  Receive("demo/web", {{0, absl::StrCat(kFromWeb, 1)},
                       {1000,
                        "eth src=02:00:00:00:00:02 dst=02:76:73:77:00:01 / ip4 "
                        "src=10.1.0.2 dst=10.1.0.3 / tcp dport=80"}});
  const ReplayOutcome run =
      RunLine({"replay", "--manifests", cluster_, "--node", "n1", inputs_[0],
               inputs_[1], "--out", folder_ + "/out"});
  ASSERT_EQ(run.exit_status, 0) << run.errors;
  std::vector<std::string> lines;
  for (absl::string_view line : absl::StrSplit(run.out, '\n')) {
    std::vector<std::string> words =
        absl::StrSplit(line, ' ', absl::SkipEmpty());
    words.resize(std::min<size_t>(words.size(), 5));
    lines.push_back(absl::StrJoin(words, " "));
  }
  EXPECT_THAT(
      lines,
      ElementsAre("PORT RECEIVED DROPPED SENT GENERATED", "demo/free 0 0 1 0",
                  "demo/web 2 1 0 0", "", "REASON PACKETS POLICY MEANING",
                  testing::StartsWith("POLICY_DENIED 1 demo/db "), "",
                  "1 connection at the end", ""));
}

TEST_F(ReplayInputTest, PortsOfManifestsGiveTheirMac) {
  const std::string ports = WriteText("ports.yaml", R"(
apiVersion: vswitch.dev/v1
kind: Port
metadata: {name: eth1}
spec: {kind: Uplink, driver: DPDK, device: net_null0,
       mac: "02:00:00:00:00:77"}
)");
  Receive("demo/web", {{0,
                        "eth src=02:00:00:00:00:02 dst=02:76:73:77:00:01 / ip4 "
                        "src=10.1.0.2 dst=192.0.2.1 / udp"}});
  const ReplayOutcome run = Run({"--manifests", ports});
  ASSERT_EQ(run.exit_status, 0) << run.errors;
  EXPECT_THAT(SentBy("uplink"),
              ElementsAre(HasSubstr("dst=02:00:00:00:00:77")));
}

TEST_F(ReplayInputTest, BadInputsAreNamed) {
  EXPECT_THAT(ErrorOf({"--in", "demo/none=a.pcap"}),
              AllOf(HasSubstr("Node n1 has no port demo/none"),
                    HasSubstr("uplink, host, demo/db, demo/free, demo/web")));
  EXPECT_THAT(ErrorOf({"--in", "demo/far=a.pcap"}),
              HasSubstr("Node n1 has no port demo/far"));
  EXPECT_THAT(ErrorOf({"--in", "demo/db"}),
              HasSubstr("--in demo/db: want PORT=FILE"));
  EXPECT_THAT(ErrorOf({"--in", "host=/nowhere/a.pcap"}),
              HasSubstr("/nowhere/a.pcap: cannot be read"));
  EXPECT_THAT(ErrorOf({"--in", "demo/web=" + cluster_}),
              HasSubstr("demo/web is given twice"));
  EXPECT_THAT(ErrorOf({"--in", "host=" + cluster_}),
              HasSubstr("cluster.yaml: is no pcap or pcapng file (at byte"));
}

TEST_F(ReplayInputTest, BadCapturesAreNamedWithTheByte) {
  const std::string path =
      WritePackets("cut.pcap", {{0, absl::StrCat(kFromDb, 1)}});
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  EXPECT_THAT(ErrorOf({"--in", "demo/db=" + path}),
              HasSubstr("cut.pcap: packet 0 at byte 24"));
  Capture large;
  large.Add(0, std::vector<uint8_t>(80000));
  const std::string large_path = folder_ + "/large.pcap";
  ASSERT_TRUE(WriteCapture(large_path, large).ok());
  EXPECT_THAT(ErrorOf({"--in", "demo/db=" + large_path}),
              HasSubstr("large.pcap: packet 0: the packet has 80000 bytes"));
}

TEST_F(ReplayInputTest, BadNeighborsAreNamed) {
  EXPECT_THAT(ErrorOf({"--neighbor", "192.0.2.1"}), HasSubstr("want IP=MAC"));
  EXPECT_THAT(ErrorOf({"--neighbor", "web=02:00:00:00:00:01"}),
              HasSubstr("\"web\" is no address"));
  EXPECT_THAT(ErrorOf({"--neighbor", "192.0.2.1=01:00:00:00:00:01"}),
              HasSubstr("\"01:00:00:00:00:01\" is no unicast MAC address"));
  EXPECT_THAT(ErrorOf({"--neighbor", "192.0.2.1=02:00:00:00:00:01",
                       "2001:db8::1=02:00:00:00:00:02"}),
              HasSubstr("the uplink has one next hop"));
}

TEST_F(ReplayInputTest, TheNodeMustBeClear) {
  Receive("demo/web", {{0, absl::StrCat(kFromWeb, 1)}});
  const ReplayOutcome run =
      RunLine({"replay", "--manifests", cluster_, inputs_[0], inputs_[1],
               "--out", folder_ + "/out"});
  EXPECT_EQ(run.exit_status, 2);
  EXPECT_THAT(run.errors, HasSubstr("several Nodes; want one of n1, n2"));
  const ReplayOutcome other =
      RunLine({"replay", "--manifests", cluster_, "--node", "n3", inputs_[0],
               inputs_[1], "--out", folder_ + "/out"});
  EXPECT_THAT(other.errors,
              HasSubstr("there is no Node n3; want one of n1, n2"));
}

TEST_F(ReplayInputTest, BadManifestsAreNamed) {
  EXPECT_THAT(ErrorOfCluster("vswitch.dev/mac: \"02:00:00:00:00:02\"",
                             "vswitch.dev/mac: \"02:00\""),
              HasSubstr("Pod demo/web metadata.annotations[vswitch.dev/mac]: "
                        "\"02:00\"; want a MAC address"));
  EXPECT_THAT(
      ErrorOfCluster("vswitch.dev/mtu: \"1400\"", "vswitch.dev/mtu: \"1.4k\""),
      HasSubstr("Pod demo/db metadata.annotations[vswitch.dev/mtu]: \"1.4k\"; "
                "want a number of bytes"));
  EXPECT_THAT(ErrorOfCluster("10.1.0.0/24, ", ""),
              HasSubstr("needs an IPv4 podCIDR"));
}

TEST_F(ReplayInputTest, InputsAreNotOverwritten) {
  Receive("demo/web", {{0, absl::StrCat(kFromWeb, 1)}});
  ASSERT_EQ(Run().exit_status, 0);
  inputs_ = {"--in", "demo/free=" + folder_ + "/out/demo_free.pcap"};
  const ReplayOutcome run = Run();
  EXPECT_EQ(run.exit_status, 2);
  EXPECT_THAT(run.errors, HasSubstr("would be overwritten"));
}

// The commands of docs/cli.md, run where the files that they name are.
TEST_F(ReplayInputTest, TheDocumentsCommandsRun) {
  const std::string web =
      WritePackets("web.pcap", {{0, absl::StrCat(kFromWeb, 1)}});
  const std::string uplink = WritePackets("eth0.pcap", {});
  std::ifstream file("docs/cli.md");
  int commands = 0;
  for (std::string line; std::getline(file, line);) {
    if (!absl::StartsWith(line, "vswitchctl replay ")) continue;
    while (absl::EndsWith(line, "\\")) {
      line.pop_back();
      std::string more;
      std::getline(file, more);
      absl::StrAppend(&line, more);
    }
    line = absl::StrReplaceAll(
        line, {{"--manifests deploy", "--manifests " + cluster_},
               {"=web.pcap", "=" + web},
               {"=eth0.pcap", "=" + uplink},
               {"--out sent", "--out " + folder_ + "/sent"}});
    std::vector<std::string> words =
        absl::StrSplit(line, ' ', absl::SkipEmpty());
    words.erase(words.begin());
    const ReplayOutcome run = RunLine(words);
    EXPECT_EQ(run.exit_status, 0) << line << "\n" << run.errors;
    EXPECT_TRUE(std::filesystem::exists(folder_ + "/sent/demo_free.pcap"));
    ++commands;
  }
  EXPECT_EQ(commands, 2);
}

}  // namespace
}  // namespace vswitch
