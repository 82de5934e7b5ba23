// Parse(): ICMP and ICMPv6: queries, errors with what they quote, neighbour
// discovery (RFC 4861) and MLD (RFC 2710, 3810).

#include <array>
#include <cstring>

#include "dataplane/packet/checksum.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/parse_internal.h"

namespace vswitch {
namespace parse_internal {
namespace {

constexpr uint8_t kNdHopLimit = 255;
constexpr uint8_t kMldHopLimit = 1;
constexpr uint32_t kNdOptionUnit = 8;

IcmpKind ClassifyIcmpv4(uint8_t type) {
  switch (type) {
    case kIcmpEchoReply:
    case kIcmpEcho:
    case kIcmpTimestamp:
    case kIcmpTimestampReply:
      return IcmpKind::kQuery;
    case kIcmpUnreachable:
    case kIcmpTimeExceeded:
    case kIcmpParameterProblem:
      return IcmpKind::kError;
    default:
      return IcmpKind::kOther;
  }
}

IcmpKind ClassifyIcmpv6(uint8_t type) {
  if (type >= kIcmpv6RouterSolicitation && type <= kIcmpv6Redirect) {
    return IcmpKind::kNeighborDiscovery;
  }
  switch (type) {
    case kIcmpv6Echo:
    case kIcmpv6EchoReply:
      return IcmpKind::kQuery;
    case kIcmpv6Unreachable:
    case kIcmpv6PacketTooBig:
    case kIcmpv6TimeExceeded:
    case kIcmpv6ParameterProblem:
      return IcmpKind::kError;
    case kIcmpv6MldQuery:
    case kIcmpv6MldReport:
    case kIcmpv6MldDone:
    case kIcmpv6Mld2Report:
      return IcmpKind::kMulticastListener;
    default:
      return IcmpKind::kOther;
  }
}

IcmpKind Classify(IpProtocol protocol, uint8_t type) {
  return protocol == IpProtocol::kIcmp ? ClassifyIcmpv4(type)
                                       : ClassifyIcmpv6(type);
}

bool HasPorts(IpProtocol protocol) {
  return protocol == IpProtocol::kTcp || protocol == IpProtocol::kUdp ||
         protocol == IpProtocol::kUdpLite || protocol == IpProtocol::kSctp;
}

// Reads the L4 header of the quoted packet: at least its first 8 bytes are
// there (RFC 792).
DropReason ReadInnerL4(const uint8_t* data, uint32_t end, IcmpInner& inner) {
  const IpProtocol protocol = inner.key.protocol;
  inner.l4_bytes = end - inner.l4_offset;
  bool is_icmp = protocol == (inner.key.source.IsIpv4() ? IpProtocol::kIcmp
                                                        : IpProtocol::kIcmpv6);
  if (!HasPorts(protocol) && !is_icmp) return DropReason::kNone;
  if (inner.l4_bytes < sizeof(IcmpHeader)) return DropReason::kIcmpInner;
  const uint8_t* l4 = data + inner.l4_offset;
  if (is_icmp) {
    const auto* icmp = reinterpret_cast<const IcmpHeader*>(l4);
    IcmpKind kind = Classify(protocol, icmp->type);
    // RFC 1122 3.2.2 and RFC 4443 2.4 (e): no error about an error.
    bool is_redirect = protocol == IpProtocol::kIcmp
                           ? icmp->type == kIcmpRedirect
                           : icmp->type == kIcmpv6Redirect;
    if (kind == IcmpKind::kError || is_redirect) return DropReason::kIcmpInner;
    if (kind == IcmpKind::kQuery) {
      inner.is_query = true;
      inner.key.source_port = icmp->identifier;
      inner.key.destination_port = icmp->identifier;
    }
    return DropReason::kNone;
  }
  const auto* ports = reinterpret_cast<const UdpHeader*>(l4);
  inner.key.source_port = ports->source_port;
  inner.key.destination_port = ports->destination_port;
  if (protocol == IpProtocol::kTcp) {
    inner.tcp_sequence = reinterpret_cast<const WireBe32*>(l4 + 4)->ToHost();
  }
  return DropReason::kNone;
}

DropReason ReadInnerIpv4(const uint8_t* data, uint32_t end, IcmpInner& inner) {
  const uint32_t offset = inner.l3_offset;
  if (offset + sizeof(Ipv4Header) > end) return DropReason::kIcmpInner;
  const auto* header = reinterpret_cast<const Ipv4Header*>(data + offset);
  const uint32_t header_bytes = header->HeaderBytes();
  uint16_t fragment = header->flags_offset.ToHost();
  if (header->Version() != 4 || header_bytes < sizeof(Ipv4Header) ||
      offset + header_bytes > end ||
      header->total_length.ToHost() < header_bytes ||
      (fragment & kIpv4OffsetMask) != 0) {
    return DropReason::kIcmpInner;
  }
  if (!SumIsGood(SumBytes(header, header_bytes))) {
    return DropReason::kIcmpInnerCsum;
  }
  inner.key.source = IpAddress::FromIpv4(header->source);
  inner.key.destination = IpAddress::FromIpv4(header->destination);
  inner.key.protocol = static_cast<IpProtocol>(header->protocol);
  inner.l4_offset = static_cast<uint16_t>(offset + header_bytes);
  // The quoted packet ends where it says, when all of it is quoted.
  uint32_t inner_end = offset + header->total_length.ToHost();
  return ReadInnerL4(data, inner_end < end ? inner_end : end, inner);
}

DropReason ReadInnerIpv6(const uint8_t* data, uint32_t end, IcmpInner& inner) {
  const uint32_t offset = inner.l3_offset;
  if (offset + sizeof(Ipv6Header) > end) return DropReason::kIcmpInner;
  const auto* header = reinterpret_cast<const Ipv6Header*>(data + offset);
  if (header->Version() != 6) return DropReason::kIcmpInner;
  inner.key.source = IpAddress::FromIpv6(header->source);
  inner.key.destination = IpAddress::FromIpv6(header->destination);
  if (inner.key.source.IsIpv4() || inner.key.destination.IsIpv4()) {
    return DropReason::kIcmpInner;
  }
  uint32_t inner_end =
      offset + sizeof(Ipv6Header) + header->payload_length.ToHost();
  uint32_t quoted_end = inner_end < end ? inner_end : end;
  Ipv6Chain chain;
  if (WalkIpv6Chain(data, offset, quoted_end, inner_end, chain) !=
          DropReason::kNone ||
      chain.fragment == FragmentKind::kLater) {
    return DropReason::kIcmpInner;
  }
  inner.key.protocol = chain.protocol;
  inner.l4_offset = static_cast<uint16_t>(chain.l4_offset);
  return ReadInnerL4(data, quoted_end, inner);
}

DropReason ReadInner(const uint8_t* data, uint32_t end, bool is_ipv4,
                     IcmpInner& inner) {
  return is_ipv4 ? ReadInnerIpv4(data, end, inner)
                 : ReadInnerIpv6(data, end, inner);
}

// Returns the smallest length of a neighbour discovery message.
uint32_t MinimumNdBytes(uint8_t type) {
  switch (type) {
    case kIcmpv6RouterSolicitation:
      return 8;
    case kIcmpv6RouterAdvertisement:
      return 16;
    case kIcmpv6Redirect:
      return 40;
    default:
      return sizeof(NeighborHeader);
  }
}

// Checks RFC 4861 4.6: no option has length 0 or overruns the message, and
// one that holds an Ethernet address is 8 bytes (RFC 2464 6).
bool NdOptionsAreGood(const ParseState& state) {
  const PacketMeta& meta = state.meta;
  uint32_t offset = meta.l4_offset + MinimumNdBytes(meta.icmp_type);
  while (offset < meta.packet_bytes) {
    if (meta.packet_bytes - offset < kNdOptionUnit) return false;
    uint8_t type = state.data[offset];
    uint32_t bytes = state.data[offset + 1] * kNdOptionUnit;
    if (bytes == 0 || bytes > meta.packet_bytes - offset) return false;
    bool holds_mac = type == kNdSourceLinkLayer || type == kNdTargetLinkLayer;
    if (holds_mac && bytes != kNdOptionUnit) return false;
    offset += bytes;
  }
  return true;
}

// Returns whether `group` is the solicited-node address of `target`: RFC 4291
// 2.7.1.
bool IsSolicitedNode(const IpAddress& group, const IpAddress& target) {
  static constexpr std::array<uint8_t, 13> kPrefix = {
      0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};
  return std::memcmp(group.bytes.data(), kPrefix.data(), 13) == 0 &&
         std::memcmp(group.bytes.data() + 13, target.bytes.data() + 13, 3) == 0;
}

// Checks what RFC 4861 7.1.1 and 7.1.2 say of solicitations and
// advertisements of neighbours.
bool NeighborIsGood(const ParseState& state) {
  const PacketMeta& meta = state.meta;
  IpAddress target = NeighborTarget(state.packet, meta);
  if (target.IsMulticast() || target.IsUnspecified() || target.IsIpv4()) {
    return false;
  }
  if (meta.icmp_type == kIcmpv6NeighborSolicitation) {
    return !meta.key.source.IsUnspecified() ||
           IsSolicitedNode(meta.key.destination, target);
  }
  uint8_t flags = state.At<NeighborHeader>(meta.l4_offset)->flags;
  return !meta.key.destination.IsMulticast() ||
         (flags & kNeighborSolicited) == 0;
}

bool NdIsGood(const ParseState& state) {
  const PacketMeta& meta = state.meta;
  const auto* icmp = state.At<IcmpHeader>(meta.l4_offset);
  const uint32_t minimum = MinimumNdBytes(meta.icmp_type);
  // Such a message fits one segment; options must be readable to be checked.
  if (meta.ttl != kNdHopLimit || icmp->code != 0 || meta.l4_bytes < minimum ||
      !state.CanRead(meta.l4_offset, meta.l4_bytes) ||
      !NdOptionsAreGood(state)) {
    return false;
  }
  const IpAddress& source = meta.key.source;
  switch (meta.icmp_type) {
    case kIcmpv6RouterAdvertisement:  // RFC 4861 6.1.2
    case kIcmpv6Redirect:             // RFC 4861 8.1
      return source.IsLinkLocal();
    case kIcmpv6NeighborSolicitation:
    case kIcmpv6NeighborAdvertisement:
      if (!NeighborIsGood(state)) return false;
      break;
    default:
      break;
  }
  // RFC 4861 6.1.1 and 7.1.1: one without an address has no address to tell.
  return !source.IsUnspecified() ||
         !FindLinkLayerOption(state.packet, meta, kNdSourceLinkLayer);
}

bool MldIsGood(const ParseState& state) {
  const PacketMeta& meta = state.meta;
  const uint32_t minimum =
      meta.icmp_type == kIcmpv6Mld2Report ? 8 : sizeof(NeighborHeader);
  // RFC 2710 3, and RFC 3590 4 for reports from "::".
  return meta.ttl == kMldHopLimit && meta.l4_bytes >= minimum &&
         (meta.key.source.IsLinkLocal() || (meta.key.source.IsUnspecified() &&
                                            meta.icmp_type != kIcmpv6MldQuery));
}

}  // namespace

DropReason ParseIcmp(ParseState& state) {
  PacketMeta& meta = state.meta;
  const auto* icmp = state.At<IcmpHeader>(meta.l4_offset);
  meta.icmp_type = icmp->type;
  meta.icmp_code = icmp->code;
  meta.icmp = Classify(meta.key.protocol, icmp->type);
  bool link_scoped = meta.icmp == IcmpKind::kNeighborDiscovery ||
                     meta.icmp == IcmpKind::kMulticastListener;
  // RFC 6980 5: not even in an atomic fragment.
  if (link_scoped && state.has_fragment_header) {
    return DropReason::kNdFragmented;
  }
  if (!L4ChecksumIsGood(state, meta.l4_bytes)) return DropReason::kIcmpCsum;
  switch (meta.icmp) {
    case IcmpKind::kQuery:
      meta.key.source_port = icmp->identifier;
      meta.key.destination_port = icmp->identifier;
      return DropReason::kNone;
    case IcmpKind::kError: {
      IcmpInner inner;
      inner.l3_offset =
          static_cast<uint16_t>(meta.l4_offset + sizeof(IcmpHeader));
      return ReadInner(state.data, state.head_bytes, meta.l3 == L3Kind::kIpv4,
                       inner);
    }
    case IcmpKind::kNeighborDiscovery:
      return NdIsGood(state) ? DropReason::kNone : DropReason::kNdMalformed;
    case IcmpKind::kMulticastListener:
      return MldIsGood(state) ? DropReason::kNone : DropReason::kMldInvalid;
    default:
      return DropReason::kNone;
  }
}

}  // namespace parse_internal

IcmpInner ReadIcmpInner(const rte_mbuf& packet, const PacketMeta& meta) {
  IcmpInner inner;
  inner.l3_offset = static_cast<uint16_t>(meta.l4_offset + sizeof(IcmpHeader));
  uint32_t end = FirstSegmentBytes(packet);
  if (meta.packet_bytes < end) end = meta.packet_bytes;
  // Parse() found nothing wrong with it.
  static_cast<void>(parse_internal::ReadInner(Data(packet), end,
                                              meta.l3 == L3Kind::kIpv4, inner));
  return inner;
}

std::optional<uint32_t> ReportedMtu(const rte_mbuf& packet,
                                    const PacketMeta& meta) {
  if (meta.icmp != IcmpKind::kError) return std::nullopt;
  const auto* icmp = HeaderAt<IcmpHeader>(packet, meta.l4_offset);
  if (meta.l3 == L3Kind::kIpv6) {
    if (meta.icmp_type != kIcmpv6PacketTooBig) return std::nullopt;
    return uint32_t{icmp->identifier.ToHost()} << 16 | icmp->sequence.ToHost();
  }
  if (meta.icmp_type != kIcmpUnreachable || meta.icmp_code != kIcmpFragNeeded) {
    return std::nullopt;
  }
  return icmp->sequence.ToHost();
}

IpAddress NeighborTarget(const rte_mbuf& packet, const PacketMeta& meta) {
  return IpAddress::FromIpv6(
      HeaderAt<NeighborHeader>(packet, meta.l4_offset)->target);
}

std::optional<MacAddress> FindLinkLayerOption(const rte_mbuf& packet,
                                              const PacketMeta& meta,
                                              uint8_t type) {
  const uint8_t* data = Data(packet);
  uint32_t offset =
      meta.l4_offset + parse_internal::MinimumNdBytes(meta.icmp_type);
  while (offset + parse_internal::kNdOptionUnit <= meta.packet_bytes) {
    if (data[offset] == type) {
      MacAddress mac;
      std::memcpy(mac.bytes.data(), data + offset + 2, mac.bytes.size());
      return mac;
    }
    offset += data[offset + 1] * parse_internal::kNdOptionUnit;
  }
  return std::nullopt;
}

}  // namespace vswitch
