// Descriptors travel as SCM_RIGHTS, unix(7).

#include "dataplane/supervisor/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cstring>

#include "absl/strings/str_cat.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

constexpr size_t kControlBytes = CMSG_SPACE(kMaxMessageFds * sizeof(int));

// Takes the descriptors out of a received message.
std::vector<UniqueFd> TakeFds(msghdr& header) {
  std::vector<UniqueFd> fds;
  for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr;
       control = CMSG_NXTHDR(&header, control)) {
    if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS) {
      continue;
    }
    const size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(control) + i * sizeof(int), sizeof(fd));
      fds.emplace_back(fd);
    }
  }
  return fds;
}

}  // namespace

absl::StatusOr<std::pair<UniqueFd, UniqueFd>> MakeChannel() {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) {
    return absl::ErrnoToStatus(errno, "cannot make a socket pair for a child");
  }
  std::pair<UniqueFd, UniqueFd> channel{UniqueFd(fds[0]), UniqueFd(fds[1])};
  for (int fd : fds) {
    // Room for a few messages of the largest size; where the system's limit
    // is lower the kernel takes that.
    const int bytes = 4 * kMaxMessageBytes;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
  }
  if (fcntl(fds[0], F_SETFL, O_NONBLOCK) != 0) {
    return absl::ErrnoToStatus(errno, "cannot make a child's socket");
  }
  return channel;
}

absl::Status SendMessage(int fd, const Message& message,
                         const std::vector<int>& fds) {
  std::string bytes = EncodeMessage(message);
  if (bytes.size() > kMaxMessageBytes || fds.size() > kMaxMessageFds) {
    return absl::InvalidArgumentError(absl::StrCat(
        "supervisor message of ", bytes.size(), " bytes and ", fds.size(),
        " descriptors: at most ", kMaxMessageBytes, " and ", kMaxMessageFds));
  }
  iovec part{.iov_base = bytes.data(), .iov_len = bytes.size()};
  alignas(cmsghdr) char control[kControlBytes] = {};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (!fds.empty()) {
    const size_t fd_bytes = fds.size() * sizeof(int);
    header.msg_control = control;
    header.msg_controllen = CMSG_SPACE(fd_bytes);
    cmsghdr* first = CMSG_FIRSTHDR(&header);
    first->cmsg_level = SOL_SOCKET;
    first->cmsg_type = SCM_RIGHTS;
    first->cmsg_len = CMSG_LEN(fd_bytes);
    std::memcpy(CMSG_DATA(first), fds.data(), fd_bytes);
  }
  if (sendmsg(fd, &header, MSG_NOSIGNAL) >= 0) return absl::OkStatus();
  if (errno == EPIPE || errno == ECONNRESET) {
    return absl::UnavailableError("the other side of the socket is gone");
  }
  if (errno == EAGAIN) {
    return absl::ResourceExhaustedError(
        "the other side of the socket does not read");
  }
  return absl::ErrnoToStatus(errno, "cannot send a supervisor message");
}

absl::StatusOr<ReceivedMessage> ReceiveMessage(int fd, std::string& buffer) {
  buffer.resize(kMaxMessageBytes);
  iovec part{.iov_base = buffer.data(), .iov_len = buffer.size()};
  alignas(cmsghdr) char control[kControlBytes];
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof(control);
  ssize_t bytes;
  do {
    bytes = recvmsg(fd, &header, MSG_CMSG_CLOEXEC);
  } while (bytes < 0 && errno == EINTR);
  if (bytes < 0 && errno == EAGAIN) return absl::NotFoundError("no message");
  if (bytes == 0 || (bytes < 0 && errno == ECONNRESET)) {
    return absl::UnavailableError("the other side of the socket is gone");
  }
  if (bytes < 0) {
    return absl::ErrnoToStatus(errno, "cannot receive a supervisor message");
  }
  ReceivedMessage received;
  received.fds = TakeFds(header);
  if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    return absl::InvalidArgumentError("supervisor message is too long");
  }
  ASSIGN_OR_RETURN(received.message,
                   DecodeMessage(absl::string_view(
                       buffer.data(), static_cast<size_t>(bytes))));
  return received;
}

}  // namespace vswitch
