// Readiness of a worker's ports through epoll.

#include "dataplane/worker/port_poller.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace vswitch {
namespace {

// The epoll tag of the mailbox: no PortId has it.
constexpr uint64_t kMailboxTag = ~uint64_t{0};

absl::Status Errno(absl::string_view what) {
  return absl::InternalError(absl::StrCat(what, ": ", strerror(errno)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<PortPoller>> PortPoller::Create(uint16_t queue,
                                                               int mailbox_fd) {
  const int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd < 0) return Errno("epoll_create1");
  std::unique_ptr<PortPoller> poller(new PortPoller(queue, epoll_fd));
  epoll_event event{.events = EPOLLIN, .data = {.u64 = kMailboxTag}};
  if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, mailbox_fd, &event) != 0) {
    return Errno("epoll_ctl of a worker's mailbox");
  }
  return poller;
}

PortPoller::PortPoller(uint16_t queue, int epoll_fd)
    : queue_(queue), epoll_fd_(epoll_fd) {
  // No allocation while packets flow.
  polled_.reserve(kMaxPorts);
  ready_.reserve(kMaxPorts);
}

PortPoller::~PortPoller() { close(epoll_fd_); }

absl::Status PortPoller::Attach(PortId id, Port& port) {
  if (ToInt(id) >= kMaxPorts) {
    return absl::InvalidArgumentError(
        absl::StrCat("port id ", ToInt(id), " is not below ", kMaxPorts));
  }
  Detach(id);
  ports_[ToInt(id)] = &port;
  if (queue_ >= port.Info().queue_count) return absl::OkStatus();
  const int fd = port.ReadinessFd(queue_);
  if (fd < 0) {
    polled_.push_back(id);
    return absl::OkStatus();
  }
  epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.u64 = ToInt(id)}};
  if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) != 0) {
    ports_[ToInt(id)] = nullptr;
    return Errno(absl::StrCat("epoll_ctl of port ", port.Info().name));
  }
  // It may have had packets before the edge could be seen.
  is_ready_[ToInt(id)] = true;
  ready_.push_back(id);
  return absl::OkStatus();
}

void PortPoller::Detach(PortId id) {
  if (ToInt(id) >= kMaxPorts || ports_[ToInt(id)] == nullptr) return;
  Port& port = *ports_[ToInt(id)];
  if (queue_ < port.Info().queue_count) {
    if (const int fd = port.ReadinessFd(queue_); fd >= 0) {
      epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
    }
  }
  ports_[ToInt(id)] = nullptr;
  is_ready_[ToInt(id)] = false;
  std::erase(polled_, id);
  std::erase(ready_, id);
}

bool PortPoller::Wait(int timeout_ms) {
  std::array<epoll_event, 64> events;
  const int count =
      epoll_wait(epoll_fd_, events.data(), events.size(), timeout_ms);
  bool mailbox = false;
  for (int i = 0; i < count; ++i) {
    if (events[i].data.u64 == kMailboxTag) {
      mailbox = true;
      continue;
    }
    const PortId id{static_cast<uint16_t>(events[i].data.u64)};
    if (Lookup(id) == nullptr || is_ready_[ToInt(id)]) continue;
    is_ready_[ToInt(id)] = true;
    ready_.push_back(id);
  }
  return mailbox;
}

}  // namespace vswitch
