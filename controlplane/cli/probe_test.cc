// Probes: files, names, errors and results; test/policy has the semantics.

#include "controlplane/cli/probe.h"

#include <string>

#include "controlplane/cli/cluster_files.h"
#include "controlplane/cli/manifest.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kCluster[] = R"(
apiVersion: v1
kind: Node
metadata: {name: n1}
status: {addresses: [{type: InternalIP, address: 192.168.0.1}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: demo, labels: {role: web}}
spec: {nodeName: n1}
status: {podIPs: [{ip: 10.0.0.5}, {ip: "fd00::5"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: demo, labels: {role: db}}
status: {podIPs: [{ip: "fd00::6"}, {ip: 10.0.0.6}]}
---
apiVersion: v1
kind: Pod
metadata: {name: new, namespace: demo}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: demo}
spec: {clusterIP: 10.96.0.6, ports: [{port: 5432}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: db
  namespace: demo
  labels: {kubernetes.io/service-name: db}
addressType: IPv4
endpoints: [{addresses: [10.0.0.6]}]
ports: [{port: 5433}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: demo}
spec:
  podSelector: {matchLabels: {role: db}}
  ingress:
    - from: [{podSelector: {matchLabels: {role: api}}}]
      ports: [{port: 5433}]
    - from: [{podSelector: {matchLabels: {role: web}}}]
      ports: [{port: 5433}]
)";

DesiredState Cluster() {
  ManifestReader reader("default");
  reader.Read("cluster.yaml", kCluster);
  EXPECT_TRUE(reader.status().ok()) << reader.status();
  DesiredState desired;
  const absl::Status status = AddManifests(reader, desired);
  EXPECT_TRUE(status.ok()) << status;
  return desired;
}

// Runs the probes of a file.
absl::StatusOr<std::vector<ProbeResult>> ProbeText(
    const std::string& text, const std::string& node = "") {
  absl::StatusOr<ProbeFile> file = ReadProbes(text);
  if (!file.ok()) return file.status();
  return ProbeCluster(Cluster(), file->probes, {.node_name = node});
}

std::string ErrorOf(const std::string& probe) {
  const std::string good = R"([{"from": "demo/web", "to": "10.0.0.6",
                                "port": 1},)";
  return std::string(ProbeText(good + probe + "]").status().message());
}

TEST(ProbeTest, NamesRuleIsolatingPoliciesAndNearestMiss) {
  auto results = ProbeText(R"({"probes": [
      {"from": "demo/web", "to": "demo/db", "port": 5433},
      {"from": "demo/web", "to": "demo/db", "port": 80}]})");
  ASSERT_TRUE(results.ok()) << results.status();
  const ProbeResult& allowed = (*results)[0];
  EXPECT_TRUE(allowed.allowed);
  EXPECT_EQ(allowed.policy, "demo/db");
  EXPECT_EQ(allowed.words.ingress.rule_name, "ingress rule 2");
  EXPECT_EQ(allowed.words.ingress.tier, "NetworkPolicy");
  EXPECT_THAT(allowed.words.ingress.words.rule_text, HasSubstr("role=web"));
  EXPECT_FALSE(allowed.words.egress.words.isolated);
  const ProbeResult& denied = (*results)[1];
  EXPECT_FALSE(denied.allowed);
  EXPECT_EQ(denied.policy, "demo/db");
  EXPECT_THAT(denied.words.ingress.words.isolating, ElementsAre("demo/db"));
  ASSERT_FALSE(denied.words.ingress.words.nearest_misses.empty());
  EXPECT_THAT(denied.words.ingress.words.nearest_misses[0],
              HasSubstr("TCP 5433"));
}

TEST(ProbeTest, AServiceIsJudgedByItsBackend) {
  auto results = ProbeText(R"([
      {"from": "demo/web", "to": "service:demo/db"},
      {"from": "demo/web", "to": "10.96.0.6", "port": 5432},
      {"from": "demo/web", "to": "pod:demo/db", "port": 5432}])");
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_TRUE((*results)[0].allowed);
  EXPECT_TRUE((*results)[1].allowed);
  EXPECT_FALSE((*results)[2].allowed);
}

