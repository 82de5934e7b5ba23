// nic-drivers/tap/tap_netns.h
//
// What TapDevice::Create() does with a TAP that exists: move it into the
// namespace and give it name, MAC, MTU, addresses and routes there.
//
// Thread rule: any thread; the namespace is entered by a thread of its own.

#ifndef VSWITCH_NIC_DRIVERS_TAP_TAP_NETNS_H_
#define VSWITCH_NIC_DRIVERS_TAP_TAP_NETNS_H_

#include <string>

#include "absl/status/status.h"
#include "nic-drivers/tap/tap_device.h"

namespace vswitch {

// Moves the interface `name` of our namespace into the namespace `netns_fd`
// (-1: leaves it) and configures it there as `config` says.
absl::Status MoveAndConfigure(const std::string& name, int netns_fd,
                              const TapConfig& config);

}  // namespace vswitch

#endif  // VSWITCH_NIC_DRIVERS_TAP_TAP_NETNS_H_
