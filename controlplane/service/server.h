// controlplane/service/server.h
//
// ApiServer: the gRPC server on the switch's unix socket, with the four
// services, health and reflection.
//
//   ASSIGN_OR_RETURN(auto server, ApiServer::Start("/run/vswitch/vswitch.sock",
//                                                  context));
//   server->Stop(absl::Seconds(2));
//
// Only the owner of the process may connect: the socket has mode 0600.  A
// socket that a killed predecessor left is replaced; one that answers is
// another control plane's, and refused.
//
// Thread-compatible.

#ifndef VSWITCH_CONTROLPLANE_SERVICE_SERVER_H_
#define VSWITCH_CONTROLPLANE_SERVICE_SERVER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controlplane/service/admin_service.h"
#include "controlplane/service/config_service.h"
#include "controlplane/service/context.h"
#include "controlplane/service/observe_service.h"
#include "controlplane/service/policy_times.h"
#include "controlplane/service/port_service.h"
#include "grpcpp/server.h"

namespace vswitch {

class ApiServer {
 public:
  // `context` outlives the server.
  static absl::StatusOr<std::unique_ptr<ApiServer>> Start(
      const std::string& socket, const ServiceContext& context);
  // Stops at once if Stop() was not called.
  ~ApiServer();

  // Refuses new calls, gives those that run `grace` to end, then cancels them,
  // and removes the socket.
  void Stop(absl::Duration grace);

 private:
  ApiServer(const std::string& socket, const ServiceContext& context);

  const std::string socket_;
  PolicyTimes policy_times_;
  ConfigServiceImpl config_;
  PortServiceImpl port_;
  ObserveServiceImpl observe_;
  AdminServiceImpl admin_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_SERVICE_SERVER_H_
