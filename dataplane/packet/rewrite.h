// dataplane/packet/rewrite.h
//
// Changes to a packet that keep its checksums right: translation of addresses
// and ports, TTL, MAC addresses.  Each checksum is updated from the change
// alone (RFC 1624), so that a damaged packet stays damaged; a partial checksum
// (L4Checksum::kPartial) stays partial.
//
//   FlowKey to = meta.key;
//   to.destination = backend.address;
//   to.destination_port = backend.port;
//   RewriteFlow(packet, meta, to);
//
// REQUIRES everywhere: `meta` is what Parse() said about `packet`.
// Worker thread only.

#ifndef VSWITCH_DATAPLANE_PACKET_REWRITE_H_
#define VSWITCH_DATAPLANE_PACKET_REWRITE_H_

#include "dataplane/base/address.h"
#include "dataplane/base/flow_key.h"
#include "dataplane/packet/packet_meta.h"
#include "dataplane/packet/parse.h"

struct rte_mbuf;

namespace vswitch {

// Sets the Ethernet addresses.
void SetMacAddresses(rte_mbuf& packet, const MacAddress& destination,
                     const MacAddress& source);

// Takes one from the TTL or hop limit.  REQUIRES: it is not 0.  meta.ttl stays
// what was received.
void DecrementTtl(rte_mbuf& packet, const PacketMeta& meta);

// Makes the packet one of flow `to`: addresses, and the ports of TCP, UDP,
// UDP-Lite and SCTP or the identifier of an ICMP query (to.source_port).
// meta.key becomes `to`.  A later fragment has no ports: only its addresses
// change.  SCTP's checksum is a CRC over the packet: it is computed anew, which
// for a first fragment is impossible and left to the receiver to refuse.
// REQUIRES: `to` is of the packet's family and protocol.
void RewriteFlow(rte_mbuf& packet, PacketMeta& meta, const FlowKey& to);

// Sets the identification of the packet's datagram: of IPv4 its lower 16 bits;
// of IPv6 that of a fragment, other packets have none.
void SetDatagramId(rte_mbuf& packet, const PacketMeta& meta, uint32_t id);

// Makes the packet quoted in an ICMP error one of flow `to`, with its own
// checksums and the error's.  REQUIRES: `inner` is ReadIcmpInner() of the
// packet; `to` is of its family and protocol.
void RewriteIcmpInner(rte_mbuf& packet, const PacketMeta& meta,
                      const IcmpInner& inner, const FlowKey& to);

// Computes the L4 checksum of the whole packet and stores it: completes a
// partial checksum in software.  Does nothing for a fragment or a protocol
// without a checksum.
void CompleteL4Checksum(rte_mbuf& packet, PacketMeta& meta);

// Asks the port to complete a partial checksum, and to cut the packet when it
// holds several segments' worth (tso_segsz): sets the TX flags and header
// lengths as nic-drivers/port.h says.  Receive flags are removed.
void SetTransmitOffloads(rte_mbuf& packet, const PacketMeta& meta);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_PACKET_REWRITE_H_
