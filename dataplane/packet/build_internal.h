// dataplane/packet/build_internal.h
//
// The headers that every packet of the switch's own begins with.
//
//   WriteEthernet(out, peer_mac, gateway_mac, kEtherTypeIpv4);
//   uint32_t l4_offset = WriteIp(out, source, destination,
//                                IpProtocol::kTcp, l4_bytes, 0, kOwnTtl);
//
// Part of the builders; worker thread only.

#ifndef VSWITCH_DATAPLANE_PACKET_BUILD_INTERNAL_H_
#define VSWITCH_DATAPLANE_PACKET_BUILD_INTERNAL_H_

#include <cstdint>

#include "dataplane/base/address.h"
#include "dataplane/base/flow_key.h"
#include "dataplane/packet/headers.h"

struct rte_mbuf;

namespace vswitch {

inline constexpr uint8_t kOwnTtl = 64;  // RFC 1700

inline uint32_t IpHeaderBytes(bool is_ipv4) {
  return is_ipv4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header);
}

inline uint16_t EtherTypeOf(const IpAddress& address) {
  return address.IsIpv4() ? kEtherTypeIpv4 : kEtherTypeIpv6;
}

// Writes the Ethernet header.
void WriteEthernet(rte_mbuf& out, const MacAddress& destination,
                   const MacAddress& source, uint16_t type);

// Writes the IP header of a packet of `payload_bytes` at the place behind the
// Ethernet header; returns the offset behind it.  REQUIRES: both addresses are
// of one family, and StartPacket() made room.
uint32_t WriteIp(rte_mbuf& out, const IpAddress& source,
                 const IpAddress& destination, IpProtocol protocol,
                 uint32_t payload_bytes, uint8_t traffic_class, uint8_t ttl);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_PACKET_BUILD_INTERNAL_H_
