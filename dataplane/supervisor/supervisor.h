// dataplane/supervisor/supervisor.h
//
// Supervisor: starts the control plane and the dataplane, serves their
// requests, and starts each again when it dies, until it is asked to stop.  One
// thread, one event loop; nothing in it waits but the loop, and the making of a
// TAP (a few milliseconds).
//
//   ASSIGN_OR_RETURN(auto supervisor, Supervisor::Create(options));
//   return supervisor->Run();
//
// Everything that it made is gone when Run() returns: processes, interfaces,
// socket, lock.
//
// The two processes and the two memories are named in State, which is all that
// a successor would have to be given.
//
// Thread rule: main thread only.

#ifndef VSWITCH_DATAPLANE_SUPERVISOR_SUPERVISOR_H_
#define VSWITCH_DATAPLANE_SUPERVISOR_SUPERVISOR_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/supervisor/backoff.h"
#include "dataplane/supervisor/channel.h"
#include "dataplane/supervisor/child.h"
#include "dataplane/supervisor/memory.h"
#include "dataplane/supervisor/options.h"
#include "dataplane/supervisor/port_store.h"
#include "dataplane/supervisor/run_dir.h"

namespace vswitch {

class Supervisor {
 public:
  // Makes folders, lock and memory; starts nothing.
  static absl::StatusOr<std::unique_ptr<Supervisor>> Create(
      const SupervisorOptions& options);
  ~Supervisor();

  // Supervises until SIGTERM or SIGINT.  Returns an error when the switch could
  // not be started at all: a child refused to run before it ever was ready.
  absl::Status Run();

 private:
  using Clock = std::chrono::steady_clock;
  enum class Role { kControlplane, kDataplane };

  // One of the two children, over all its runs.
  struct Slot {
    Role role;
    const char* name;
    std::optional<Child> child;  // while it runs
    ChildStatus status;
    Backoff backoff;
    Clock::time_point started_at;
    std::optional<Clock::time_point> died_at;   // until it is ready again
    std::optional<Clock::time_point> start_at;  // when it is to be started
    std::optional<Clock::time_point> kill_at;   // when it was told to stop
    bool stop_wanted = false;                   // by us: its end is no crash
    bool ready = false;                         // this run
    bool was_ready = false;                     // any run
  };

  // What the supervisor holds.
  struct State {
    SwitchMemory memory;
    PortStore ports;
    Slot controlplane{.role = Role::kControlplane, .name = "control plane"};
    Slot dataplane{.role = Role::kDataplane, .name = "dataplane"};
  };

  Supervisor(SupervisorOptions options, RunDir run_dir, SwitchMemory memory);

  absl::Status OpenEvents();
  absl::Status Loop();
  int NextTimeoutMs() const;
  void HandleSignals();
  void Reap();
  void HandleDeath(Slot& slot, int wait_status);
  void RunTimers();
  void StartSlot(Slot& slot);
  void StopSlot(Slot& slot);
  void BeginStop();

  void HandleSocket(Slot& slot);
  void Serve(Slot& slot, const Message& request);
  // Returns the reply's body; descriptors to go with it in `fds`.
  absl::StatusOr<std::string> Answer(Slot& slot, const Message& request,
                                     std::vector<int>& fds);
  absl::StatusOr<std::string> AnswerControlplane(const Message& request);
  absl::StatusOr<std::string> AnswerDataplane(const Message& request,
                                              std::vector<int>& fds);
  absl::Status HandleReady(uint64_t incarnation);
  void SendTo(Slot& slot, const Message& message, const std::vector<int>& fds);
  void Notify(const Notice& notice);
  void TellControlplaneWhatRuns();
  void ReportGonePorts();
  SupervisorStatus Status() const;

  const SupervisorOptions options_;
  RunDir run_dir_;
  State state_;
  const Clock::time_point created_at_ = Clock::now();
  UniqueFd epoll_;
  UniqueFd signals_;
  bool stopping_ = false;
  absl::Status failure_;  // why the switch could not be started
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_SUPERVISOR_SUPERVISOR_H_
