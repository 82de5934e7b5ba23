// Between fork() and execv() only async-signal-safe functions are called.

#include "dataplane/supervisor/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "dataplane/base/status_macros.h"
#include "dataplane/supervisor/channel.h"

namespace vswitch {
namespace {

constexpr size_t kMaxUnsent = 1024;
// Where descriptors are put before they are moved to their final numbers.
constexpr int kFirstHighFd = 10;

struct Prepared {
  std::vector<char*> argv;
  int fds[6];  // what becomes descriptor 0 to 5
  int error_fd;
  pid_t parent;
  bool keep[CAP_LAST_CAP + 1] = {};
};

[[noreturn]] void FailChild(const Prepared& prepared) {
  const int error = errno;
  // The reader takes a short write as "unknown error".
  [[maybe_unused]] const ssize_t written =
      write(prepared.error_fd, &error, sizeof(error));
  _exit(127);
}

void DropCapabilities(const Prepared& prepared) {
  for (int capability = 0; capability <= CAP_LAST_CAP; ++capability) {
    if (prepared.keep[capability]) continue;
    // 1: still in the bounding set; an error: this kernel does not know it.
    if (prctl(PR_CAPBSET_READ, capability) != 1) continue;
    if (prctl(PR_CAPBSET_DROP, capability) != 0) {
      // Without root there is nothing to drop.
      if (errno == EPERM && geteuid() != 0) return;
      FailChild(prepared);
    }
  }
}

[[noreturn]] void RunChild(const Prepared& prepared) {
  // A child without a supervisor would keep interfaces and memory that nobody
  // can find again, so it is asked to end.
  if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0) FailChild(prepared);
  if (getppid() != prepared.parent) _exit(127);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  DropCapabilities(prepared);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) FailChild(prepared);
  for (int fd = 0; fd < 6; ++fd) {
    if (prepared.fds[fd] >= 0 && dup2(prepared.fds[fd], fd) < 0) {
      FailChild(prepared);
    }
  }
  close_range(6, ~0u, CLOSE_RANGE_CLOEXEC);
  execv(prepared.argv[0], prepared.argv.data());
  FailChild(prepared);
}

// Returns a duplicate out of the way of the final numbers.
absl::StatusOr<UniqueFd> DuplicateHigh(int fd) {
  UniqueFd high(fcntl(fd, F_DUPFD_CLOEXEC, kFirstHighFd));
  if (!high.ok()) return absl::ErrnoToStatus(errno, "cannot duplicate");
  return high;
}

// Waits until the program runs, which closes the pipe.
absl::Status WaitForExec(int error_fd, pid_t pid, const std::string& program) {
  int error = 0;
  ssize_t bytes;
  do {
    bytes = read(error_fd, &error, sizeof(error));
  } while (bytes < 0 && errno == EINTR);
  if (bytes == 0) return absl::OkStatus();
  waitpid(pid, nullptr, 0);
  return absl::ErrnoToStatus(bytes == sizeof(error) ? error : ECHILD,
                             absl::StrCat("cannot start ", program));
}

}  // namespace

absl::StatusOr<Child> Child::Start(const ChildSpec& spec) {
  using Channel = std::pair<UniqueFd, UniqueFd>;
  ASSIGN_OR_RETURN(Channel channel, MakeChannel());
  int pipe_fds[2];
  if (pipe2(pipe_fds, O_CLOEXEC) != 0) {
    return absl::ErrnoToStatus(errno, "cannot make a pipe");
  }
  UniqueFd error_read(pipe_fds[0]);
  UniqueFd error_write(pipe_fds[1]);
  UniqueFd null_input(open("/dev/null", O_RDONLY | O_CLOEXEC));
  Prepared prepared;
  std::vector<UniqueFd> high;
  for (int fd :
       {null_input.get(), 1, 2, channel.second.get(), spec.table_memory_fd,
        spec.worker_memory_fd, error_write.get()}) {
    ASSIGN_OR_RETURN(UniqueFd duplicate, DuplicateHigh(fd));
    high.push_back(std::move(duplicate));
  }
  error_write.reset();
  for (int i = 0; i < 6; ++i) prepared.fds[i] = high[i].get();
  prepared.error_fd = high[6].get();
  prepared.parent = getpid();
  for (int capability : spec.capabilities) prepared.keep[capability] = true;
  for (const std::string& argument : spec.command) {
    prepared.argv.push_back(const_cast<char*>(argument.c_str()));
  }
  prepared.argv.push_back(nullptr);
  const pid_t pid = fork();
  if (pid < 0) return absl::ErrnoToStatus(errno, "cannot fork");
  if (pid == 0) RunChild(prepared);
  high.clear();
  RETURN_IF_ERROR(WaitForExec(error_read.get(), pid, spec.command[0]));
  return Child(pid, std::move(channel.first));
}

absl::Status Child::Send(const Message& message, const std::vector<int>& fds) {
  if (unsent_.empty()) {
    absl::Status sent = SendMessage(socket_.get(), message, fds);
    if (!absl::IsResourceExhausted(sent)) return sent;
  }
  if (unsent_.size() == kMaxUnsent) {
    return absl::ResourceExhaustedError("the child does not read its socket");
  }
  Unsent unsent{.message = message, .fds = {}};
  for (int fd : fds) {
    ASSIGN_OR_RETURN(UniqueFd duplicate, DuplicateHigh(fd));
    unsent.fds.push_back(std::move(duplicate));
  }
  unsent_.push_back(std::move(unsent));
  return absl::OkStatus();
}

absl::Status Child::Flush() {
  while (!unsent_.empty()) {
    std::vector<int> fds;
    for (const UniqueFd& fd : unsent_.front().fds) fds.push_back(fd.get());
    const absl::Status sent =
        SendMessage(socket_.get(), unsent_.front().message, fds);
    if (absl::IsResourceExhausted(sent)) return absl::OkStatus();
    RETURN_IF_ERROR(sent);
    unsent_.pop_front();
  }
  return absl::OkStatus();
}

std::string DescribeExit(int wait_status) {
  if (WIFSIGNALED(wait_status)) {
    const char* name = sigabbrev_np(WTERMSIG(wait_status));
    return absl::StrCat("killed by SIG", name == nullptr ? "?" : name);
  }
  return absl::StrCat("exited with status ", WEXITSTATUS(wait_status));
}

}  // namespace vswitch
