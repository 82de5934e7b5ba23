// dataplane/packet/packet_meta.h
//
// PacketMeta: what the pipeline knows about one packet of a burst.  Parse()
// fills the first half from the packet's bytes; later stages fill the second.
// It lies in a worker-local array beside the burst, never in the mbuf.
//
// All offsets count from the first byte of the frame.  Everything up to
// `headers_end` lies in the packet's first segment and was checked against its
// length.  Worker thread only.

#ifndef VSWITCH_DATAPLANE_PACKET_PACKET_META_H_
#define VSWITCH_DATAPLANE_PACKET_PACKET_META_H_

#include <cstdint>

#include "dataplane/base/address.h"
#include "dataplane/base/drop_reason.h"
#include "dataplane/base/flow_key.h"
#include "dataplane/base/ids.h"

namespace vswitch {

enum class L3Kind : uint8_t { kNone, kArp, kIpv4, kIpv6 };

// What an ICMP or ICMPv6 message is to the pipeline.
enum class IcmpKind : uint8_t {
  kNotIcmp,
  kQuery,  // echo and the like: tracked by identifier
  kError,  // carries the header of the packet it is about
  kNeighborDiscovery,
  kMulticastListener,
  kOther,
};

enum class FragmentKind : uint8_t { kWhole, kFirst, kLater };

// How the checksum of the L4 header stands in the packet.
enum class L4Checksum : uint8_t {
  kComplete,  // as on the wire
  kPartial,   // the pseudo-header's sum; completed where the packet leaves
  kNone,      // the protocol has none, or UDP over IPv4 without one
};

struct PacketMeta {
  // --- filled by Parse() ---
  PortId in_port = kNoPort;
  L3Kind l3 = L3Kind::kNone;
  IcmpKind icmp = IcmpKind::kNotIcmp;
  FragmentKind fragment = FragmentKind::kWhole;
  L4Checksum l4_checksum = L4Checksum::kNone;
  uint8_t ttl = 0;            // TTL or hop limit as received
  uint8_t traffic_class = 0;  // TOS or traffic class as received
  uint8_t tcp_flags = 0;      // as in the TCP header, 0 if not TCP
  uint8_t icmp_type = 0;
  uint8_t icmp_code = 0;
  bool dont_fragment = false;  // IPv4 DF; true for IPv6
  uint16_t l3_offset = 0;
  uint16_t l4_offset = 0;        // also of a later fragment: its payload
  uint16_t headers_end = 0;      // first byte behind the L4 header
  uint32_t packet_bytes = 0;     // frame length without trailing padding
  uint32_t l4_bytes = 0;         // L4 header and payload of this packet
  uint32_t fragment_id = 0;      // IPv4: 16 bits
  uint16_t fragment_offset = 0;  // bytes
  bool more_fragments = false;
  // Of a fragment: the identification that its datagram gets if source NAT
  // sends it on; set by stage fragments.
  uint32_t leaving_id = 0;
  // Addresses, protocol and ports of the packet as it is now: translation
  // updates them together with the bytes.  A later fragment has ports 0 until
  // the fragments stage finds its first one.
  FlowKey key;

  // --- filled by later stages ---
  // Whether its port's peer may send from its source address is not known yet;
  // an established connection knows (guard.cc, connections.cc).
  bool source_unchecked = false;
  // Why the packet was dropped; of a later fragment on its way, why its first
  // one was, in the same burst.
  DropReason drop = DropReason::kNone;
  PortId out_port = kNoPort;
  // IPv4: leaves in fragments of at most so many bytes; 0: whole.
  uint32_t cut_to_bytes = 0;
  IdentityId source_identity = kIdentityUnknown;
  IdentityId destination_identity = kIdentityUnknown;
  EndpointId source_endpoint = kNoEndpoint;
  EndpointId destination_endpoint = kNoEndpoint;
  RuleId rule = kNoRule;  // that decided, on egress or ingress
  uint64_t flow_hash = 0;
  uint32_t connection = 0xffffffff;  // index in the connection table
  uint8_t direction = 0;             // 0 original, 1 reply
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_PACKET_PACKET_META_H_
