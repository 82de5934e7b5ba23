// Tests of whole command lines against a fake switch on a unix socket.

#include "controlplane/cli/cli.h"

#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controlplane/cli/fake_api.h"
#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "proto/vswitch/v1/admin.grpc.pb.h"
#include "proto/vswitch/v1/config.grpc.pb.h"
#include "proto/vswitch/v1/error.pb.h"
#include "proto/vswitch/v1/observe.grpc.pb.h"
#include "proto/vswitch/v1/port.grpc.pb.h"

namespace vswitch {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Refuses a pod called "twin" and keeps the last request of each kind.
class FakeConfig : public v1::ConfigService::Service {
 public:
  grpc::Status Apply(grpc::ServerContext*, const v1::ApplyRequest* request,
                     v1::ApplyResponse* response) override {
    last_apply = *request;
    for (const v1::Resource& resource : request->upserts()) {
      if (resource.metadata().name() == "twin") return Refusal(resource);
      auto& result = *response->add_results();
      result.mutable_key()->set_kind(v1::RESOURCE_KIND_POD);
      result.mutable_key()->set_namespace_(resource.metadata().namespace_());
      result.mutable_key()->set_name(resource.metadata().name());
      result.set_outcome(v1::OUTCOME_CREATED);
      if (resource.metadata().name() == "odd") {
        response->add_warnings("Pod demo/odd is odd");
      }
    }
    response->set_generation(7);
    if (!request->dry_run() && enforce) {
      response->mutable_enforced_time()->set_seconds(1);
      response->set_enforce_micros(1500);
    }
    return grpc::Status::OK;
  }
  grpc::Status List(grpc::ServerContext*, const v1::ListRequest* request,
                    v1::ListResponse* response) override {
    last_list = *request;
    auto& resource = *response->add_resources();
    resource.mutable_metadata()->set_name("web");
    resource.mutable_metadata()->set_namespace_("demo");
    resource.mutable_metadata()->set_owner("cli");
    resource.mutable_pod()->add_pod_ips("10.0.0.5");
    return grpc::Status::OK;
  }
  grpc::Status Get(grpc::ServerContext*, const v1::GetRequest* request,
                   v1::GetResponse*) override {
    return grpc::Status(grpc::StatusCode::NOT_FOUND,
                        absl::StrCat("Pod ", request->key().namespace_(), "/",
                                     request->key().name(), " does not exist"));
  }

  v1::ApplyRequest last_apply;
  v1::ListRequest last_list;
  bool enforce = true;

 private:
  static grpc::Status Refusal(const v1::Resource& resource) {
    v1::ErrorDetail detail;
    detail.mutable_resource()->set_kind(v1::RESOURCE_KIND_POD);
    detail.mutable_resource()->set_namespace_(resource.metadata().namespace_());
    detail.mutable_resource()->set_name("twin");
    detail.set_field("pod.pod_ips[0]");
    detail.set_message("10.0.0.5 belongs to Pod demo/web");
    v1::RpcStatus status;
    status.add_details()->PackFrom(detail);
    return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "refused",
                        status.SerializeAsString());
  }
};

class FakePorts : public v1::PortService::Service {
 public:
  grpc::Status AddPort(grpc::ServerContext*, const v1::AddPortRequest* request,
                       v1::AddPortResponse* response) override {
    last_add = *request;
    if (request->name() == "demo/taken") {
      return grpc::Status(grpc::StatusCode::ALREADY_EXISTS,
                          "Port demo/taken exists");
    }
    auto& port = *response->mutable_port();
    port.mutable_resource()->mutable_metadata()->set_name(request->name());
    port.set_state(v1::PORT_STATE_UP);
    port.set_ready(true);
    return grpc::Status::OK;
  }
  v1::AddPortRequest last_add;
};

