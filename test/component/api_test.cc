// Puts the parts together as controlplane/daemon/main.cc does.

#include "test/component/api_test.h"

#include <stdlib.h>

#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "dataplane/base/status_macros.h"
#include "google/protobuf/text_format.h"
#include "proto/vswitch/v1/error.pb.h"

namespace vswitch {
namespace {

constexpr uint32_t kMaxTestConnections = 1024;
constexpr HashSecret kSecret{{0x0123456789abcdef, 0xfedcba987654}};

constexpr char kDemoCluster[] = R"(
    upserts { metadata { name: "n1" } node {
      pod_cidrs: ["10.1.0.0/24", "fd00:1::/64"]
      addresses: ["192.168.0.1", "fd00:ff::1"] } }
    upserts { metadata { name: "demo" } namespace {} }
    upserts { metadata { name: "web" namespace: "demo"
                         labels { key: "role" value: "web" } }
              pod { node_name: "n1" pod_ips: ["10.1.0.5", "fd00:1::5"] } }
    upserts { metadata { name: "db" namespace: "demo"
                         labels { key: "role" value: "db" } }
              pod { node_name: "n1" pod_ips: ["10.1.0.6", "fd00:1::6"] } }
    upserts { metadata { name: "front" namespace: "demo" }
              service { cluster_ips: ["10.96.0.1", "fd00:96::1"]
                        ports { port: 80 } } }
    upserts { metadata { name: "front-4" namespace: "demo" labels {
                key: "kubernetes.io/service-name" value: "front" } }
              endpoint_slice { address_type: ADDRESS_TYPE_IPV4
                endpoints { addresses: "10.1.0.5" } ports { port: 8080 } } }
    upserts { metadata { name: "front-6" namespace: "demo" labels {
                key: "kubernetes.io/service-name" value: "front" } }
              endpoint_slice { address_type: ADDRESS_TYPE_IPV6
                endpoints { addresses: "fd00:1::5" } ports { port: 8080 } } }
    upserts { metadata { name: "db-from-web" namespace: "demo" }
              network_policy {
                pod_selector { match_labels { key: "role" value: "db" } }
                ingress {
                  peers { pod_selector {
                    match_labels { key: "role" value: "web" } } }
                  ports { port: 5432 } } } }
)";

std::string ResourceText(const v1::ResourceKey& key) {
  std::string kind = v1::ResourceKind_Name(key.kind());
  return absl::StrCat(absl::StripPrefix(kind, "RESOURCE_KIND_"), " ",
                      key.namespace_(), key.namespace_().empty() ? "" : "/",
                      key.name());
}

std::vector<v1::ErrorDetail> DetailsOf(const grpc::Status& status) {
  v1::RpcStatus packed;
  EXPECT_TRUE(packed.ParseFromString(status.error_details()))
      << status.error_message();
  EXPECT_EQ(packed.code(), static_cast<int>(status.error_code()));
  EXPECT_EQ(packed.message(), status.error_message());
  std::vector<v1::ErrorDetail> details(
      static_cast<size_t>(packed.details_size()));
  for (int i = 0; i < packed.details_size(); ++i) {
    EXPECT_TRUE(packed.details(i).UnpackTo(&details[static_cast<size_t>(i)]));
  }
  return details;
}

}  // namespace

void PrintTo(const ApiFault& fault, std::ostream* out) {
  *out << fault.code << " | " << fault.resource << " | " << fault.field << " | "
       << fault.message;
}

ApiFault FaultOf(const grpc::Status& status) {
  ApiFault fault;
  fault.code = status.error_code();
  if (status.ok()) return fault;
  std::vector<v1::ErrorDetail> details = DetailsOf(status);
  EXPECT_FALSE(details.empty()) << status.error_message();
  if (details.empty()) return fault;
  if (details[0].has_resource()) {
    fault.resource = ResourceText(details[0].resource());
  }
  fault.field = details[0].field();
  fault.message = details[0].message();
  return fault;
}

