// AddPort, DeletePort, ListPorts and CheckPort.

#include "controlplane/service/port_service.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controlplane/compile/resolve.h"
#include "controlplane/publish/log.h"
#include "controlplane/translate/errors.h"
#include "controlplane/translate/field_reader.h"
#include "controlplane/translate/resources.h"

namespace vswitch {
namespace {

constexpr absl::Duration kPollPause = absl::Milliseconds(1);
// A caller such as a CNI plugin is better off trying again than waiting for a
// dataplane that is not there.
constexpr absl::Duration kDataplaneGrace = absl::Seconds(2);

// Until when a call may wait: as long as it asks for, and as its client waits.
absl::Time Deadline(const grpc::ServerContext& call, uint32_t timeout_ms) {
  return std::min(DeadlineAfter(timeout_ms, kDefaultTimeout),
                  absl::FromChrono(call.deadline()));
}

ObjectKey KeyOfPort(const std::string& name) {
  return {ObjectKind::kPort, "", name};
}

absl::Status PortFault(absl::StatusCode code, const std::string& name,
                       std::string message) {
  return FaultStatus(code, Fault{KeyOfPort(name), "", std::move(message)});
}

// The transaction that takes back what `accepted` created.
Transaction Undo(const Manager& manager, const Accepted& accepted) {
  Transaction undo;
  undo.manager = manager;
  undo.ignore_missing = true;
  for (const ObjectResult& result : accepted.change.results) {
    if (result.outcome == ObjectOutcome::kCreated) {
      undo.deletes.push_back(result.key);
    }
  }
  return undo;
}

v1::PortState StateOf(const PortStatus& status, const PortNumber& number) {
  if (status.epoch != number.epoch) return v1::PORT_STATE_UNSPECIFIED;
  switch (status.state) {
    case PortState::kOpening:
      return v1::PORT_STATE_OPENING;
    case PortState::kUp:
      return v1::PORT_STATE_UP;
    case PortState::kFailed:
      return v1::PORT_STATE_FAILED;
    case PortState::kNone:
      break;
  }
  return v1::PORT_STATE_UNSPECIFIED;
}

// Why packets do not pass; OK if they do.
absl::Status CheckUp(const v1::PortInfo& port) {
  const std::string& name = port.resource().metadata().name();
  if (!port.error().empty()) {
    return PortFault(absl::StatusCode::kFailedPrecondition, name,
                     absl::StrCat("failed: ", port.error()));
  }
  if (port.state() != v1::PORT_STATE_UP) {
    return PortFault(absl::StatusCode::kFailedPrecondition, name,
                     "the dataplane has not opened it");
  }
  if (!port.ready()) {
    return PortFault(absl::StatusCode::kFailedPrecondition, name,
                     "not every worker has its policy: packets are dropped as "
                     "PORT_NOT_READY");
  }
  return absl::OkStatus();
}

}  // namespace

v1::PortInfo DescribePort(const ServiceContext& context,
                          const Snapshot& snapshot, const std::string& name) {
  const DesiredState& desired = snapshot.stored.desired;
  const Object& object = *desired.FindObject(KeyOfPort(name));
  const PortNumber& number = *snapshot.ports.Find(name);
  v1::PortInfo info;
  *info.mutable_resource() = ToProto(object);
  info.set_id(ToInt(number.id));
  info.set_epoch(number.epoch);
  PortStatus status = context.workers.port_status(number.id);
  info.set_state(StateOf(status, number));
  info.set_ready(number.ready &&
                 context.plane.enforced_generation() >= snapshot.generation);
  info.set_error(context.plane.DeviceError(name));
  if (info.state() == v1::PORT_STATE_FAILED && info.error().empty()) {
    info.set_error(std::strerror(status.error));
  }
  absl::StatusOr<ResolvedPort> resolved =
      ResolvePort(desired, snapshot.node_name, object.metadata,
                  std::get<Port>(object.spec));
  if (!resolved.ok()) return info;
  info.set_mac(resolved->peer_mac.ToString());
  info.set_mtu(resolved->mtu);
  for (const IpAddress& address : resolved->addresses) {
    info.add_addresses(address.ToString());
  }
  for (const IpAddress& gateway : resolved->gateways) {
    info.add_gateways(gateway.ToString());
  }
  info.set_gateway_mac(snapshot.compiled.settings.gateway_mac.ToString());
  return info;
}

grpc::Status PortServiceImpl::AddPort(grpc::ServerContext* call,
                                      const v1::AddPortRequest* request,
                                      v1::AddPortResponse* response) {
  if (absl::Status known = CheckRequest(*request); !known.ok()) {
    return ToGrpc(known);
  }
  v1::ApplyRequest apply;
  *apply.mutable_manager() = request->manager();
  *apply.mutable_upserts() = request->resources();
  v1::Resource* resource = apply.add_upserts();
  resource->mutable_metadata()->set_name(request->name());
  *resource->mutable_port() = request->port();
  absl::StatusOr<Transaction> transaction = ToTransaction(apply);
  if (!transaction.ok()) return ToGrpc(transaction.status());
  transaction->must_be_new.push_back(KeyOfPort(request->name()));
  Manager manager = transaction->manager;

  absl::Time deadline = Deadline(*call, request->timeout_ms());
  if (!DataplaneRuns()) {
    deadline = std::min(deadline, absl::Now() + kDataplaneGrace);
  }
  absl::StatusOr<Accepted> accepted =
      context_.plane.Apply(*std::move(transaction));
  if (!accepted.ok()) return ToGrpc(accepted.status());
  absl::Status up = AwaitUp(request->name(), deadline);
  if (!up.ok()) {
    return ToGrpc(TakeBack(request->name(), manager, *accepted, up));
  }
  std::shared_ptr<const Snapshot> snapshot = context_.plane.snapshot();
  if (snapshot->ports.Find(request->name()) == nullptr) {
    return ToGrpc(PortFault(absl::StatusCode::kAborted, request->name(),
                            "was deleted while it was added"));
  }
  *response->mutable_port() =
      DescribePort(context_, *snapshot, request->name());
  response->set_generation(snapshot->generation);
  *response->mutable_accepted_time() = ToTimestamp(accepted->time);
  *response->mutable_enforced_time() = ToTimestamp(absl::Now());
  return grpc::Status::OK;
}

absl::Status PortServiceImpl::TakeBack(const std::string& name,
                                       const Manager& manager,
                                       const Accepted& accepted,
                                       const absl::Status& why) const {
  absl::StatusOr<Accepted> undone =
      context_.plane.Apply(Undo(manager, accepted));
  if (undone.ok()) return why;
  Log("port ", name, " not taken back: ", undone.status().message());
  return PortFault(
      why.code(), name,
      absl::StrCat(FaultsOf(why)[0].message,
                   "; it stays, since it could not be taken back (",
                   FaultsOf(undone.status())[0].message, "): delete it"));
}

absl::Status PortServiceImpl::AwaitUp(const std::string& name,
                                      absl::Time deadline) const {
  while (true) {
    std::shared_ptr<const Snapshot> snapshot = context_.plane.snapshot();
    if (snapshot->ports.Find(name) == nullptr) {
      return PortFault(absl::StatusCode::kAborted, name,
                       "was deleted while it was added");
    }
    v1::PortInfo info = DescribePort(context_, *snapshot, name);
    absl::Status up = CheckUp(info);
    if (up.ok() || !info.error().empty()) return up;
    if (absl::Now() >= deadline) {
      if (!DataplaneRuns()) {
        return PortFault(absl::StatusCode::kUnavailable, name,
                         "the dataplane does not run; try again");
      }
      return PortFault(absl::StatusCode::kDeadlineExceeded, name,
                       FaultsOf(up)[0].message);
    }
    absl::SleepFor(kPollPause);
  }
}

bool PortServiceImpl::DataplaneRuns() const {
  absl::StatusOr<SupervisorStatus> status = context_.supervisor.GetStatus();
  return status.ok() && status->dataplane.pid != 0;
}

grpc::Status PortServiceImpl::DeletePort(grpc::ServerContext* call,
                                         const v1::DeletePortRequest* request,
                                         v1::DeletePortResponse* response) {
  if (absl::Status known = CheckRequest(*request); !known.ok()) {
    return ToGrpc(known);
  }
  v1::ApplyRequest apply;
  *apply.mutable_manager() = request->manager();
  *apply.mutable_deletes() = request->resources();
  v1::ResourceKey* key = apply.add_deletes();
  key->set_kind(v1::RESOURCE_KIND_PORT);
  key->set_name(request->name());
  apply.set_force(request->force());
  apply.set_ignore_missing(request->ignore_missing());
  absl::StatusOr<Transaction> transaction = ToTransaction(apply);
  if (!transaction.ok()) return ToGrpc(transaction.status());

  std::shared_ptr<const Snapshot> before = context_.plane.snapshot();
  absl::StatusOr<Accepted> accepted =
      context_.plane.Apply(*std::move(transaction));
  if (!accepted.ok()) return ToGrpc(accepted.status());
  response->set_generation(accepted->generation);
  response->set_existed(accepted->change.results.back().outcome ==
                        ObjectOutcome::kDeleted);
  absl::Time deadline = Deadline(*call, request->timeout_ms());
  if (std::optional<absl::Time> enforced =
          context_.plane.WaitEnforced(accepted->generation, deadline)) {
    *response->mutable_enforced_time() = ToTimestamp(*enforced);
  }
  if (const PortNumber* number = before->ports.Find(request->name())) {
    AwaitClosed(*number, deadline);
  }
  return grpc::Status::OK;
}

void PortServiceImpl::AwaitClosed(const PortNumber& number,
                                  absl::Time deadline) const {
  while (absl::Now() < deadline) {
    PortStatus status = context_.workers.port_status(number.id);
    bool open =
        status.epoch == number.epoch && status.state != PortState::kNone;
    if (!open || !DataplaneRuns()) return;
    absl::SleepFor(kPollPause);
  }
}

grpc::Status PortServiceImpl::ListPorts(grpc::ServerContext*,
                                        const v1::ListPortsRequest* request,
                                        v1::ListPortsResponse* response) {
  if (absl::Status known = CheckRequest(*request); !known.ok()) {
    return ToGrpc(known);
  }
  std::shared_ptr<const Snapshot> snapshot = context_.plane.snapshot();
  for (const auto& [name, number] : snapshot->ports.ports()) {
    *response->add_ports() = DescribePort(context_, *snapshot, name);
  }
  return grpc::Status::OK;
}

grpc::Status PortServiceImpl::CheckPort(grpc::ServerContext*,
                                        const v1::CheckPortRequest* request,
                                        v1::CheckPortResponse* response) {
  if (absl::Status known = CheckRequest(*request); !known.ok()) {
    return ToGrpc(known);
  }
  std::shared_ptr<const Snapshot> snapshot = context_.plane.snapshot();
  if (snapshot->ports.Find(request->name()) == nullptr) {
    return ToGrpc(PortFault(absl::StatusCode::kNotFound, request->name(),
                            "does not exist"));
  }
  *response->mutable_port() =
      DescribePort(context_, *snapshot, request->name());
  return ToGrpc(CheckUp(response->port()));
}

}  // namespace vswitch
