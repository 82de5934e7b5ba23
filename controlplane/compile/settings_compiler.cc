// The switch's own settings.

#include "controlplane/compile/settings_compiler.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controlplane/compile/host_ports.h"
#include "dataplane/base/status_macros.h"
#include "dataplane/conntrack/timeouts.h"

namespace vswitch {
namespace {

// The addresses of the pool, or the node's first one of each family.
NatSettings CompileSourceNat(const SourceNat& wanted, const Node* node) {
  NatSettings nat;
  std::memset(static_cast<void*>(&nat), 0, sizeof(nat));
  nat.first_port = wanted.first_port;
  nat.last_port = wanted.last_port;
  nat.tcp_endpoint_independent = wanted.tcp_endpoint_independent ? 1 : 0;
  if (wanted.disabled) return nat;
  std::vector<IpAddress> addresses = wanted.addresses;
  for (IpFamily family : {IpFamily::kIpv4, IpFamily::kIpv6}) {
    if (!wanted.addresses.empty() || node == nullptr) break;
    const auto first = std::find_if(
        node->addresses.begin(), node->addresses.end(),
        [family](const IpAddress& a) { return a.family() == family; });
    if (first != node->addresses.end()) addresses.push_back(*first);
  }
  nat.address_count = static_cast<uint32_t>(addresses.size());
  std::copy(addresses.begin(), addresses.end(), nat.addresses);
  return nat;
}

// RFC 4787 REQ-7: an address of source NAT that a pod may have, too, would be
// two ends' at once.
absl::Status CheckPoolIsNoPods(const DesiredState& desired,
                               const SourceNat& wanted) {
  absl::Status status;
  desired.ForEach<Node>([&](const Metadata& metadata, const Node& node) {
    for (const IpPrefix& cidr : node.pod_cidrs) {
      for (const IpAddress& address : wanted.addresses) {
        if (!status.ok() || !cidr.Contains(address)) continue;
        status = absl::InvalidArgumentError(absl::StrCat(
            "Settings ", kSettingsName, " source_nat.addresses: ",
            address.ToString(), " is in pod_cidrs of Node ", metadata.name,
            ", ", cidr.ToString(), "; must be an address that no pod has"));
      }
    }
  });
  return status;
}

// Whether pods take an address that a node has itself.
bool SharesNodesAddress(const DesiredState& desired, const SourceNat& wanted) {
  if (wanted.addresses.empty()) return true;
  bool shares = false;
  desired.ForEach<Node>([&](const Metadata&, const Node& node) {
    for (const IpAddress& address : node.addresses) {
      shares |= std::find(wanted.addresses.begin(), wanted.addresses.end(),
                          address) != wanted.addresses.end();
    }
  });
  return shares;
}

// A port of a node's address is either a service's or a pod's.
absl::Status CheckPortsAreNoNodePorts(const DesiredState& desired,
                                      const SourceNat& wanted) {
  if (wanted.disabled || wanted.last_port < kFirstNodePort ||
      wanted.first_port > kLastNodePort ||
      !SharesNodesAddress(desired, wanted)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "Settings ", kSettingsName, " source_nat.first_port: ", wanted.first_port,
      " to ", wanted.last_port, " holds NodePorts (", kFirstNodePort, " to ",
      kLastNodePort,
      ") of the node's own address; must end below or begin above them"));
}

}  // namespace

absl::StatusOr<Settings> CompileSettings(const DesiredState& desired,
                                         const std::string& node_name,
                                         const Gateways& gateways,
                                         PortId host_port) {
  SwitchSettings wanted;
  bool other_name = false;
  desired.ForEach<SwitchSettings>(
      [&](const Metadata& metadata, const SwitchSettings& settings) {
        wanted = settings;
        other_name |= metadata.name != kSettingsName;
      });
  if (other_name) {
    return absl::InvalidArgumentError(absl::StrCat(
        "Settings metadata.name: the one object is named ", kSettingsName));
  }
  RETURN_IF_ERROR(CheckPoolIsNoPods(desired, wanted.source_nat));
  RETURN_IF_ERROR(CheckPortsAreNoNodePorts(desired, wanted.source_nat));
  Settings settings;
  // Padding too: equal settings must have equal bytes.
  std::memset(static_cast<void*>(&settings), 0, sizeof(settings));
  settings.gateway_mac = gateways.mac;
  settings.host_port = host_port;
  settings.gateway_ipv4 = gateways.ipv4;
  settings.gateway_ipv6 = gateways.ipv6;
  settings.gateway_link_local = LinkLocalFromMac(gateways.mac);
  const Node* node = desired.Find<Node>("", node_name);
  settings.nat = CompileSourceNat(wanted.source_nat, node);
  if (node != nullptr) {
    if (node->addresses.size() > kMaxNodeAddresses) {
      return absl::InvalidArgumentError(absl::StrCat(
          "Node ", node_name, " status.addresses: ", node->addresses.size(),
          " addresses, at most ", kMaxNodeAddresses, " fit"));
    }
    settings.node_address_count = static_cast<uint32_t>(node->addresses.size());
    std::copy(node->addresses.begin(), node->addresses.end(),
              settings.node_addresses);
  }
  settings.timeouts = CompleteTimeouts(wanted.timeouts, wanted.timeout_profile);
  settings.limits = wanted.limits;
  settings.tcp_needs_syn = wanted.tcp_needs_syn ? 1 : 0;
  settings.icmp_errors_per_second = wanted.icmp_errors_per_second;
  settings.icmp_errors_per_second_port = wanted.icmp_errors_per_second_port;
  settings.maglev_seed = wanted.maglev_seed;
  return settings;
}

}  // namespace vswitch
