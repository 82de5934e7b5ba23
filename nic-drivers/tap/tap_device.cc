// Makes the TAP in our namespace; tap_netns.cc does what happens in the pod's.

#include "nic-drivers/tap/tap_device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "dataplane/base/status_macros.h"
#include "nic-drivers/tap/tap_fd.h"
#include "nic-drivers/tap/tap_netns.h"

namespace vswitch {
namespace {

absl::Status ValidateIfname(absl::string_view name) {
  const bool ok =
      !name.empty() && name.size() < IFNAMSIZ && name != "." && name != ".." &&
      std::all_of(name.begin(), name.end(), [](char c) {
        return c > ' ' && c < 0x7f && c != '/' && c != ':' && c != '%';
      });
  if (ok) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "ifname \"", name, "\": must have 1 to 15 printable characters other ",
      "than '/', ':', '%' and space"));
}

// Returns the opened namespace; none for our own.
absl::StatusOr<UniqueFd> OpenNamespace(const std::string& path) {
  if (path.empty()) return UniqueFd();
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.ok()) {
    if (errno == ENOENT) {
      return absl::NotFoundError(
          absl::StrCat("namespace ", path, " does not exist"));
    }
    return absl::ErrnoToStatus(errno,
                               absl::StrCat("cannot open namespace ", path));
  }
  if (ioctl(fd.get(), NS_GET_NSTYPE) != CLONE_NEWNET) {
    return absl::InvalidArgumentError(absl::StrCat(
        "namespace ", path, " is not a network namespace (was it deleted?)"));
  }
  return fd;
}

// Opens one queue of the interface `name`, or makes it: then `name` is a
// pattern and gets the name that the kernel chose.
absl::StatusOr<UniqueFd> OpenQueue(std::string& name, uint16_t queues) {
  UniqueFd fd(open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (!fd.ok()) return absl::ErrnoToStatus(errno, "cannot open /dev/net/tun");
  ifreq request{};
  request.ifr_flags = static_cast<int16_t>(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR |
                                           (queues > 1 ? IFF_MULTI_QUEUE : 0));
  std::memcpy(request.ifr_name, name.data(),
              std::min<size_t>(name.size(), IFNAMSIZ - 1));
  if (ioctl(fd.get(), TUNSETIFF, &request) != 0) {
    return absl::ErrnoToStatus(errno, "cannot make a TAP");
  }
  name = request.ifr_name;
  const int header_bytes = sizeof(VirtioNetHeader);
  if (ioctl(fd.get(), TUNSETVNETHDRSZ, &header_bytes) != 0) {
    return absl::ErrnoToStatus(errno, "cannot set a TAP's header size");
  }
  RETURN_IF_ERROR(SetTapOffloads(fd.get()).status());
  return fd;
}

}  // namespace

absl::Status ValidateTapConfig(const TapConfig& config) {
  RETURN_IF_ERROR(ValidateIfname(config.ifname));
  const std::string where = absl::StrCat("interface ", config.ifname, ": ");
  if (config.mtu < kMinTapMtu || config.mtu > kMaxTapMtu) {
    return absl::InvalidArgumentError(absl::StrCat(where, "mtu ", config.mtu,
                                                   ": must be ", kMinTapMtu,
                                                   " to ", kMaxTapMtu));
  }
  if (config.queues < 1 || config.queues > kMaxTapQueues) {
    return absl::InvalidArgumentError(absl::StrCat(
        where, "queues ", config.queues, ": must be 1 to ", kMaxTapQueues));
  }
  if ((config.mac.bytes[0] & 1) != 0 || config.mac == MacAddress{}) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, "mac ", config.mac.ToString(),
                     ": must be a unicast address that is not zero"));
  }
  int gateways[2] = {0, 0};
  for (const IpAddress& gateway : config.gateways) {
    if (++gateways[gateway.IsIpv4() ? 0 : 1] > 1) {
      return absl::InvalidArgumentError(
          absl::StrCat(where, "gateway ", gateway.ToString(),
                       ": the family has another gateway already"));
    }
  }
  for (const IpPrefix& route : config.routes) {
    if (gateways[route.address.IsIpv4() ? 0 : 1] == 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          where, "route ", route.ToString(), ": its family has no gateway"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<TapDevice> TapDevice::Create(const TapConfig& config) {
  RETURN_IF_ERROR(ValidateTapConfig(config));
  ASSIGN_OR_RETURN(UniqueFd netns, OpenNamespace(config.netns));
  // Made under a name of our own, so that it cannot meet another interface of
  // this namespace; the kernel fills in the number.
  std::string name = "vswtap%d";
  std::vector<UniqueFd> fds;
  for (uint16_t queue = 0; queue < config.queues; ++queue) {
    ASSIGN_OR_RETURN(UniqueFd fd, OpenQueue(name, config.queues));
    fds.push_back(std::move(fd));
  }
  RETURN_IF_ERROR(MoveAndConfigure(name, netns.get(), config));
  return TapDevice(config, std::move(fds));
}

std::vector<int> TapDevice::RawFds() const {
  std::vector<int> result;
  for (const UniqueFd& fd : fds_) result.push_back(fd.get());
  return result;
}

bool TapDevice::Alive() const { return TapFdAlive(fds_.front().get()); }

}  // namespace vswitch