class FakeObserve : public v1::ObserveService::Service {
 public:
  grpc::Status Explain(grpc::ServerContext*, const v1::ExplainRequest* request,
                       v1::ExplainResponse* response) override {
    last_explain = *request;
    response->set_reason("POLICY_DENIED");
    response->set_summary(
        "denied: POLICY_DENIED, isolated by demo/p; nearest rule wants "
        "role=frontend");
    response->mutable_ingress()->set_isolated(true);
    response->mutable_ingress()->add_isolating_policies("demo/p");
    response->mutable_ingress()->add_nearest_misses(
        "nearest rule wants role=frontend");
    return grpc::Status::OK;
  }
  grpc::Status GetDrops(grpc::ServerContext*, const v1::GetDropsRequest*,
                        v1::GetDropsResponse* response) override {
    for (const char* reason : {"POLICY_DENIED", "TTL_EXPIRED"}) {
      auto& drop = *response->add_drops();
      drop.set_port("demo/intruder");
      drop.set_reason(reason);
      drop.set_packets(1ull << 40);
      drop.set_severity(v1::DROP_SEVERITY_EXPECTED);
    }
    return grpc::Status::OK;
  }
  grpc::Status GetCounters(grpc::ServerContext*, const v1::GetCountersRequest*,
                           v1::GetCountersResponse* response) override {
    auto& totals = *response->mutable_totals();
    totals.set_policy_kept(31);
    totals.set_policy_shadow_denied(32);
    totals.set_policy_shadow_suppressed(33);
    totals.set_resets_sent(34);
    totals.set_resets_suppressed(35);
    return grpc::Status::OK;
  }
  grpc::Status ListConnections(
      grpc::ServerContext*, const v1::ListConnectionsRequest* request,
      grpc::ServerWriter<v1::ListConnectionsResponse>* writer) override {
    last_list = *request;
    v1::ListConnectionsResponse response;
    auto& connection = *response.add_connections();
    connection.mutable_original()->set_protocol_name("TCP");
    connection.mutable_original()->set_destination("fd01::1");
    connection.mutable_original()->set_destination_port(80);
    connection.mutable_source()->set_name("demo/\x1b[31mweb");
    connection.set_allowed(true);
    writer->Write(response);
    return grpc::Status::OK;
  }
  v1::ExplainRequest last_explain;
  v1::ListConnectionsRequest last_list;
};

class FakeAdmin : public v1::AdminService::Service {
 public:
  grpc::Status GetStatus(grpc::ServerContext*, const v1::GetStatusRequest*,
                         v1::GetStatusResponse* response) override {
    response->set_version("9.9");
    response->set_poll_mode("adaptive");
    auto& process = *response->add_processes();
    process.set_name("dataplane");
    process.set_running(true);
    process.set_restarts(1);
    process.set_last_gap_ms(321);
    return grpc::Status::OK;
  }
  grpc::Status CheckBalance(grpc::ServerContext*,
                            const v1::CheckBalanceRequest*,
                            v1::CheckBalanceResponse* response) override {
    response->set_holds(holds);
    auto& equation = *response->add_equations();
    equation.set_name("E1");
    equation.set_left(3);
    equation.set_right(4);
    return grpc::Status::OK;
  }
  bool holds = true;
};

class CliTest : public FakeApiTest {
 protected:
  CliTest() { Serve({&config_, &ports_, &observe_, &admin_}); }
  ~CliTest() override { Shutdown(); }

  int Run(const std::string& line, const std::string& input = "") {
    return RunLine(line, input);
  }

  FakeConfig config_;
  FakePorts ports_;
  FakeObserve observe_;
  FakeAdmin admin_;
};

std::string PodYaml(const std::string& name) {
  return "apiVersion: v1\nkind: Pod\nmetadata: {name: " + name +
         "}\nstatus: {podIPs: [{ip: 10.0.0.5}]}\n";
}

TEST_F(CliTest, ApplySendsEveryFileAsOneTransaction) {
  WriteFile("a.yaml", PodYaml("a"));
  WriteFile("b.yml", PodYaml("b"));
  WriteFile("notes.txt", "not a manifest");
  EXPECT_EQ(Run("apply -f " + folder_ + " -n demo --manager me --epoch 4"), 0)
      << err_;
  ASSERT_EQ(config_.last_apply.upserts_size(), 2);
  EXPECT_EQ(config_.last_apply.upserts(0).metadata().namespace_(), "demo");
  EXPECT_EQ(config_.last_apply.manager().name(), "me");
  EXPECT_EQ(config_.last_apply.manager().epoch(), 4u);
  EXPECT_EQ(config_.last_apply.wait_for(), v1::WAIT_FOR_ENFORCED);
  EXPECT_THAT(out_, AllOf(HasSubstr("Pod demo/a  created"),
                          HasSubstr("generation 7 accepted, enforced 1.5 ms")));
}

TEST_F(CliTest, ApplyPrintsWarningsOfTheFileAndOfTheSwitch) {
  EXPECT_EQ(Run("apply -f -", PodYaml("odd") + R"(---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: p}
spec:
  tier: Admin
  priority: 1
  subject: {namespaces: {}}
  ingress: [{action: Deny, from: [{}]}]
)"),
            0)
      << err_;
  EXPECT_THAT(err_, HasSubstr("warning: Pod demo/odd is odd\n"));
  EXPECT_THAT(err_, HasSubstr("warning: standard input:"));
  EXPECT_THAT(err_, HasSubstr("spec.ingress[0].from[0]: has no kind of peer"));
  EXPECT_THAT(out_, testing::Not(HasSubstr("warning")));
}

