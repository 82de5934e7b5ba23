// The server itself: its socket, its limits, and the services that any gRPC
// tool expects: health and reflection.

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/empty.pb.h"
#include "google/protobuf/unknown_field_set.h"
#include "google/protobuf/wrappers.pb.h"
#include "grpcpp/generic/generic_stub.h"
#include "gtest/gtest.h"
#include "test/component/api_test.h"

namespace vswitch {
namespace {

using ::testing::HasSubstr;

constexpr const char* kServices[] = {
    "vswitch.v1.ConfigService", "vswitch.v1.PortService",
    "vswitch.v1.ObserveService", "vswitch.v1.AdminService"};

class ServerTest : public ApiTest {
 protected:
  // Asks grpc.health.v1.Health.  Its messages have one field each, number 1, a
  // string and an enum: they are those wrappers on the wire.
  std::pair<grpc::Status, uint32_t> Health(const std::string& service) {
    using google::protobuf::StringValue;
    using google::protobuf::UInt32Value;
    grpc::TemplatedGenericStub<StringValue, UInt32Value> stub(channel());
    grpc::ClientContext call;
    StringValue request;
    request.set_value(service);
    UInt32Value response;
    grpc::Status status;
    grpc::CompletionQueue queue;
    auto reader = stub.PrepareUnaryCall(&call, "/grpc.health.v1.Health/Check",
                                        request, &queue);
    reader->StartCall();
    reader->Finish(&response, &status, this);
    void* tag = nullptr;
    bool ok = false;
    EXPECT_TRUE(queue.Next(&tag, &ok));
    return {status, response.value()};
  }

  // Asks grpc.reflection.v1alpha for all services (field 7 of the request);
  // returns the bytes of its answer, in which the names stand as they are.
  std::string ReflectedServices() {
    using google::protobuf::Empty;
    grpc::TemplatedGenericStub<Empty, Empty> stub(channel());
    grpc::ClientContext call;
    grpc::CompletionQueue queue;
    auto wait = [&queue] {
      void* tag = nullptr;
      bool ok = false;
      return queue.Next(&tag, &ok) && ok;
    };
    auto stream = stub.PrepareCall(
        &call, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        &queue);
    stream->StartCall(this);
    EXPECT_TRUE(wait());
    Empty request;
    Empty response;
    request.GetReflection()->MutableUnknownFields(&request)->AddLengthDelimited(
        7, "*");
    stream->Write(request, this);
    EXPECT_TRUE(wait());
    stream->Read(&response, this);
    EXPECT_TRUE(wait());
    stream->WritesDone(this);
    EXPECT_TRUE(wait());
    grpc::Status status;
    stream->Finish(&status, this);
    EXPECT_TRUE(wait());
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.SerializeAsString();
  }

  // Calls a method that takes one request with a field that nobody knows.
  grpc::Status CallWithUnknownField(const std::string& method) {
    using google::protobuf::Empty;
    Empty request;
    request.GetReflection()->MutableUnknownFields(&request)->AddVarint(20000,
                                                                       1);
    grpc::TemplatedGenericStub<Empty, Empty> stub(channel());
    grpc::ClientContext call;
    call.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(5)));
    grpc::CompletionQueue queue;
    auto wait = [&queue] {
      void* tag = nullptr;
      bool ok = false;
      EXPECT_TRUE(queue.Next(&tag, &ok));
    };
    auto stream = stub.PrepareCall(&call, method, &queue);
    stream->StartCall(this);
    wait();
    stream->WriteLast(request, {}, this);
    wait();
    grpc::Status status;
    stream->Finish(&status, this);
    wait();
    return status;
  }
};

TEST_F(ServerTest, AllServicesAreHealthyUntilItStops) {
  constexpr uint32_t kServing = 1;
  for (const char* service : kServices) {
    auto [status, health] = Health(service);
    EXPECT_TRUE(status.ok()) << service << ": " << status.error_message();
    EXPECT_EQ(health, kServing) << service;
  }
  EXPECT_EQ(Health("").second, kServing) << "the server as a whole";
  EXPECT_EQ(Health("vswitch.v1.NoService").first.error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_F(ServerTest, ReflectionNamesAllServices) {
  std::string reflected = ReflectedServices();
  for (const char* service : kServices) {
    EXPECT_THAT(reflected, HasSubstr(service));
  }
  EXPECT_THAT(reflected, HasSubstr("grpc.health.v1.Health"));
}

// A client of a later version must not believe that all it asks for was done.
TEST_F(ServerTest, EveryMethodRefusesAFieldThatItDoesNotKnow) {
  int refused = 0;
  for (const char* name : kServices) {
    const auto* service =
        google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
            name);
    ASSERT_NE(service, nullptr) << name;
    for (int i = 0; i < service->method_count(); ++i) {
      const auto& method = *service->method(i);
      if (method.client_streaming()) continue;
      const std::string path = absl::StrCat("/", name, "/", method.name());
      const grpc::Status status = CallWithUnknownField(path);
      if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) continue;
      ++refused;
      EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT)
          << path << ": " << status.error_message();
      EXPECT_THAT(
          status.error_message(),
          HasSubstr(absl::StrCat("field 20000 of ", method.input_type()->name(),
                                 ": is not known")))
          << path;
    }
  }
  EXPECT_EQ(refused, 21) << "all but Sync, Trace and Capture";
  EXPECT_EQ(supervisor().restart_request_count(), 0);
}

