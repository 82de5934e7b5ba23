// vswitchctl service and the sums of vswitchctl connections, against a fake
// switch.

#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
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

// Service demo/db with a slice of each family: db-0 ready, db-1 not.
class FakeConfig : public v1::ConfigService::Service {
 public:
  grpc::Status List(grpc::ServerContext*, const v1::ListRequest* request,
                    v1::ListResponse* response) override {
    if (request->kind() == v1::RESOURCE_KIND_SERVICE) {
      v1::Resource& resource = Add(*response, "demo", "db");
      resource.mutable_service()->add_cluster_ips("10.96.0.10");
      resource.mutable_service()->add_cluster_ips("fd02::10");
      v1::Service& service = *resource.mutable_service();
      v1::ServicePort& port = *service.add_ports();
      port.set_port(5432);
      port.set_node_port(30080);
      service.add_external_ips("198.51.100.1");
      service.add_load_balancer_ips("2001:db8::80");
      service.set_session_affinity(v1::SESSION_AFFINITY_CLIENT_IP);
      service.set_session_affinity_timeout_seconds(600);
      service.set_external_traffic_policy(v1::TRAFFIC_POLICY_LOCAL);
      service.set_traffic_distribution(v1::TRAFFIC_DISTRIBUTION_PREFER_CLOSE);
      service.set_health_check_node_port(32000);
      Add(*response, "demo", "idle").mutable_service();
      return grpc::Status::OK;
    }
    AddSlice(*response, "demo", "10.1.0.");
    AddSlice(*response, "demo", "fd00:1::");
    AddSlice(*response, "other", "10.9.0.");  // of another Service
    return grpc::Status::OK;
  }

 private:
  static v1::Resource& Add(v1::ListResponse& response, const std::string& ns,
                           const std::string& name) {
    v1::Resource& resource = *response.add_resources();
    resource.mutable_metadata()->set_namespace_(ns);
    resource.mutable_metadata()->set_name(name);
    return resource;
  }
  static void AddSlice(v1::ListResponse& response, const std::string& ns,
                       const std::string& prefix) {
    v1::Resource& resource = Add(response, ns, prefix);
    (*resource.mutable_metadata()
          ->mutable_labels())["kubernetes.io/service-name"] = "db";
    v1::EndpointSlice& slice = *resource.mutable_endpoint_slice();
    slice.add_ports()->set_port(5433);
    for (int i : {0, 1}) {
      v1::Endpoint& endpoint = *slice.add_endpoints();
      endpoint.add_addresses(absl::StrCat(prefix, i + 3));
      endpoint.set_target_pod(absl::StrCat("db-", i));
      endpoint.set_node_name("n1");
      if (i == 1) endpoint.set_ready(false);
    }
  }
};

// web asks the service of both families, and free talks to web.
class FakeObserve : public v1::ObserveService::Service {
 public:
  grpc::Status ListConnections(
      grpc::ServerContext*, const v1::ListConnectionsRequest* request,
      grpc::ServerWriter<v1::ListConnectionsResponse>* writer) override {
    last_list = *request;
    v1::ListConnectionsResponse response;
    Add(response, "demo/web", "demo/db-0", "10.1.0.3", "demo/db", 100);
    Add(response, "demo/web", "demo/db-0", "fd00:1::3", "demo/db", 200);
    Add(response, "demo/free", "demo/web", "10.1.0.9", "", 5000);
    writer->Write(response);
    return grpc::Status::OK;
  }
  grpc::Status FlushConnections(grpc::ServerContext*,
                                const v1::FlushConnectionsRequest* request,
                                v1::FlushConnectionsResponse*) override {
    last_flush = *request;
    return grpc::Status::OK;
  }
  grpc::Status ListNatMappings(
      grpc::ServerContext*, const v1::ListNatMappingsRequest* request,
      grpc::ServerWriter<v1::ListNatMappingsResponse>* writer) override {
    last_nat = *request;
    v1::ListNatMappingsResponse response;
    for (const bool is_ipv4 : {true, false}) {
      v1::NatMapping& mapping = *response.add_mappings();
      mapping.set_protocol_name("UDP");
      mapping.set_inside_address(is_ipv4 ? "10.1.0.9" : "fd00:1::9");
      mapping.set_inside_port(40000);
      mapping.mutable_inside()->set_name("demo/web");
      mapping.set_outside_address(is_ipv4 ? "192.0.2.1" : "fd01::1");
      mapping.set_outside_port(12345);
      mapping.set_contacts(3);
      mapping.set_expires_in_seconds(299);
    }
    writer->Write(response);
    return grpc::Status::OK;
  }
  v1::ListNatMappingsRequest last_nat;
  v1::ListConnectionsRequest last_list;
  v1::FlushConnectionsRequest last_flush;

