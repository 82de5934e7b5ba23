// The connection to the switch, and its errors.

#include "controlplane/cli/client.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/cli/kinds.h"
#include "proto/vswitch/v1/error.pb.h"

namespace vswitch {
namespace {

// A connection table of millions is sent in parts, a list of resources is not.
constexpr int kMaxMessageBytes = 256 * 1024 * 1024;

std::string DetailText(const v1::ErrorDetail& detail, const PlaceOf& place_of) {
  std::vector<std::string> parts;
  if (detail.has_resource()) {
    if (place_of) {
      const std::string place = place_of(detail.resource());
      if (!place.empty()) parts.push_back(place);
    }
    parts.push_back(KeyText(detail.resource()));
  }
  if (!detail.field().empty()) parts.push_back(detail.field());
  parts.push_back(detail.message());
  return absl::StrJoin(parts, ": ");
}

bool Exists(const char* path) {
  struct stat info;
  return stat(path, &info) == 0;
}

}  // namespace

ExitStatus ExitStatusOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kExitOk;
    case absl::StatusCode::kUnavailable:
      return kExitUnreachable;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
      return kExitInvalid;
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kAborted:
      return kExitConflict;
    case absl::StatusCode::kNotFound:
      return kExitNotFound;
    case absl::StatusCode::kResourceExhausted:
      return kExitFull;
    case absl::StatusCode::kDeadlineExceeded:
      return kExitTimeout;
    default:
      return kExitOther;
  }
}

absl::Status ToStatus(const grpc::Status& status, const PlaceOf& place_of) {
  if (status.ok()) return absl::OkStatus();
  std::vector<std::string> lines;
  v1::RpcStatus rpc_status;
  if (rpc_status.ParseFromString(status.error_details())) {
    for (const auto& any : rpc_status.details()) {
      v1::ErrorDetail detail;
      if (any.UnpackTo(&detail)) {
        lines.push_back(DetailText(detail, place_of));
      }
    }
  }
  if (lines.empty()) lines.push_back(status.error_message());
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                      absl::StrJoin(lines, "\n"));
}

std::string ChooseSocket(const std::string& given) {
  if (!given.empty()) return given;
  // Nothing in this program writes the environment.
  const char* from_environment =
      std::getenv("VSWITCH_SOCKET");  // NOLINT(concurrency-mt-unsafe)
  if (from_environment != nullptr && *from_environment != '\0') {
    return from_environment;
  }
  const bool only_quickstart =
      !Exists(kDefaultSocket) && Exists(kQuickstartSocket);
  return only_quickstart ? kQuickstartSocket : kDefaultSocket;
}

absl::StatusOr<std::unique_ptr<SwitchClient>> SwitchClient::Connect(
    const std::string& path, absl::Duration timeout) {
  if (access(path.c_str(), W_OK) != 0) {
    const int error = errno;
    const bool denied = error == EACCES;
    return absl::UnavailableError(absl::StrCat(
        "the switch's socket ", path, ": ",
        std::generic_category().message(error),
        denied ? "; run vswitchctl as root"
               : "; is vswitchd running? --socket names another one"));
  }
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  arguments.SetMaxSendMessageSize(kMaxMessageBytes);
  // A proxy from the environment has no business on a unix socket.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  auto channel =
      grpc::CreateCustomChannel(absl::StrCat("unix:", path),
                                grpc::InsecureChannelCredentials(), arguments);
  return std::unique_ptr<SwitchClient>(new SwitchClient(channel, timeout));
}

SwitchClient::SwitchClient(const std::shared_ptr<grpc::Channel>& channel,
                           absl::Duration timeout)
    : timeout_(timeout),
      config_(v1::ConfigService::NewStub(channel)),
      ports_(v1::PortService::NewStub(channel)),
      observe_(v1::ObserveService::NewStub(channel)),
      admin_(v1::AdminService::NewStub(channel)) {}

std::unique_ptr<grpc::ClientContext> SwitchClient::NewContext() const {
  auto context = NewEndlessContext();
  context->set_deadline(std::chrono::system_clock::now() +
                        absl::ToChronoMilliseconds(timeout_));
  return context;
}

std::unique_ptr<grpc::ClientContext> SwitchClient::NewEndlessContext() const {
  return std::make_unique<grpc::ClientContext>();
}

}  // namespace vswitch
