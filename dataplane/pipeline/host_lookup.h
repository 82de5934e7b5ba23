// dataplane/pipeline/host_lookup.h
//
// HostLookup: who has an address: the gateway, an endpoint of this node, or
// somebody outside, as seen by one generation.
//
//   HostLookup hosts(state, identities);
//   if (hosts.IsGateway(destination)) ...
//   const EndpointRecord* endpoint = hosts.EndpointOf(destination);
//
// Borrows both.  Any thread that holds the generation.

#ifndef VSWITCH_DATAPLANE_PIPELINE_HOST_LOOKUP_H_
#define VSWITCH_DATAPLANE_PIPELINE_HOST_LOOKUP_H_

#include "dataplane/base/address.h"
#include "dataplane/base/ids.h"
#include "dataplane/forwarding/forwarding_state.h"
#include "dataplane/tables/identity_table.h"

namespace vswitch {

// 255.255.255.255; IPv6 has no broadcast.
inline bool IsLimitedBroadcast(const IpAddress& address) {
  return address.IsIpv4() && address.ToIpv4() == Be32{0xffffffff};
}

// Whether the peer of `port`, a pod's, may send from `address`: its addresses
// and its own link-local one (faults 4.5).
bool IsAddressOfPort(const PortRecord& port, const IpAddress& address);

class HostLookup {
 public:
  HostLookup(const ForwardingState& state, const IdentityTable& identities)
      : state_(state), identities_(identities) {}

  // Whether `address` is one of the switch's own.
  bool IsGateway(const IpAddress& address) const {
    const Settings& settings = state_.settings();
    // An address that is not set is "::", which nobody can ask for.
    return (address == settings.gateway_ipv4 ||
            address == settings.gateway_ipv6 ||
            address == settings.gateway_link_local) &&
           !address.IsUnspecified();
  }

  // Whether the peer of `port`, which is port `id`, may send from `address`.
  // The node and the network outside have many addresses; but not those of the
  // gateway or of an endpoint behind another port.
  bool MaySendFrom(const PortRecord& port, PortId id,
                   const IpAddress& address) const {
    if (port.kind == PortKind::kPod) return IsAddressOfPort(port, address);
    if (IsGateway(address)) return false;
    const EndpointRecord* owner = EndpointOf(address);
    return owner == nullptr || owner->port == id;
  }

  // Returns what `address` is bound to; identity kIdentityUnknown and
  // kNoEndpoint when it is bound to nothing.
  HostBinding BindingOf(const IpAddress& address) const;

  // Returns the endpoint of this node that has `address`, nullptr if none has.
  const EndpointRecord* EndpointOf(const IpAddress& address) const {
    const HostBinding binding = BindingOf(address);
    return binding.endpoint == kNoEndpoint ? nullptr
                                           : state_.endpoint(binding.endpoint);
  }

 private:
  const ForwardingState& state_;
  const IdentityTable& identities_;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_PIPELINE_HOST_LOOKUP_H_
