// The cluster of ReplayTest, and command lines on it.

#include "controlplane/cli/replay_test_case.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "controlplane/cli/cli.h"
#include "test/testing/packet_text.h"

namespace vswitch {
namespace {

namespace fs = std::filesystem;

constexpr char kCluster[] = R"(
apiVersion: v1
kind: Node
metadata: {name: n1}
spec: {podCIDRs: [10.1.0.0/24, "fd00:1::/64"]}
status: {addresses: [{type: InternalIP, address: 192.168.0.1}]}
---
apiVersion: v1
kind: Node
metadata: {name: n2}
spec: {podCIDRs: [10.2.0.0/24, "fd00:2::/64"]}
---
apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: demo
  labels: {role: web}
  annotations: {vswitch.dev/mac: "02:00:00:00:00:02"}
spec: {nodeName: n1}
status: {podIPs: [{ip: 10.1.0.2}, {ip: "fd00:1::2"}]}
---
apiVersion: v1
kind: Pod
metadata:
  name: db
  namespace: demo
  labels: {role: db}
  annotations: {vswitch.dev/mac: "02:00:00:00:00:03", vswitch.dev/mtu: "1400"}
spec: {nodeName: n1}
status: {podIPs: [{ip: 10.1.0.3}, {ip: "fd00:1::3"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: free, namespace: demo}
spec: {nodeName: n1}
status: {podIPs: [{ip: 10.1.0.4}, {ip: "fd00:1::4"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: far, namespace: demo}
spec: {nodeName: n2}
status: {podIPs: [{ip: 10.2.0.2}, {ip: "fd00:2::2"}]}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: demo}
spec:
  clusterIPs: [10.96.0.10, "fd02::10"]
  ports: [{port: 53, protocol: UDP}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: v4, namespace: demo, labels: {kubernetes.io/service-name: db}}
addressType: IPv4
endpoints: [{addresses: [10.1.0.3]}]
ports: [{port: 5353, protocol: UDP}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: v6, namespace: demo, labels: {kubernetes.io/service-name: db}}
addressType: IPv6
endpoints: [{addresses: ["fd00:1::3"]}]
ports: [{port: 5353, protocol: UDP}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: demo}
spec:
  podSelector: {matchLabels: {role: db}}
  ingress:
    - from: [{podSelector: {matchLabels: {role: web}}}]
      ports:
        - {port: 5432}
        - {port: 53, protocol: UDP}
        - {port: 5353, protocol: UDP}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: demo}
spec:
  podSelector: {matchLabels: {role: web}}
  policyTypes: [Ingress]
)";

std::string ReadAll(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

const ReplayFamily kReplayFamilies[2] = {
    {"ip4", "ttl", "10.1.0.", "10.96.0.10", "192.0.2.9"},
    {"ip6", "hop", "fd00:1::", "fd02::10", "2001:db8::9"}};

void ReplayTest::SetUp() {
  const auto* test = testing::UnitTest::GetInstance()->current_test_info();
  folder_ =
      absl::StrCat(std::getenv("TEST_TMPDIR"), "/",
                   absl::StrReplaceAll(
                       absl::StrCat(test->test_suite_name(), "-", test->name()),
                       {{"/", "-"}}));
  fs::create_directories(folder_);
  cluster_ = WriteText("cluster.yaml", kCluster);
}

std::string ReplayTest::WriteText(const std::string& name,
                                  const std::string& text) {
  const std::string path = absl::StrCat(folder_, "/", name);
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

std::string ReplayTest::WritePackets(const std::string& name,
                                     const std::vector<TimedText>& packets,
                                     CaptureResolution resolution) {
  Capture capture;
  capture.set_resolution(resolution);
  for (const auto& [time_ns, text] : packets) {
    const auto bytes = PacketFromText(text);
    EXPECT_TRUE(bytes.ok()) << bytes.status();
    if (bytes.ok()) capture.Add(time_ns, *bytes);
  }
  const std::string path = absl::StrCat(folder_, "/", name);
  const absl::Status status = WriteCapture(path, capture);
  EXPECT_TRUE(status.ok()) << status;
  return path;
}

void ReplayTest::Receive(const std::string& port,
                         const std::vector<TimedText>& packets) {
  const std::string name = absl::StrCat("in", inputs_.size(), ".pcap");
  inputs_.push_back("--in");
  inputs_.push_back(absl::StrCat(port, "=", WritePackets(name, packets)));
}

ReplayOutcome ReplayTest::Run(const std::vector<std::string>& arguments) {
  std::vector<std::string> line = {
      "replay", "--manifests", cluster_, "--node",
      "n1",     "--json",      "--out",  folder_ + "/out"};
  line.insert(line.end(), inputs_.begin(), inputs_.end());
  line.insert(line.end(), arguments.begin(), arguments.end());
  return RunLine(line);
}

ReplayOutcome ReplayTest::RunLine(const std::vector<std::string>& arguments) {
  std::ostringstream out, err;
  std::istringstream in;
  ReplayOutcome outcome;
  outcome.exit_status = RunCli(arguments, out, err, in);
  outcome.out = out.str();
  outcome.errors = err.str();
  outcome.json = Json::parse(outcome.out, nullptr, /*allow_exceptions=*/false);
  return outcome;
}

std::vector<std::string> ReplayTest::SentBy(const std::string& port) const {
  const std::string name = absl::StrReplaceAll(port, {{"/", "_"}});
  const auto capture =
      ReadCapture(absl::StrCat(folder_, "/out/", name, ".pcap"));
  EXPECT_TRUE(capture.ok()) << capture.status();
  std::vector<std::string> texts;
  for (size_t i = 0; capture.ok() && i < capture->size(); ++i) {
    texts.push_back(PacketToText(capture->bytes(i)));
  }
  return texts;
}

std::string ReplayTest::AllFiles() const {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(folder_ + "/out")) {
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::string all;
  for (const fs::path& path : paths) {
    absl::StrAppend(&all, path.filename().string(), ":", ReadAll(path));
  }
  return all;
}

std::string ReplayFamilyTest::Pod(int pod) const {
  return absl::StrCat(GetParam().pods, pod);
}

std::string ReplayFamilyTest::DontFragment() const {
  return std::string(GetParam().name) == "ip4" ? "df=1" : "";
}

std::string ReplayFamilyTest::From(int pod, const std::string& destination,
                                   const std::string& rest,
                                   const std::string& ip_fields) const {
  return absl::StrCat("eth src=02:00:00:00:00:0", pod,
                      " dst=02:76:73:77:00:01 / ", GetParam().name,
                      " src=", Pod(pod), " dst=", destination, " ", ip_fields,
                      " / ", rest);
}

}  // namespace vswitch
