// The socket's rights and the server's limits.

#include "controlplane/service/server.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "dataplane/base/status_macros.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/resource_quota.h"
#include "grpcpp/server_builder.h"

namespace vswitch {
namespace {

// A transaction of the largest cluster we plan for; memory is bounded by the
// quota all the same.
constexpr int kMaxCallBytes = 64 << 20;
constexpr size_t kMaxMemoryBytes = 512 << 20;
// Watches hold a thread each.
constexpr int kMaxThreads = 128;

absl::StatusOr<sockaddr_un> AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--socket: \"", path, "\" is not a path of 1 to ",
                     sizeof(address.sun_path) - 1, " bytes"));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

// Removes a socket that nobody answers at.
absl::Status RemoveStale(const std::string& path) {
  ASSIGN_OR_RETURN(sockaddr_un address, AddressOf(path));
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) return absl::OkStatus();
  if (!S_ISSOCK(info.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "--socket: ", path, " exists and is not a socket; it was left alone"));
  }
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot make a socket: ", std::strerror(errno)));
  }
  auto closer = absl::MakeCleanup([fd] { close(fd); });
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) ==
      0) {
    return absl::FailedPreconditionError(
        absl::StrCat("--socket: another control plane answers at ", path));
  }
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    return absl::UnavailableError(
        absl::StrCat("cannot remove ", path, ": ", std::strerror(errno)));
  }
  return absl::OkStatus();
}

}  // namespace

ApiServer::ApiServer(const std::string& socket, const ServiceContext& context)
    : socket_(socket),
      config_(context, policy_times_),
      port_(context),
      observe_(context, policy_times_),
      admin_(context) {}

absl::StatusOr<std::unique_ptr<ApiServer>> ApiServer::Start(
    const std::string& socket, const ServiceContext& context) {
  RETURN_IF_ERROR(RemoveStale(socket));
  // Both plug-ins register with the builder that comes next.
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  auto result = std::unique_ptr<ApiServer>(new ApiServer(socket, context));
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(kMaxCallBytes);
  builder.SetMaxSendMessageSize(kMaxCallBytes);
  grpc::ResourceQuota quota("api");
  quota.Resize(kMaxMemoryBytes).SetMaxThreads(kMaxThreads);
  builder.SetResourceQuota(quota);
  builder.AddListeningPort(absl::StrCat("unix:", socket),
                           grpc::InsecureServerCredentials());
  builder.RegisterService(&result->config_);
  builder.RegisterService(&result->port_);
  builder.RegisterService(&result->observe_);
  builder.RegisterService(&result->admin_);
  // The socket has its rights from the moment it exists.
  mode_t before = umask(0177);
  result->server_ = builder.BuildAndStart();
  umask(before);
  if (result->server_ == nullptr) {
    return absl::UnavailableError(
        absl::StrCat("--socket: cannot listen at ", socket,
                     "; does its folder exist, and may we write to it?"));
  }
  if (chmod(socket.c_str(), 0600) != 0) {
    return absl::UnavailableError(absl::StrCat(
        "cannot set the mode of ", socket, ": ", std::strerror(errno)));
  }
  for (const char* name :
       {"vswitch.v1.ConfigService", "vswitch.v1.PortService",
        "vswitch.v1.ObserveService", "vswitch.v1.AdminService"}) {
    result->server_->GetHealthCheckService()->SetServingStatus(name, true);
  }
  return result;
}

ApiServer::~ApiServer() { Stop(absl::ZeroDuration()); }

void ApiServer::Stop(absl::Duration grace) {
  if (server_ == nullptr) return;
  server_->GetHealthCheckService()->Shutdown();
  server_->Shutdown(absl::ToChronoTime(absl::Now() + grace));
  server_->Wait();
  server_.reset();
  unlink(socket_.c_str());
}

}  // namespace vswitch
