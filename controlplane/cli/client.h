// controlplane/cli/client.h
//
// SwitchClient: the stubs of the switch's four services over its unix socket;
// and how an error of a call becomes a message and an exit status.
//
//   ASSIGN_OR_RETURN(auto client, SwitchClient::Connect(path, timeout));
//   auto context = client->NewContext();
//   RETURN_IF_ERROR(ToStatus(client->admin().GetStatus(
//       context.get(), request, &response)));
//
// Thread-compatible.

#ifndef VSWITCH_CONTROLPLANE_CLI_CLIENT_H_
#define VSWITCH_CONTROLPLANE_CLI_CLIENT_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"
#include "proto/vswitch/v1/admin.grpc.pb.h"
#include "proto/vswitch/v1/config.grpc.pb.h"
#include "proto/vswitch/v1/observe.grpc.pb.h"
#include "proto/vswitch/v1/port.grpc.pb.h"

namespace vswitch {

inline constexpr char kDefaultSocket[] = "/run/vswitch/vswitch.sock";
inline constexpr char kQuickstartSocket[] =
    "/run/vswitch-quickstart/vswitch.sock";

// Exit statuses of vswitchctl: docs/cli.md.
enum ExitStatus : int {
  kExitOk = 0,
  kExitNo = 1,           // a check does not hold
  kExitUsage = 2,        // wrong command line, or a faulty file
  kExitUnreachable = 3,  // the switch does not answer
  kExitChanged = 3,      // policy diff: a verdict would change
  kExitInvalid = 4,      // the switch refuses the content
  kExitConflict = 5,     // exists, another owner's, changed, lower epoch
  kExitNotFound = 6,
  kExitFull = 7,
  kExitTimeout = 8,
  kExitOther = 9,
};

// Returns the exit status for an error of a call.
ExitStatus ExitStatusOf(const absl::Status& status);

// Where a resource was written, "policy.yaml:12", or "".
using PlaceOf = std::function<std::string(const v1::ResourceKey&)>;

// Returns OK, or the call's error, a line for each fault: "PLACE: RESOURCE:
// FIELD: MESSAGE".  `place_of` may be empty.
absl::Status ToStatus(const grpc::Status& status, const PlaceOf& place_of = {});

// Returns the socket to use: `given`; else $VSWITCH_SOCKET; else the first of
// the two well-known paths that exists, the installed switch's before that of
// ./quickstart.
std::string ChooseSocket(const std::string& given);

class SwitchClient {
 public:
  // Calls fail when they take longer than `timeout`.  UNAVAILABLE, with what
  // to do, when there is no socket at `path`.
  static absl::StatusOr<std::unique_ptr<SwitchClient>> Connect(
      const std::string& path, absl::Duration timeout);

  std::unique_ptr<grpc::ClientContext> NewContext() const;
  // Without a deadline: for streams that run until they are interrupted.
  std::unique_ptr<grpc::ClientContext> NewEndlessContext() const;

  v1::ConfigService::Stub& config() { return *config_; }
  v1::PortService::Stub& ports() { return *ports_; }
  v1::ObserveService::Stub& observe() { return *observe_; }
  v1::AdminService::Stub& admin() { return *admin_; }

 private:
  SwitchClient(const std::shared_ptr<grpc::Channel>& channel,
               absl::Duration timeout);

  const absl::Duration timeout_;
  const std::unique_ptr<v1::ConfigService::Stub> config_;
  const std::unique_ptr<v1::PortService::Stub> ports_;
  const std::unique_ptr<v1::ObserveService::Stub> observe_;
  const std::unique_ptr<v1::AdminService::Stub> admin_;
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_CLI_CLIENT_H_
