// Frames to fields and back.

#include "test/fuzz/plain_packet.h"

#include <algorithm>

namespace vswitch {
namespace {

constexpr size_t kEthernetBytes = 14;

void Append(Bytes& to, std::span<const uint8_t> from) {
  to.insert(to.end(), from.begin(), from.end());
}

void AppendAddress(Bytes& to, const IpAddress& address) {
  Append(to, {address.WireBytes(), address.WireByteCount()});
}

void AppendIpv4(Bytes& frame, const PlainPacket& packet) {
  Bytes header(12);
  const size_t header_bytes = 20 + packet.options.size();
  header[0] = static_cast<uint8_t>(0x40 | header_bytes / 4);
  header[1] = packet.traffic_class;
  WriteBe16(header, 2,
            static_cast<uint16_t>(header_bytes + packet.payload.size()));
  WriteBe16(header, 4, static_cast<uint16_t>(packet.id));
  WriteBe16(header, 6,
            static_cast<uint16_t>((packet.dont_fragment ? 0x4000 : 0) |
                                  (packet.more_fragments ? 0x2000 : 0) |
                                  packet.fragment_offset / 8));
  header[8] = packet.ttl;
  header[9] = static_cast<uint8_t>(packet.protocol);
  AppendAddress(header, packet.source);
  AppendAddress(header, packet.destination);
  Append(header, packet.options);
  WriteBe16(header, 10, static_cast<uint16_t>(~FoldedSum(header)));
  Append(frame, header);
}

void AppendIpv6(Bytes& frame, const PlainPacket& packet) {
  Bytes header(8);
  const size_t fragment_bytes = packet.has_fragment_header ? 8 : 0;
  const IpProtocol last =
      packet.has_fragment_header ? IpProtocol::kFragment : packet.protocol;
  header[0] = static_cast<uint8_t>(0x60 | packet.traffic_class >> 4);
  header[1] = static_cast<uint8_t>(packet.traffic_class << 4);
  WriteBe16(header, 4,
            static_cast<uint16_t>(packet.options.size() + fragment_bytes +
                                  packet.payload.size()));
  header[6] =
      static_cast<uint8_t>(packet.options.empty() ? last : packet.first_header);
  header[7] = packet.ttl;
  AppendAddress(header, packet.source);
  AppendAddress(header, packet.destination);
  Append(header, packet.options);
  if (packet.has_fragment_header) {
    Bytes fragment(8);
    fragment[0] = static_cast<uint8_t>(packet.protocol);
    WriteBe16(fragment, 2,
              static_cast<uint16_t>(packet.fragment_offset |
                                    (packet.more_fragments ? 1 : 0)));
    WriteBe32(fragment, 4, packet.id);
    Append(header, fragment);
  }
  Append(frame, header);
}

std::optional<PlainPacket> FromIpv4(std::span<const uint8_t> ip,
                                    Extent extent) {
  if (ip.size() < 20) return std::nullopt;
  const size_t header_bytes = (ip[0] & 15u) * 4;
  size_t total = ReadBe16(ip, 2);
  if (header_bytes < 20 || header_bytes > ip.size() || total < header_bytes) {
    return std::nullopt;
  }
  if (FoldedSum(ip.first(header_bytes)) != 0xffff) return std::nullopt;
  if (total > ip.size()) {
    if (extent == Extent::kWhole) return std::nullopt;
    total = ip.size();
  }
  PlainPacket packet;
  packet.traffic_class = ip[1];
  packet.id = ReadBe16(ip, 4);
  const uint16_t fragment = ReadBe16(ip, 6);
  packet.dont_fragment = (fragment & 0x4000) != 0;
  packet.more_fragments = (fragment & 0x2000) != 0;
  packet.fragment_offset = (fragment & 0x1fffu) * 8;
  packet.ttl = ip[8];
  packet.protocol = static_cast<IpProtocol>(ip[9]);
  packet.source = IpAddress::FromIpv4(ip.data() + 12);
  packet.destination = IpAddress::FromIpv4(ip.data() + 16);
  packet.options.assign(ip.begin() + 20, ip.begin() + header_bytes);
  packet.payload.assign(ip.begin() + header_bytes, ip.begin() + total);
  packet.datagram_bytes = packet.payload.size();
  return packet;
}

// Takes the fragment header at `at`.
void TakeFragmentHeader(std::span<const uint8_t> ip, size_t at,
                        PlainPacket& packet) {
  const uint16_t word = ReadBe16(ip, at + 2);
  packet.has_fragment_header = true;
  packet.more_fragments = (word & 1) != 0;
  packet.fragment_offset = word & 0xfff8u;
  packet.id =
      static_cast<uint32_t>(ReadBe16(ip, at + 4)) << 16 | ReadBe16(ip, at + 6);
}

std::optional<PlainPacket> FromIpv6(std::span<const uint8_t> ip,
                                    Extent extent) {
  if (ip.size() < 40) return std::nullopt;
  size_t end = 40u + ReadBe16(ip, 4);
  if (end > ip.size()) {
    if (extent == Extent::kWhole) return std::nullopt;
    end = ip.size();
  }
  PlainPacket packet;
  packet.traffic_class = static_cast<uint8_t>(ip[0] << 4 | ip[1] >> 4);
  packet.ttl = ip[7];
  packet.source = IpAddress::FromIpv6(ip.data() + 8);
  packet.destination = IpAddress::FromIpv6(ip.data() + 24);
  auto next = static_cast<IpProtocol>(ip[6]);
  packet.first_header = next;
  size_t at = 40;
  while (next == IpProtocol::kHopByHop || next == IpProtocol::kFragment ||
         next == IpProtocol::kDestinationOptions) {
    if (at + 8 > end) return std::nullopt;
    const bool is_fragment = next == IpProtocol::kFragment;
    if (is_fragment) {
      TakeFragmentHeader(ip, at, packet);
      packet.datagram_bytes = end - at - 8;
    }
    next = static_cast<IpProtocol>(ip[at]);
    at += is_fragment ? 8 : (ip[at + 1] + 1u) * 8;
    if (at > end) return std::nullopt;
    if (is_fragment && packet.fragment_offset != 0) break;
  }
  packet.options.assign(ip.begin() + 40, ip.begin() + at);
  packet.protocol = next;
  packet.payload.assign(ip.begin() + at, ip.begin() + end);
  return packet;
}

}  // namespace

uint16_t FoldedSum(std::span<const uint8_t> bytes, uint32_t sum) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    sum += i % 2 == 0 ? bytes[i] << 8 : bytes[i];
  }
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

