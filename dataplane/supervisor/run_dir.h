// dataplane/supervisor/run_dir.h
//
// RunDir: the folder of one running switch, with a lock, so that two
// supervisors never share one.  Removes at the end what it made.
//
//   ASSIGN_OR_RETURN(RunDir run_dir, RunDir::Open(options));
//
// Thread rule: main thread only.

#ifndef VSWITCH_DATAPLANE_SUPERVISOR_RUN_DIR_H_
#define VSWITCH_DATAPLANE_SUPERVISOR_RUN_DIR_H_

#include <string>

#include "absl/status/statusor.h"
#include "dataplane/supervisor/options.h"
#include "nic-drivers/tap/unique_fd.h"

namespace vswitch {

class RunDir {
 public:
  // Makes the run and the state folder where they are missing, and takes the
  // lock.  ALREADY_EXISTS: another vswitchd has it.
  static absl::StatusOr<RunDir> Open(const SupervisorOptions& options);
  RunDir(RunDir&& other) = default;
  ~RunDir();

 private:
  RunDir(UniqueFd lock, std::string lock_path, std::string socket_path,
         std::string made)
      : lock_(std::move(lock)),
        lock_path_(std::move(lock_path)),
        socket_path_(std::move(socket_path)),
        made_(std::move(made)) {}

  UniqueFd lock_;
  std::string lock_path_;
  std::string socket_path_;
  std::string made_;  // the run folder, if it is ours to remove
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_SUPERVISOR_RUN_DIR_H_
