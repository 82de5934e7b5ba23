// dataplane/pipeline/related.h
//
// ICMP errors about known connections (RFC 5508 REQ-3 to REQ-6): an error goes
// to the sender of the packet that it quotes, so it travels in the direction
// opposite to that packet, and what a translation did to the packet has to be
// undone in the quotation, too.
//
//   std::optional<FlowKey> key = RelatedKey(packet, meta, from_pod);
//   ... look the connection up ...
//   TranslateRelated(packet, meta, view);
//
// Pure functions over one packet: worker thread.

#ifndef VSWITCH_DATAPLANE_PIPELINE_RELATED_H_
#define VSWITCH_DATAPLANE_PIPELINE_RELATED_H_

#include <optional>

#include "dataplane/base/flow_key.h"
#include "dataplane/conntrack/connection.h"
#include "dataplane/packet/packet_meta.h"

struct rte_mbuf;

namespace vswitch {

// Returns the connection key, in the error's direction, of what the error is
// about; nothing if the error does not go to the sender of what it quotes, or
// comes from a pod that is not the end of that connection: pods are no
// routers.  REQUIRES: meta.icmp == IcmpKind::kError.
std::optional<FlowKey> RelatedKey(const rte_mbuf& packet,
                                  const PacketMeta& meta, bool from_pod);

// Translates the error and its quotation as the connection does.  REQUIRES:
// `view` was found with RelatedKey() of the packet.
void TranslateRelated(rte_mbuf& packet, PacketMeta& meta,
                      const ConnectionView& view);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_PIPELINE_RELATED_H_
