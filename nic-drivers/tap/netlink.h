// nic-drivers/tap/netlink.h
//
// A small part of rtnetlink(7): requests that change one link, address or route
// and are answered by an acknowledgement.
//
//   NetlinkRequest request(RTM_NEWLINK, 0);
//   request.Put(ifinfomsg{.ifi_index = index});
//   request.PutAttribute(IFLA_MTU, uint32_t{1500});
//   RETURN_IF_ERROR(SendNetlink(request, "set the MTU"));
//
// Thread rule: thread-compatible; acts on the calling thread's namespace.

#ifndef VSWITCH_NIC_DRIVERS_TAP_NETLINK_H_
#define VSWITCH_NIC_DRIVERS_TAP_NETLINK_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace vswitch {

class NetlinkRequest {
 public:
  // `flags` are added to NLM_F_REQUEST | NLM_F_ACK.
  NetlinkRequest(uint16_t type, uint16_t flags);

  // Appends the fixed part of the message, first, once.
  template <typename T>
  void Put(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    Append(&value, sizeof(value));
  }

  void PutAttribute(uint16_t type, const void* data, size_t bytes);
  template <typename T>
  void PutAttribute(uint16_t type, const T& value) {
    static_assert(std::is_arithmetic_v<T>);
    PutAttribute(type, &value, sizeof(value));
  }
  void PutAttribute(uint16_t type, absl::string_view zero_terminated);

  // Starts an attribute that holds attributes; returns what EndNested() needs.
  size_t BeginNested(uint16_t type);
  void EndNested(size_t start);

  // Returns the whole message, its length filled in.
  const std::string& Finish();

 private:
  void Append(const void* data, size_t bytes);

  std::string bytes_;
};

// Sends `request` and waits for the kernel's answer.  An error says that we
// could not `what` and why, with the kernel's own explanation if it gives one.
absl::Status SendNetlink(NetlinkRequest& request, absl::string_view what);

}  // namespace vswitch

#endif  // VSWITCH_NIC_DRIVERS_TAP_NETLINK_H_
