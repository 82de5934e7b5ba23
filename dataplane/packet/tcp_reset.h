// dataplane/packet/tcp_reset.h
//
// TCP resets that the switch sends in another's name: to the sender of a
// segment that goes no further, and to its receiver.  A reset only counts when
// its numbers are those that its addressee expects (RFC 9293 3.5.3, RFC 5961
// 3.2), so both are made from the segment in hand.
//
//   if (MayCauseTcpReset(meta, packet)) {
//     BuildTcpReset(ResetForSender(packet, meta),
//                   {.source = gateway_mac, .destination = port_mac}, *out);
//   }
//
// REQUIRES everywhere: `meta` is what Parse() said about the received segment,
// which is not a later fragment.  Worker thread only.

#ifndef VSWITCH_DATAPLANE_PACKET_TCP_RESET_H_
#define VSWITCH_DATAPLANE_PACKET_TCP_RESET_H_

#include <cstdint>

#include "dataplane/base/address.h"
#include "dataplane/base/flow_key.h"
#include "dataplane/packet/packet_meta.h"

struct rte_mbuf;

namespace vswitch {

struct TcpReset {
  FlowKey key;                  // of the reset as it leaves
  uint32_t sequence = 0;        // host byte order
  uint32_t acknowledgment = 0;  // host byte order; 0 without the ACK flag
  bool has_ack = false;
};

// Returns whether the sender of a packet may be sent a reset: false for what is
// not TCP, for a reset itself and a later fragment, and where an ICMP error
// would be forbidden (MayCauseIcmpError()).
bool MayCauseTcpReset(const PacketMeta& meta, const rte_mbuf& packet);

// Returns the reset that answers `segment`, as a host does that knows no such
// connection (RFC 9293 3.10.7.1).
TcpReset ResetForSender(const rte_mbuf& segment, const PacketMeta& meta);

// Returns the reset that stands in the place of `segment`, which would have
// left as `leaving`: its receiver takes it for the sender's.
TcpReset ResetForReceiver(const rte_mbuf& segment, const FlowKey& leaving,
                          const PacketMeta& meta);

struct EthernetEnds {
  MacAddress source;
  MacAddress destination;
};

// Writes the whole frame into `out`, a packet fresh from a PacketPool.
void BuildTcpReset(const TcpReset& reset, const EthernetEnds& ends,
                   rte_mbuf& out);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_PACKET_TCP_RESET_H_
