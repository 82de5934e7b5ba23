// dataplane/pipeline/tcp_segment.h
//
// What connection tracking wants to know of a TCP packet: its numbers and the
// options for window scale and SACK.
//
//   connections.Track(view, ReadTcpSegment(packet, meta));
//
// Pure function: worker thread.

#ifndef VSWITCH_DATAPLANE_PIPELINE_TCP_SEGMENT_H_
#define VSWITCH_DATAPLANE_PIPELINE_TCP_SEGMENT_H_

#include "dataplane/conntrack/tcp_window.h"
#include "dataplane/packet/packet_meta.h"

struct rte_mbuf;

namespace vswitch {

// Reads the TCP header of a packet that Parse() took, and its options, whose
// lengths Parse() checked.  Returns an empty segment for any other protocol,
// and for a later fragment.
TcpSegment ReadTcpSegment(const rte_mbuf& packet, const PacketMeta& meta);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_PIPELINE_TCP_SEGMENT_H_
