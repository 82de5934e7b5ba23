// The switch's own settings.

#include "controlplane/compile/settings_compiler.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "dataplane/conntrack/timeouts.h"

namespace vswitch {

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
  Settings settings;
  // Padding too: equal settings must have equal bytes.
  std::memset(static_cast<void*>(&settings), 0, sizeof(settings));
  settings.gateway_mac = gateways.mac;
  settings.host_port = host_port;
  settings.gateway_ipv4 = gateways.ipv4;
  settings.gateway_ipv6 = gateways.ipv6;
  settings.gateway_link_local = LinkLocalFromMac(gateways.mac);
  if (const Node* node = desired.Find<Node>("", node_name)) {
    if (node->addresses.size() > kMaxNodeAddresses) {
      return absl::InvalidArgumentError(absl::StrCat(
          "Node ", node_name, " status.addresses: ", node->addresses.size(),
          " addresses, at most ", kMaxNodeAddresses, " fit"));
    }
    settings.node_address_count = static_cast<uint32_t>(node->addresses.size());
    std::copy(node->addresses.begin(), node->addresses.end(),
              settings.node_addresses);
  }
  settings.timeouts = DefaultTimeouts(wanted.timeout_profile);
  settings.icmp_errors_per_second = wanted.icmp_errors_per_second;
  settings.icmp_errors_per_second_port = wanted.icmp_errors_per_second_port;
  settings.maglev_seed = wanted.maglev_seed;
  return settings;
}

}  // namespace vswitch
