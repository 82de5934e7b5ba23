// controlplane/health/health_servers.h
//
// HealthServers: answers load balancers that ask whether the node has endpoints
// of a service, at the service's healthCheckNodePort on every address of the
// node, as kube-proxy does: HTTP 200 while it has a ready one and the switch
// works, else 503; how many there are stands in a header and in the JSON body.
//
//   HealthServers servers([] { return true; });
//   servers.Update(*snapshot->compiled.health_checks);
//   for (const std::string& problem : servers.Problems()) Log(problem);
//
// Update() is one thread's; all else is thread-safe.  Each port has a thread of
// its own.

#ifndef VSWITCH_CONTROLPLANE_HEALTH_HEALTH_SERVERS_H_
#define VSWITCH_CONTROLPLANE_HEALTH_HEALTH_SERVERS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "controlplane/compile/health_check.h"

namespace vswitch {

class HealthServers {
 public:
  // `is_healthy` says whether the switch works; asked at each request, by any
  // thread.
  explicit HealthServers(std::function<bool()> is_healthy);
  ~HealthServers();

  HealthServers(const HealthServers&) = delete;
  HealthServers& operator=(const HealthServers&) = delete;

  // Answers for `checks` from now on, and closes all other ports.  A port that
  // could not be had is tried again each time.
  void Update(const std::vector<HealthCheck>& checks)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Which ports could not be had: "health check of Service demo/web: port
  // 32000: Address already in use".
  std::vector<std::string> Problems() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  class Server;  // one port

  struct Answer {
    int status;
    uint32_t local_endpoints;
    std::string body;
  };
  Answer AnswerFor(uint16_t port) const ABSL_LOCKS_EXCLUDED(mutex_);

  const std::function<bool()> is_healthy_;
  std::map<uint16_t, std::unique_ptr<Server>> servers_;  // Update() only

  mutable absl::Mutex mutex_;
  std::map<uint16_t, HealthCheck> checks_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> problems_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_HEALTH_HEALTH_SERVERS_H_
