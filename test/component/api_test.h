// test/component/api_test.h
//
// ApiTest: the control plane's gRPC server on a unix socket, as the daemon puts
// it together, over real table and worker memory; supervisor and dataplane are
// fakes.
//
//   class ConfigServiceTest : public ApiTest {};
//   TEST_F(ConfigServiceTest, ...) {
//     EXPECT_EQ(Applied("upserts { metadata { name: 'x' } namespace {} }"),
//     OK); supervisor().RemoveNamespace(...);
//
// The test is the client, in one thread; what it writes into worker memory
// (counters, connections, events) it writes as worker 0.

#ifndef VSWITCH_TEST_COMPONENT_API_TEST_H_
#define VSWITCH_TEST_COMPONENT_API_TEST_H_

#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "controlplane/publish/control_plane.h"
#include "controlplane/service/server.h"
#include "dataplane/conntrack/connection_table.h"
#include "dataplane/memory/segment.h"
#include "dataplane/stats/counters.h"
#include "google/protobuf/message.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "test/component/fake_dataplane.h"
#include "test/component/fake_supervisor.h"

namespace vswitch {

// The first fault that an answer names.
struct ApiFault {
  grpc::StatusCode code = grpc::StatusCode::OK;
  std::string resource;  // "POD demo/web"; empty: the request's own
  std::string field;
  std::string message;

  friend bool operator==(const ApiFault&, const ApiFault&) = default;
};
void PrintTo(const ApiFault& fault, std::ostream* out);

// Reads the trailer of `status`; also checks that code and text of the trailer
// are the call's own.
ApiFault FaultOf(const grpc::Status& status);
// All resources that `status` names, in order.
std::vector<std::string> ResourcesAtFault(const grpc::Status& status);

// A message written as text; a text that does not parse fails the test.
void ParseText(const std::string& text, google::protobuf::Message* message);
template <typename Message>
Message FromText(const std::string& text) {
  Message message;
  ParseText(text, &message);
  return message;
}

// The addresses of the demo cluster in one family.
struct FamilyCase {
  const char* name;
  std::string web;
  std::string db;
  std::string service;
  std::string gateway;
  std::string other;   // nobody's
  std::string prefix;  // "/32"
};
void PrintTo(const FamilyCase& family, std::ostream* out);
inline std::string FamilyName(
    const testing::TestParamInfo<FamilyCase>& family) {
  return family.param.name;
}
std::vector<FamilyCase> BothFamilies();

// A TCP flow from port 40001.
FlowKey TcpFlow(const std::string& source, const std::string& destination,
                uint16_t destination_port);

class ApiTest : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  FakeSupervisor& supervisor() { return supervisor_; }
  FakeDataplane& dataplane() { return *dataplane_; }
  ControlPlane& plane() { return *plane_; }
  ApiServer& server() { return *server_; }
  const ServiceContext& context() { return *context_; }
  const TableMemoryReader& tables() { return *reader_; }
  const CounterTable& counters() { return counters_; }
  ConnectionTable& connections() { return *connections_; }
  EventProducer& events() { return events_; }
  const std::string& folder() const { return folder_; }
  std::string socket() const { return folder_ + "/vswitch.sock"; }
  std::shared_ptr<grpc::Channel> channel() { return channel_; }

  v1::ConfigService::Stub& config() { return *config_; }
  v1::PortService::Stub& port() { return *port_; }
  v1::ObserveService::Stub& observe() { return *observe_; }
  v1::AdminService::Stub& admin() { return *admin_; }

  // Applies an ApplyRequest in text; manager "cli" if it names none.
  grpc::Status Apply(const std::string& text,
                     v1::ApplyResponse* response = nullptr);
  // The same, which must succeed.
  v1::ApplyResponse MustApply(const std::string& text);
  // A node, a namespace demo, the pods web and db in both families, a service
  // before web, and a policy: db takes TCP 5432 from role=web.
  void ApplyDemoCluster();
  // Adds the port of a pod of the demo cluster; returns its number.
  PortId AddDemoPort(const std::string& pod);

  v1::ListResponse List(const std::string& text = "");
  v1::GetStatusResponse Status();
  // The identity and endpoint that the dataplane reads for an address.
  HostBinding BindingOf(const std::string& address);

 private:
  absl::Status MakeMemory();
  absl::Status StartServer();

  std::string folder_;
  Segment table_segment_;
  Segment worker_segment_;
  std::unique_ptr<TableMemoryWriter> writer_;
  std::unique_ptr<TableMemoryReader> reader_;
  std::unique_ptr<WorkerMemory> memory_;
  std::unique_ptr<WorkerMemoryView> view_;
  CounterTable counters_;
  CounterView counter_view_;
  std::unique_ptr<ConnectionTable> connections_;
  std::unique_ptr<ConnectionReader> connection_reader_;
  EventProducer events_;
  FakeSupervisor supervisor_;
  std::unique_ptr<FakeDataplane> dataplane_;
  std::unique_ptr<ControlPlane> plane_;
  std::unique_ptr<DataplaneCommands> commands_;
  std::unique_ptr<DropLog> drops_;
  NamesCache names_;
  HealthServers health_{[] { return true; }};
  std::unique_ptr<ServiceContext> context_;
  std::unique_ptr<ApiServer> server_;

  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::ConfigService::Stub> config_;
  std::unique_ptr<v1::PortService::Stub> port_;
  std::unique_ptr<v1::ObserveService::Stub> observe_;
  std::unique_ptr<v1::AdminService::Stub> admin_;
};

}  // namespace vswitch

#endif  // VSWITCH_TEST_COMPONENT_API_TEST_H_
