// Defaults of ports and gateways.

#include "controlplane/compile/resolve.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "controlplane/compile/stable_hash.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

// RFC 791 asks IPv4 hosts for 68 bytes; RFC 8200 section 5 asks IPv6 links for
// 1280.  The upper bound is that of the IP length fields.
constexpr uint32_t kMinMtu = 68;
constexpr uint32_t kMinMtuIpv6 = 1280;
constexpr uint32_t kMaxMtu = 65535;

const SwitchSettings& SettingsOf(const DesiredState& desired) {
  static const SwitchSettings* const defaults = new SwitchSettings();
  const SwitchSettings* settings =
      desired.Find<SwitchSettings>("", std::string(kSettingsName));
  return settings == nullptr ? *defaults : *settings;
}

// The address after the prefix's own.
IpAddress FirstHost(const IpPrefix& prefix) {
  IpAddress address = prefix.address;
  address.bytes[15] |= 1;
  return address;
}

absl::Status CheckGateway(const IpAddress& address, IpFamily family,
                          absl::string_view field) {
  if (address.family() != family || address.IsUnspecified() ||
      address.IsMulticast() || address.IsLoopback()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "Settings ", kSettingsName, " spec.", field, ": ", address.ToString(),
        " is not a unicast address of that family"));
  }
  return absl::OkStatus();
}

std::string PortField(const Metadata& metadata, absl::string_view field) {
  return absl::StrCat("Port ", metadata.name, " spec.", field, ": ");
}

// Takes the pod's addresses, or checks the port's against them.
absl::Status ResolveAddresses(const DesiredState& desired,
                              const Metadata& metadata, const Port& port,
                              ResolvedPort& resolved) {
  resolved.addresses = port.addresses;
  if (port.kind != PortResourceKind::kPod || port.pod_name.empty()) {
    return absl::OkStatus();
  }
  const Pod* pod = desired.Find<Pod>(port.pod_namespace, port.pod_name);
  if (pod == nullptr) return absl::OkStatus();
  if (pod->host_network) {
    return absl::InvalidArgumentError(absl::StrCat(
        PortField(metadata, "pod"), "Pod ", port.pod_namespace, "/",
        port.pod_name, " is in the host's network and has no port"));
  }
  resolved.pod_known = true;
  if (port.addresses.empty()) {
    resolved.addresses = pod->addresses;
    return absl::OkStatus();
  }
  if (pod->addresses.empty()) return absl::OkStatus();
  for (const IpAddress& address : port.addresses) {
    if (std::find(pod->addresses.begin(), pod->addresses.end(), address) ==
        pod->addresses.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat(PortField(metadata, "addresses"), address.ToString(),
                       " is not an address of Pod ", port.pod_namespace, "/",
                       port.pod_name));
    }
  }
  return absl::OkStatus();
}

