// L4 headers and their checksums.

#include <algorithm>

#include "test/fuzz/plain_packet.h"

namespace vswitch {
namespace {

void Append(Bytes& to, std::span<const uint8_t> from) {
  to.insert(to.end(), from.begin(), from.end());
}

uint32_t Crc32c(std::span<const uint8_t> bytes) {
  uint32_t crc = 0xffffffff;
  for (uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) {
      crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82f63b78 : 0);
    }
  }
  return ~crc;
}

// Where the checksum field lies in the payload, or nothing.
std::optional<size_t> ChecksumOffset(const PlainPacket& packet) {
  size_t at = 0;
  switch (packet.protocol) {
    case IpProtocol::kTcp:
      at = 16;
      break;
    case IpProtocol::kUdp:
    case IpProtocol::kUdpLite:
      at = 6;
      break;
    case IpProtocol::kIcmp:
      if (!packet.IsIpv4()) return std::nullopt;
      at = 2;
      break;
    case IpProtocol::kIcmpv6:
      if (packet.IsIpv4()) return std::nullopt;
      at = 2;
      break;
    default:
      return std::nullopt;
  }
  if (at + 2 > packet.payload.size()) return std::nullopt;
  return at;
}

bool HasPorts(IpProtocol protocol) {
  return protocol == IpProtocol::kTcp || protocol == IpProtocol::kUdp ||
         protocol == IpProtocol::kUdpLite || protocol == IpProtocol::kSctp;
}

// The bytes that the checksum covers, and the length in the pseudo-header.
struct Coverage {
  size_t bytes;
  uint32_t length;
};
Coverage CoverageOf(const PlainPacket& packet) {
  const size_t size = packet.payload.size();
  const auto length = static_cast<uint32_t>(size);
  if (packet.protocol == IpProtocol::kUdp) {
    const uint16_t udp = ReadBe16(packet.payload, 4);
    return {std::min<size_t>(udp, size), udp};
  }
  if (packet.protocol == IpProtocol::kUdpLite) {
    const uint16_t covered = ReadBe16(packet.payload, 4);
    return {covered == 0 ? size : std::min<size_t>(covered, size), length};
  }
  return {size, length};
}

}  // namespace

Bytes TcpPayload(const TcpFields& fields, const Bytes& data) {
  Bytes payload(20);
  WriteBe16(payload, 0, fields.source_port);
  WriteBe16(payload, 2, fields.destination_port);
  WriteBe32(payload, 4, fields.sequence);
  WriteBe32(payload, 8, fields.acknowledgment);
  payload[12] = static_cast<uint8_t>((20 + fields.options.size()) / 4 << 4);
  payload[13] = fields.flags;
  WriteBe16(payload, 14, fields.window);
  Append(payload, fields.options);
  Append(payload, data);
  return payload;
}

Bytes UdpPayload(uint16_t source_port, uint16_t destination_port,
                 const Bytes& data) {
  Bytes payload(8);
  WriteBe16(payload, 0, source_port);
  WriteBe16(payload, 2, destination_port);
  WriteBe16(payload, 4, static_cast<uint16_t>(8 + data.size()));
  Append(payload, data);
  return payload;
}

Bytes SctpPayload(uint16_t source_port, uint16_t destination_port,
                  const Bytes& data) {
  Bytes payload(16);
  WriteBe16(payload, 0, source_port);
  WriteBe16(payload, 2, destination_port);
  WriteBe32(payload, 4, 7);                                        // the tag
  WriteBe16(payload, 14, static_cast<uint16_t>(4 + data.size()));  // one chunk
  Append(payload, data);
  return payload;
}

Bytes IcmpPayload(uint8_t type, uint8_t code, uint32_t word,
                  const Bytes& data) {
  Bytes payload(8);
  payload[0] = type;
  payload[1] = code;
  WriteBe32(payload, 4, word);
  Append(payload, data);
  return payload;
}

bool IsIcmpQuery(const PlainPacket& packet) {
  if (!packet.HasL4Header() || packet.payload.size() < 8) return false;
  const uint8_t type = packet.payload[0];
  if (packet.protocol == IpProtocol::kIcmp && packet.IsIpv4()) {
    return type == 0 || type == 8 || (type >= 13 && type <= 18);
  }
  return packet.protocol == IpProtocol::kIcmpv6 && !packet.IsIpv4() &&
         (type == 128 || type == 129);
}

bool IsIcmpError(const PlainPacket& packet) {
  if (!packet.HasL4Header() || packet.payload.size() < 8) return false;
  const uint8_t type = packet.payload[0];
  if (packet.protocol == IpProtocol::kIcmp && packet.IsIpv4()) {
    return type == 3 || type == 11 || type == 12;
  }
  return packet.protocol == IpProtocol::kIcmpv6 && !packet.IsIpv4() &&
         type >= 1 && type <= 4;
}

