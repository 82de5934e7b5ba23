// vswitch-controlplane: puts the parts together, serves until SIGTERM.

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "controlplane/daemon/options.h"
#include "controlplane/health/health_servers.h"
#include "controlplane/health/health_watcher.h"
#include "controlplane/publish/control_plane.h"
#include "controlplane/publish/log.h"
#include "controlplane/publish/monotonic_clock.h"
#include "controlplane/service/server.h"
#include "dataplane/base/status_macros.h"
#include "dataplane/memory/segment.h"

namespace vswitch {
namespace {

constexpr char kVersion[] = "0.1.0";
constexpr absl::Duration kStopGrace = absl::Seconds(1);
constexpr absl::Duration kDataplaneSilence = absl::Seconds(5);

// Notices begin before there is a control plane to hear them.
class NoticeRelay {
 public:
  void Deliver(const Notice& notice) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    if (notice.kind == Notice::Kind::kSupervisorGone) {
      // Ports cannot be added any more, all else goes on.
      Log("the supervisor is gone");
    }
    if (plane_ != nullptr) {
      plane_->OnNotice(notice);
    } else {
      early_.push_back(notice);
    }
  }
  // From now on `plane` gets them, also those that came before.
  void SetPlane(ControlPlane* plane) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    plane_ = plane;
    if (plane == nullptr) return;
    for (const Notice& notice : early_) plane->OnNotice(notice);
    early_.clear();
  }

 private:
  absl::Mutex mutex_;
  ControlPlane* plane_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::vector<Notice> early_ ABSL_GUARDED_BY(mutex_);
};

// Signals are taken by sigwait() alone; blocked before any thread begins.
sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return signals;
}

absl::Status Serve(const DaemonOptions& options, const sigset_t& signals) {
  ASSIGN_OR_RETURN(
      Segment table_memory,
      Segment::Map(options.table_memory_fd, SegmentAccess::kReadWrite));
  ASSIGN_OR_RETURN(Segment worker_memory, Segment::Map(options.worker_memory_fd,
                                                       SegmentAccess::kRead));
  ASSIGN_OR_RETURN(TableMemoryWriter tables,
                   TableMemoryWriter::Attach(table_memory.writable()));
  ASSIGN_OR_RETURN(TableMemoryReader published,
                   TableMemoryReader::Attach(table_memory.bytes()));
  ASSIGN_OR_RETURN(WorkerMemoryView workers,
                   WorkerMemoryView::Attach(worker_memory.bytes()));
  ASSIGN_OR_RETURN(CounterView counters,
                   CounterView::Open(workers.counter_area()));
  ASSIGN_OR_RETURN(ConnectionReader connections,
                   ConnectionReader::Attach(workers.connection_area()));

  NoticeRelay notices;
  ASSIGN_OR_RETURN(std::unique_ptr<SupervisorClient> supervisor,
                   SupervisorClient::Create(options.supervisor_fd,
                                            [&notices](const Notice& notice) {
                                              notices.Deliver(notice);
                                            }));
  ControlPlaneOptions plane_options;
  plane_options.node_name = options.node_name;
  plane_options.state_dir = options.state_dir;
  plane_options.queues_per_port = static_cast<uint16_t>(options.workers);
  ASSIGN_OR_RETURN(
      std::unique_ptr<ControlPlane> plane,
      ControlPlane::Start(plane_options, {tables, published, workers},
                          *supervisor));
  notices.SetPlane(plane.get());

  // Longer than a restart takes: no balancer is to leave the node for that.
  HealthServers health([&workers] {
    return MonotonicNs() - workers.heartbeat_ns() <
           static_cast<uint64_t>(absl::ToInt64Nanoseconds(kDataplaneSilence));
  });
  HealthWatcher health_watcher(*plane, health);
  DataplaneCommands commands(tables.rings(), workers.rings());
  DropLog drops(tables.rings(), workers.rings());
  NamesCache names;
  ServiceContext context{*plane,      *supervisor, workers,     counters,
                         connections, commands,    drops,       names,
                         health,      kVersion,    options.poll};
  ASSIGN_OR_RETURN(std::unique_ptr<ApiServer> server,
                   ApiServer::Start(options.socket, context));
  Log("serving at ", options.socket, ", generation ",
      plane->snapshot()->generation);
  int signal = 0;
  sigwait(&signals, &signal);
  server->Stop(kStopGrace);
  notices.SetPlane(nullptr);
  return absl::OkStatus();
}

}  // namespace
}  // namespace vswitch

int main(int argc, char** argv) {
  sigset_t signals = vswitch::BlockSignals();
  absl::StatusOr<vswitch::DaemonOptions> options =
      vswitch::ParseOptions(argc, argv);
  if (!options.ok()) {
    vswitch::Log(options.status().message());
    return 2;
  }
  if (options->show_help) {
    std::fputs(vswitch::HelpText().c_str(), stdout);
    return 0;
  }
  absl::Status status = vswitch::Serve(*options, signals);
  if (!status.ok()) {
    vswitch::Log(status.message());
    return 1;
  }
  return 0;
}