std::vector<std::string> ResourcesAtFault(const grpc::Status& status) {
  std::vector<std::string> resources;
  if (status.ok()) return resources;
  for (const v1::ErrorDetail& detail : DetailsOf(status)) {
    resources.push_back(ResourceText(detail.resource()));
  }
  return resources;
}

void ParseText(const std::string& text, google::protobuf::Message* message) {
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(text, message))
      << text;
}

void PrintTo(const FamilyCase& family, std::ostream* out) {
  *out << family.name;
}

std::vector<FamilyCase> BothFamilies() {
  return {{"Ipv4", "10.1.0.5", "10.1.0.6", "10.96.0.1", "10.1.0.1", "10.1.0.77",
           "/32"},
          {"Ipv6", "fd00:1::5", "fd00:1::6", "fd00:96::1", "fd00:1::1",
           "fd00:1::77", "/128"}};
}

FlowKey TcpFlow(const std::string& source, const std::string& destination,
                uint16_t destination_port) {
  FlowKey key;
  key.source = *IpAddress::Parse(source);
  key.destination = *IpAddress::Parse(destination);
  key.protocol = IpProtocol::kTcp;
  key.source_port = Be16::FromHost(40001);
  key.destination_port = Be16::FromHost(destination_port);
  return key;
}

void ApiTest::SetUp() {
  // Short: a socket's path has at most 107 bytes.
  char folder[] = "/tmp/vswitch_api_XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  folder_ = folder;
  absl::Status made = MakeMemory();
  ASSERT_TRUE(made.ok()) << made;
  absl::Status started = StartServer();
  ASSERT_TRUE(started.ok()) << started;
  channel_ = grpc::CreateChannel(absl::StrCat("unix:", socket()),
                                 grpc::InsecureChannelCredentials());
  config_ = v1::ConfigService::NewStub(channel_);
  port_ = v1::PortService::NewStub(channel_);
  observe_ = v1::ObserveService::NewStub(channel_);
  admin_ = v1::AdminService::NewStub(channel_);
}

void ApiTest::TearDown() {
  server_.reset();
  if (!folder_.empty()) std::filesystem::remove_all(folder_);
}

absl::Status ApiTest::MakeMemory() {
  const TableMemoryOptions tables{
      .identity_capacity = 1024, .heap_bytes = 32 << 20, .secret = kSecret};
  ASSIGN_OR_RETURN(
      table_segment_,
      Segment::Create("tables", TableMemoryWriter::BytesFor(tables),
                      HugePages::kOff));
  RETURN_IF_ERROR(TableMemoryWriter::Format(table_segment_.writable(), tables));
  const WorkerMemoryOptions workers{
      .counter_bytes = CounterTable::kBytes,
      .connection_bytes = ConnectionTable::BytesFor(kMaxTestConnections),
      .secret = kSecret};
  ASSIGN_OR_RETURN(worker_segment_,
                   Segment::Create("workers", WorkerMemory::BytesFor(workers),
                                   HugePages::kOff));
  RETURN_IF_ERROR(WorkerMemory::Format(worker_segment_.writable(), workers));
  ASSIGN_OR_RETURN(WorkerMemory memory,
                   WorkerMemory::Attach(worker_segment_.writable()));
  memory_ = std::make_unique<WorkerMemory>(memory);
  RETURN_IF_ERROR(ConnectionTable::Format(memory_->writable_connection_area(),
                                          kMaxTestConnections, kSecret));
  ASSIGN_OR_RETURN(ConnectionTable connections,
                   ConnectionTable::Attach(memory_->writable_connection_area(),
                                           FakeDataplane::kWorkerCount));
  connections_ = std::make_unique<ConnectionTable>(std::move(connections));
  ASSIGN_OR_RETURN(counters_,
                   CounterTable::Open(memory_->writable_counter_area()));
  return absl::OkStatus();
}