Tuple TupleOf(const PlainPacket& packet) {
  Tuple tuple{packet.source, packet.destination, packet.protocol};
  if (HasPorts(packet.protocol) && packet.payload.size() >= 4) {
    tuple.source_port = ReadBe16(packet.payload, 0);
    tuple.destination_port = ReadBe16(packet.payload, 2);
  } else if (IsIcmpQuery(packet)) {
    tuple.source_port = tuple.destination_port = ReadBe16(packet.payload, 4);
  }
  return tuple;
}

uint16_t PseudoHeaderSumOf(const PlainPacket& packet) {
  Bytes pseudo;
  for (const IpAddress& address : {packet.source, packet.destination}) {
    Append(pseudo, {address.WireBytes(), address.WireByteCount()});
  }
  Append(pseudo, Bytes(8));
  WriteBe32(pseudo, pseudo.size() - 8, CoverageOf(packet).length);
  pseudo.back() = static_cast<uint8_t>(packet.protocol);
  return FoldedSum(pseudo);
}

uint16_t ChecksumFieldOf(const PlainPacket& packet) {
  return ReadBe16(packet.payload, *ChecksumOffset(packet));
}

std::optional<uint16_t> ChecksumSumOf(const PlainPacket& packet) {
  if (!packet.HasL4Header()) return std::nullopt;
  if (packet.protocol == IpProtocol::kSctp && packet.payload.size() >= 12 &&
      packet.IsWhole()) {
    Bytes zeroed = packet.payload;
    WriteBe32(zeroed, 8, 0);
    const uint32_t crc = __builtin_bswap32(Crc32c(zeroed));
    Bytes stored(4);
    WriteBe32(stored, 0, crc);
    return std::equal(stored.begin(), stored.end(), packet.payload.begin() + 8)
               ? 0xffff
               : 0;
  }
  const auto at = ChecksumOffset(packet);
  if (!at.has_value()) return std::nullopt;
  const bool is_udp = packet.protocol == IpProtocol::kUdp;
  if (is_udp && ReadBe16(packet.payload, *at) == 0) return std::nullopt;
  const bool has_pseudo = packet.protocol != IpProtocol::kIcmp;
  const auto covered =
      std::span(packet.payload).first(CoverageOf(packet).bytes);
  return FoldedSum(covered, has_pseudo ? PseudoHeaderSumOf(packet) : 0);
}

void CompleteChecksum(PlainPacket& packet) {
  if (packet.protocol == IpProtocol::kSctp && packet.payload.size() >= 12) {
    WriteBe32(packet.payload, 8, 0);
    WriteBe32(packet.payload, 8, __builtin_bswap32(Crc32c(packet.payload)));
    return;
  }
  const auto at = ChecksumOffset(packet);
  if (!at.has_value()) return;
  // Not 0, which UDP takes for none.
  WriteBe16(packet.payload, *at, 0xffff);
  const auto checksum = static_cast<uint16_t>(~*ChecksumSumOf(packet));
  WriteBe16(packet.payload, *at, checksum == 0 ? 0xffff : checksum);
}

namespace {

// Blanks the MSS that a SYN names: it may be lowered on the way.
void HideMss(Bytes& tcp) {
  constexpr uint8_t kSyn = 0x02;
  if (tcp.size() < 20 || (tcp[13] & kSyn) == 0) return;
  const size_t end = std::min<size_t>(tcp.size(), (tcp[12] >> 4) * 4u);
  for (size_t at = 20; at < end && tcp[at] != 0;) {
    if (tcp[at] == 1) {
      ++at;
      continue;
    }
    if (at + 1 >= end || tcp[at + 1] < 2) return;
    if (tcp[at] == 2 && tcp[at + 1] == 4 && at + 4 <= end) {
      WriteBe16(tcp, at + 2, 0);
    }
    at += tcp[at + 1];
  }
}

}  // namespace

Bytes UntranslatedPart(const PlainPacket& packet) {
  Bytes part = packet.payload;
  if (!packet.HasL4Header()) return part;
  if (HasPorts(packet.protocol) && part.size() >= 4) WriteBe32(part, 0, 0);
  if (IsIcmpQuery(packet)) WriteBe16(part, 4, 0);
  if (packet.protocol == IpProtocol::kSctp && part.size() >= 12) {
    WriteBe32(part, 8, 0);
  }
  const auto at = ChecksumOffset(packet);
  if (at.has_value()) WriteBe16(part, *at, 0);
  if (packet.protocol == IpProtocol::kTcp) HideMss(part);
  return part;
}

}  // namespace vswitch
