// Parse(): TCP, UDP, UDP-Lite, SCTP, and the forms of DCCP, GRE, ESP and AH.

#include <algorithm>
#include <array>
#include <cstring>

#include "dataplane/base/planted_bug.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/parse_internal.h"

namespace vswitch::parse_internal {
namespace {

constexpr auto kDccp = static_cast<IpProtocol>(33);
constexpr uint32_t kAhBytes = 12;  // the fixed part, RFC 4302 2

constexpr uint8_t kSctpInit = 1;

// The flag combinations that some state of RFC 9293 sends; PSH, ECE and CWR
// may stand with any.  Linux tracks connections by the same list.
constexpr std::array<bool, 64> MakeValidTcpFlags() {
  std::array<bool, 64> valid{};
  for (uint8_t flags :
       {kTcpSyn, uint8_t(kTcpSyn | kTcpUrg), uint8_t(kTcpSyn | kTcpAck),
        kTcpRst, uint8_t(kTcpRst | kTcpAck), uint8_t(kTcpFin | kTcpAck),
        uint8_t(kTcpFin | kTcpAck | kTcpUrg), kTcpAck,
        uint8_t(kTcpAck | kTcpUrg)}) {
    valid[flags] = true;
    valid[flags | kTcpPsh] = true;
  }
  return valid;
}
constexpr std::array<bool, 64> kValidTcpFlags = MakeValidTcpFlags();

// Returns whether a TCP option of `type` may be `length` bytes long.
bool TcpOptionLengthIsPossible(uint8_t type, uint32_t length) {
  switch (type) {
    case kTcpOptionMss:
      return length == 4;
    case kTcpOptionWindowScale:
      return length == 3;
    case kTcpOptionSackPermitted:
      return length == 2;
    case kTcpOptionSack:  // RFC 2018 3: 8 n + 2, at most 4 blocks
      return length >= 10 && length <= 34 && length % 8 == 2;
    case kTcpOptionTimestamps:
      return length == 10;
    default:
      return true;
  }
}

bool TcpOptionsAreGood(const uint8_t* option, const uint8_t* end) {
  // What almost every segment has (RFC 7323 appendix A): NOP NOP timestamps.
  static constexpr std::array<uint8_t, 4> kUsual = {1, 1, 8, 10};
  if (end - option == 12 && std::memcmp(option, kUsual.data(), 4) == 0) {
    return true;
  }
  while (option < end) {
    if (*option == kTcpOptionEnd) return true;
    if (*option == kTcpOptionNop) {
      ++option;
      continue;
    }
    if (end - option < 2) return false;
    uint32_t length = option[1];
    if (length < 2 || length > end - option ||
        !TcpOptionLengthIsPossible(*option, length)) {
      return false;
    }
    option += length;
  }
  return true;
}

DropReason TakePorts(ParseState& state) {
  const auto* header = state.At<UdpHeader>(state.meta.l4_offset);
  state.meta.key.source_port = header->source_port;
  state.meta.key.destination_port = header->destination_port;
  return header->source_port == Be16{0} || header->destination_port == Be16{0}
             ? DropReason::kL4PortZero
             : DropReason::kNone;
}

DropReason ParseTcp(ParseState& state) {
  PacketMeta& meta = state.meta;
  const auto* tcp = state.At<TcpHeader>(meta.l4_offset);
  const uint32_t header_bytes = tcp->HeaderBytes();
  if (header_bytes < sizeof(TcpHeader)) return DropReason::kTcpDataOffset;
#ifndef VSWITCH_PLANTED_BUG_PARSER
  // test/fuzz proves that the fuzz target finds the bug of leaving this out.
  if (!state.CanRead(meta.l4_offset, header_bytes)) {
    return meta.fragment == FragmentKind::kFirst ? ShortL4Reason(meta)
                                                 : DropReason::kTcpDataOffset;
  }
#endif
  meta.headers_end = static_cast<uint16_t>(meta.l4_offset + header_bytes);
  meta.tcp_flags = tcp->flags;
  if (!L4ChecksumIsGood(state, meta.l4_bytes)) return DropReason::kTcpCsum;
  DropReason reason = TakePorts(state);
  if (reason != DropReason::kNone) return reason;
  if (!kValidTcpFlags[tcp->flags & 0x3f]) return DropReason::kTcpFlags;
  if (!TcpOptionsAreGood(state.data + meta.l4_offset + sizeof(TcpHeader),
                         state.data + meta.headers_end)) {
    return DropReason::kTcpOption;
  }
  return DropReason::kNone;
}

DropReason ParseUdp(ParseState& state) {
  PacketMeta& meta = state.meta;
  const auto* udp = state.At<UdpHeader>(meta.l4_offset);
  const uint32_t udp_bytes = udp->length.ToHost();
  const uint32_t excess = kPlantedBug == PlantedBug::kUdpLengthOffByOne ? 1 : 0;
  // A first fragment holds less than the datagram's length.  Bytes behind the
  // datagram, inside the IP packet, are allowed (RFC 9868).
  if (udp_bytes < sizeof(UdpHeader) || (meta.fragment == FragmentKind::kWhole &&
                                        udp_bytes > meta.l4_bytes + excess)) {
    return DropReason::kUdpLen;
  }
  if (udp->checksum == Be16{0}) {
    if (meta.l3 == L3Kind::kIpv6) return DropReason::kUdpCsumZero;
    meta.l4_checksum = L4Checksum::kNone;
  } else if (!L4ChecksumIsGood(state, udp_bytes)) {
    return DropReason::kUdpCsum;
  }
  return TakePorts(state);
}

DropReason ParseUdpLite(ParseState& state) {
  PacketMeta& meta = state.meta;
  const auto* udp = state.At<UdpHeader>(meta.l4_offset);
  // RFC 3828 3.1: 0 covers everything; the header is always covered.
  uint32_t coverage = udp->length.ToHost();
  if (coverage == 0) coverage = meta.l4_bytes;
  if (coverage < sizeof(UdpHeader) ||
      (meta.fragment == FragmentKind::kWhole && coverage > meta.l4_bytes)) {
    return DropReason::kUdpLiteCoverage;
  }
  if (udp->checksum == Be16{0} || !L4ChecksumIsGood(state, coverage)) {
    return DropReason::kUdpCsum;
  }
  return TakePorts(state);
}

// Walks the chunks as far as they lie in the first segment.
DropReason CheckSctpChunks(const ParseState& state, Be32 verification_tag) {
  const PacketMeta& meta = state.meta;
  uint32_t offset = meta.l4_offset + sizeof(SctpHeader);
  const uint32_t first = offset;
  // RFC 9260 3: at least one chunk; 8.5.1: tag 0 is for INIT alone, and INIT
  // is alone in its packet.
  if (!state.CanRead(offset, 4)) return DropReason::kSctpChunk;
  bool is_init = state.data[first] == kSctpInit;
  if (is_init != (verification_tag == Be32{0})) return DropReason::kSctpChunk;
  while (state.CanRead(offset, 4)) {
    uint32_t length = (state.data[offset + 2] << 8) | state.data[offset + 3];
    if (length < 4 || offset + length > meta.packet_bytes) {
      return DropReason::kSctpChunk;
    }
    if (offset != first && (is_init || state.data[offset] == kSctpInit)) {
      return DropReason::kSctpChunk;
    }
    offset += (length + 3) & ~3u;
  }
  return DropReason::kNone;
}

DropReason ParseSctp(ParseState& state) {
  PacketMeta& meta = state.meta;
  const auto* sctp = state.At<SctpHeader>(meta.l4_offset);
  bool whole = meta.fragment == FragmentKind::kWhole;
  bool known = (state.packet.ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) ==
               RTE_MBUF_F_RX_L4_CKSUM_GOOD;
  if (whole && !known) {
    uint32_t crc;
    std::memcpy(&crc, sctp->crc32c, 4);
    if (PacketCrc32c(state.packet, meta.l4_offset, meta.l4_bytes,
                     meta.l4_offset + 8) != crc) {
      return DropReason::kSctpCsum;
    }
  }
  meta.l4_checksum = L4Checksum::kComplete;
  DropReason reason = TakePorts(state);
  if (reason != DropReason::kNone || !whole) return reason;
  return CheckSctpChunks(state, sctp->verification_tag);
}

// Protocols that are forwarded by addresses alone: only that the header is
// there in full is checked.
DropReason CheckOpaqueHeader(const ParseState& state) {
  const PacketMeta& meta = state.meta;
  const uint8_t* header = state.data + meta.l4_offset;
  uint32_t wanted = 0;
  switch (meta.key.protocol) {
    case IpProtocol::kGre: {
      // RFC 2784 and 2890: checksum, key and sequence number take 4 bytes each.
      uint32_t flags = header[0];
      wanted =
          4u + ((flags >> 5) & 4) + ((flags >> 3) & 4) + ((flags >> 2) & 4);
      break;
    }
    case IpProtocol::kEsp:
      if (std::all_of(header, header + 4, [](uint8_t b) { return b == 0; })) {
        return DropReason::kEspSpi;  // RFC 4303 2.1: never on the wire
      }
      break;
    case IpProtocol::kAh:
      wanted = (header[1] + 2u) * 4u;  // RFC 4302 2.2: words, less 2
      if (meta.l3 == L3Kind::kIpv6 && meta.fragment == FragmentKind::kWhole &&
          (wanted < kAhBytes || wanted > meta.l4_bytes)) {
        return DropReason::kIp6ExtLen;
      }
      if (wanted < kAhBytes) return ShortL4Reason(meta);
      break;
    default:
      // RFC 4340 5.1: the data offset, in words.
      if (meta.key.protocol == kDccp) wanted = std::max(12u, header[4] * 4u);
      break;
  }
  return wanted > meta.l4_bytes ? ShortL4Reason(meta) : DropReason::kNone;
}

}  // namespace

uint32_t MinimumL4Bytes(IpProtocol protocol) {
  switch (protocol) {
    case IpProtocol::kTcp:
      return sizeof(TcpHeader);
    case IpProtocol::kUdp:
    case IpProtocol::kUdpLite:
    case IpProtocol::kIcmp:
    case IpProtocol::kIcmpv6:
    case IpProtocol::kEsp:
      return 8;
    case IpProtocol::kSctp:
    case IpProtocol::kAh:
      return 12;
    case IpProtocol::kGre:
      return 4;
    default:
      return protocol == kDccp ? 12 : 0;
  }
}

DropReason ShortL4Reason(const PacketMeta& meta) {
  if (meta.fragment == FragmentKind::kWhole) return DropReason::kL4Short;
  return meta.l3 == L3Kind::kIpv6 ? DropReason::kFragChain
                                  : DropReason::kFragTiny;
}

bool L4ChecksumIsGood(const ParseState& state, uint32_t bytes) {
  PacketMeta& meta = state.meta;
  meta.l4_checksum = L4Checksum::kComplete;
  if (meta.fragment != FragmentKind::kWhole) return true;
  const IpProtocol protocol = meta.key.protocol;
  switch (state.packet.ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) {
    case RTE_MBUF_F_RX_L4_CKSUM_GOOD:
      return true;
    case RTE_MBUF_F_RX_L4_CKSUM_NONE:
      if (protocol == IpProtocol::kTcp || protocol == IpProtocol::kUdp) {
        meta.l4_checksum = L4Checksum::kPartial;
        return true;
      }
      break;
    default:
      break;
  }
  ChecksumSum sum = PacketSum(state.packet, meta.l4_offset, bytes);
  if (protocol != IpProtocol::kIcmp) {
    // RFC 768, and RFC 3828 3.1 for UDP-Lite: the pseudo-header has the length
    // of UDP itself, for UDP-Lite that of the IP payload.
    uint32_t length = protocol == IpProtocol::kUdpLite ? meta.l4_bytes : bytes;
    sum += PseudoHeaderSum(meta.key.source, meta.key.destination, protocol,
                           length);
  }
  return SumIsGood(sum);
}

DropReason ParseL4(ParseState& state) {
  PacketMeta& meta = state.meta;
  const IpProtocol protocol = meta.key.protocol;
  const uint32_t minimum = MinimumL4Bytes(protocol);
  if (meta.fragment == FragmentKind::kLater) {
    // RFC 3128 and RFC 1858 3.2.2: such a fragment would write into the header
    // that the first one showed to the policy.
    return meta.fragment_offset < minimum ? DropReason::kFragTiny
                                          : DropReason::kNone;
  }
  if (!state.CanRead(meta.l4_offset, minimum)) return ShortL4Reason(meta);
  meta.headers_end = static_cast<uint16_t>(meta.l4_offset + minimum);
  switch (protocol) {
    case IpProtocol::kTcp:
      return ParseTcp(state);
    case IpProtocol::kUdp:
      return ParseUdp(state);
    case IpProtocol::kUdpLite:
      return ParseUdpLite(state);
    case IpProtocol::kSctp:
      return ParseSctp(state);
    case IpProtocol::kIcmp:
      return meta.l3 == L3Kind::kIpv4 ? ParseIcmp(state) : DropReason::kNone;
    case IpProtocol::kIcmpv6:
      return meta.l3 == L3Kind::kIpv6 ? ParseIcmp(state) : DropReason::kNone;
    default:
      return CheckOpaqueHeader(state);
  }
}

}  // namespace vswitch::parse_internal
