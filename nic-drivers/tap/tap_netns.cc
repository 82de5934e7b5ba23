// Sets a TAP up inside a namespace through rtnetlink.

#include "nic-drivers/tap/tap_netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "dataplane/base/status_macros.h"
#include "nic-drivers/tap/netlink.h"
#include "nic-drivers/tap/unique_fd.h"

namespace vswitch {
namespace {

int Family(const IpAddress& address) {
  return address.IsIpv4() ? AF_INET : AF_INET6;
}

void PutAddress(NetlinkRequest& request, uint16_t type,
                const IpAddress& address) {
  request.PutAttribute(type, address.WireBytes(), address.WireByteCount());
}

absl::Status MoveAndRename(const std::string& name, int netns_fd,
                           const TapConfig& config) {
  NetlinkRequest request(RTM_NEWLINK, 0);
  ifinfomsg link{};
  link.ifi_family = AF_UNSPEC;
  link.ifi_index = static_cast<int>(if_nametoindex(name.c_str()));
  request.Put(link);
  request.PutAttribute(IFLA_IFNAME, absl::string_view(config.ifname));
  if (netns_fd >= 0) request.PutAttribute(IFLA_NET_NS_FD, netns_fd);
  const std::string where = config.netns.empty()
                                ? "the node's namespace"
                                : absl::StrCat("namespace ", config.netns);
  absl::Status status = SendNetlink(
      request, absl::StrCat("move interface ", config.ifname, " into ", where));
  if (absl::IsAlreadyExists(status)) {
    return absl::AlreadyExistsError(absl::StrCat("interface ", config.ifname,
                                                 " exists already in ", where));
  }
  return status;
}

// No address that nobody asked for: the link-local one is added with the
// others, so that it exists before the interface is up and without duplicate
// address detection.
absl::Status SetLink(int index, const TapConfig& config) {
  NetlinkRequest request(RTM_NEWLINK, 0);
  ifinfomsg link{};
  link.ifi_family = AF_UNSPEC;
  link.ifi_index = index;
  request.Put(link);
  request.PutAttribute(IFLA_ADDRESS, config.mac.bytes.data(),
                       config.mac.bytes.size());
  request.PutAttribute(IFLA_MTU, config.mtu);
  const size_t families = request.BeginNested(IFLA_AF_SPEC);
  const size_t ipv6 = request.BeginNested(AF_INET6);
  request.PutAttribute(IFLA_INET6_ADDR_GEN_MODE,
                       static_cast<uint8_t>(IN6_ADDR_GEN_MODE_NONE));
  request.EndNested(ipv6);
  request.EndNested(families);
  return SendNetlink(request, absl::StrCat("set MAC ", config.mac.ToString(),
                                           " and MTU ", config.mtu));
}

absl::Status SetUp(int index) {
  NetlinkRequest request(RTM_NEWLINK, 0);
  ifinfomsg link{};
  link.ifi_family = AF_UNSPEC;
  link.ifi_index = index;
  link.ifi_flags = IFF_UP;
  link.ifi_change = IFF_UP;
  request.Put(link);
  return SendNetlink(request, "set the interface up");
}

absl::Status AddAddress(int index, const IpPrefix& address) {
  NetlinkRequest request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
  ifaddrmsg message{};
  message.ifa_family = static_cast<uint8_t>(Family(address.address));
  message.ifa_prefixlen = address.prefix_bits;
  message.ifa_index = static_cast<uint32_t>(index);
  message.ifa_scope =
      address.address.IsLinkLocal() ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  // The switch guarantees that an address has one owner, so detection would
  // only make the pod wait.
  message.ifa_flags = IFA_F_NODAD | IFA_F_PERMANENT;
  request.Put(message);
  PutAddress(request, IFA_LOCAL, address.address);
  PutAddress(request, IFA_ADDRESS, address.address);
  return SendNetlink(request, absl::StrCat("add address ", address.ToString()));
}

// Adds a route to `destination`: by `gateway`, or on-link without one.
absl::Status AddRoute(int index, const IpPrefix& destination,
                      const IpAddress* gateway) {
  NetlinkRequest request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
  rtmsg message{};
  message.rtm_family = static_cast<uint8_t>(Family(destination.address));
  message.rtm_dst_len = destination.prefix_bits;
  message.rtm_table = RT_TABLE_MAIN;
  message.rtm_protocol = RTPROT_STATIC;
  message.rtm_scope = gateway == nullptr ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  message.rtm_type = RTN_UNICAST;
  if (gateway != nullptr) message.rtm_flags = RTNH_F_ONLINK;
  request.Put(message);
  if (destination.prefix_bits > 0) {
    PutAddress(request, RTA_DST, destination.address);
  }
  if (gateway != nullptr) PutAddress(request, RTA_GATEWAY, *gateway);
  request.PutAttribute(RTA_OIF, static_cast<uint32_t>(index));
  absl::Status status = SendNetlink(
      request, absl::StrCat("add route ", destination.ToString(),
                            gateway == nullptr ? "" : " via ",
                            gateway == nullptr ? "" : gateway->ToString()));
  return status;
}

IpPrefix DefaultRoute(bool ipv4) {
  constexpr uint8_t kZero[16] = {};
  return {ipv4 ? IpAddress::FromIpv4(kZero) : IpAddress::FromIpv6(kZero), 0};
}

absl::Status AddRoutes(int index, const TapConfig& config) {
  for (const IpAddress& gateway : config.gateways) {
    const bool ipv4 = gateway.IsIpv4();
    const IpPrefix host{gateway, static_cast<uint8_t>(ipv4 ? 32 : 128)};
    // The address' own prefix may make the gateway on-link already.
    const absl::Status on_link = AddRoute(index, host, nullptr);
    if (!on_link.ok() && !absl::IsAlreadyExists(on_link)) return on_link;
    bool has_routes = false;
    for (const IpPrefix& route : config.routes) {
      if (route.address.IsIpv4() != ipv4) continue;
      has_routes = true;
      RETURN_IF_ERROR(AddRoute(index, route, &gateway));
    }
    if (!has_routes && config.default_route) {
      RETURN_IF_ERROR(AddRoute(index, DefaultRoute(ipv4), &gateway));
    }
  }
  return absl::OkStatus();
}

// Writes a setting of the interface; whether that worked.
bool WriteIpv6Setting(const TapConfig& config, absl::string_view name,
                      absl::string_view value) {
  const std::string path =
      absl::StrCat("/proc/sys/net/ipv6/conf/", config.ifname, "/", name);
  UniqueFd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return fd.ok() && write(fd.get(), value.data(), value.size()) ==
                        static_cast<ssize_t>(value.size());
}

absl::Status AddAddresses(int index, const TapConfig& config) {
  bool has_ipv6 = false;
  for (const IpPrefix& address : config.addresses) {
    has_ipv6 |= !address.address.IsIpv4();
  }
  if (has_ipv6) {
    // A container engine may have turned IPv6 off in the namespace.  Where
    // /proc/sys is read-only it stays as it is, and adding an address fails by
    // name.
    WriteIpv6Setting(config, "disable_ipv6", "0");
    // The switch sends no router advertisements and lets none through.
    WriteIpv6Setting(config, "accept_ra", "0");
    RETURN_IF_ERROR(AddAddress(index, {LinkLocalFromMac(config.mac), 64}));
  }
  for (const IpPrefix& address : config.addresses) {
    RETURN_IF_ERROR(AddAddress(index, address));
  }
  return absl::OkStatus();
}

absl::Status Configure(const TapConfig& config) {
  const int index = static_cast<int>(if_nametoindex(config.ifname.c_str()));
  if (index == 0) return absl::NotFoundError("the interface disappeared");
  RETURN_IF_ERROR(SetLink(index, config));
  RETURN_IF_ERROR(AddAddresses(index, config));
  RETURN_IF_ERROR(SetUp(index));
  return AddRoutes(index, config);
}

absl::Status EnterAndConfigure(int netns_fd, const TapConfig& config) {
  absl::Status status;
  if (netns_fd >= 0 && setns(netns_fd, CLONE_NEWNET) != 0) {
    status = absl::ErrnoToStatus(errno, "cannot enter the namespace");
  } else {
    status = Configure(config);
  }
  if (status.ok()) return status;
  return absl::Status(
      status.code(),
      absl::StrCat(config.netns.empty()
                       ? std::string("node")
                       : absl::StrCat("namespace ", config.netns),
                   ", interface ", config.ifname, ": ", status.message()));
}

}  // namespace

absl::Status MoveAndConfigure(const std::string& name, int netns_fd,
                              const TapConfig& config) {
  RETURN_IF_ERROR(MoveAndRename(name, netns_fd, config));
  absl::Status status;
  // A namespace is a property of a thread, and there is no safe way back into
  // one's own: so the thread that enters it ends there.
  std::thread thread([&] { status = EnterAndConfigure(netns_fd, config); });
  thread.join();
  return status;
}

}  // namespace vswitch