TEST_F(CliTest, ApplyReadsStandardInput) {
  EXPECT_EQ(Run("apply --dry-run -f -", PodYaml("a")), 0) << err_;
  EXPECT_TRUE(config_.last_apply.dry_run());
  EXPECT_THAT(out_, HasSubstr("nothing was changed"));
}

TEST_F(CliTest, ARefusalOfTheSwitchNamesFileObjectAndField) {
  const std::string path =
      WriteFile("twin.yaml", PodYaml("a") + "---\n" + PodYaml("twin"));
  EXPECT_EQ(Run("apply -f " + path), 4);
  EXPECT_THAT(err_,
              HasSubstr(path + ":6: Pod default/twin: pod.pod_ips[0]: 10.0.0.5 "
                               "belongs to Pod demo/web"));
}

TEST_F(CliTest, AFaultyFileIsNeverSent) {
  EXPECT_EQ(Run("apply -f -", PodYaml("a") + "speck: {}\n"), 2);
  EXPECT_THAT(err_, HasSubstr("standard input:5:1: Pod default/a: speck: "
                              "unknown field; did you mean spec?"));
  EXPECT_EQ(config_.last_apply.upserts_size(), 0);
}

TEST_F(CliTest, NotEnforcedInTimeHasItsOwnStatus) {
  config_.enforce = false;
  EXPECT_EQ(Run("apply -f -", PodYaml("a")), 8);
  EXPECT_EQ(Run("apply --wait accepted -f -", PodYaml("a")), 0);
}

TEST_F(CliTest, GetPrintsWhatCanBeAppliedAgain) {
  EXPECT_EQ(Run("get pods -n demo -l role=web,!old -o yaml"), 0) << err_;
  EXPECT_THAT(out_, HasSubstr("kind: Pod"));
  EXPECT_EQ(config_.last_list.namespace_(), "demo");
  ASSERT_EQ(config_.last_list.label_selector().match_expressions_size(), 2);
  EXPECT_EQ(config_.last_list.label_selector().match_expressions(1).operator_(),
            v1::SELECTOR_OPERATOR_DOES_NOT_EXIST);
  const std::string again = out_;
  EXPECT_EQ(Run("apply -f -", again), 0) << err_;
  EXPECT_EQ(config_.last_apply.upserts(0).pod().pod_ips(0), "10.0.0.5");
}

TEST_F(CliTest, GetOfWhatIsNotThere) {
  EXPECT_EQ(Run("get pod demo/none"), 6);
  EXPECT_THAT(err_, HasSubstr("Pod demo/none does not exist"));
}

TEST_F(CliTest, DeleteTakesNamesAndFiles) {
  EXPECT_EQ(Run("delete networkpolicy demo/p q -n other"), 0) << err_;
  ASSERT_EQ(config_.last_apply.deletes_size(), 2);
  EXPECT_EQ(config_.last_apply.deletes(0).namespace_(), "demo");
  EXPECT_EQ(config_.last_apply.deletes(1).namespace_(), "other");
  EXPECT_EQ(Run("delete -f - --ignore-missing", PodYaml("a")), 0) << err_;
  EXPECT_EQ(config_.last_apply.deletes(0).name(), "a");
  EXPECT_TRUE(config_.last_apply.ignore_missing());
  EXPECT_EQ(Run("delete"), 2);
  EXPECT_EQ(Run("delete pod"), 2);
}

TEST_F(CliTest, PortAddDerivesThePodFromTheName) {
  EXPECT_EQ(Run("port add demo/web --netns web --mtu 1450"), 0) << err_;
  const v1::Port& port = ports_.last_add.port();
  EXPECT_EQ(port.pod_namespace(), "demo");
  EXPECT_EQ(port.pod_name(), "web");
  EXPECT_EQ(port.netns(), "/run/netns/web");
  EXPECT_EQ(port.mtu(), 1450u);
  EXPECT_EQ(port.driver(), v1::PORT_DRIVER_TAP);
  EXPECT_THAT(out_, HasSubstr("up"));
  EXPECT_EQ(Run("port add wan --kind uplink --device net_null0"), 0) << err_;
  EXPECT_EQ(ports_.last_add.port().driver(), v1::PORT_DRIVER_DPDK);
  EXPECT_EQ(ports_.last_add.port().kind(), v1::PORT_KIND_UPLINK);
}

TEST_F(CliTest, PortAddOfANameThatExistsIsAConflict) {
  EXPECT_EQ(Run("port add demo/taken --netns web"), 5);
  EXPECT_THAT(err_, HasSubstr("Port demo/taken exists"));
}

TEST_F(CliTest, PortAddWithoutAPodIsAUsageError) {
  EXPECT_EQ(Run("port add web --netns web"), 2);
  EXPECT_THAT(err_, HasSubstr("which pod is it?"));
}

