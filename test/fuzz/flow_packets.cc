// Packets of flows.

#include "test/fuzz/flow_packets.h"

#include <rte_mbuf.h>

#include <algorithm>
#include <iterator>

#include "dataplane/pipeline/test_world.h"

namespace vswitch {
namespace {

constexpr size_t kEthernetBytes = 14;
constexpr MacAddress kGatewayMac{{2, 0, 0, 0, 0, 1}};

uint8_t EchoType(bool is_ipv4, Way way) {
  if (is_ipv4) return way == Way::kThere ? 8 : 0;
  return way == Way::kThere ? 128 : 129;
}

// Bytes of the L4 header.
size_t HeaderBytes(const PlainPacket& packet) {
  if (packet.protocol == IpProtocol::kTcp && packet.payload.size() >= 20) {
    return (packet.payload[12] >> 4) * 4u;
  }
  return packet.protocol == IpProtocol::kSctp ? 16 : 8;
}

bool HasPartialForm(const PlainPacket& packet) {
  return packet.IsWhole() && (packet.protocol == IpProtocol::kTcp ||
                              packet.protocol == IpProtocol::kUdp);
}

// Makes the checksums of a frame right, as far as it is still a packet.
void Repair(Bytes& frame) {
  const bool is_ipv4 =
      frame.size() >= kEthernetBytes + 20 && ReadBe16(frame, 12) == 0x0800;
  if (is_ipv4) {
    const size_t header_bytes = std::min<size_t>(
        (frame[kEthernetBytes] & 15u) * 4, frame.size() - kEthernetBytes);
    WriteBe16(frame, kEthernetBytes + 10, 0);
    const auto header = std::span(frame).subspan(kEthernetBytes, header_bytes);
    WriteBe16(frame, kEthernetBytes + 10,
              static_cast<uint16_t>(~FoldedSum(header)));
  }
  std::optional<PlainPacket> packet = FromFrame(frame);
  if (!packet.has_value() || !packet->IsWhole()) return;
  CompleteChecksum(*packet);
  const size_t at =
      kEthernetBytes + (packet->IsIpv4() ? 20 : 40) + packet->options.size();
  std::copy(packet->payload.begin(), packet->payload.end(), frame.begin() + at);
}

}  // namespace

Bytes DataBytes(size_t count) {
  Bytes data(count);
  for (size_t i = 0; i < count; ++i) {
    data[i] = static_cast<uint8_t>(i * 7 + (i >> 8) + 1);
  }
  return data;
}

PlainPacket PacketOf(const Tuple& tuple, PortId in) {
  PlainPacket packet;
  packet.source_mac = TestWorld::PeerMac(in);
  packet.destination_mac = kGatewayMac;
  packet.source = tuple.source;
  packet.destination = tuple.destination;
  packet.protocol = tuple.protocol;
  return packet;
}

PlainPacket FlowPacket(const Tuple& tuple, PortId in, Way way,
                       const Bytes& data) {
  PlainPacket packet = PacketOf(tuple, in);
  switch (tuple.protocol) {
    case IpProtocol::kUdp:
    case IpProtocol::kUdpLite:
      packet.payload =
          UdpPayload(tuple.source_port, tuple.destination_port, data);
      break;
    case IpProtocol::kSctp:
      packet.payload =
          SctpPayload(tuple.source_port, tuple.destination_port, data);
      break;
    case IpProtocol::kIcmp:
    case IpProtocol::kIcmpv6:
      packet.payload = IcmpPayload(EchoType(packet.IsIpv4(), way), 0,
                                   uint32_t{tuple.source_port} << 16 | 1, data);
      break;
    default:
      packet.payload = DataBytes(16);  // ESP and what has no ports
      break;
  }
  CompleteChecksum(packet);
  return packet;
}

Bytes TcpOptions(uint8_t choice, uint32_t next) {
  switch (choice & 3) {
    case 0:
      return {};
    case 1:  // MSS, NOP, window scale, NOP, NOP, SACK permitted
      return {2, 4, 5, 0xb4, 1, 3, 3, 7, 1, 1, 4, 2};
    case 2:  // timestamps
      return {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0};
    default: {
      Bytes options = {1, 1, 5, 10, 0, 0, 0, 0, 0, 0, 0, 0};
      WriteBe32(options, 4, next);
      WriteBe32(options, 8, next + 100);
      return options;
    }
  }
}

PlainPacket TcpPacket(const Tuple& tuple, PortId in, const TcpFields& fields,
                      const Bytes& data) {
  PlainPacket packet = PacketOf(tuple, in);
  TcpFields all = fields;
  all.source_port = tuple.source_port;
  all.destination_port = tuple.destination_port;
  packet.payload = TcpPayload(all, data);
  CompleteChecksum(packet);
  return packet;
}

bool Dress(PlainPacket& packet, uint8_t choices) {
  if ((choices & 1) != 0 && packet.IsIpv4()) {
    packet.options = {1, 7, 3, 4, 0, 0, 0, 0};  // NOP, record route, end
  } else if ((choices & 1) != 0) {
    const auto next = static_cast<uint8_t>(IpProtocol::kDestinationOptions);
    const auto last = static_cast<uint8_t>(packet.protocol);
    packet.options = {next, 0, 5, 2, 0, 0, 1, 0,   // router alert, PadN
                      last, 0, 1, 4, 0, 0, 0, 0};  // PadN
  }
  packet.dont_fragment = (choices & 2) != 0;
  if ((choices & 4) != 0) packet.traffic_class = 0xb8;
  packet.id = choices & 0xf0u;
  if ((choices & 8) == 0) return true;
  packet.ttl = (choices & 16) != 0 ? 1 : 2;
  return packet.ttl > 1;
}

FuzzInput ToInput(PlainPacket packet, uint8_t choices) {
  FuzzInput input;
  if ((choices & 1) != 0 && HasPartialForm(packet)) {
    const size_t at = packet.protocol == IpProtocol::kTcp ? 16 : 6;
    WriteBe16(packet.payload, at, PseudoHeaderSumOf(packet));
    input.receive_flags = RTE_MBUF_F_RX_L4_CKSUM_NONE;
  } else if ((choices & 2) != 0) {
    input.receive_flags =
        RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
  }
  input.bytes = ToFrame(packet);
  const size_t headers =
      input.bytes.size() - packet.payload.size() + HeaderBytes(packet);
  if ((choices & 4) != 0) {
    const Bytes padding = DataBytes(choices >> 5);
    input.bytes.insert(input.bytes.end(), padding.begin(), padding.end());
  }
  // Of an error the quotation is a header, too.
  if ((choices & 8) != 0 && !IsIcmpError(packet) && headers < 240) {
    input.first_segment_bytes =
        static_cast<uint8_t>(headers + (choices >> 4 & 7));
  }
  return input;
}

PlainPacket ErrorAbout(const PlainPacket& about, const IpAddress& sender,
                       PortId in, uint8_t kind) {
  struct Kind {
    uint8_t ipv4_type, ipv4_code, ipv6_type, ipv6_code;
  };
  static constexpr Kind kKinds[] = {
      {3, 3, 1, 4}, {3, 4, 2, 0}, {11, 0, 3, 0}, {12, 0, 4, 1}, {3, 1, 1, 3}};
  const Kind& chosen = kKinds[kind % std::size(kKinds)];
  const bool is_ipv4 = about.IsIpv4();
  const Tuple tuple{sender, about.source,
                    is_ipv4 ? IpProtocol::kIcmp : IpProtocol::kIcmpv6};
  PlainPacket packet = PacketOf(tuple, in);
  const Bytes frame = ToFrame(about);
  Bytes quotation(frame.begin() + kEthernetBytes, frame.end());
  const size_t header_bytes = quotation.size() - about.payload.size();
  const size_t least = header_bytes + 8;
  const size_t quoted = least + (kind & 0x80 ? 500 : kind >> 3 & 15);
  quotation.resize(std::min(quotation.size(), quoted));
  packet.payload = IcmpPayload(is_ipv4 ? chosen.ipv4_type : chosen.ipv6_type,
                               is_ipv4 ? chosen.ipv4_code : chosen.ipv6_code,
                               1300, quotation);
  CompleteChecksum(packet);
  return packet;
}

std::vector<PlainPacket> Fragments(const PlainPacket& packet, uint32_t id,
                                   uint8_t cuts) {
  std::vector<PlainPacket> fragments;
  const size_t total = packet.payload.size();
  size_t at = 0;
  for (int count = 0; at < total; ++count) {
    const size_t step = 24 + 8 * (cuts >> count % 4 * 2 & 3);
    PlainPacket fragment = packet;
    fragment.has_fragment_header = true;
    fragment.dont_fragment = false;
    fragment.id = packet.IsIpv4() ? id & 0xffff : id;
    fragment.fragment_offset = static_cast<uint32_t>(at);
    const size_t end = std::min(total, at + step);
    fragment.more_fragments = end < total;
    fragment.payload.assign(packet.payload.begin() + at,
                            packet.payload.begin() + end);
    fragments.push_back(std::move(fragment));
    at = end;
  }
  // The last extension header leads to the fragment header.
  for (PlainPacket& fragment : fragments) {
    if (!packet.IsIpv4() && fragment.options.size() == 16) {
      fragment.options[8] = static_cast<uint8_t>(IpProtocol::kFragment);
    }
  }
  return fragments;
}

void Damage(Bytes& frame, ByteSource& source) {
  const uint8_t choices = source.Next();
  // Most changes are near the headers.
  for (int count = 1 + (choices & 3); count > 0 && !frame.empty(); --count) {
    const size_t at = source.Next() % frame.size();
    const uint8_t value = source.Next();
    frame[at] =
        (choices & 4) != 0 ? value : static_cast<uint8_t>(frame[at] + value);
  }
  if ((choices & 8) != 0) {
    const size_t less = source.Next();
    frame.resize(frame.size() > less ? frame.size() - less : 1);
  }
  if ((choices & 16) != 0) frame.resize(frame.size() + source.Next() % 64);
  if ((choices & 32) == 0) Repair(frame);
}

}  // namespace vswitch