uint16_t ReadBe16(std::span<const uint8_t> bytes, size_t at) {
  return static_cast<uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

void WriteBe16(Bytes& bytes, size_t at, uint16_t value) {
  bytes[at] = static_cast<uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<uint8_t>(value);
}

void WriteBe32(Bytes& bytes, size_t at, uint32_t value) {
  WriteBe16(bytes, at, static_cast<uint16_t>(value >> 16));
  WriteBe16(bytes, at + 2, static_cast<uint16_t>(value));
}

Bytes ToFrame(const PlainPacket& packet) {
  Bytes frame;
  Append(frame, packet.destination_mac.bytes);
  Append(frame, packet.source_mac.bytes);
  const bool is_ipv4 = packet.IsIpv4();
  Append(frame, is_ipv4 ? Bytes{0x08, 0x00} : Bytes{0x86, 0xdd});
  if (is_ipv4) {
    AppendIpv4(frame, packet);
  } else {
    AppendIpv6(frame, packet);
  }
  Append(frame, packet.payload);
  return frame;
}

std::optional<PlainPacket> FromIp(std::span<const uint8_t> ip, Extent extent) {
  if (ip.empty()) return std::nullopt;
  if (ip[0] >> 4 == 4) return FromIpv4(ip, extent);
  if (ip[0] >> 4 == 6) return FromIpv6(ip, extent);
  return std::nullopt;
}

std::optional<PlainPacket> FromFrame(std::span<const uint8_t> frame) {
  if (frame.size() <= kEthernetBytes) return std::nullopt;
  const uint16_t type = ReadBe16(frame, 12);
  const uint8_t version = frame[kEthernetBytes] >> 4;
  if (!(type == 0x0800 && version == 4) && !(type == 0x86dd && version == 6)) {
    return std::nullopt;
  }
  auto packet = FromIp(frame.subspan(kEthernetBytes), Extent::kWhole);
  if (!packet.has_value()) return std::nullopt;
  std::copy_n(frame.begin(), 6, packet->destination_mac.bytes.begin());
  std::copy_n(frame.begin() + 6, 6, packet->source_mac.bytes.begin());
  return packet;
}

}  // namespace vswitch