 private:
  static void Add(v1::ListConnectionsResponse& response,
                  const std::string& source, const std::string& destination,
                  const std::string& address, const std::string& service,
                  uint64_t bytes) {
    v1::Connection& connection = *response.add_connections();
    connection.mutable_source()->set_name(source);
    connection.mutable_destination()->set_name(destination);
    connection.mutable_reply()->set_source(address);
    connection.mutable_reply()->set_source_port(5433);
    connection.mutable_reply()->set_protocol_name("TCP");
    connection.set_service(service);
    connection.set_original_bytes(bytes);
    connection.set_reply_bytes(2 * bytes);
  }
};

class ServiceTest : public FakeApiTest {
 protected:
  ServiceTest() { Serve({&config_, &observe_}); }
  ~ServiceTest() override { Shutdown(); }

  Json RunJson(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"-o", "json"});
    EXPECT_EQ(Run(arguments), 0) << err_;
    return Json::parse(out_, nullptr, /*allow_exceptions=*/false);
  }

  FakeConfig config_;
  FakeObserve observe_;
};

TEST_F(ServiceTest, ListCountsBackendsOfBothFamilies) {
  const Json services = RunJson({"service", "list"})["services"];
  ASSERT_EQ(services.size(), 2u);
  EXPECT_EQ(services[0]["name"], "demo/db");
  EXPECT_EQ(services[0]["addresses"][1], "fd02::10");
  EXPECT_EQ(services[0]["backends"], 4);
  EXPECT_EQ(services[0]["ready"], 2);
  EXPECT_EQ(services[1]["backends"], 0);
  EXPECT_EQ(Run({"service", "list"}), 0);
  EXPECT_THAT(out_, AllOf(HasSubstr("demo/db"), HasSubstr("5432/TCP")));
}

TEST_F(ServiceTest, GetShowsOneOrSaysThatThereIsNone) {
  EXPECT_EQ(RunJson({"service", "get", "demo/db"})["ready"], 2);
  EXPECT_EQ(Run({"service", "get", "demo/db"}), 0);
  EXPECT_THAT(out_, HasSubstr("external addresses: 198.51.100.1\n"
                              "load balancer addresses: 2001:db8::80\n"
                              "node ports: 30080/TCP\n"
                              "session affinity: by client address, for 600 "
                              "s\n"
                              "traffic policy: internal Cluster, external "
                              "Local\n"
                              "traffic distribution: PreferClose\n"
                              "health check: HTTP at port 32000 of the node\n"
                              "backends: 4, 2 of them ready"));
  const Json json = RunJson({"service", "get", "demo/db"});
  EXPECT_EQ(json["ports"][0]["nodePort"], 30080);
  EXPECT_EQ(json["externalIPs"][0], "198.51.100.1");
  EXPECT_EQ(json["affinitySeconds"], 600);
  EXPECT_EQ(json["externalTrafficPolicy"], "Local");
  EXPECT_EQ(json["trafficDistribution"], "PreferClose");
  EXPECT_EQ(json["healthCheckNodePort"], 32000);
  EXPECT_EQ(Run({"service", "get", "demo/idle"}), 0);
  EXPECT_THAT(out_, Not(HasSubstr("session affinity")));
  EXPECT_EQ(Run({"service", "get", "db"}), 6);
  EXPECT_THAT(err_, HasSubstr("there is no Service db; want NAMESPACE/NAME"));
}

TEST_F(ServiceTest, BackendsTellWhatEachAnswers) {
  const Json backends = RunJson({"service", "backends", "demo/db"})["backends"];
  ASSERT_EQ(backends.size(), 4u);
  for (const Json& backend : backends) {
    const std::string address = backend["address"];
    const bool is_first = backend["pod"] == "demo/db-0";
    EXPECT_EQ(backend["ready"], is_first);
    EXPECT_EQ(backend["connections"], is_first ? 1 : 0) << address;
    EXPECT_EQ(backend["bytes"], !is_first               ? 0
                                : address == "10.1.0.3" ? 300
                                                        : 600);
  }
  EXPECT_EQ(observe_.last_list.filter().service(), "demo/db");
}

