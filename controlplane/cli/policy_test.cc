// vswitchctl policy against a fake switch and against files.

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "controlplane/cli/fake_api.h"
#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "proto/vswitch/v1/config.grpc.pb.h"
#include "proto/vswitch/v1/observe.grpc.pb.h"

namespace vswitch {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

// Holds one shadow policy and two pods.
class FakeConfig : public v1::ConfigService::Service {
 public:
  grpc::Status List(grpc::ServerContext*, const v1::ListRequest*,
                    v1::ListResponse* response) override {
    for (const char* name : {"web", "db"}) {
      v1::Resource& pod = *response->add_resources();
      pod.mutable_metadata()->set_name(name);
      pod.mutable_metadata()->set_namespace_("demo");
      (*pod.mutable_metadata()->mutable_labels())["role"] = name;
      pod.mutable_pod()->add_pod_ips(*name == 'w' ? "10.0.0.5" : "10.0.0.6");
    }
    return grpc::Status::OK;
  }
  grpc::Status Get(grpc::ServerContext*, const v1::GetRequest* request,
                   v1::GetResponse* response) override {
    v1::Metadata& metadata = *response->mutable_resource()->mutable_metadata();
    metadata.set_name(request->key().name());
    metadata.set_namespace_(request->key().namespace_());
    metadata.set_version(41);
    metadata.set_owner("cli");
    (*metadata.mutable_annotations())["vswitch.dev/mode"] = "shadow";
    (*metadata.mutable_annotations())["team"] = "a";
    response->mutable_resource()->mutable_network_policy();
    return grpc::Status::OK;
  }
  grpc::Status Apply(grpc::ServerContext*, const v1::ApplyRequest* request,
                     v1::ApplyResponse* response) override {
    last_apply = *request;
    response->set_generation(8);
    response->mutable_enforced_time()->set_seconds(1);
    response->set_enforce_micros(1500);
    return grpc::Status::OK;
  }
  v1::ApplyRequest last_apply;
};

class FakeObserve : public v1::ObserveService::Service {
 public:
  FakeObserve() {
    policy.mutable_key()->set_kind(v1::RESOURCE_KIND_NETWORK_POLICY);
    policy.mutable_key()->set_namespace_("demo");
    policy.mutable_key()->set_name("db");
    policy.set_name("demo/db");
    policy.set_tier("NetworkPolicy");
    policy.set_shadow(true);
    policy.set_selected_pods(3);
    policy.set_generation(7);
    policy.set_enforced(true);
    policy.mutable_enforced_time()->set_seconds(1);
    policy.set_enforce_micros(2500);
  }
  grpc::Status ListPolicies(grpc::ServerContext*,
                            const v1::ListPoliciesRequest* request,
                            v1::ListPoliciesResponse* response) override {
    if (request->name() == "none") {
      return grpc::Status(grpc::StatusCode::NOT_FOUND, "none is no policy");
    }
    *response->add_policies() = policy;
    response->mutable_policies(0)->add_rules("ingress rule 1: Allow from x");
    return grpc::Status::OK;
  }
  grpc::Status WaitPolicy(grpc::ServerContext*,
                          const v1::WaitPolicyRequest* request,
                          v1::WaitPolicyResponse* response) override {
    last_wait = *request;
    *response->mutable_policy() = policy;
    return grpc::Status::OK;
  }
  grpc::Status GetShadowDenials(
      grpc::ServerContext*, const v1::GetShadowDenialsRequest*,
      v1::GetShadowDenialsResponse* response) override {
    v1::ShadowDenial& denial = *response->add_denials();
    denial.add_isolating_policies("demo/db");
    denial.set_direction("ingress");
    denial.mutable_source()->set_name("demo/web");
    denial.mutable_destination()->set_name("demo/db");
    denial.mutable_latest()->set_protocol_name("TCP");
    denial.mutable_latest()->set_destination_port(5432);
    denial.set_connections(12);
    return grpc::Status::OK;
  }
  grpc::Status ListConnections(
      grpc::ServerContext*, const v1::ListConnectionsRequest*,
      grpc::ServerWriter<v1::ListConnectionsResponse>* writer) override {
    v1::ListConnectionsResponse response;
    v1::Connection& connection = *response.add_connections();
    v1::Flow& flow = *connection.mutable_original();
    flow.set_source("10.0.0.5");
    flow.set_destination("10.0.0.6");
    flow.set_protocol(6);
    flow.set_destination_port(5432);
    connection.mutable_reply()->set_source("10.0.0.6");
    connection.mutable_reply()->set_source_port(5432);
    writer->Write(response);
    return grpc::Status::OK;
  }
  v1::PolicyStatus policy;
  v1::WaitPolicyRequest last_wait;
};

constexpr char kPods[] = R"(
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: demo, labels: {role: web}}
status: {podIPs: [{ip: 10.0.0.5}, {ip: "fd00::5"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: demo, labels: {role: db}}
status: {podIPs: [{ip: 10.0.0.6}, {ip: "fd00::6"}]}
)";

constexpr char kPolicy[] = R"(
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: demo}
spec:
  podSelector: {matchLabels: {role: db}}
  ingress:
    - from: [{podSelector: {matchLabels: {role: web}}}]
      ports: [{port: 80}, {port: 81}]
)";

