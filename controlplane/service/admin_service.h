// controlplane/service/admin_service.h
//
// AdminServiceImpl: the switch as a machine over gRPC: admin.proto has the
// contract.
//
// Thread-safe.

#ifndef VSWITCH_CONTROLPLANE_SERVICE_ADMIN_SERVICE_H_
#define VSWITCH_CONTROLPLANE_SERVICE_ADMIN_SERVICE_H_

#include "controlplane/service/context.h"
#include "proto/vswitch/v1/admin.grpc.pb.h"

namespace vswitch {

class AdminServiceImpl final : public v1::AdminService::Service {
 public:
  explicit AdminServiceImpl(const ServiceContext& context)
      : context_(context) {}

  grpc::Status GetStatus(grpc::ServerContext* call,
                         const v1::GetStatusRequest* request,
                         v1::GetStatusResponse* response) override;
  grpc::Status CheckBalance(grpc::ServerContext* call,
                            const v1::CheckBalanceRequest* request,
                            v1::CheckBalanceResponse* response) override;
  grpc::Status Restart(grpc::ServerContext* call,
                       const v1::RestartRequest* request,
                       v1::RestartResponse* response) override;

 private:
  void FillProcesses(v1::GetStatusResponse& response) const;
  void FillWorkers(v1::GetStatusResponse& response) const;
  void FillUsage(const Snapshot& snapshot,
                 v1::GetStatusResponse& response) const;

  const ServiceContext& context_;
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_SERVICE_ADMIN_SERVICE_H_
