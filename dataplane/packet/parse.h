// dataplane/packet/parse.h
//
// Parse(): reads the headers of a packet once, checks everything about them
// that can be said from the packet alone, and notes in a PacketMeta where they
// are.  A packet that breaks a rule gets the drop reason of that rule: the
// malformed cases of spec/faults.md section 3.6, in both families.
//
//   PacketMeta meta;
//   DropReason reason = Parse(packet, in_port, trusted_port, meta);
//   if (reason != DropReason::kNone) ...
//
// What needs to know the port's addresses, the routes or the clock (spoofing,
// TTL, fragments that overlap) is left to the pipeline; CheckAddresses() holds
// the rules about addresses that never belong on a wire.
// Pure functions: any thread.

#ifndef VSWITCH_DATAPLANE_PACKET_PARSE_H_
#define VSWITCH_DATAPLANE_PACKET_PARSE_H_

#include <cstdint>
#include <optional>

#include "dataplane/base/address.h"
#include "dataplane/base/drop_reason.h"
#include "dataplane/base/flow_key.h"
#include "dataplane/base/ids.h"
#include "dataplane/packet/packet_meta.h"

struct rte_mbuf;

namespace vswitch {

// Reads `packet` and fills the first half of `meta`, as far as it got.
// Verifies the IPv4 header checksum and the L4 checksum unless the mbuf says
// that they are good (RX_IP_CKSUM_GOOD, RX_L4_CKSUM_GOOD) or not yet computed
// (RX_L4_CKSUM_NONE on TCP or UDP: meta.l4_checksum is then kPartial).
// Frame bytes behind the packet are padding: meta.packet_bytes leaves them out,
// and the caller trims them.  `trusted_port`: an uplink or the host's port, not
// a pod's.
//
// ARP: meta.key has the sender's and the target's IPv4 address, and
// meta.l4_offset is that of the ArpHeader.
DropReason Parse(const rte_mbuf& packet, PortId in_port, bool trusted_port,
                 PacketMeta& meta);

// Returns kMartianSrc, kMartianDst or kLand when the addresses of `meta` may
// not stand together in a packet on any wire (RFC 1812 5.3.7, RFC 6890), else
// kNone.  Knows DHCP's 0.0.0.0 and duplicate address detection's "::".
DropReason CheckAddresses(const PacketMeta& meta);

// The packet that an ICMP error is about, as quoted inside it.
struct IcmpInner {
  FlowKey key;             // as the packet was when the error's sender got it
  uint16_t l3_offset = 0;  // from the first byte of the outer frame
  uint16_t l4_offset = 0;
  uint32_t l4_bytes = 0;  // quoted bytes from l4_offset on; at least 8 if it
                          // has ports or an identifier
  bool is_query = false;  // an ICMP query: key has its identifier as ports
  // Sequence number of TCP, else 0; to be compared with the connection's.
  uint32_t tcp_sequence = 0;
};

// Returns what the ICMP error in `packet` is about.  Parse() already checked
// it: kIcmpInner and kIcmpInnerCsum.  REQUIRES: meta.icmp == IcmpKind::kError.
IcmpInner ReadIcmpInner(const rte_mbuf& packet, const PacketMeta& meta);

// Returns the MTU that a packet-too-big error reports (ICMP 3/4, ICMPv6 2), or
// nothing if the packet is none.
std::optional<uint32_t> ReportedMtu(const rte_mbuf& packet,
                                    const PacketMeta& meta);

// Returns where the fragment header of an IPv6 fragment stands, from the first
// byte of the frame.  REQUIRES: Parse() found that it is one.
uint32_t FragmentHeaderOffset(const rte_mbuf& packet, const PacketMeta& meta);

// Returns the target of a neighbour solicitation or advertisement.
// REQUIRES: meta.icmp_type is one of these two.
IpAddress NeighborTarget(const rte_mbuf& packet, const PacketMeta& meta);

// Returns the link-layer address in the option of `type`
// (kNdSourceLinkLayer, kNdTargetLinkLayer) of a neighbour discovery message,
// or nothing.  REQUIRES: meta.icmp == IcmpKind::kNeighborDiscovery.
std::optional<MacAddress> FindLinkLayerOption(const rte_mbuf& packet,
                                              const PacketMeta& meta,
                                              uint8_t type);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_PACKET_PARSE_H_
