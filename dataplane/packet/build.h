// dataplane/packet/build.h
//
// The packets that the switch makes itself: answers to ARP, neighbour
// discovery and ping, and ICMP errors.  Each Build function writes a whole
// frame into `out`, a packet fresh from a PacketPool, with complete checksums.
//
//   if (MayCauseIcmpError(meta, packet, IcmpError::kTimeExceeded)) {
//     BuildIcmpError(packet, meta,
//                    {.error = IcmpError::kTimeExceeded,
//                     .source = gateway, .source_mac = gateway_mac,
//                     .destination_mac = port_mac}, *out);
//   }
//
// REQUIRES everywhere: `meta` is what Parse() said about the received packet.
// Worker thread only.

#ifndef VSWITCH_DATAPLANE_PACKET_BUILD_H_
#define VSWITCH_DATAPLANE_PACKET_BUILD_H_

#include <cstdint>
#include <optional>

#include "dataplane/base/address.h"
#include "dataplane/packet/packet_meta.h"

struct rte_mbuf;

namespace vswitch {

// Why an ICMP or ICMPv6 error is sent; one value for both families.
enum class IcmpError : uint8_t {
  kTimeExceeded,         // ICMP 11/0, ICMPv6 3/0
  kReassemblyTimeout,    // ICMP 11/1, ICMPv6 3/1
  kNoRoute,              // ICMP 3/0,  ICMPv6 1/0
  kHostUnreachable,      // ICMP 3/1,  ICMPv6 1/3
  kProtocolUnreachable,  // ICMP 3/2,  ICMPv6 4/1
  kPortUnreachable,      // ICMP 3/3,  ICMPv6 1/4
  kAdministrative,       // ICMP 3/13, ICMPv6 1/1
  kPacketTooBig,         // ICMP 3/4,  ICMPv6 2/0; needs `mtu`
};

struct IcmpErrorRequest {
  IcmpError error = IcmpError::kTimeExceeded;
  uint32_t mtu = 0;  // of kPacketTooBig: bytes of an IP packet
  IpAddress source;  // the switch's address, of the packet's family
  MacAddress source_mac;
  MacAddress destination_mac;
};

// Returns whether a packet may be answered with `error`: false for errors
// themselves, later fragments, group and broadcast destinations (but RFC 4443
// 2.4 (e.3) lets packet-too-big pass) and sources that are no single host (RFC
// 1812 4.3.2.7, RFC 4443 2.4).
bool MayCauseIcmpError(const PacketMeta& meta, const rte_mbuf& packet,
                       IcmpError error);

// Writes the error about `about` into `out`, addressed to the packet's sender.
// It quotes the packet as it now stands, up to 576 bytes of error in all for
// ICMP (RFC 1812 4.3.2.3) and 1280 for ICMPv6 (RFC 4443 2.4 (c)).  An MTU below
// 68 or 1280 is raised to that.  REQUIRES: request.source is of its family.
void BuildIcmpError(const rte_mbuf& about, const PacketMeta& meta,
                    const IcmpErrorRequest& request, rte_mbuf& out);

// Writes the answer to the ARP request `request` into `out`: the address it
// asks for is at `mac`.
void BuildArpReply(const rte_mbuf& request, const MacAddress& mac,
                   rte_mbuf& out);

struct NeighborAdvertisement {
  IpAddress source;  // of the IPv6 header
  MacAddress mac;    // where the target is; also the Ethernet source
  bool router = false;
  bool override_flag = true;  // false when the answer is a proxy's
};

// Writes the answer to neighbour solicitation `solicitation` into `out`.  One
// from "::" (duplicate address detection) is answered to all nodes, as RFC
// 4861 7.2.4 says.
void BuildNeighborAdvertisement(const rte_mbuf& solicitation,
                                const PacketMeta& meta,
                                const NeighborAdvertisement& advertisement,
                                rte_mbuf& out);

// Writes the question "who has `target`" into `out`: a broadcast ARP request,
// or a neighbour solicitation to the solicited-node group; or a question to the
// target alone, which was `at` a MAC address (RFC 1122 2.3.2.1, RFC 4861
// 7.3.3).  REQUIRES: `source` is of the family of `target`.
void BuildNeighborRequest(const IpAddress& target, const IpAddress& source,
                          const MacAddress& mac, rte_mbuf& out,
                          const std::optional<MacAddress>& at = std::nullopt);

// Makes the echo request `packet` its reply, in place: addresses swapped,
// Ethernet source `mac`, TTL 64, type and checksum, padding trimmed.  `meta`
// follows.  REQUIRES: an unfragmented ICMP echo or ICMPv6 echo request.
void TurnIntoEchoReply(rte_mbuf& packet, PacketMeta& meta,
                       const MacAddress& mac);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_PACKET_BUILD_H_