class PolicyTest : public FakeApiTest {
 protected:
  PolicyTest() { Serve({&config_, &observe_}); }
  ~PolicyTest() override { Shutdown(); }

  int Line(const std::string& line) { return RunLine("policy " + line); }

  FakeConfig config_;
  FakeObserve observe_;
};

TEST_F(PolicyTest, ListAndGet) {
  EXPECT_EQ(Line("list"), 0) << err_;
  EXPECT_THAT(out_, AllOf(HasSubstr("NetworkPolicy"), HasSubstr("shadow"),
                          HasSubstr("yes")));
  EXPECT_EQ(Line("get demo/db"), 0) << err_;
  EXPECT_THAT(out_, HasSubstr("ingress rule 1: Allow from x"));
  EXPECT_EQ(Line("get demo/db -o yaml"), 0) << err_;
  EXPECT_THAT(out_, HasSubstr("kind: NetworkPolicy"));
  EXPECT_EQ(Line("get none"), 6);
}

TEST_F(PolicyTest, WaitPrintsTheTimeSinceItWasAccepted) {
  EXPECT_EQ(Line("wait demo/db --timeout 3"), 0) << err_;
  EXPECT_EQ(observe_.last_wait.timeout_ms(), 3000u);
  EXPECT_THAT(out_, HasSubstr("2.5 ms after it was accepted"));
  observe_.policy.set_enforced(false);
  EXPECT_EQ(Line("wait demo/db"), 8);
  EXPECT_THAT(out_, HasSubstr("not enforced in time"));
}

TEST_F(PolicyTest, ShadowShowsPairsPortsAndCounts) {
  EXPECT_EQ(Line("shadow demo/db"), 0) << err_;
  EXPECT_THAT(
      out_, AllOf(HasSubstr("demo/web"), HasSubstr("TCP 5432"), HasSubstr("12"),
                  HasSubstr("ingress isolated by demo/db")));
}

TEST_F(PolicyTest, PromoteTakesOnlyTheModeAway) {
  EXPECT_EQ(Line("promote demo/db"), 0) << err_;
  ASSERT_EQ(config_.last_apply.upserts_size(), 1);
  const v1::Metadata& metadata = config_.last_apply.upserts(0).metadata();
  EXPECT_EQ(metadata.annotations().count("vswitch.dev/mode"), 0u);
  EXPECT_EQ(metadata.annotations().at("team"), "a");
  // A change in between must be a conflict.
  EXPECT_EQ(metadata.version(), 41u);
  observe_.policy.set_shadow(false);
  EXPECT_EQ(Line("promote demo/db"), 5);
  EXPECT_THAT(err_, HasSubstr("not in shadow mode"));
}

