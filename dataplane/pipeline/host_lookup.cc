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
  return identities_.Lookup(address, state_.generation())
      .value_or(HostBinding{kIdentityUnknown, kNoEndpoint});
}

}  // namespace vswitch
