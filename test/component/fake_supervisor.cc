// What a supervisor answers, without its processes and interfaces.

#include "test/component/fake_supervisor.h"

#include "absl/strings/str_cat.h"

namespace vswitch {

absl::Status FakeSupervisor::AttachPort(const AttachPortRequest& request) {
  absl::MutexLock lock(&mutex_);
  if (removed_namespaces_.contains(request.netns)) {
    return absl::NotFoundError(
        absl::StrCat("network namespace ", request.netns, " does not exist"));
  }
  devices_[request.name] = request;
  return absl::OkStatus();
}

absl::Status FakeSupervisor::DetachPort(PortId port, uint32_t epoch) {
  absl::MutexLock lock(&mutex_);
  std::erase_if(devices_, [&](const auto& device) {
    return device.second.port == port && device.second.epoch == epoch;
  });
  return absl::OkStatus();
}

absl::StatusOr<std::vector<AttachedPort>> FakeSupervisor::ListPorts() {
  absl::MutexLock lock(&mutex_);
  std::vector<AttachedPort> ports;
  for (const auto& [name, request] : devices_) {
    ports.push_back({.id = {request.port, request.epoch},
                     .name = name,
                     .netns = request.netns,
                     .ifname = request.ifname});
  }
  return ports;
}

absl::StatusOr<SupervisorStatus> FakeSupervisor::GetStatus() {
  absl::MutexLock lock(&mutex_);
  if (gone_) return absl::UnavailableError("the supervisor is gone");
  return status_;
}

absl::Status FakeSupervisor::RestartDataplane() {
  absl::MutexLock lock(&mutex_);
  ++restart_requests_;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<UniqueFd>> FakeSupervisor::GetPortFds(PortId,
                                                                 uint32_t) {
  return absl::UnimplementedError("the fake dataplane needs no descriptors");
}

absl::Status FakeSupervisor::ReportReady(uint64_t) { return absl::OkStatus(); }

void FakeSupervisor::RemoveNamespace(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  removed_namespaces_.insert(path);
}

void FakeSupervisor::StopDataplane() {
  absl::MutexLock lock(&mutex_);
  status_.dataplane.pid = 0;
  status_.dataplane.last_exit = "killed by SIGKILL";
}

void FakeSupervisor::SetRestarted(double gap_ms) {
  absl::MutexLock lock(&mutex_);
  status_.dataplane.restarts = 1;
  status_.dataplane.last_gap_ms = gap_ms;
}

void FakeSupervisor::Disappear() {
  absl::MutexLock lock(&mutex_);
  gone_ = true;
}

std::map<std::string, AttachPortRequest> FakeSupervisor::devices() const {
  absl::MutexLock lock(&mutex_);
  return devices_;
}

int FakeSupervisor::restart_request_count() const {
  absl::MutexLock lock(&mutex_);
  return restart_requests_;
}

}  // namespace vswitch