absl::Status ApiTest::StartServer() {
  ASSIGN_OR_RETURN(TableMemoryWriter writer,
                   TableMemoryWriter::Attach(table_segment_.writable()));
  writer_ = std::make_unique<TableMemoryWriter>(std::move(writer));
  ASSIGN_OR_RETURN(TableMemoryReader reader,
                   TableMemoryReader::Attach(table_segment_.bytes()));
  reader_ = std::make_unique<TableMemoryReader>(reader);
  ASSIGN_OR_RETURN(WorkerMemoryView view,
                   WorkerMemoryView::Attach(worker_segment_.bytes()));
  view_ = std::make_unique<WorkerMemoryView>(view);
  ASSIGN_OR_RETURN(counter_view_, CounterView::Open(view_->counter_area()));
  ASSIGN_OR_RETURN(ConnectionReader connections,
                   ConnectionReader::Attach(view_->connection_area()));
  connection_reader_ =
      std::make_unique<ConnectionReader>(std::move(connections));
  dataplane_ = std::make_unique<FakeDataplane>(*reader_, *memory_);
  events_ = EventsOut(reader_->rings(), memory_->writable_rings(), 0);
  ASSIGN_OR_RETURN(
      plane_,
      ControlPlane::Start({.node_name = "n1", .state_dir = folder_ + "/state"},
                          {*writer_, *reader_, *view_}, supervisor_));
  commands_ = std::make_unique<DataplaneCommands>(
      writer_->rings(), view_->rings(), absl::Milliseconds(500));
  drops_ = std::make_unique<DropLog>(writer_->rings(), view_->rings());
  context_.reset(new ServiceContext{*plane_, supervisor_, *view_, counter_view_,
                                    *connection_reader_, *commands_, *drops_,
                                    names_, health_, "1.2.3", "adaptive"});
  ASSIGN_OR_RETURN(server_, ApiServer::Start(socket(), *context_));
  return absl::OkStatus();
}

grpc::Status ApiTest::Apply(const std::string& text,
                            v1::ApplyResponse* response) {
  auto request = FromText<v1::ApplyRequest>(text);
  if (!request.has_manager()) request.mutable_manager()->set_name("cli");
  grpc::ClientContext call;
  v1::ApplyResponse unused;
  return config_->Apply(&call, request,
                        response == nullptr ? &unused : response);
}

v1::ApplyResponse ApiTest::MustApply(const std::string& text) {
  v1::ApplyResponse response;
  grpc::Status status = Apply(text, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response;
}

void ApiTest::ApplyDemoCluster() { MustApply(kDemoCluster); }

PortId ApiTest::AddDemoPort(const std::string& pod) {
  auto request = FromText<v1::AddPortRequest>(absl::StrReplaceAll(
      R"(name: "demo/POD" manager { name: "cni" } timeout_ms: 5000
         port { pod_namespace: "demo" pod_name: "POD"
                netns: "/run/netns/POD" })",
      {{"POD", pod}}));
  grpc::ClientContext call;
  v1::AddPortResponse response;
  grpc::Status status = port_->AddPort(&call, request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return PortId{static_cast<uint16_t>(response.port().id())};
}

v1::ListResponse ApiTest::List(const std::string& text) {
  grpc::ClientContext call;
  v1::ListResponse response;
  grpc::Status status =
      config_->List(&call, FromText<v1::ListRequest>(text), &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response;
}

v1::GetStatusResponse ApiTest::Status() {
  grpc::ClientContext call;
  v1::GetStatusResponse response;
  grpc::Status status = admin_->GetStatus(&call, {}, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response;
}

HostBinding ApiTest::BindingOf(const std::string& address) {
  return reader_->identities()
      .Lookup(*IpAddress::Parse(address), reader_->CurrentGeneration())
      .value_or(HostBinding{});
}

}  // namespace vswitch
