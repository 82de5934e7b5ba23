// dataplane/pipeline/sctp_packet.h
//
// What connection tracking wants to know of an SCTP packet: its verification
// tag, and which chunks it has.
//
//   connections.TrackSctp(view, ReadSctpPacket(packet, meta));
//
// Pure function: worker thread.

#ifndef VSWITCH_DATAPLANE_PIPELINE_SCTP_PACKET_H_
#define VSWITCH_DATAPLANE_PIPELINE_SCTP_PACKET_H_

#include "dataplane/conntrack/sctp_state.h"
#include "dataplane/packet/packet_meta.h"

struct rte_mbuf;

namespace vswitch {

// Reads the header and the chunks of a packet that Parse() took, whose lengths
// it checked.  Returns an empty packet for any other protocol, and for a later
// fragment; the header alone for a first one.
SctpPacket ReadSctpPacket(const rte_mbuf& packet, const PacketMeta& meta);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_PIPELINE_SCTP_PACKET_H_
