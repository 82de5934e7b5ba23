// GetStatus, CheckBalance and Restart.

#include "controlplane/service/admin_service.h"

#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controlplane/publish/monotonic_clock.h"
#include "controlplane/service/connection_counts.h"
#include "controlplane/translate/errors.h"
#include "controlplane/translate/field_reader.h"
#include "dataplane/stats/balance.h"

namespace vswitch {
namespace {

constexpr uint32_t kDefaultAttempts = 50;
constexpr uint32_t kMaxAttempts = 1000;
constexpr absl::Duration kAttemptPause = absl::Milliseconds(10);
constexpr absl::Duration kHeartbeatLimit = absl::Seconds(1);

void Add(const std::string& name, const ChildStatus& child,
         v1::GetStatusResponse& response) {
  v1::ProcessStatus* process = response.add_processes();
  process->set_name(name);
  process->set_running(child.pid != 0);
  process->set_pid(static_cast<uint32_t>(child.pid));
  if (child.pid != 0) {
    *process->mutable_start_time() =
        ToTimestamp(absl::Now() - absl::Seconds(child.uptime_s));
  }
  process->set_restarts(static_cast<uint32_t>(child.restarts));
  if (child.last_gap_ms >= 0) {
    // 0 means that it never died.
    process->set_last_gap_ms(
        std::max<uint64_t>(1, static_cast<uint64_t>(child.last_gap_ms)));
  }
  if (child.pid == 0) {
    response.add_conditions(absl::StrCat(
        name, " does not run: ",
        child.last_exit.empty() ? "not started" : child.last_exit));
  }
}

void Add(const std::string& name, uint64_t used, uint64_t capacity,
         const std::string& unit, v1::GetStatusResponse& response) {
  v1::Usage* usage = response.add_usage();
  usage->set_name(name);
  usage->set_used(used);
  usage->set_capacity(capacity);
  usage->set_unit(unit);
}

}  // namespace

grpc::Status AdminServiceImpl::GetStatus(grpc::ServerContext*,
                                         const v1::GetStatusRequest* request,
                                         v1::GetStatusResponse* response) {
  if (absl::Status known = CheckRequest(*request); !known.ok()) {
    return ToGrpc(known);
  }
  std::shared_ptr<const Snapshot> snapshot = context_.plane.snapshot();
  response->set_version(context_.version);
  response->set_node_name(snapshot->node_name);
  response->set_accepted_generation(snapshot->generation);
  response->set_enforced_generation(context_.plane.enforced_generation());
  response->set_poll_mode(context_.poll_mode);
  response->set_dataplane_incarnation(context_.workers.incarnation());
  FillProcesses(*response);
  FillWorkers(*response);
  FillUsage(*snapshot, *response);
  for (const auto& [key, object] : snapshot->stored.desired.objects()) {
    ++(*response->mutable_resources())[std::string(ToString(key.kind))];
  }
  for (const std::string& condition : context_.plane.Conditions()) {
    response->add_conditions(condition);
  }
  for (const std::string& problem : context_.health.Problems()) {
    response->add_conditions(problem);
  }
  return grpc::Status::OK;
}

void AdminServiceImpl::FillProcesses(v1::GetStatusResponse& response) const {
  absl::StatusOr<SupervisorStatus> status = context_.supervisor.GetStatus();
  if (!status.ok()) {
    response.add_conditions(absl::StrCat("the supervisor does not answer: ",
                                         status.status().message()));
    return;
  }
  v1::ProcessStatus* supervisor = response.add_processes();
  supervisor->set_name("supervisor");
  supervisor->set_running(true);
  supervisor->set_pid(static_cast<uint32_t>(status->pid));
  *supervisor->mutable_start_time() =
      ToTimestamp(absl::Now() - absl::Seconds(status->uptime_s));
  Add("controlplane", status->controlplane, response);
  Add("dataplane", status->dataplane, response);
  response.set_hugepages(status->table_hugepages && status->worker_hugepages);
}

void AdminServiceImpl::FillWorkers(v1::GetStatusResponse& response) const {
  uint64_t incarnation = context_.workers.incarnation();
  std::span<const WorkerSlot> slots = context_.workers.slots();
  size_t count = std::min<size_t>(slots.size(), kMaxWorkers);
  for (size_t i = 0; i < count; ++i) {
    if (incarnation == 0 || slots[i].incarnation.LoadAcquire() != incarnation) {
      continue;
    }
    Generation reached = slots[i].reached.LoadAcquire();
    v1::WorkerStatus* worker = response.add_workers();
    worker->set_id(static_cast<uint32_t>(i));
    worker->set_online(reached != kWorkerOffline);
    // A worker that sleeps holds no generation, and wakes up on the last one.
    worker->set_generation(reached == kWorkerOffline
                               ? context_.plane.snapshot()->generation
                               : reached);
  }
  uint64_t beat = context_.workers.heartbeat_ns();
  absl::Duration age =
      absl::Nanoseconds(static_cast<int64_t>(MonotonicNs() - beat));
  if (beat != 0 && age > kHeartbeatLimit) {
    response.add_conditions(absl::StrCat(
        "the dataplane's main thread gave its last sign of life ",
        absl::FormatDuration(absl::Trunc(age, absl::Milliseconds(1))), " ago"));
  }
}

void AdminServiceImpl::FillUsage(const Snapshot& snapshot,
                                 v1::GetStatusResponse& response) const {
  ControlPlane::MemoryUse use = context_.plane.memory_use();
  Add("forwarding tables", use.heap_used, use.heap_capacity, "bytes", response);
  Add("addresses", use.bindings_used, use.bindings_capacity, "entries",
      response);
  // They share one table.
  const EntryCounts entries = CountEntries(context_.connections);
  const uint64_t capacity = context_.connections.capacity();
  Add("connections", entries.connections, capacity, "entries", response);
  Add("NAT mappings and affinities", entries.notes, capacity, "entries",
      response);
  Add("ports", snapshot.ports.ports().size(), kMaxPorts, "entries", response);
}

grpc::Status AdminServiceImpl::CheckBalance(
    grpc::ServerContext* call, const v1::CheckBalanceRequest* request,
    v1::CheckBalanceResponse* response) {
  if (absl::Status known = CheckRequest(*request); !known.ok()) {
    return ToGrpc(known);
  }
  uint32_t attempts =
      request->attempts() == 0 ? kDefaultAttempts : request->attempts();
  attempts = std::min(attempts, kMaxAttempts);
  std::vector<Equation> equations;
  bool holds = false;
  for (uint32_t i = 0; i < attempts && !call->IsCancelled(); ++i) {
    if (i > 0) absl::SleepFor(kAttemptPause);
    equations =
        EvaluateBalance(context_.counters, context_.connections.CountActive());
    holds = std::all_of(equations.begin(), equations.end(),
                        [](const Equation& e) { return e.holds(); });
    if (holds) break;
  }
  response->set_holds(holds);
  std::shared_ptr<const Names> names =
      context_.names.Of(context_.plane.snapshot());
  for (const Equation& equation : equations) {
    v1::BalanceEquation* added = response->add_equations();
    added->set_name(std::string(equation.name));
    added->set_text(std::string(equation.text));
    added->set_port(names->PortName(equation.port));
    added->set_left(static_cast<int64_t>(equation.left));
    added->set_right(static_cast<int64_t>(equation.right));
    added->set_holds(equation.holds());
  }
  return grpc::Status::OK;
}

grpc::Status AdminServiceImpl::Restart(grpc::ServerContext*,
                                       const v1::RestartRequest* request,
                                       v1::RestartResponse*) {
  if (absl::Status known = CheckRequest(*request); !known.ok()) {
    return ToGrpc(known);
  }
  if (request->process() != v1::RestartRequest::PROCESS_DATAPLANE) {
    return ToGrpc(FaultStatus(
        absl::StatusCode::kInvalidArgument,
        Fault{std::nullopt, "process", "must be PROCESS_DATAPLANE"}));
  }
  return ToGrpc(context_.supervisor.RestartDataplane());
}

}  // namespace vswitch