TEST_F(ServerTest, OnlyTheOwnerMayConnect) {
  struct stat info {};
  ASSERT_EQ(stat(socket().c_str(), &info), 0);
  EXPECT_TRUE(S_ISSOCK(info.st_mode));
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(ServerTest, ASocketThatAnswersIsAnothersAndRefused) {
  auto second = ApiServer::Start(socket(), context());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(socket()));
  EXPECT_EQ(Status().node_name(), "n1") << "the first one serves on";
}

TEST_F(ServerTest, ASocketThatAKilledPredecessorLeftIsReplaced) {
  std::string path = folder() + "/stale.sock";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ASSERT_LT(path.size(), sizeof(address.sun_path));
  std::memcpy(address.sun_path, path.data(), path.size());
  int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)),
            0);
  close(fd);  // bound, and nobody listens
  auto second = ApiServer::Start(path, context());
  ASSERT_TRUE(second.ok()) << second.status();
  auto stub = v1::AdminService::NewStub(
      grpc::CreateChannel("unix:" + path, grpc::InsecureChannelCredentials()));
  grpc::ClientContext call;
  v1::GetStatusResponse response;
  EXPECT_TRUE(stub->GetStatus(&call, {}, &response).ok());
  (*second)->Stop(absl::Seconds(1));
  EXPECT_FALSE(std::filesystem::exists(path)) << "stopping removes it";
}

TEST_F(ServerTest, AFileThatIsNoSocketIsLeftAlone) {
  std::string path = folder() + "/file";
  std::ofstream(path) << "precious";
  auto second = ApiServer::Start(path, context());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(std::filesystem::file_size(path), 8u);
}

TEST_F(ServerTest, APathThatCannotBeASocketIsRefusedByOption) {
  for (const std::string& path : {std::string(), folder() + "/no/folder.sock",
                                  folder() + "/" + std::string(120, 'x')}) {
    auto second = ApiServer::Start(path, context());
    EXPECT_THAT(std::string(second.status().message()), HasSubstr("--socket"))
        << path;
  }
}

TEST_F(ServerTest, AMessageBeyondTheLimitIsRefusedAndTheServerGoesOn) {
  v1::ApplyRequest request;
  request.mutable_manager()->set_name("cli");
  auto& annotations =
      *request.add_upserts()->mutable_metadata()->mutable_annotations();
  annotations["big"] = std::string(65 << 20, 'x');
  grpc::ClientContext call;
  v1::ApplyResponse response;
  grpc::Status status = config().Apply(&call, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED)
      << status.error_message();
  EXPECT_EQ(Status().node_name(), "n1");
}

TEST_F(ServerTest, ATransactionOfSeveralMegabytesIsRead) {
  // gRPC's own limit is 4 MB.
  std::string text;
  for (int i = 0; i < 20000; ++i) {
    absl::StrAppend(&text, "upserts { metadata { name: 'n", i,
                    "' annotations { key: 'a' value: '", std::string(300, 'x'),
                    "' } } namespace {} } ");
  }
  EXPECT_EQ(MustApply(text + "dry_run: true").results_size(), 20000);
}

TEST_F(ServerTest, TooManyWatchesAreRefusedAndRoomComesBack) {
  // Each holds a thread; the server has 128.
  constexpr int kWatches = 200;
  struct Watch {
    grpc::ClientContext call;
    std::unique_ptr<grpc::ClientReader<v1::WatchEvent>> reader;
  };
  std::vector<std::unique_ptr<Watch>> watches;
  int refused = 0;
  for (int i = 0; i < kWatches; ++i) {
    auto watch = std::make_unique<Watch>();
    watch->call.set_deadline(
        absl::ToChronoTime(absl::Now() + absl::Seconds(30)));
    watch->reader = config().Watch(&watch->call, {});
    v1::WatchEvent event;
    if (watch->reader->Read(&event)) {
      watches.push_back(std::move(watch));
    } else {
      EXPECT_EQ(watch->reader->Finish().error_code(),
                grpc::StatusCode::RESOURCE_EXHAUSTED);
      ++refused;
    }
  }
  EXPECT_GE(watches.size(), 100u);
  EXPECT_GT(refused, 0);
  for (auto& watch : watches) {
    watch->call.TryCancel();
    v1::WatchEvent event;
    while (watch->reader->Read(&event)) {
    }
    grpc::Status ignored = watch->reader->Finish();
  }
  // The server's side ends when it looks next, a fifth of a second later.
  absl::Time deadline = absl::Now() + absl::Seconds(10);
  grpc::Status status;
  do {
    grpc::ClientContext call;
    v1::GetStatusResponse response;
    status = admin().GetStatus(&call, {}, &response);
  } while (!status.ok() && absl::Now() < deadline);
  EXPECT_TRUE(status.ok()) << status.error_message();
}

TEST_F(ServerTest, StoppingEndsAWatch) {
  grpc::ClientContext call;
  call.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(20)));
  auto reader = config().Watch(&call, {});
  v1::WatchEvent event;
  ASSERT_TRUE(reader->Read(&event));
  server().Stop(absl::Milliseconds(10));
  while (reader->Read(&event)) {
  }
  EXPECT_NE(reader->Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
}

}  // namespace
}  // namespace vswitch
