// HostLookup, and which addresses are a port's own.

#include "dataplane/pipeline/host_lookup.h"

#include <algorithm>

namespace vswitch {

bool IsAddressOfPort(const PortRecord& port, const IpAddress& address) {
  const uint32_t count =
      std::min<uint32_t>(port.address_count, kMaxPortAddresses);
  for (uint32_t i = 0; i < count; ++i) {
    if (port.addresses[i] == address) return true;
  }
  return !address.IsIpv4() && address.IsLinkLocal() &&
         address == LinkLocalFromMac(port.peer_mac);
}

HostBinding HostLookup::BindingOf(const IpAddress& address) const {
  const std::optional<HostBinding> binding =
      identities_.Lookup(address, state_.generation());
  if (!binding.has_value()) return {kIdentityUnknown, kNoEndpoint};
  return *binding;
}

}  // namespace vswitch
