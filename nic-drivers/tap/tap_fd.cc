// Offloads and liveness of a TAP descriptor.

#include "nic-drivers/tap/tap_fd.h"

#include <errno.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sys/ioctl.h>

namespace vswitch {
namespace {

// From Linux 6.2's if_tun.h; Debian 12's headers are older.
constexpr unsigned kUso4 = 0x20;
constexpr unsigned kUso6 = 0x40;

}  // namespace

absl::StatusOr<bool> SetTapOffloads(int fd) {
  constexpr unsigned kBasic =
      TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
  if (ioctl(fd, TUNSETOFFLOAD, kBasic | kUso4 | kUso6) == 0) return true;
  if (ioctl(fd, TUNSETOFFLOAD, kBasic) == 0) return false;
  return absl::ErrnoToStatus(errno, "cannot set the offloads of a TAP");
}

bool TapFdAlive(int fd) {
  pollfd entry{.fd = fd, .events = 0, .revents = 0};
  // POLLERR: the kernel's tun_chr_poll() says so once the device is gone.
  return poll(&entry, 1, 0) >= 0 &&
         (entry.revents & (POLLERR | POLLHUP | POLLNVAL)) == 0;
}

}  // namespace vswitch
