// Parse(): IPv4 and IPv6 headers, options, extension headers and fragments.

#include <algorithm>

#include "dataplane/packet/checksum.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/parse_internal.h"

namespace vswitch::parse_internal {
namespace {

constexpr uint32_t kLargestIpPacket = 65535;

// RFC 7045 2.1 lets a node limit the chain it is willing to walk.
constexpr uint32_t kMaxExtensionHeaders = 8;
constexpr uint32_t kMaxExtensionBytes = 256;

constexpr uint8_t kIpv4EndOfOptions = 0;
constexpr uint8_t kIpv4NoOperation = 1;
constexpr uint8_t kIpv4LooseSourceRoute = 131;
constexpr uint8_t kIpv4StrictSourceRoute = 137;

constexpr uint8_t kIpv6Pad1 = 0;
constexpr uint8_t kIpv6PadN = 1;
constexpr uint8_t kIpv6RouterAlert = 5;
constexpr uint8_t kIpv6Jumbo = 0xc2;

// RFC 4942 2.1.9.5: padding never needs more than 7 bytes, and holds zeros;
// else it is a covert channel.
bool PaddingIsClean(const uint8_t* option, uint32_t length) {
  if (length > 7 - 2) return false;
  return std::all_of(option + 2, option + 2 + length,
                     [](uint8_t byte) { return byte == 0; });
}

// Checks one hop-by-hop option that a router must look at (RFC 8200 4.2 and
// 4.3).  `length` bytes of data follow the two at `option`.
DropReason CheckHopByHopOption(const uint8_t* option, uint32_t length) {
  switch (option[0]) {
    case kIpv6PadN:
      return PaddingIsClean(option, length) ? DropReason::kNone
                                            : DropReason::kIp6Option;
    case kIpv6RouterAlert:
      return length == 2 ? DropReason::kNone : DropReason::kIp6Option;
    case kIpv6Jumbo:
      return DropReason::kIp6Jumbo;
    default:
      // The two highest bits say what a node does that does not know it: 00
      // is to skip it, all others to discard the packet.
      return (option[0] & 0xc0) == 0 ? DropReason::kNone
                                     : DropReason::kIp6Option;
  }
}

// Checks the options from `offset` to `end`.  Those of a destination options
// header are for the destination to understand: only their lengths count here.
DropReason CheckIpv6Options(const uint8_t* data, uint32_t offset, uint32_t end,
                            bool hop_by_hop) {
  while (offset < end) {
    if (data[offset] == kIpv6Pad1) {
      ++offset;
      continue;
    }
    if (end - offset < 2 || end - offset - 2 < data[offset + 1]) {
      return DropReason::kIp6Option;
    }
    uint32_t length = data[offset + 1];
    if (hop_by_hop) {
      DropReason reason = CheckHopByHopOption(data + offset, length);
      if (reason != DropReason::kNone) return reason;
    }
    offset += 2 + length;
  }
  return DropReason::kNone;
}

// Checks what holds for a fragment of both families.  `payload_bytes` is what
// this fragment carries, `header_bytes` what stands before it in the whole
// datagram as far as it counts towards the 65535 bytes.
bool FragmentIsPossible(uint32_t offset_bytes, bool more_fragments,
                        uint32_t payload_bytes, uint32_t header_bytes) {
  return payload_bytes > 0 && (!more_fragments || payload_bytes % 8 == 0) &&
         header_bytes + offset_bytes + payload_bytes <= kLargestIpPacket;
}

// Reads the fragment header at `offset` into `chain`.
DropReason ReadFragmentHeader(const uint8_t* data, uint32_t offset,
                              uint32_t l3_offset, uint32_t packet_bytes,
                              Ipv6Chain& chain) {
  if (chain.has_fragment_header) return DropReason::kFragInvalid;
  chain.has_fragment_header = true;
  const auto* header =
      reinterpret_cast<const Ipv6FragmentHeader*>(data + offset);
  chain.fragment_id = header->identification.ToHost();
  chain.fragment_offset = header->OffsetBytes();
  chain.more_fragments = header->MoreFragments();
  // RFC 6946: an atomic fragment is a whole packet.
  if (chain.fragment_offset == 0 && !chain.more_fragments) {
    return DropReason::kNone;
  }
  chain.fragment =
      chain.fragment_offset == 0 ? FragmentKind::kFirst : FragmentKind::kLater;
  uint32_t payload = offset + sizeof(Ipv6FragmentHeader);
  // RFC 8200 4.5: the payload length of the whole packet must fit 16 bits, and
  // the fragment header is not part of it.
  uint32_t before = offset - l3_offset - sizeof(Ipv6Header);
  return FragmentIsPossible(chain.fragment_offset, chain.more_fragments,
                            packet_bytes - payload, before)
             ? DropReason::kNone
             : DropReason::kFragInvalid;
}

bool IsWalkedHeader(IpProtocol protocol) {
  return protocol == IpProtocol::kHopByHop ||
         protocol == IpProtocol::kDestinationOptions ||
         protocol == IpProtocol::kRouting || protocol == IpProtocol::kFragment;
}

// Checks the extension header of `protocol` from `offset` to `end`, both
// readable.
DropReason CheckExtensionHeader(const uint8_t* data, IpProtocol protocol,
                                uint32_t offset, uint32_t end) {
  if (protocol == IpProtocol::kRouting) {
    // RFC 5095 for type 0; we enable none of the others.
    return data[offset + 2] == 0 ? DropReason::kIp6Rh0 : DropReason::kIp6Rh;
  }
  return CheckIpv6Options(data, offset + sizeof(Ipv6ExtensionHeader), end,
                          protocol == IpProtocol::kHopByHop);
}

// Fills the fields of `meta` that describe a fragment, for both families.
void NoteFragment(PacketMeta& meta, uint32_t id, uint16_t offset_bytes,
                  bool more_fragments) {
  meta.fragment_id = id;
  meta.fragment_offset = offset_bytes;
  meta.more_fragments = more_fragments;
}

DropReason CheckIpv4Fragment(PacketMeta& meta, const Ipv4Header& header) {
  uint16_t word = header.flags_offset.ToHost();
  bool more_fragments = (word & kIpv4MoreFragments) != 0;
  uint16_t offset_bytes = static_cast<uint16_t>((word & kIpv4OffsetMask) * 8);
  meta.dont_fragment = (word & kIpv4DontFragment) != 0;
  NoteFragment(meta, header.identification.ToHost(), offset_bytes,
               more_fragments);
  if (!more_fragments && offset_bytes == 0) return DropReason::kNone;
  meta.fragment =
      offset_bytes == 0 ? FragmentKind::kFirst : FragmentKind::kLater;
  if (meta.dont_fragment ||
      !FragmentIsPossible(offset_bytes, more_fragments, meta.l4_bytes,
                          header.HeaderBytes())) {
    return DropReason::kFragInvalid;
  }
  return DropReason::kNone;
}

// RFC 4291 2.5.5.2: such an address means an IPv4 host to its own node, and
// never stands on the wire (faults M082).  Past this check an address of the
// mapped form in a FlowKey is IPv4.
DropReason RefuseMappedAddresses(const FlowKey& key) {
  if (key.source.IsIpv4()) return DropReason::kMartianSrc;
  if (key.destination.IsIpv4()) return DropReason::kMartianDst;
  return DropReason::kNone;
}

// Checks an IPv6 payload length of 0: a jumbogram (RFC 2675 2), or a packet of
// headers alone, which only next header 59 can be.
DropReason CheckEmptyPayload(const ParseState& state,
                             const Ipv6Header& header) {
  uint32_t offset = state.meta.l3_offset + sizeof(Ipv6Header);
  switch (static_cast<IpProtocol>(header.next_header)) {
    case IpProtocol::kNoNext:
      return DropReason::kNone;
    case IpProtocol::kHopByHop: {
      if (!state.CanRead(offset, 8)) return DropReason::kIp6Len;
      uint32_t end =
          offset + state.At<Ipv6ExtensionHeader>(offset)->HeaderBytes();
      if (end > state.head_bytes) return DropReason::kIp6Len;
      DropReason reason = CheckIpv6Options(state.data, offset + 2, end, true);
      return reason == DropReason::kIp6Jumbo ? reason : DropReason::kIp6Len;
    }
    default:
      return DropReason::kIp6Len;
  }
}

// Checks the length that the IPv6 header gives and leaves padding out.
DropReason TakeIpv6Length(ParseState& state, const Ipv6Header& header) {
  PacketMeta& meta = state.meta;
  uint32_t payload_bytes = header.payload_length.ToHost();
  if (payload_bytes == 0) {
    DropReason reason = CheckEmptyPayload(state, header);
    if (reason != DropReason::kNone) return reason;
  }
  uint32_t end = meta.l3_offset + sizeof(Ipv6Header) + payload_bytes;
  if (end > meta.packet_bytes) return DropReason::kIp6Len;
  meta.packet_bytes = end;
  state.head_bytes = std::min(state.head_bytes, end);
  return DropReason::kNone;
}

}  // namespace

DropReason CheckIpv4Options(const uint8_t* data, uint32_t offset,
                            uint32_t end) {
  while (offset < end) {
    uint8_t type = data[offset];
    if (type == kIpv4EndOfOptions) return DropReason::kNone;
    if (type == kIpv4NoOperation) {
      ++offset;
      continue;
    }
    if (end - offset < 2) return DropReason::kIp4Opt;
    uint32_t length = data[offset + 1];
    if (length < 2 || length > end - offset) return DropReason::kIp4Opt;
    // RFC 1812 5.3.13.4 lets a router discard source-routed packets; RFC 7126
    // 4.3 and 4.4 advise it.
    if (type == kIpv4LooseSourceRoute || type == kIpv4StrictSourceRoute) {
      return DropReason::kIp4SrcRoute;
    }
    offset += length;
  }
  return DropReason::kNone;
}

DropReason WalkIpv6Chain(const uint8_t* data, uint32_t l3_offset,
                         uint32_t head_bytes, uint32_t packet_bytes,
                         Ipv6Chain& chain) {
  const auto* header = reinterpret_cast<const Ipv6Header*>(data + l3_offset);
  const uint32_t begin = l3_offset + sizeof(Ipv6Header);
  uint32_t offset = begin;
  auto protocol = static_cast<IpProtocol>(header->next_header);
  for (uint32_t count = 0; IsWalkedHeader(protocol); ++count) {
    if (protocol == IpProtocol::kHopByHop && offset != begin) {
      return DropReason::kIp6ExtOrder;
    }
    if (count == kMaxExtensionHeaders) return DropReason::kIp6ExtChain;
    // RFC 7112: a first fragment holds all headers.
    DropReason cut = chain.fragment == FragmentKind::kFirst
                         ? DropReason::kFragChain
                         : DropReason::kIp6ExtLen;
    if (offset + 8 > head_bytes) return cut;
    const auto* extension =
        reinterpret_cast<const Ipv6ExtensionHeader*>(data + offset);
    bool is_fragment = protocol == IpProtocol::kFragment;
    uint32_t end = offset + (is_fragment ? 8 : extension->HeaderBytes());
    if (end > packet_bytes) return cut;
    if (end - begin > kMaxExtensionBytes) return DropReason::kIp6ExtChain;
    if (end > head_bytes) return cut;
    DropReason reason =
        is_fragment
            ? ReadFragmentHeader(data, offset, l3_offset, packet_bytes, chain)
            : CheckExtensionHeader(data, protocol, offset, end);
    if (reason != DropReason::kNone) return reason;
    protocol = static_cast<IpProtocol>(extension->next_header);
    offset = end;
    if (chain.fragment == FragmentKind::kLater) break;
  }
  chain.protocol = protocol;
  chain.l4_offset = offset;
  return DropReason::kNone;
}

DropReason ParseIpv4(ParseState& state) {
  PacketMeta& meta = state.meta;
  const uint32_t offset = meta.l3_offset;
  if (!state.CanRead(offset, 1)) return DropReason::kL3Short;
  const auto* header = state.At<Ipv4Header>(offset);
  if (header->Version() != 4) return DropReason::kIpVersion;
  if (!state.CanRead(offset, sizeof(Ipv4Header))) return DropReason::kL3Short;
  const uint32_t header_bytes = header->HeaderBytes();
  if (header_bytes < sizeof(Ipv4Header) ||
      !state.CanRead(offset, header_bytes)) {
    return DropReason::kIp4Ihl;
  }
  const uint32_t total_bytes = header->total_length.ToHost();
  if (total_bytes < header_bytes || offset + total_bytes > meta.packet_bytes) {
    return DropReason::kIp4Len;
  }
  bool checksum_known = (state.packet.ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) ==
                        RTE_MBUF_F_RX_IP_CKSUM_GOOD;
  if (!checksum_known && !SumIsGood(SumBytes(header, header_bytes))) {
    return DropReason::kIp4Csum;
  }
  meta.l3 = L3Kind::kIpv4;
  meta.packet_bytes = offset + total_bytes;
  state.head_bytes = std::min(state.head_bytes, meta.packet_bytes);
  meta.l4_offset = static_cast<uint16_t>(offset + header_bytes);
  meta.l4_bytes = meta.packet_bytes - meta.l4_offset;
  meta.headers_end = meta.l4_offset;
  meta.ttl = header->ttl;
  meta.traffic_class = header->tos;
  meta.key.source = IpAddress::FromIpv4(header->source);
  meta.key.destination = IpAddress::FromIpv4(header->destination);
  meta.key.protocol = static_cast<IpProtocol>(header->protocol);
  DropReason reason =
      CheckIpv4Options(state.data, offset + sizeof(Ipv4Header), meta.l4_offset);
  if (reason != DropReason::kNone) return reason;
  reason = CheckIpv4Fragment(meta, *header);
  return reason != DropReason::kNone ? reason : ParseL4(state);
}

DropReason ParseIpv6(ParseState& state) {
  PacketMeta& meta = state.meta;
  const uint32_t offset = meta.l3_offset;
  if (!state.CanRead(offset, 1)) return DropReason::kL3Short;
  const auto* header = state.At<Ipv6Header>(offset);
  if (header->Version() != 6) return DropReason::kIpVersion;
  if (!state.CanRead(offset, sizeof(Ipv6Header))) return DropReason::kL3Short;
  DropReason reason = TakeIpv6Length(state, *header);
  if (reason != DropReason::kNone) return reason;
  meta.l3 = L3Kind::kIpv6;
  meta.ttl = header->hop_limit;
  meta.traffic_class = header->TrafficClass();
  meta.dont_fragment = true;  // RFC 8200 5: routers never fragment
  meta.key.source = IpAddress::FromIpv6(header->source);
  meta.key.destination = IpAddress::FromIpv6(header->destination);
  reason = RefuseMappedAddresses(meta.key);
  if (reason != DropReason::kNone) return reason;
  Ipv6Chain chain;
  reason = WalkIpv6Chain(state.data, offset, state.head_bytes,
                         meta.packet_bytes, chain);
  if (reason != DropReason::kNone) return reason;
  state.has_fragment_header = chain.has_fragment_header;
  meta.fragment = chain.fragment;
  NoteFragment(meta, chain.fragment_id, chain.fragment_offset,
               chain.more_fragments);
  meta.key.protocol = chain.protocol;
  meta.l4_offset = static_cast<uint16_t>(chain.l4_offset);
  meta.l4_bytes = meta.packet_bytes - meta.l4_offset;
  meta.headers_end = meta.l4_offset;
  return ParseL4(state);
}

}  // namespace vswitch::parse_internal

namespace vswitch {

uint32_t FragmentHeaderOffset(const rte_mbuf& packet, const PacketMeta& meta) {
  uint32_t offset = meta.l3_offset + sizeof(Ipv6Header);
  auto next = static_cast<IpProtocol>(
      HeaderAt<Ipv6Header>(packet, meta.l3_offset)->next_header);
  while (next != IpProtocol::kFragment && offset < meta.l4_offset) {
    const auto& header = *HeaderAt<Ipv6ExtensionHeader>(packet, offset);
    next = static_cast<IpProtocol>(header.next_header);
    offset += header.HeaderBytes();
  }
  return offset;
}

}  // namespace vswitch
