// The thread that follows the generations.

#include "controlplane/health/health_watcher.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "controlplane/publish/log.h"

namespace vswitch {
namespace {

// How long a stop may take, and how soon a port that was taken is tried again.
constexpr absl::Duration kLook = absl::Milliseconds(500);

}  // namespace

HealthWatcher::HealthWatcher(const ControlPlane& plane, HealthServers& servers)
    : plane_(plane), servers_(servers), thread_([this] { Run(); }) {}

HealthWatcher::~HealthWatcher() {
  stop_.Notify();
  thread_.join();
}

void HealthWatcher::Run() {
  Generation seen = 0;
  std::vector<std::string> told;
  while (!stop_.HasBeenNotified()) {
    const std::shared_ptr<const Snapshot> snapshot =
        plane_.WaitForLater(seen, absl::Now() + kLook);
    seen = snapshot->generation;
    servers_.Update(*snapshot->compiled.health_checks);
    std::vector<std::string> problems = servers_.Problems();
    if (problems == told) continue;
    for (const std::string& problem : problems) Log(problem);
    told = std::move(problems);
  }
}

}  // namespace vswitch
