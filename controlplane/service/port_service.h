// controlplane/service/port_service.h
//
// PortServiceImpl: ports over gRPC: port.proto has the contract.
//
//   AddPort: ControlPlane::Apply() → until the port is ready in a generation
//     that is enforced, and the dataplane says UP; else taken back
//
// Thread-safe.

#ifndef VSWITCH_CONTROLPLANE_SERVICE_PORT_SERVICE_H_
#define VSWITCH_CONTROLPLANE_SERVICE_PORT_SERVICE_H_

#include <string>

#include "controlplane/service/context.h"
#include "proto/vswitch/v1/port.grpc.pb.h"

namespace vswitch {

class PortServiceImpl final : public v1::PortService::Service {
 public:
  explicit PortServiceImpl(const ServiceContext& context) : context_(context) {}

  grpc::Status AddPort(grpc::ServerContext* call,
                       const v1::AddPortRequest* request,
                       v1::AddPortResponse* response) override;
  grpc::Status DeletePort(grpc::ServerContext* call,
                          const v1::DeletePortRequest* request,
                          v1::DeletePortResponse* response) override;
  grpc::Status ListPorts(grpc::ServerContext* call,
                         const v1::ListPortsRequest* request,
                         v1::ListPortsResponse* response) override;
  grpc::Status CheckPort(grpc::ServerContext* call,
                         const v1::CheckPortRequest* request,
                         v1::CheckPortResponse* response) override;

 private:
  // Takes back what `accepted` created; returns `why`, and that something stays
  // if it does.
  absl::Status TakeBack(const std::string& name, const Manager& manager,
                        const Accepted& accepted,
                        const absl::Status& why) const;
  // Returns when packets pass the port, or why they do not.
  absl::Status AwaitUp(const std::string& name, absl::Time deadline) const;
  // Returns when the dataplane has let go of this use of a port, or at
  // `deadline`.
  void AwaitClosed(const PortNumber& number, absl::Time deadline) const;
  bool DataplaneRuns() const;

  const ServiceContext& context_;
};

// Returns the port as it is.  REQUIRES: `snapshot` has it.
v1::PortInfo DescribePort(const ServiceContext& context,
                          const Snapshot& snapshot, const std::string& name);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_SERVICE_PORT_SERVICE_H_