TEST_F(ServiceTest, TopSumsUpByEnd) {
  const Json top = RunJson({"connections", "--top", "2"})["top"];
  EXPECT_EQ(top, (Json::array({{{"name", "demo/web"},
                                {"connections", 3},
                                {"bytesSent", 10300},
                                {"bytesReceived", 5600}},
                               {{"name", "demo/free"},
                                {"connections", 1},
                                {"bytesSent", 5000},
                                {"bytesReceived", 10000}}})));
  EXPECT_EQ(Run({"connections", "--top", "0"}), 2);
}

TEST_F(ServiceTest, FiltersAreSentAsTheyAre) {
  ASSERT_EQ(Run({"connections", "--state", "established", "--service",
                 "demo/db", "--ip", "fd00::1", "--pod", "demo/web"}),
            0);
  const v1::ConnectionFilter& filter = observe_.last_list.filter();
  EXPECT_EQ(filter.state(), "ESTABLISHED");
  EXPECT_EQ(filter.service(), "demo/db");
  EXPECT_EQ(filter.address(), "fd00::1");
  EXPECT_EQ(filter.pod(), "demo/web");
  ASSERT_EQ(Run({"connections", "flush", "--service", "demo/db", "--port", "53",
                 "--protocol", "udp", "--state", "replied"}),
            0);
  EXPECT_EQ(observe_.last_flush.filter().state(), "REPLIED");
  EXPECT_EQ(observe_.last_flush.filter().service(), "demo/db");
  EXPECT_EQ(observe_.last_flush.filter().port(), 53u);
  EXPECT_EQ(observe_.last_flush.filter().protocol(), 17u);
}

// What docs/cli.md says of connections, mappings and services.
TEST_F(ServiceTest, TheDocumentsCommandsRun) {
  std::ifstream file("docs/cli.md");
  std::string section;  // the last command whose filters a table lists
  int commands = 0, filters = 0;
  for (std::string line; std::getline(file, line);) {
    if (absl::StartsWith(line, "| filter")) {
      section = absl::StrContains(line, "`nat`") ? "nat" : "connections";
    } else if (!absl::StartsWith(line, "|")) {
      section.clear();
    }
    if (!section.empty() && absl::StartsWith(line, "| `--")) {
      const std::string option = line.substr(3, line.find('`', 3) - 3);
      Run({section, "--help"});
      EXPECT_THAT(out_, HasSubstr(option)) << section;
      ++filters;
    }
    for (const char* command : {"connections ", "nat ", "service "}) {
      if (!absl::StartsWith(line, absl::StrCat("vswitchctl ", command))) {
        continue;
      }
      const std::string words = line.substr(11, line.find(" #") - 11);
      EXPECT_EQ(RunLine(words), 0) << line << "\n" << err_;
      ++commands;
    }
  }
  EXPECT_EQ(commands, 6);
  EXPECT_EQ(filters, 9);
}

TEST_F(ServiceTest, NatListsMappings) {
  const Json mappings =
      RunJson({"nat", "--ip", "fd01::1", "--protocol", "udp"})["mappings"];
  EXPECT_EQ(observe_.last_nat.address(), "fd01::1");
  EXPECT_EQ(observe_.last_nat.protocol(), 17u);
  ASSERT_EQ(mappings.size(), 2u);
  EXPECT_EQ(mappings[0]["insideAddress"], "10.1.0.9");
  EXPECT_EQ(mappings[0]["outsidePort"], 12345);
  EXPECT_EQ(mappings[0]["contacts"], 3);
  EXPECT_EQ(mappings[0]["expiresInSeconds"], 299);
  EXPECT_EQ(Run({"nat"}), 0);
  EXPECT_THAT(
      out_, AllOf(HasSubstr("10.1.0.9:40000"), HasSubstr("demo/web"),
                  HasSubstr("192.0.2.1:12345"), HasSubstr("[fd01::1]:12345")));
}

}  // namespace
}  // namespace vswitch
