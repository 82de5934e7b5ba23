// dataplane/packet/parse_internal.h
//
// The parts of Parse(), one file per layer: parse.cc (L2 and ARP), parse_ip.cc
// (IPv4, IPv6 and its extension headers), parse_l4.cc (TCP, UDP, SCTP and
// others), parse_icmp.cc (ICMP, ICMPv6, neighbour discovery, MLD).
//
// Each part reads from `data` only below `head_bytes`, and each gives kNone or
// the reason to drop the packet.  Not for use outside of these files.

#ifndef VSWITCH_DATAPLANE_PACKET_PARSE_INTERNAL_H_
#define VSWITCH_DATAPLANE_PACKET_PARSE_INTERNAL_H_

#include <cstdint>

#include "dataplane/base/drop_reason.h"
#include "dataplane/packet/packet.h"
#include "dataplane/packet/packet_meta.h"
#include "dataplane/packet/parse.h"

namespace vswitch::parse_internal {

struct ParseState {
  const rte_mbuf& packet;
  const uint8_t* data;  // first byte of the frame
  // Bytes that may be read at `data`: those of the first segment, and once the
  // IP length is known, none behind the packet's end.
  uint32_t head_bytes;
  PacketMeta& meta;
  bool has_fragment_header = false;  // IPv6, also of an atomic fragment

  template <typename Header>
  const Header* At(uint32_t offset) const {
    return reinterpret_cast<const Header*>(data + offset);
  }
  bool CanRead(uint32_t offset, uint32_t bytes) const {
    return offset + bytes <= head_bytes;
  }
};

// What walking the extension headers of an IPv6 packet found.
struct Ipv6Chain {
  IpProtocol protocol{};
  uint32_t l4_offset = 0;
  bool has_fragment_header = false;
  FragmentKind fragment = FragmentKind::kWhole;
  uint32_t fragment_id = 0;
  uint16_t fragment_offset = 0;
  bool more_fragments = false;
};

// Walks the headers behind the IPv6 header at `l3_offset`.  Bytes below
// `head_bytes` can be read; the packet ends at `packet_bytes`.
DropReason WalkIpv6Chain(const uint8_t* data, uint32_t l3_offset,
                         uint32_t head_bytes, uint32_t packet_bytes,
                         Ipv6Chain& chain);

// Returns kNone if the IPv4 options from `offset` to `end` are well-formed.
DropReason CheckIpv4Options(const uint8_t* data, uint32_t offset, uint32_t end);

DropReason ParseIpv4(ParseState& state);
DropReason ParseIpv6(ParseState& state);

// Reads the header at meta.l4_offset, whatever meta.key.protocol it is of.
DropReason ParseL4(ParseState& state);
DropReason ParseIcmp(ParseState& state);

// Returns the reason for a packet that ends inside its L4 header.
DropReason ShortL4Reason(const PacketMeta& meta);

// Verifies the checksum over `bytes` bytes from meta.l4_offset on, with the
// pseudo-header if the protocol has one, and sets meta.l4_checksum.  A fragment
// passes: its checksum covers more than what is here.
bool L4ChecksumIsGood(const ParseState& state, uint32_t bytes);

// Returns the smallest L4 header of `protocol`, 0 if it has none that we read.
uint32_t MinimumL4Bytes(IpProtocol protocol);

}  // namespace vswitch::parse_internal

#endif  // VSWITCH_DATAPLANE_PACKET_PARSE_INTERNAL_H_
