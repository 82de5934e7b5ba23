// nic-drivers/tap/unique_fd.h
//
// UniqueFd: an open file descriptor that is closed with its owner.
//
//   UniqueFd fd(open(path, O_RDONLY | O_CLOEXEC));
//   if (!fd.ok()) return absl::ErrnoToStatus(errno, path);
//
// Thread rule: thread-compatible.

#ifndef VSWITCH_NIC_DRIVERS_TAP_UNIQUE_FD_H_
#define VSWITCH_NIC_DRIVERS_TAP_UNIQUE_FD_H_

#include <unistd.h>

#include <utility>

namespace vswitch {

class UniqueFd {
 public:
  UniqueFd() = default;
  // Takes `fd` over; -1 stands for none.
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  ~UniqueFd() { reset(); }

  bool ok() const { return fd_ >= 0; }
  int get() const { return fd_; }
  // Gives the descriptor away.
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1) {
    if (fd_ >= 0) close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

}  // namespace vswitch

#endif  // VSWITCH_NIC_DRIVERS_TAP_UNIQUE_FD_H_
