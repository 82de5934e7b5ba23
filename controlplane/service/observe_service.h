// controlplane/service/observe_service.h
//
// ObserveServiceImpl: counters, drops, connections, policies and explain
// over gRPC:
// observe.proto has the contract.  Trace and Capture answer UNIMPLEMENTED.
//
// Thread-safe.

#ifndef VSWITCH_CONTROLPLANE_SERVICE_OBSERVE_SERVICE_H_
#define VSWITCH_CONTROLPLANE_SERVICE_OBSERVE_SERVICE_H_

#include "controlplane/service/context.h"
#include "controlplane/service/policy_times.h"
#include "proto/vswitch/v1/observe.grpc.pb.h"

namespace vswitch {

class ObserveServiceImpl final : public v1::ObserveService::Service {
 public:
  // Both outlive the service.
  ObserveServiceImpl(const ServiceContext& context, const PolicyTimes& times)
      : context_(context), times_(times) {}

  grpc::Status GetCounters(grpc::ServerContext* call,
                           const v1::GetCountersRequest* request,
                           v1::GetCountersResponse* response) override;
  grpc::Status GetDrops(grpc::ServerContext* call,
                        const v1::GetDropsRequest* request,
                        v1::GetDropsResponse* response) override;
  grpc::Status WatchDrops(grpc::ServerContext* call,
                          const v1::WatchDropsRequest* request,
                          grpc::ServerWriter<v1::DropRecord>* writer) override;
  grpc::Status ListConnections(
      grpc::ServerContext* call, const v1::ListConnectionsRequest* request,
      grpc::ServerWriter<v1::ListConnectionsResponse>* writer) override;
  grpc::Status FlushConnections(
      grpc::ServerContext* call, const v1::FlushConnectionsRequest* request,
      v1::FlushConnectionsResponse* response) override;
  grpc::Status ListNatMappings(
      grpc::ServerContext* call, const v1::ListNatMappingsRequest* request,
      grpc::ServerWriter<v1::ListNatMappingsResponse>* writer) override;
  grpc::Status Explain(grpc::ServerContext* call,
                       const v1::ExplainRequest* request,
                       v1::ExplainResponse* response) override;
  grpc::Status ListPolicies(grpc::ServerContext* call,
                            const v1::ListPoliciesRequest* request,
                            v1::ListPoliciesResponse* response) override;
  grpc::Status WaitPolicy(grpc::ServerContext* call,
                          const v1::WaitPolicyRequest* request,
                          v1::WaitPolicyResponse* response) override;
  grpc::Status GetShadowDenials(
      grpc::ServerContext* call, const v1::GetShadowDenialsRequest* request,
      v1::GetShadowDenialsResponse* response) override;

 private:
  std::shared_ptr<const Names> CurrentNames() const {
    return context_.names.Of(context_.plane.snapshot());
  }

  const ServiceContext& context_;
  const PolicyTimes& times_;
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_SERVICE_OBSERVE_SERVICE_H_
