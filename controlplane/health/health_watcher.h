// controlplane/health/health_watcher.h
//
// HealthWatcher: keeps HealthServers as the present generation has it.
//
//   HealthServers servers(is_healthy);
//   HealthWatcher watcher(plane, servers);   // until it is destroyed
//
// Has a thread of its own.

#ifndef VSWITCH_CONTROLPLANE_HEALTH_HEALTH_WATCHER_H_
#define VSWITCH_CONTROLPLANE_HEALTH_HEALTH_WATCHER_H_

#include <thread>

#include "absl/synchronization/notification.h"
#include "controlplane/health/health_servers.h"
#include "controlplane/publish/control_plane.h"

namespace vswitch {

class HealthWatcher {
 public:
  // Both outlive the watcher.
  HealthWatcher(const ControlPlane& plane, HealthServers& servers);
  ~HealthWatcher();

  HealthWatcher(const HealthWatcher&) = delete;
  HealthWatcher& operator=(const HealthWatcher&) = delete;

 private:
  void Run();

  const ControlPlane& plane_;
  HealthServers& servers_;
  absl::Notification stop_;
  std::thread thread_;
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_HEALTH_HEALTH_WATCHER_H_
