// dataplane/supervisor/child.h
//
// Child: one run of a program that the supervisor starts: its process, and our
// end of the socket to it.  Before the program starts it is given exactly the
// descriptors 0 to 5, told to end with the supervisor, and stripped of every
// capability that is not named.
//
//   ASSIGN_OR_RETURN(Child child, Child::Start(spec));
//   ... a SIGCHLD arrives, waitpid() returns child.pid() ...
//
// Thread rule: main thread only.

#ifndef VSWITCH_DATAPLANE_SUPERVISOR_CHILD_H_
#define VSWITCH_DATAPLANE_SUPERVISOR_CHILD_H_

#include <sys/types.h>

#include <deque>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/supervisor/protocol.h"
#include "nic-drivers/tap/unique_fd.h"

namespace vswitch {

struct ChildSpec {
  std::vector<std::string> command;  // program first, by its path
  int table_memory_fd = -1;
  int worker_memory_fd = -1;
  // Linux capabilities that may be had; all others are dropped for good.
  std::vector<int> capabilities;
};

class Child {
 public:
  // Returns when the program runs, or why it does not.
  static absl::StatusOr<Child> Start(const ChildSpec& spec);

  Child(Child&&) = default;
  Child& operator=(Child&&) = default;

  pid_t pid() const { return pid_; }
  int socket() const { return socket_.get(); }

  // Sends `message` or, when the child does not read now, keeps it until
  // Flush().  RESOURCE_EXHAUSTED: it has not read for long; it hangs.
  absl::Status Send(const Message& message, const std::vector<int>& fds);
  // Sends what Send() kept.
  absl::Status Flush();
  bool HasUnsent() const { return !unsent_.empty(); }

 private:
  struct Unsent {
    Message message;
    std::vector<UniqueFd> fds;
  };

  Child(pid_t pid, UniqueFd socket) : pid_(pid), socket_(std::move(socket)) {}

  pid_t pid_;
  UniqueFd socket_;
  std::deque<Unsent> unsent_;
};

// Returns how a process ended, of its waitpid() status: "killed by SIGKILL".
std::string DescribeExit(int wait_status);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_SUPERVISOR_CHILD_H_