TEST(ProbeTest, TheFamilyIsWhatBothEndsHave) {
  // web's first address is IPv4, db's IPv6; the policy is about both.
  auto results = ProbeText(R"([
      {"from": "demo/web", "to": "demo/db", "port": 5433},
      {"from": "demo/web", "to": "demo/db", "port": 5433, "family": 6},
      {"from": "demo/web", "to": "fd00::6", "port": 5433},
      {"from": "192.0.2.1", "to": "demo/db", "port": 5433}])");
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_TRUE((*results)[0].allowed);
  EXPECT_TRUE((*results)[1].allowed);
  EXPECT_TRUE((*results)[2].allowed);
  EXPECT_FALSE((*results)[3].allowed);
}

TEST(ProbeTest, ErrorsNameProbeAndField) {
  EXPECT_THAT(ErrorOf(R"({"from": "demo/none", "to": "demo/db", "port": 1})"),
              HasSubstr("probes[1].from: there is no Pod demo/none"));
  EXPECT_THAT(ErrorOf(R"({"from": "demo/web", "to": "demo/no", "port": 1})"),
              HasSubstr("probes[1].to: there is no Pod or Service demo/no"));
  EXPECT_THAT(ErrorOf(R"({"from": "web", "to": "demo/db", "port": 1})"),
              HasSubstr("probes[1].from: \"web\" is neither"));
  EXPECT_THAT(ErrorOf(R"({"from": "demo/web", "to": "demo/db"})"),
              HasSubstr("probes[1].port: is missing"));
  EXPECT_THAT(
      ErrorOf(R"({"from": "demo/web", "to": "demo/db", "port": 65536})"),
      HasSubstr("probes[1].port: is not a number from 0 to 65535"));
  EXPECT_THAT(ErrorOf(R"({"from": "demo/web", "to": "demo/db", "port": 1,
                          "protocol": "TPC"})"),
              HasSubstr("probes[1].protocol: \"TPC\" is unknown"));
  EXPECT_THAT(ErrorOf(R"({"from": "demo/web", "to": "demo/db", "port": 1,
                          "expect": "yes"})"),
              HasSubstr("probes[1].expect"));
  EXPECT_THAT(ErrorOf(R"({"from": "demo/web", "to": "demo/new", "port": 1})"),
              HasSubstr("probes[1].to: Pod demo/new has no address"));
  EXPECT_THAT(ErrorOf(R"({"from": "192.0.2.1", "to": "fd00::5", "port": 1})"),
              HasSubstr("probes[1]: 192.0.2.1 and fd00::5 have no"));
  EXPECT_THAT(ErrorOf("7"), HasSubstr("probes[1]: is not an object"));
  EXPECT_THAT(std::string(ProbeText("{}").status().message()),
              HasSubstr("want a list"));
  EXPECT_THAT(std::string(ProbeText("[").status().message()),
              HasSubstr("JSON"));
  EXPECT_EQ(ProbeText("[]", "n2").status().code(), absl::StatusCode::kNotFound);
}

TEST(ProbeTest, ResultsKeepTheProbesFields) {
  auto file = ReadProbes(R"([{"id": 7, "from": "demo/web", "to": "demo/db",
                              "port": 80, "expect": "allow"}])");
  ASSERT_TRUE(file.ok()) << file.status();
  auto results = ProbeCluster(Cluster(), file->probes, {});
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_TRUE((*results)[0].Disagrees(file->probes[0]));
  const Json json = ToJson(file->probes[0], (*results)[0]);
  EXPECT_EQ(json["id"], 7);
  EXPECT_EQ(json["verdict"], "deny");
  EXPECT_EQ(json["reason"], "POLICY_DENIED");
  EXPECT_EQ(json["policy"], "demo/db");
  EXPECT_EQ(json["ingress"]["isolating"][0], "demo/db");
  EXPECT_TRUE(json["egress"]["policy"].is_null());
}

}  // namespace
}  // namespace vswitch