TEST_F(CliTest, ExplainNamesPolicyAndNearestMiss) {
  EXPECT_EQ(Run("explain demo/intruder demo/backend --protocol tcp --port 80"),
            0)
      << err_;
  EXPECT_EQ(observe_.last_explain.source().name(), "demo/intruder");
  EXPECT_EQ(observe_.last_explain.protocol(), 6u);
  EXPECT_EQ(observe_.last_explain.destination_port(), 80u);
  EXPECT_THAT(out_, AllOf(HasSubstr("denied; isolated by demo/p"),
                          HasSubstr("nearest rule wants role=frontend")));
  EXPECT_EQ(Run("explain fd00::1 service:demo/b --expect allow"), 1);
  EXPECT_EQ(observe_.last_explain.source().address(), "fd00::1");
  EXPECT_EQ(observe_.last_explain.destination().service(), "demo/b");
  EXPECT_EQ(Run("explain fd00::1 service:demo/b --expect deny"), 0);
  EXPECT_EQ(Run("explain nobody demo/b"), 2);
  EXPECT_EQ(Run("explain demo/a demo/b --protocol foo"), 2);
}

TEST_F(CliTest, DropsFilterByReasonAndKeepBigNumbers) {
  EXPECT_EQ(Run("drops --reason policy_denied -o json"), 0) << err_;
  const auto json = nlohmann::json::parse(out_);
  ASSERT_EQ(json["drops"].size(), 1u);
  EXPECT_EQ(json["drops"][0]["packets"], 1ull << 40);
  EXPECT_EQ(json["drops"][0]["severity"], "EXPECTED");
  EXPECT_EQ(Run("drops"), 0);
  EXPECT_THAT(out_, HasSubstr("TTL_EXPIRED"));
}

TEST_F(CliTest, CountersShowWhatPoliciesDid) {
  EXPECT_EQ(Run("counters"), 0) << err_;
  EXPECT_THAT(out_,
              AllOf(HasSubstr("31 verdicts not heeded"),
                    HasSubstr("32 connections would be denied, 33 of them"),
                    HasSubstr("TCP resets 34 sent, 35 suppressed")));
}

TEST_F(CliTest, ConnectionsPrintEndsAndNoEscapeSequences) {
  EXPECT_EQ(Run("connections --protocol udp --port 53"), 0) << err_;
  EXPECT_EQ(observe_.last_list.filter().protocol(), 17u);
  EXPECT_THAT(out_, AllOf(HasSubstr("[fd01::1]:80"), HasSubstr("demo/?[31m")));
}

TEST_F(CliTest, StatusShowsRestartsAndTheGap) {
  EXPECT_EQ(Run("status"), 0) << err_;
  EXPECT_THAT(out_,
              AllOf(HasSubstr("poll mode: adaptive"), HasSubstr("321 ms")));
}

TEST_F(CliTest, CheckBalanceAnswersByItsStatus) {
  EXPECT_EQ(Run("check balance"), 0) << err_;
  admin_.holds = false;
  EXPECT_EQ(Run("check balance"), 1);
  EXPECT_THAT(out_, HasSubstr("E1"));
}

TEST_F(CliTest, VersionShowsBoth) {
  EXPECT_EQ(Run("version -o json"), 0) << err_;
  EXPECT_EQ(nlohmann::json::parse(out_)["switch"], "9.9");
}

TEST_F(CliTest, NoSwitchIsUnreachable) {
  std::ostringstream out, err;
  std::istringstream in;
  EXPECT_EQ(RunCli({"status", "--socket", folder_ + "/none"}, out, err, in), 3);
  EXPECT_THAT(err.str(), AllOf(HasSubstr("/none"), HasSubstr("vswitchd")));
}

TEST_F(CliTest, EveryCommandTeachesAndCompletes) {
  const std::vector<std::string> commands = {
      "apply",   "get",      "delete",      "port",   "explain",
      "drops",   "counters", "connections", "status", "check",
      "restart", "version",  "completion"};
  for (const std::string& command : commands) {
    EXPECT_EQ(Run(command + " --help"), 0) << command << err_;
    EXPECT_THAT(out_, HasSubstr("Usage: vswitchctl " + command));
  }
  for (const std::string shell : {"bash", "zsh", "fish"}) {
    EXPECT_EQ(Run("completion " + shell), 0) << err_;
    for (const std::string& command : commands) {
      EXPECT_THAT(out_, HasSubstr(command)) << shell;
    }
    EXPECT_THAT(out_, HasSubstr("flush")) << shell;
  }
  EXPECT_EQ(Run("nonsense"), 2);
  EXPECT_EQ(Run("status --nonsense"), 2);
  EXPECT_EQ(Run(""), 2);
}

}  // namespace
}  // namespace vswitch
