// nic-drivers/tap/tap_device.h
//
// TapDevice: one TAP interface and its descriptors, from making it in our
// namespace over moving it into a pod's to giving it name, MAC, MTU, addresses
// and routes there.  The interface lives as long as any of its descriptors (or
// a duplicate in another process) is open, and no longer: nothing is left when
// the processes end.
//
// The descriptors are opened in our own namespace: a descriptor opened inside
// the pod's would keep that namespace alive after its deletion.
//
//   TapConfig config{.netns = "/run/netns/blue", .ifname = "eth0", .mac = mac,
//                    .addresses = {address}, .gateways = {gateway}};
//   ASSIGN_OR_RETURN(TapDevice device, TapDevice::Create(config));
//   SendToDataplane(device.fds());
//
// An error names the object: "namespace /run/netns/blue does not exist".
// Nothing of a failed Create() is left.  Needs CAP_NET_ADMIN, and CAP_SYS_ADMIN
// for another namespace.
//
// Thread rule: thread-compatible.  Namespaces are entered by a helper thread,
// never by the caller's.

#ifndef VSWITCH_NIC_DRIVERS_TAP_TAP_DEVICE_H_
#define VSWITCH_NIC_DRIVERS_TAP_TAP_DEVICE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/base/address.h"
#include "nic-drivers/tap/unique_fd.h"

namespace vswitch {

inline constexpr uint32_t kMinTapMtu =
    1280;  // IPv6's least, RFC 8200 section 5
inline constexpr uint32_t kMaxTapMtu = 65521;  // the tun driver's most
inline constexpr uint16_t kMaxTapQueues = 16;

struct TapConfig {
  std::string netns;   // a path, or empty: the caller's own namespace
  std::string ifname;  // in that namespace; at most 15 characters
  MacAddress mac;      // of the interface, which is the switch port's peer
  uint32_t mtu = 1500;
  std::vector<IpPrefix> addresses;  // of the interface
  // On-link next hops, at most one a family.  Where the family has no entry in
  // `routes`, the default route leads to its gateway.
  std::vector<IpAddress> gateways;
  // Destinations reached by the gateway of their family, instead of the default
  // route: the host port's are the pods' ranges.
  std::vector<IpPrefix> routes;
  // Whether a gateway without an entry in `routes` is the default route.  False
  // for the host port: the node keeps its own.
  bool default_route = true;
  uint16_t queues = 1;
};

// Checks every field by itself; needs no privilege.
absl::Status ValidateTapConfig(const TapConfig& config);

class TapDevice {
 public:
  static absl::StatusOr<TapDevice> Create(const TapConfig& config);

  TapDevice(TapDevice&&) = default;
  TapDevice& operator=(TapDevice&&) = default;

  // Returns one descriptor a queue, non-blocking, with the virtio-net
  // header of tap_fd.h in front of each frame.  They stay the device's.
  const std::vector<UniqueFd>& fds() const { return fds_; }

  // The same as plain numbers, to be sent to another process.
  std::vector<int> RawFds() const;

  const TapConfig& config() const { return config_; }

  // Whether the interface still exists: it goes with its namespace.
  bool Alive() const;

 private:
  TapDevice(TapConfig config, std::vector<UniqueFd> fds)
      : config_(std::move(config)), fds_(std::move(fds)) {}

  TapConfig config_;
  std::vector<UniqueFd> fds_;
};

}  // namespace vswitch

#endif  // VSWITCH_NIC_DRIVERS_TAP_TAP_DEVICE_H_
