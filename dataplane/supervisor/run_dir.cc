// The lock is flock(2): the kernel drops it with the process.

#include "dataplane/supervisor/run_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

// Makes the folder with its parents; whether it was missing.
absl::StatusOr<bool> MakeFolder(const std::string& path, mode_t mode,
                                absl::string_view option) {
  std::error_code error;
  const bool made = std::filesystem::create_directories(path, error);
  if (error) {
    return absl::ErrnoToStatus(
        error.value(),
        absl::StrCat("option --", option, ": cannot make ", path));
  }
  if (made) chmod(path.c_str(), mode);
  return made;
}

std::string ReadPid(int fd) {
  char text[16] = {};
  const ssize_t bytes = pread(fd, text, sizeof(text) - 1, 0);
  return bytes > 0 ? std::string(text, strcspn(text, "\n")) : "?";
}

}  // namespace

absl::StatusOr<RunDir> RunDir::Open(const SupervisorOptions& options) {
  RETURN_IF_ERROR(MakeFolder(options.state_dir, 0700, "state-dir").status());
  ASSIGN_OR_RETURN(const bool made,
                   MakeFolder(options.run_dir, 0755, "run-dir"));
  const std::string path = absl::StrCat(options.run_dir, "/vswitchd.lock");
  UniqueFd lock(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock.ok()) {
    return absl::ErrnoToStatus(
        errno, absl::StrCat("option --run-dir: cannot open ", path));
  }
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return absl::AlreadyExistsError(
        absl::StrCat("option --run-dir: another vswitchd (pid ",
                     ReadPid(lock.get()), ") uses ", options.run_dir));
  }
  const std::string pid = absl::StrCat(getpid(), "\n");
  if (ftruncate(lock.get(), 0) != 0 ||
      pwrite(lock.get(), pid.data(), pid.size(), 0) < 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", path));
  }
  return RunDir(std::move(lock), path, options.SocketPath(),
                made ? options.run_dir : "");
}

RunDir::~RunDir() {
  if (!lock_.ok()) return;
  // The control plane removes its socket itself, unless it was killed.
  unlink(socket_path_.c_str());
  unlink(lock_path_.c_str());
  if (!made_.empty()) rmdir(made_.c_str());
}

}  // namespace vswitch