absl::Status ResolveGatewaysOf(const Gateways& gateways,
                               const std::string& node_name,
                               const Metadata& metadata, const Port& port,
                               ResolvedPort& resolved) {
  for (IpFamily family : {IpFamily::kIpv4, IpFamily::kIpv6}) {
    auto of_family = [family](const IpAddress& address) {
      return address.family() == family;
    };
    const IpAddress& gateway =
        family == IpFamily::kIpv4 ? gateways.ipv4 : gateways.ipv6;
    if (std::none_of(resolved.addresses.begin(), resolved.addresses.end(),
                     of_family)) {
      continue;
    }
    if (gateway.IsUnspecified()) {
      absl::string_view name = family == IpFamily::kIpv4 ? "IPv4" : "IPv6";
      return absl::FailedPreconditionError(
          absl::StrCat(PortField(metadata, "addresses"), "the switch has no ",
                       name, " gateway: Node ", node_name, " needs an ", name,
                       " podCIDR, or Settings ", kSettingsName, " a gateway"));
    }
    resolved.gateways.push_back(gateway);
  }
  for (const IpAddress& wanted : port.gateways) {
    if (wanted != gateways.ipv4 && wanted != gateways.ipv6) {
      return absl::InvalidArgumentError(absl::StrCat(
          PortField(metadata, "gateways"), wanted.ToString(),
          " is not a gateway of the switch, which has ",
          gateways.ipv4.ToString(), " and ", gateways.ipv6.ToString()));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Gateways> ResolveGateways(const DesiredState& desired,
                                         const std::string& node_name) {
  const SwitchSettings& settings = SettingsOf(desired);
  Gateways gateways{.mac = settings.gateway_mac.value_or(kDefaultGatewayMac)};
  if (gateways.mac.IsMulticast() || gateways.mac.IsZero()) {
    return absl::InvalidArgumentError(
        absl::StrCat("Settings ", kSettingsName, " spec.gatewayMac: ",
                     gateways.mac.ToString(), " is not a unicast MAC address"));
  }
  if (const Node* node = desired.Find<Node>("", node_name)) {
    for (const IpPrefix& cidr : node->pod_cidrs) {
      IpAddress& gateway =
          cidr.address.IsIpv4() ? gateways.ipv4 : gateways.ipv6;
      if (gateway.IsUnspecified()) gateway = FirstHost(cidr);
    }
  }
  if (settings.gateway_ipv4.has_value()) {
    gateways.ipv4 = *settings.gateway_ipv4;
    RETURN_IF_ERROR(
        CheckGateway(gateways.ipv4, IpFamily::kIpv4, "gatewayIpv4"));
  }
  if (settings.gateway_ipv6.has_value()) {
    gateways.ipv6 = *settings.gateway_ipv6;
    RETURN_IF_ERROR(
        CheckGateway(gateways.ipv6, IpFamily::kIpv6, "gatewayIpv6"));
  }
  return gateways;
}

absl::StatusOr<ResolvedPort> ResolvePort(const DesiredState& desired,
                                         const std::string& node_name,
                                         const Metadata& metadata,
                                         const Port& port) {
  ResolvedPort resolved;
  RETURN_IF_ERROR(ResolveAddresses(desired, metadata, port, resolved));
  bool has_ipv6 =
      std::any_of(resolved.addresses.begin(), resolved.addresses.end(),
                  [](const IpAddress& address) { return !address.IsIpv4(); });
  resolved.mtu = port.mtu != 0 ? port.mtu : SettingsOf(desired).mtu;
  uint32_t min_mtu = has_ipv6 ? kMinMtuIpv6 : kMinMtu;
  if (resolved.mtu < min_mtu || resolved.mtu > kMaxMtu) {
    return absl::InvalidArgumentError(
        absl::StrCat(PortField(metadata, "mtu"), resolved.mtu, " is not from ",
                     min_mtu, " to ", kMaxMtu));
  }
  resolved.peer_mac =
      port.mac.value_or(DerivedMac(resolved.addresses, metadata.name));
  if (resolved.peer_mac.IsMulticast() || resolved.peer_mac.IsZero()) {
    return absl::InvalidArgumentError(
        absl::StrCat(PortField(metadata, "mac"), resolved.peer_mac.ToString(),
                     " is not a unicast MAC address"));
  }
  if (port.kind == PortResourceKind::kPod) {
    ASSIGN_OR_RETURN(Gateways gateways, ResolveGateways(desired, node_name));
    RETURN_IF_ERROR(
        ResolveGatewaysOf(gateways, node_name, metadata, port, resolved));
  }
  return resolved;
}

MacAddress DerivedMac(const std::vector<IpAddress>& addresses,
                      const std::string& name) {
  MacAddress mac{{0x0a, 0x58}};
  if (!addresses.empty() && addresses[0].IsIpv4()) {
    std::copy_n(addresses[0].WireBytes(), 4, mac.bytes.begin() + 2);
    return mac;
  }
  uint64_t hash =
      StableHash(addresses.empty() ? name : addresses[0].ToString());
  mac.bytes[1] = 0x59;
  for (int i = 2; i < 6; ++i) {
    mac.bytes[i] = static_cast<uint8_t>(hash >> (8 * i));
  }
  return mac;
}

}  // namespace vswitch
