// dataplane/pipeline/flow_keys.h
//
// Under which key a packet's connection is found, and what a translated key
// means for the packet's bytes.
//
// For most packets that key is meta.key.  An ICMP query has only an
// identifier, and two hosts that ping each other may choose the same one: so
// that one's requests do not pass as answers to the other's, the question has
// its type in place of the destination port, and the answer the question's type
// in place of the source port (as Linux' conntrack keeps type and identifier
// apart).
//
//   FlowKey key = ConnectionKey(meta);
//
// Pure functions: any thread.

#ifndef VSWITCH_DATAPLANE_PIPELINE_FLOW_KEYS_H_
#define VSWITCH_DATAPLANE_PIPELINE_FLOW_KEYS_H_

#include <cstdint>

#include "dataplane/base/flow_key.h"
#include "dataplane/packet/packet_meta.h"

namespace vswitch {

// Whether an ICMP or ICMPv6 query of `type` is a question.
bool IsIcmpRequest(IpProtocol protocol, uint8_t type);

// Returns the key of a query whose own key has its identifier in both ports.
FlowKey IcmpQueryKey(const FlowKey& key, uint8_t type);

// Returns the key under which the connection of a packet is found.
inline FlowKey ConnectionKey(const PacketMeta& meta) {
  return meta.icmp == IcmpKind::kQuery ? IcmpQueryKey(meta.key, meta.icmp_type)
                                       : meta.key;
}

// The way back: returns the packet's key for the connection's `key`, which
// has the identifier in both ports.
FlowKey PacketKeyOfQuery(const FlowKey& key, uint8_t type);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_PIPELINE_FLOW_KEYS_H_
