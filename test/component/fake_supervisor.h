// test/component/fake_supervisor.h
//
// FakeSupervisor: a supervisor in the test's own process.  It makes no
// interface; it remembers what it was asked for and knows which namespaces
// vanished.
//
//   FakeSupervisor supervisor;
//   supervisor.RemoveNamespace("/run/netns/web");   // AttachPort: NOT_FOUND
//   supervisor.StopDataplane();                     // GetStatus: pid 0
//
// Thread-safe.

#ifndef VSWITCH_TEST_COMPONENT_FAKE_SUPERVISOR_H_
#define VSWITCH_TEST_COMPONENT_FAKE_SUPERVISOR_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "dataplane/supervisor/client.h"

namespace vswitch {

class FakeSupervisor final : public SupervisorClient {
 public:
  absl::Status AttachPort(const AttachPortRequest& request) override;
  absl::Status DetachPort(PortId port, uint32_t epoch) override;
  absl::StatusOr<std::vector<AttachedPort>> ListPorts() override;
  absl::StatusOr<SupervisorStatus> GetStatus() override;
  absl::Status RestartDataplane() override;
  absl::StatusOr<std::vector<UniqueFd>> GetPortFds(PortId port,
                                                   uint32_t epoch) override;
  absl::Status ReportReady(uint64_t incarnation) override;

  // From now on there is no such network namespace.
  void RemoveNamespace(const std::string& path);
  // From now on there is no dataplane process.
  void StopDataplane();
  // From now on the dataplane was restarted once, with a gap of `gap_ms`.
  void SetRestarted(double gap_ms);
  // From now on nothing is answered.
  void Disappear();

  // The requests of the devices that exist, by port name.
  std::map<std::string, AttachPortRequest> devices() const;
  int restart_request_count() const;

 private:
  mutable absl::Mutex mutex_;
  std::set<std::string> removed_namespaces_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, AttachPortRequest> devices_ ABSL_GUARDED_BY(mutex_);
  SupervisorStatus status_ ABSL_GUARDED_BY(mutex_) = {
      .pid = 100,
      .uptime_s = 60,
      .controlplane = {.pid = 101, .incarnation = 1},
      .dataplane = {.pid = 102, .incarnation = 1},
  };
  int restart_requests_ ABSL_GUARDED_BY(mutex_) = 0;
  bool gone_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace vswitch

#endif  // VSWITCH_TEST_COMPONENT_FAKE_SUPERVISOR_H_