TEST_F(PolicyTest, DiffNamesPairsAndTraffic) {
  const std::string base = WriteFile("base.yaml", kPods);
  const std::string next = WriteFile("next.yaml", kPolicy);
  EXPECT_EQ(Line("diff --base " + base + " --manifests " + next + " -o json"),
            3)
      << err_;
  const Json json = Json::parse(out_);
  bool found = false;
  for (const Json& pair : json["pairs"]) {
    EXPECT_EQ(pair["to"][0], "demo/db") << pair;
    if (pair["from"][0] != "demo/web") continue;
    found = true;
    EXPECT_EQ(pair["after"], "deny");
    EXPECT_TRUE(pair["family"].is_null()) << pair;
    EXPECT_THAT(std::string(pair["traffic"]),
                AllOf(HasSubstr("TCP 1-79, TCP 82-65535, UDP, SCTP"),
                      HasSubstr("other protocols")));
  }
  EXPECT_TRUE(found);
  EXPECT_EQ(Line("diff --base " + base + " --manifests " + base), 0) << err_;
  EXPECT_THAT(out_, HasSubstr("no verdict would change"));
}

TEST_F(PolicyTest, DiffWithPruneSeesWhatIsGone) {
  const std::string base =
      WriteFile("base.yaml", kPods + ("---" + std::string(kPolicy)));
  const std::string next = WriteFile("next.yaml", kPods);
  EXPECT_EQ(Line("diff --base " + base + " --manifests " + next), 0) << err_;
  EXPECT_EQ(Line("diff --base " + base + " --manifests " + next + " --prune"),
            3);
}

TEST_F(PolicyTest, DiffAgainstTheSwitchNamesConnections) {
  const std::string next = WriteFile("next.yaml", kPolicy);
  EXPECT_EQ(Line("diff --manifests " + next + " -o json"), 3) << err_;
  const Json json = Json::parse(out_);
  ASSERT_EQ(json["connections"].size(), 1u);
  EXPECT_EQ(json["connections"][0]["outcome"], "dropped");
  // A switch that does not answer is no change.
  Shutdown();
  EXPECT_EQ(Line("diff --manifests " + next), 9);
}

TEST_F(PolicyTest, MatrixAsTableAndPicture) {
  const std::string all =
      WriteFile("all.yaml", kPods + ("---" + std::string(kPolicy)));
  const std::string svg = folder_ + "/m.svg";
  EXPECT_EQ(Line("matrix --manifests " + all + " --svg " + svg), 0) << err_;
  EXPECT_THAT(out_, AllOf(HasSubstr("demo/web"), HasSubstr("TCP 80-81")));
  std::stringstream picture;
  picture << std::ifstream(svg).rdbuf();
  EXPECT_THAT(picture.str(),
              AllOf(HasSubstr("<svg"), HasSubstr("</svg>"),
                    HasSubstr("demo/web to demo/db: TCP 80-81")));
  EXPECT_EQ(Line("matrix --manifests " + all + " --port 82 -o json"), 0);
  const Json matrix = Json::parse(out_);
  for (const Json& pair : matrix["pairs"]) {
    EXPECT_EQ(pair["allowed"], pair["to"] == "demo/db" ? "none" : "all")
        << pair;
  }
  EXPECT_EQ(Line("matrix"), 0) << err_;
  EXPECT_THAT(out_, Not(HasSubstr("none")));
  EXPECT_EQ(Line("matrix --protocol foo --manifests " + all), 2);
}

TEST_F(PolicyTest, ProbeAnswersByItsStatus) {
  const std::string all =
      WriteFile("all.yaml", kPods + ("---" + std::string(kPolicy)));
  auto probe = [&](const std::string& expect) {
    return Line("probe --manifests " + folder_ + " --probes " +
                WriteFile("probes.json",
                          R"([{"from": "demo/web", "to": "demo/db",
                               "port": 80, "expect": ")" +
                              expect + "\"}]"));
  };
  EXPECT_EQ(probe("allow"), 0) << err_;
  EXPECT_EQ(probe("deny"), 1) << err_;
  EXPECT_THAT(out_, HasSubstr("1 of 1 probes give another verdict"));
  EXPECT_EQ(probe("maybe"), 2);
  EXPECT_EQ(Line("probe --manifests " + all + " --probes " +
                 WriteFile("bad.json", R"([{"from": "demo/x", "to":
                     "demo/db", "port": 1}])")),
            6);
  EXPECT_THAT(err_, HasSubstr("probes[0].from: there is no Pod demo/x"));
}

}  // namespace
}  // namespace vswitch
