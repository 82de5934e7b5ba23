// Parse(): Ethernet and ARP; the layers above are in files of their own.

#include "dataplane/packet/parse.h"

#include "dataplane/packet/headers.h"
#include "dataplane/packet/packet.h"
#include "dataplane/packet/parse_internal.h"

namespace vswitch {
namespace {

using parse_internal::ParseState;

// EtherTypes up to this are a length: IEEE 802.3 3.2.6.
constexpr uint16_t kLargestLength = 1500;

bool IsVlanTag(uint16_t type) {
  return type == kEtherTypeVlan || type == kEtherTypeQinQ ||
         type == kEtherTypeOldQinQ;
}

// The reason for a frame with a VLAN tag: no port of ours takes tags.
DropReason RefuseVlanTag(const ParseState& state, bool trusted_port) {
  if (!state.CanRead(sizeof(EthernetHeader), sizeof(VlanTag))) {
    return DropReason::kL2Short;
  }
  // IEEE 802.1Q table 9-2: 0xfff is reserved and shall not be transmitted.
  const auto* tag = state.At<VlanTag>(sizeof(EthernetHeader));
  if ((tag->control.ToHost() & 0xfff) == 0xfff) {
    return DropReason::kVlanInvalid;
  }
  return trusted_port ? DropReason::kL2Type : DropReason::kVlanFromPod;
}

DropReason ParseArp(ParseState& state) {
  PacketMeta& meta = state.meta;
  meta.l3 = L3Kind::kArp;
  if (!state.CanRead(meta.l3_offset, sizeof(ArpHeader))) {
    return DropReason::kArpMalformed;
  }
  const auto* arp = state.At<ArpHeader>(meta.l3_offset);
  uint16_t operation = arp->operation.ToHost();
  if (arp->hardware.ToHost() != kArpHardwareEthernet ||
      arp->protocol.ToHost() != kEtherTypeIpv4 ||
      arp->hardware_bytes != sizeof(MacAddress) || arp->protocol_bytes != 4 ||
      (operation != kArpRequest && operation != kArpReply)) {
    return DropReason::kArpMalformed;
  }
  meta.l4_offset = meta.l3_offset;
  meta.headers_end = static_cast<uint16_t>(meta.l3_offset + sizeof(ArpHeader));
  meta.packet_bytes = meta.headers_end;
  meta.key.source = IpAddress::FromIpv4(arp->sender_ip);
  meta.key.destination = IpAddress::FromIpv4(arp->target_ip);
  // No host has these: RFC 5227 2.1.1 knows 0.0.0.0 only as the sender of a
  // probe, which asks for a real address.
  const IpAddress& sender = meta.key.source;
  constexpr Be32 kBroadcast{0xffffffff};
  if (arp->sender_mac.IsMulticast() || arp->sender_mac.IsZero() ||
      sender.IsLoopback() || sender.IsMulticast() ||
      sender.ToIpv4() == kBroadcast ||
      meta.key.destination.ToIpv4() == Be32{0}) {
    return DropReason::kArpMalformed;
  }
  return DropReason::kNone;
}

}  // namespace

DropReason Parse(const rte_mbuf& packet, PortId in_port, bool trusted_port,
                 PacketMeta& meta) {
  meta = PacketMeta{};
  meta.in_port = in_port;
  meta.packet_bytes = PacketBytes(packet);
  ParseState state{.packet = packet,
                   .data = Data(packet),
                   .head_bytes = FirstSegmentBytes(packet),
                   .meta = meta};
  if (!state.CanRead(0, sizeof(EthernetHeader))) return DropReason::kL2Short;
  meta.l3_offset = sizeof(EthernetHeader);
  uint16_t type = state.At<EthernetHeader>(0)->type.ToHost();
  switch (type) {
    case kEtherTypeIpv4:
      return parse_internal::ParseIpv4(state);
    case kEtherTypeIpv6:
      return parse_internal::ParseIpv6(state);
    case kEtherTypeArp:
      return ParseArp(state);
    default:
      if (IsVlanTag(type)) return RefuseVlanTag(state, trusted_port);
      // LLC and SNAP can carry IP past filters that do not look into them
      // (CVE-2021-27861), so no such frame passes.
      return type <= kLargestLength ? DropReason::kL2Llc : DropReason::kL2Type;
  }
}

}  // namespace vswitch
