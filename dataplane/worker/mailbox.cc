// A worker's mailbox on two pipes.

#include "dataplane/worker/mailbox.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include <type_traits>

#include "absl/strings/str_cat.h"

namespace vswitch {
namespace {

static_assert(sizeof(PortChange) <= PIPE_BUF, "a write must be atomic");
static_assert(std::is_trivially_copyable_v<PortChange>);

std::optional<PortChange> ReadChange(int fd) {
  PortChange change;
  if (read(fd, &change, sizeof(change)) != sizeof(change)) return std::nullopt;
  return change;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Mailbox>> Mailbox::Create() {
  std::unique_ptr<Mailbox> mailbox(new Mailbox());
  if (pipe2(mailbox->to_worker_, O_CLOEXEC | O_NONBLOCK) != 0 ||
      pipe2(mailbox->to_main_, O_CLOEXEC | O_NONBLOCK) != 0) {
    return absl::InternalError(
        absl::StrCat("pipe2 for a worker's mailbox: ", strerror(errno)));
  }
  return mailbox;
}

Mailbox::~Mailbox() {
  for (int fd : {to_worker_[0], to_worker_[1], to_main_[0], to_main_[1]}) {
    if (fd >= 0) close(fd);
  }
}

absl::Status Mailbox::Send(const PortChange& change) {
  if (write(to_worker_[1], &change, sizeof(change)) != sizeof(change)) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "a worker's mailbox does not take more: ", strerror(errno)));
  }
  return absl::OkStatus();
}

std::optional<PortChange> Mailbox::TakeAnswer() {
  return ReadChange(to_main_[0]);
}

std::optional<PortChange> Mailbox::Take() { return ReadChange(to_worker_[0]); }

void Mailbox::Answer(const PortChange& change) {
  // Answers are at most as many as changes, and the main thread reads them
  // before it sends more, so the pipe has room.
  [[maybe_unused]] const ssize_t written =
      write(to_main_[1], &change, sizeof(change));
}

}  // namespace vswitch
