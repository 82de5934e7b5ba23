// The event loop: signals, deaths, starts.  supervisor_requests.cc has what the
// children ask for.

#include "dataplane/supervisor/supervisor.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/base/status_macros.h"
#include "dataplane/supervisor/log.h"
#include "dataplane/supervisor/systemd_notify.h"

namespace vswitch {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

// How soon the loss of a namespace is seen.
constexpr int kPortCheckMs = 100;
// A control plane that ends in its first moments with an error was started
// wrongly; later it is a crash.
constexpr milliseconds kStartWindow{2000};

// What epoll says with an event.
constexpr uint64_t kSignalEvent = 0;
constexpr uint64_t kControlplaneEvent = 1;
constexpr uint64_t kDataplaneEvent = 2;

// Of the dataplane: af_packet and af_xdp sockets, locked memory, priorities.
const std::vector<int>& DataplaneCapabilities() {
  static const auto* const list = new std::vector<int>{
      CAP_NET_RAW, CAP_NET_ADMIN, CAP_IPC_LOCK, CAP_SYS_NICE, CAP_BPF};
  return *list;
}

double MsBetween(std::chrono::steady_clock::time_point from,
                 std::chrono::steady_clock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Supervisor>> Supervisor::Create(
    const SupervisorOptions& options) {
  ASSIGN_OR_RETURN(RunDir run_dir, RunDir::Open(options));
  ASSIGN_OR_RETURN(SwitchMemory memory, CreateSwitchMemory(options));
  std::unique_ptr<Supervisor> supervisor(
      new Supervisor(options, std::move(run_dir), std::move(memory)));
  RETURN_IF_ERROR(supervisor->OpenEvents());
  return supervisor;
}

Supervisor::Supervisor(SupervisorOptions options, RunDir run_dir,
                       SwitchMemory memory)
    : options_(std::move(options)), run_dir_(std::move(run_dir)) {
  state_.memory = std::move(memory);
}

Supervisor::~Supervisor() {
  for (Slot* slot : {&state_.controlplane, &state_.dataplane}) {
    if (!slot->child.has_value()) continue;
    kill(slot->child->pid(), SIGKILL);
    waitpid(slot->child->pid(), nullptr, 0);
  }
}

absl::Status Supervisor::OpenEvents() {
  // What a child leaves behind becomes ours, so that it is reaped.
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGTERM, SIGINT, SIGCHLD}) sigaddset(&set, signal);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  signals_.reset(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  epoll_.reset(epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{.events = EPOLLIN, .data = {.u64 = kSignalEvent}};
  if (!signals_.ok() || !epoll_.ok() ||
      epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, signals_.get(), &event) != 0) {
    return absl::ErrnoToStatus(errno, "cannot wait for signals");
  }
  return absl::OkStatus();
}

absl::Status Supervisor::Run() {
  StartSlot(state_.controlplane);
  StartSlot(state_.dataplane);
  const absl::Status status = Loop();
  state_.ports.Clear();
  if (!status.ok()) return status;
  return failure_;
}

absl::Status Supervisor::Loop() {
  while (!stopping_ || state_.controlplane.child.has_value() ||
         state_.dataplane.child.has_value()) {
    epoll_event events[8];
    const int count =
        epoll_wait(epoll_.get(), events, std::size(events), NextTimeoutMs());
    if (count < 0 && errno != EINTR) {
      return absl::ErrnoToStatus(errno, "cannot wait for events");
    }
    for (int i = 0; i < count; ++i) {
      switch (events[i].data.u64) {
        case kSignalEvent:
          HandleSignals();
          break;
        case kControlplaneEvent:
          HandleSocket(state_.controlplane);
          break;
        case kDataplaneEvent:
          HandleSocket(state_.dataplane);
          break;
      }
    }
    RunTimers();
  }
  return absl::OkStatus();
}

int Supervisor::NextTimeoutMs() const {
  int64_t timeout_ms = state_.ports.size() > 0 ? kPortCheckMs : 60'000;
  const Clock::time_point now = Clock::now();
  for (const Slot* slot : {&state_.controlplane, &state_.dataplane}) {
    for (const auto& at : {slot->start_at, slot->kill_at}) {
      if (!at.has_value()) continue;
      // Rounded up, or the loop would turn until the moment is there.
      const int64_t wait_ms =
          duration_cast<milliseconds>(*at - now).count() + 1;
      timeout_ms = std::clamp<int64_t>(wait_ms, 0, timeout_ms);
    }
  }
  return static_cast<int>(timeout_ms);
}

void Supervisor::HandleSignals() {
  signalfd_siginfo info;
  while (read(signals_.get(), &info, sizeof(info)) == sizeof(info)) {
    if (info.ssi_signo == SIGCHLD) {
      Reap();
    } else {
      BeginStop();
    }
  }
}

void Supervisor::Reap() {
  int wait_status;
  while (true) {
    const pid_t pid = waitpid(-1, &wait_status, WNOHANG);
    if (pid <= 0) return;
    for (Slot* slot : {&state_.controlplane, &state_.dataplane}) {
      if (slot->child.has_value() && slot->child->pid() == pid) {
        HandleDeath(*slot, wait_status);
      }
    }
  }
}

void Supervisor::HandleDeath(Slot& slot, int wait_status) {
  const Clock::time_point now = Clock::now();
  const auto run = duration_cast<milliseconds>(now - slot.started_at);
  slot.child.reset();
  slot.kill_at.reset();
  slot.ready = false;
  slot.status.pid = 0;
  slot.status.last_exit = DescribeExit(wait_status);
  if (!slot.died_at.has_value()) slot.died_at = now;
  if (slot.role == Role::kDataplane) {
    Notify({.kind = Notice::Kind::kDataplaneDied,
            .incarnation = slot.status.incarnation});
  }
  if (stopping_) return;
  const bool refused = WIFEXITED(wait_status) && WEXITSTATUS(wait_status) != 0;
  const bool first = slot.status.incarnation == 1 && !slot.was_ready &&
                     (slot.role == Role::kDataplane || run < kStartWindow);
  if (refused && first && !slot.stop_wanted) {
    failure_ = absl::FailedPreconditionError(
        absl::StrCat("the ", slot.name, " ", slot.status.last_exit,
                     " before it was ready; its message is above"));
    BeginStop();
    return;
  }
  const int64_t delay_ms =
      slot.stop_wanted ? 0 : slot.backoff.DelayAfterRun(run.count());
  slot.start_at = now + milliseconds(delay_ms);
  Log(absl::StrCat("the ", slot.name, " ", slot.status.last_exit, " after ",
                   run.count(), " ms; starting it again in ", delay_ms, " ms"));
}

void Supervisor::RunTimers() {
  const Clock::time_point now = Clock::now();
  for (Slot* slot : {&state_.controlplane, &state_.dataplane}) {
    if (slot->kill_at.has_value() && *slot->kill_at <= now) {
      slot->kill_at.reset();
      Log(absl::StrCat("the ", slot->name, " did not stop within ",
                       options_.stop_timeout_ms, " ms; killing it"));
      kill(slot->child->pid(), SIGKILL);
    }
    if (slot->start_at.has_value() && *slot->start_at <= now) {
      slot->start_at.reset();
      if (!stopping_) StartSlot(*slot);
    }
  }
  ReportGonePorts();
}

void Supervisor::StartSlot(Slot& slot) {
  const bool controlplane = slot.role == Role::kControlplane;
  const uint64_t incarnation = ++slot.status.incarnation;
  if (incarnation > 1) ++slot.status.restarts;
  slot.stop_wanted = false;
  slot.started_at = Clock::now();
  const SwitchMemory& memory = state_.memory;
  ChildSpec spec;
  if (controlplane) {
    spec.command = ControlplaneCommand(options_);
    spec.table_memory_fd = memory.tables.fd();
    spec.worker_memory_fd = memory.workers_read_only.get();
  } else {
    spec.command = DataplaneCommand(options_, incarnation);
    spec.table_memory_fd = memory.tables_read_only.get();
    spec.worker_memory_fd = memory.workers.fd();
    spec.capabilities = DataplaneCapabilities();
  }
  absl::StatusOr<Child> child = Child::Start(spec);
  epoll_event event{
      .events = EPOLLIN,
      .data = {.u64 = controlplane ? kControlplaneEvent : kDataplaneEvent}};
  if (!child.ok() ||
      epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, child->socket(), &event) != 0) {
    Log(absl::StrCat("the ", slot.name,
                     " cannot be started: ", child.status().message()));
    slot.start_at = slot.started_at + milliseconds(Backoff::kMaxDelayMs);
    if (child.ok()) slot.child = *std::move(child);  // its end is seen
    return;
  }
  slot.child = *std::move(child);
  slot.status.pid = slot.child->pid();
  if (!controlplane) {
    Notify(
        {.kind = Notice::Kind::kDataplaneStarted, .incarnation = incarnation});
    return;
  }
  if (slot.died_at.has_value()) {
    slot.status.last_gap_ms = MsBetween(*slot.died_at, Clock::now());
    slot.died_at.reset();
  }
  TellControlplaneWhatRuns();
}

void Supervisor::StopSlot(Slot& slot) {
  slot.start_at.reset();
  if (!slot.child.has_value() || slot.stop_wanted) return;
  slot.stop_wanted = true;
  slot.kill_at = Clock::now() + milliseconds(options_.stop_timeout_ms);
  kill(slot.child->pid(), SIGTERM);
}

void Supervisor::BeginStop() {
  if (stopping_) return;
  stopping_ = true;
  NotifySystemd("STOPPING=1");
  StopSlot(state_.controlplane);
  StopSlot(state_.dataplane);
}

}  // namespace vswitch
