// Builders of the switch's own packets.

#include "dataplane/packet/build.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "dataplane/packet/build_internal.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/packet.h"
#include "dataplane/packet/parse.h"
#include "dataplane/packet/rewrite.h"

namespace vswitch {
namespace {

constexpr uint8_t kNdHopLimit = 255;
// RFC 1812 4.3.2.5: ICMP errors have precedence 6, internetwork control.
constexpr uint8_t kInternetworkControl = 0xc0;

constexpr uint32_t kIcmpv4ErrorBytes = 576;
constexpr uint32_t kIcmpv6ErrorBytes = 1280;
constexpr uint32_t kSmallestIpv4Mtu = 68;
constexpr uint32_t kSmallestIpv6Mtu = 1280;

constexpr MacAddress kBroadcastMac{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

struct IcmpTypeCode {
  uint8_t type;
  uint8_t code;
};

// Indexed by IcmpError.
constexpr std::array<IcmpTypeCode, 8> kIcmpv4Errors = {
    {{11, 0}, {11, 1}, {3, 0}, {3, 1}, {3, 2}, {3, 3}, {3, 13}, {3, 4}}};
constexpr std::array<IcmpTypeCode, 8> kIcmpv6Errors = {
    {{3, 0}, {3, 1}, {1, 0}, {1, 3}, {4, 1}, {1, 4}, {1, 1}, {2, 0}}};

// Stores the checksum of the ICMP or ICMPv6 message of `bytes` at `offset`.
void StoreIcmpChecksum(rte_mbuf& out, uint32_t offset, uint32_t bytes,
                       const IpAddress& source, const IpAddress& destination) {
  auto* icmp = HeaderAt<IcmpHeader>(out, offset);
  icmp->checksum = Be16{0};
  ChecksumSum sum = SumBytes(icmp, bytes);
  if (!source.IsIpv4()) {
    sum += PseudoHeaderSum(source, destination, IpProtocol::kIcmpv6, bytes);
  }
  icmp->checksum = ChecksumOf(sum);
}

// RFC 2464 7: the Ethernet group of an IPv6 group.
MacAddress GroupMac(const IpAddress& group) {
  const auto& bytes = group.bytes;
  return MacAddress{{0x33, 0x33, bytes[12], bytes[13], bytes[14], bytes[15]}};
}

// RFC 4291 2.7.1.
IpAddress SolicitedNode(const IpAddress& target) {
  IpAddress group;
  group.bytes = {0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 0};
  std::copy(target.bytes.begin() + 13, target.bytes.end(),
            group.bytes.begin() + 13);
  return group;
}

IpAddress AllNodes() {
  IpAddress group;
  group.bytes[0] = 0xff;
  group.bytes[1] = 0x02;
  group.bytes[15] = 1;
  return group;
}

struct NeighborMessage {
  uint8_t type;
  uint8_t flags;
  uint8_t option_type;
  IpAddress target;
  IpAddress source;
  IpAddress destination;
  MacAddress mac;
  MacAddress destination_mac;
};

constexpr uint32_t kNeighborBytes = sizeof(NeighborHeader) + 8;

void WriteNeighborMessage(const NeighborMessage& message, rte_mbuf& out) {
  StartPacket(out,
              sizeof(EthernetHeader) + sizeof(Ipv6Header) + kNeighborBytes);
  WriteEthernet(out, message.destination_mac, message.mac, kEtherTypeIpv6);
  uint32_t offset =
      WriteIp(out, message.source, message.destination, IpProtocol::kIcmpv6,
              kNeighborBytes, 0, kNdHopLimit);
  auto* neighbor = HeaderAt<NeighborHeader>(out, offset);
  *neighbor = NeighborHeader{};
  neighbor->type = message.type;
  neighbor->flags = message.flags;
  std::memcpy(neighbor->target, message.target.bytes.data(), 16);
  uint8_t* option = Data(out) + offset + sizeof(NeighborHeader);
  option[0] = message.option_type;
  option[1] = 1;  // in units of 8 bytes
  std::memcpy(option + 2, message.mac.bytes.data(), 6);
  StoreIcmpChecksum(out, offset, kNeighborBytes, message.source,
                    message.destination);
}

void WriteArp(uint16_t operation, const MacAddress& sender_mac, Be32 sender_ip,
              const MacAddress& target_mac, Be32 target_ip, rte_mbuf& out) {
  auto* arp = HeaderAt<ArpHeader>(out, sizeof(EthernetHeader));
  arp->hardware = Be16::FromHost(kArpHardwareEthernet);
  arp->protocol = Be16::FromHost(kEtherTypeIpv4);
  arp->hardware_bytes = sizeof(MacAddress);
  arp->protocol_bytes = 4;
  arp->operation = Be16::FromHost(operation);
  arp->sender_mac = sender_mac;
  arp->sender_ip = sender_ip;
  arp->target_mac = target_mac;
  arp->target_ip = target_ip;
}

// RFC 1812 4.3.2.7: no error to an address that names no single host.
bool SourceIsOneHost(const IpAddress& source) {
  if (source.IsUnspecified() || source.IsMulticast() || source.IsLoopback()) {
    return false;
  }
  return !source.IsIpv4() || (source.bytes[12] != 0 && source.bytes[12] < 240);
}

// Redirects count as errors: RFC 1122 3.2.2, RFC 4443 2.4 (e.2).
bool IsErrorMessage(const PacketMeta& meta) {
  if (meta.icmp == IcmpKind::kNotIcmp) return false;
  if (meta.icmp == IcmpKind::kError) return true;
  return meta.l3 == L3Kind::kIpv4
             ? meta.icmp_type == kIcmpSourceQuench ||
                   meta.icmp_type == kIcmpRedirect
             : meta.icmp_type < 128 || meta.icmp_type == kIcmpv6Redirect;
}

bool GoesToGroup(const PacketMeta& meta, const rte_mbuf& packet) {
  const IpAddress& destination = meta.key.destination;
  return HeaderAt<EthernetHeader>(packet, 0)->destination.IsMulticast() ||
         destination.IsMulticast() ||
         (destination.IsIpv4() && destination.bytes[12] >= 240);
}

}  // namespace

bool MayCauseIcmpError(const PacketMeta& meta, const rte_mbuf& packet,
                       IcmpError error) {
  bool is_ipv6 = meta.l3 == L3Kind::kIpv6;
  if (!is_ipv6 && meta.l3 != L3Kind::kIpv4) return false;
  if (IsErrorMessage(meta) || meta.fragment == FragmentKind::kLater) {
    return false;
  }
  bool group_is_fine = is_ipv6 && error == IcmpError::kPacketTooBig;
  return SourceIsOneHost(meta.key.source) &&
         (group_is_fine || !GoesToGroup(meta, packet));
}

void BuildIcmpError(const rte_mbuf& about, const PacketMeta& meta,
                    const IcmpErrorRequest& request, rte_mbuf& out) {
  const bool is_ipv4 = meta.l3 == L3Kind::kIpv4;
  const auto index = static_cast<size_t>(request.error);
  const IcmpTypeCode kind =
      is_ipv4 ? kIcmpv4Errors[index] : kIcmpv6Errors[index];
  const uint32_t limit = is_ipv4 ? kIcmpv4ErrorBytes : kIcmpv6ErrorBytes;
  const uint32_t room = limit - IpHeaderBytes(is_ipv4) -
                        static_cast<uint32_t>(sizeof(IcmpHeader));
  const uint32_t quoted = std::min(meta.packet_bytes - meta.l3_offset, room);
  const uint32_t icmp_bytes = sizeof(IcmpHeader) + quoted;
  const IpAddress& destination = meta.key.source;

  StartPacket(out,
              sizeof(EthernetHeader) + IpHeaderBytes(is_ipv4) + icmp_bytes);
  WriteEthernet(out, request.destination_mac, request.source_mac,
                EtherTypeOf(request.source));
  const uint32_t offset =
      WriteIp(out, request.source, destination,
              is_ipv4 ? IpProtocol::kIcmp : IpProtocol::kIcmpv6, icmp_bytes,
              is_ipv4 ? kInternetworkControl : 0, kOwnTtl);
  auto* icmp = HeaderAt<IcmpHeader>(out, offset);
  *icmp = IcmpHeader{};
  icmp->type = kind.type;
  icmp->code = kind.code;
  if (request.error == IcmpError::kPacketTooBig) {
    uint32_t mtu =
        std::max(request.mtu, is_ipv4 ? kSmallestIpv4Mtu : kSmallestIpv6Mtu);
    // RFC 1191 4 has 16 bits for it, RFC 4443 3.2 has 32.
    if (is_ipv4) mtu = std::min(mtu, 0xffffu);
    icmp->identifier = Be16::FromHost(static_cast<uint16_t>(mtu >> 16));
    icmp->sequence = Be16::FromHost(static_cast<uint16_t>(mtu));
  }
  CopyFromPacket(about, meta.l3_offset, quoted,
                 Data(out) + offset + sizeof(IcmpHeader));
  StoreIcmpChecksum(out, offset, icmp_bytes, request.source, destination);
}

void BuildArpReply(const rte_mbuf& request, const MacAddress& mac,
                   rte_mbuf& out) {
  const auto* asked = HeaderAt<ArpHeader>(request, sizeof(EthernetHeader));
  StartPacket(out, sizeof(EthernetHeader) + sizeof(ArpHeader));
  WriteEthernet(out, asked->sender_mac, mac, kEtherTypeArp);
  WriteArp(kArpReply, mac, asked->target_ip, asked->sender_mac,
           asked->sender_ip, out);
}

void BuildNeighborAdvertisement(const rte_mbuf& solicitation,
                                const PacketMeta& meta,
                                const NeighborAdvertisement& advertisement,
                                rte_mbuf& out) {
  const bool solicited = !meta.key.source.IsUnspecified();
  uint8_t flags = 0;
  if (advertisement.router) flags |= kNeighborRouter;
  if (solicited) flags |= kNeighborSolicited;
  if (advertisement.override_flag) flags |= kNeighborOverride;
  const IpAddress destination = solicited ? meta.key.source : AllNodes();
  WriteNeighborMessage(
      {.type = kIcmpv6NeighborAdvertisement,
       .flags = flags,
       .option_type = kNdTargetLinkLayer,
       .target = NeighborTarget(solicitation, meta),
       .source = advertisement.source,
       .destination = destination,
       .mac = advertisement.mac,
       .destination_mac =
           solicited ? HeaderAt<EthernetHeader>(solicitation, 0)->source
                     : GroupMac(destination)},
      out);
}

void BuildNeighborRequest(const IpAddress& target, const IpAddress& source,
                          const MacAddress& mac, rte_mbuf& out,
                          const std::optional<MacAddress>& at) {
  if (target.IsIpv4()) {
    StartPacket(out, sizeof(EthernetHeader) + sizeof(ArpHeader));
    WriteEthernet(out, at.value_or(kBroadcastMac), mac, kEtherTypeArp);
    WriteArp(kArpRequest, mac, source.ToIpv4(), MacAddress{}, target.ToIpv4(),
             out);
    return;
  }
  const IpAddress destination = at.has_value() ? target : SolicitedNode(target);
  WriteNeighborMessage(
      {.type = kIcmpv6NeighborSolicitation,
       .flags = 0,
       .option_type = kNdSourceLinkLayer,
       .target = target,
       .source = source,
       .destination = destination,
       .mac = mac,
       .destination_mac = at.has_value() ? *at : GroupMac(destination)},
      out);
}

void TurnIntoEchoReply(rte_mbuf& packet, PacketMeta& meta,
                       const MacAddress& mac) {
  if (PacketBytes(packet) > meta.packet_bytes) {
    TrimPacket(packet, meta.packet_bytes);
  }
  packet.ol_flags &= RTE_MBUF_F_EXTERNAL | RTE_MBUF_F_INDIRECT;
  packet.tx_offload = 0;
  SetMacAddresses(packet, HeaderAt<EthernetHeader>(packet, 0)->source, mac);

  // Swapped addresses leave every sum as it is; the TTL does not.
  if (meta.l3 == L3Kind::kIpv4) {
    auto* header = HeaderAt<Ipv4Header>(packet, meta.l3_offset);
    std::swap(header->source, header->destination);
    const uint8_t before[2] = {header->ttl, header->protocol};
    header->ttl = kOwnTtl;
    header->checksum =
        UpdateChecksum(header->checksum, before, &header->ttl, 2);
  } else {
    auto* header = HeaderAt<Ipv6Header>(packet, meta.l3_offset);
    std::swap(header->source, header->destination);
    header->hop_limit = kOwnTtl;
  }
  auto* icmp = HeaderAt<IcmpHeader>(packet, meta.l4_offset);
  const uint8_t before[2] = {icmp->type, icmp->code};
  icmp->type = meta.l3 == L3Kind::kIpv4 ? kIcmpEchoReply : kIcmpv6EchoReply;
  icmp->code = 0;
  icmp->checksum = UpdateChecksum(icmp->checksum, before, &icmp->type, 2);
  meta.key = meta.key.Reversed();
  meta.ttl = kOwnTtl;
  meta.icmp_type = icmp->type;
  meta.icmp_code = 0;
}

}  // namespace vswitch
