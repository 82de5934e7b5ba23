// controlplane/service/config_service.h
//
// ConfigServiceImpl: desired state over gRPC: config.proto has the contract.
//
//   Apply: ToTransaction() → ControlPlane::Apply() → WaitEnforced()
//
// Thread-safe.

#ifndef VSWITCH_CONTROLPLANE_SERVICE_CONFIG_SERVICE_H_
#define VSWITCH_CONTROLPLANE_SERVICE_CONFIG_SERVICE_H_

#include "controlplane/service/context.h"
#include "controlplane/service/policy_times.h"
#include "proto/vswitch/v1/config.grpc.pb.h"

namespace vswitch {

class ConfigServiceImpl final : public v1::ConfigService::Service {
 public:
  // Both outlive the service; `times` takes note of what changes.
  ConfigServiceImpl(const ServiceContext& context, PolicyTimes& times)
      : context_(context), times_(times) {}

  grpc::Status Apply(grpc::ServerContext* call, const v1::ApplyRequest* request,
                     v1::ApplyResponse* response) override;
  grpc::Status Get(grpc::ServerContext* call, const v1::GetRequest* request,
                   v1::GetResponse* response) override;
  grpc::Status List(grpc::ServerContext* call, const v1::ListRequest* request,
                    v1::ListResponse* response) override;
  grpc::Status Watch(grpc::ServerContext* call, const v1::WatchRequest* request,
                     grpc::ServerWriter<v1::WatchEvent>* writer) override;

 private:
  const ServiceContext& context_;
  PolicyTimes& times_;
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_SERVICE_CONFIG_SERVICE_H_
