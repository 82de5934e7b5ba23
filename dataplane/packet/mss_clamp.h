// dataplane/packet/mss_clamp.h
//
// ClampMss(): keeps a TCP connection from segments that the path does not take.
//
// The MSS option of a SYN says how much its sender takes in one segment (RFC
// 9293 3.7.1).  Where a link on the way is smaller, lowering it there saves the
// connection from depending on ICMP, which firewalls eat (RFC 2923 2.1).
//
//   if ((meta.tcp_flags & kTcpSyn) != 0) ClampMss(packet, meta, mtu);
//
// Worker thread only.

#ifndef VSWITCH_DATAPLANE_PACKET_MSS_CLAMP_H_
#define VSWITCH_DATAPLANE_PACKET_MSS_CLAMP_H_

#include <cstdint>

#include "dataplane/packet/packet_meta.h"

struct rte_mbuf;

namespace vswitch {

// Lowers the MSS option of the TCP header to what fits an IP packet of `mtu`
// bytes with headers that have no options (RFC 6691), and follows it with the
// checksum.  Never raises it, and adds none: without the option a peer sends
// segments that fit every link (RFC 9293 3.7.1, RFC 8200 5).  Changes nothing
// behind an option of an impossible length.  REQUIRES: `meta` is what Parse()
// said about `packet`, a TCP packet that is no later fragment.
void ClampMss(rte_mbuf& packet, const PacketMeta& meta, uint32_t mtu);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_PACKET_MSS_CLAMP_H_
