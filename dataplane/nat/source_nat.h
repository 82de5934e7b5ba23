// dataplane/nat/source_nat.h
//
// Source NAT: under which address and port a pod speaks to the world (RFC 3022,
// 4787, 5382 and 5508).
//
// The connection table is the only book of what is taken: a connection's reply
// key holds the outside address and port, and the table has each key once.  So
// a TCP port, or an ICMP identifier, serves as many connections as there are
// remote ends (RFC 7857 section 3), and workers need no ports of their own.
// UDP's mapping is endpoint-independent (RFC 4787 REQ-1), and TCP's if it is
// asked for (RFC 5382 REQ-1), so two more kinds of
// entries lie in the table, with the remote end's port, or all of it, left out
// of their keys; packets never have port 0 or the address "::", so no packet
// finds them by chance:
//
//   mapping   client:port -> ::         answers ::        -> outside:port
//   contact   client:port -> remote:0   answers remote:0  -> outside:port
//
// A contact says that the client has sent to the remote address, which may
// therefore send to the mapping from any port (address-dependent filtering,
// RFC 4787 REQ-8).
//
//   std::optional<IpAddress> address = NatAddressFor(nat, client);
//   Be16 port = NatPort(nat, hash, attempt);
//
// Plain values and pure functions: any thread.

#ifndef VSWITCH_DATAPLANE_NAT_SOURCE_NAT_H_
#define VSWITCH_DATAPLANE_NAT_SOURCE_NAT_H_

#include <cstdint>
#include <optional>

#include "dataplane/base/address.h"
#include "dataplane/base/byte_order.h"
#include "dataplane/base/flow_key.h"

namespace vswitch {

inline constexpr uint32_t kMaxNatAddresses = 16;

// What pods take as their source when they speak to the world by an uplink;
// part of a generation's settings.
struct NatSettings {
  uint32_t address_count;  // 0: the source stays
  // Ports, or identifiers of ICMP queries: from first to last, host byte order.
  uint16_t first_port;
  uint16_t last_port;
  uint32_t tcp_endpoint_independent;      // 1: as UDP is, see below
  IpAddress addresses[kMaxNatAddresses];  // of either family, in any order
};

// Outside of the node's own ephemeral ports (32768 to 60999) and of NodePorts
// (30000 to 32767), and above the ports of Kubernetes' own daemons.
inline constexpr uint16_t kDefaultFirstNatPort = 11000;
inline constexpr uint16_t kDefaultLastNatPort = 29999;

bool IsNatAddress(const NatSettings& nat, const IpAddress& address);

// Returns the address that `client` gets, always the same one of its family
// (paired pooling, RFC 4787 REQ-2); nothing if there is none of its family.
std::optional<IpAddress> NatAddressFor(const NatSettings& nat,
                                       const IpAddress& client);

// Returns the port to try at `attempt`: spread evenly over the range and known
// to nobody who does not know the secret behind `hash` (RFC 6056, RFC 7857
// section 9).
Be16 NatPort(const NatSettings& nat, uint64_t hash, uint32_t attempt);

// Whether `protocol` has mappings that hold for every remote end.
inline bool IsEndpointIndependent(const NatSettings& nat, IpProtocol protocol) {
  return protocol == IpProtocol::kUdp || protocol == IpProtocol::kUdpLite ||
         (protocol == IpProtocol::kTcp && nat.tcp_endpoint_independent != 0);
}

// The keys of a mapping and a contact, for `flow`, a packet's key on its way
// out, before translation or behind it.
FlowKey MappingKey(const FlowKey& flow);
FlowKey ContactKey(const FlowKey& flow);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_NAT_SOURCE_NAT_H_
