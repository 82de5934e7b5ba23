// Checks every field of a received virtio-net header, and writes those of sent
// frames.

#include "nic-drivers/tap/vnet_header.h"

#include <rte_mbuf.h>

#include <cstddef>
#include <cstring>

#include "dataplane/base/flow_key.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/packet.h"

namespace vswitch {
namespace {

constexpr uint32_t kEthernetBytes = sizeof(EthernetHeader);
constexpr uint32_t kTcpChecksumOffset = 16;
constexpr uint32_t kUdpChecksumOffset = 6;
// Linux cuts a UDP segment into at most 128 parts (UDP_MAX_SEGMENTS).
constexpr uint32_t kMaxUdpParts = 128;
// Linux' least TCP payload: TCP_MIN_SND_MSS less the largest options.
constexpr uint32_t kMinTcpPart = 8;
// More extension headers than this in front of TCP are none that a kernel
// leaves a checksum to us for.
constexpr int kMaxExtensionHeaders = 8;

// Where the L4 header of the frame is.
struct Layout {
  uint32_t l3_bytes = 0;
  uint32_t l4_bytes = 0;  // of the header; 0: neither TCP nor UDP
  uint8_t version = 0;
  IpProtocol protocol{};
};

// Finds the last header behind an IPv6 header; 0 bytes if it is out of reach.
uint32_t SkipExtensions(const rte_mbuf& packet, uint8_t& next_header) {
  uint32_t bytes = sizeof(Ipv6Header);
  for (int i = 0; i < kMaxExtensionHeaders; ++i) {
    if (next_header != static_cast<uint8_t>(IpProtocol::kHopByHop) &&
        next_header != static_cast<uint8_t>(IpProtocol::kRouting) &&
        next_header != static_cast<uint8_t>(IpProtocol::kDestinationOptions)) {
      return bytes;
    }
    if (kEthernetBytes + bytes + sizeof(Ipv6ExtensionHeader) >
        FirstSegmentBytes(packet)) {
      return 0;
    }
    const auto* extension =
        HeaderAt<Ipv6ExtensionHeader>(packet, kEthernetBytes + bytes);
    next_header = extension->next_header;
    bytes += 8 + 8 * uint32_t{extension->length};
  }
  return 0;
}

// Reads as much of the headers as offloads depend on.
Layout ReadLayout(const rte_mbuf& packet) {
  Layout layout;
  const uint32_t room = FirstSegmentBytes(packet);
  if (room < kEthernetBytes + sizeof(Ipv4Header)) return layout;
  const uint8_t* frame = Data(packet);
  const uint32_t ether_type = (uint32_t{frame[12]} << 8) | frame[13];
  uint8_t protocol = 0;
  if (ether_type == kEtherTypeIpv4) {
    const auto* header = HeaderAt<Ipv4Header>(packet, kEthernetBytes);
    layout.version = 4;
    layout.l3_bytes = 4u * (header->version_ihl & 0xf);
    protocol = header->protocol;
  } else if (ether_type == kEtherTypeIpv6 &&
             room >= kEthernetBytes + sizeof(Ipv6Header)) {
    layout.version = 6;
    protocol = HeaderAt<Ipv6Header>(packet, kEthernetBytes)->next_header;
    layout.l3_bytes = SkipExtensions(packet, protocol);
  }
  if (layout.l3_bytes < sizeof(Ipv4Header)) return layout;
  layout.protocol = IpProtocol{protocol};
  const uint32_t l4 = kEthernetBytes + layout.l3_bytes;
  if (layout.protocol == IpProtocol::kTcp && l4 + sizeof(TcpHeader) <= room) {
    const uint32_t bytes =
        4u * (HeaderAt<TcpHeader>(packet, l4)->data_offset >> 4);
    if (bytes >= sizeof(TcpHeader) && l4 + bytes <= room) {
      layout.l4_bytes = bytes;
    }
  } else if (layout.protocol == IpProtocol::kUdp &&
             l4 + sizeof(UdpHeader) <= room) {
    layout.l4_bytes = sizeof(UdpHeader);
  }
  return layout;
}

// Whether the header's partial checksum is the one of the frame's own L4.
bool IsOwnChecksum(const VirtioNetHeader& header, const Layout& layout) {
  return layout.l4_bytes != 0 &&
         header.checksum_start == kEthernetBytes + layout.l3_bytes &&
         header.checksum_offset == (layout.protocol == IpProtocol::kTcp
                                        ? kTcpChecksumOffset
                                        : kUdpChecksumOffset);
}

// Completes the checksum that the header describes; false if it is not in the
// first segment.
bool CompleteChecksum(const VirtioNetHeader& header, rte_mbuf& packet) {
  const uint32_t start = header.checksum_start;
  const uint32_t field = start + header.checksum_offset;
  if (start < kEthernetBytes ||
      field + sizeof(uint16_t) > FirstSegmentBytes(packet)) {
    return false;
  }
  Be16 checksum =
      ChecksumOf(PacketSum(packet, start, PacketBytes(packet) - start));
  // RFC 768: a computed checksum of zero is sent as all ones.
  if (checksum == Be16{0}) checksum.raw = 0xffff;
  std::memcpy(Data(packet) + field, &checksum.raw, sizeof(checksum.raw));
  return true;
}

// Whether the segment is one that a kernel may give us.
bool IsValidSegment(const VirtioNetHeader& header, const Layout& layout,
                    uint32_t payload_bytes) {
  const bool ecn = (header.gso_type & VirtioNetHeader::kGsoEcn) != 0;
  switch (header.gso_type & ~VirtioNetHeader::kGsoEcn) {
    case VirtioNetHeader::kGsoTcp4:
    case VirtioNetHeader::kGsoTcp6: {
      const uint8_t version = (header.gso_type & ~VirtioNetHeader::kGsoEcn) ==
                                      VirtioNetHeader::kGsoTcp4
                                  ? 4
                                  : 6;
      return layout.protocol == IpProtocol::kTcp && layout.version == version &&
             header.gso_size >= kMinTcpPart;
    }
    case VirtioNetHeader::kGsoUdp:
      return !ecn && layout.protocol == IpProtocol::kUdp &&
             header.gso_size > 0 &&
             payload_bytes <= kMaxUdpParts * uint32_t{header.gso_size};
    default:
      return false;
  }
}

}  // namespace

bool ApplyVnetHeader(const VirtioNetHeader& header, rte_mbuf& packet) {
  const bool segment = header.gso_type != VirtioNetHeader::kGsoNone;
  if ((header.flags & VirtioNetHeader::kNeedsChecksum) == 0) {
    // A segment's checksum is always partial.  "Checksum valid" is not
    // believed: the parser sums the packet.
    return !segment;
  }
  const Layout layout = ReadLayout(packet);
  if (!IsOwnChecksum(header, layout)) {
    return !segment && CompleteChecksum(header, packet);
  }
  packet.ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_NONE;
  packet.l2_len = kEthernetBytes;
  packet.l3_len = layout.l3_bytes & 0x1ff;
  if (!segment) return true;
  const uint32_t headers = kEthernetBytes + layout.l3_bytes + layout.l4_bytes;
  // l3_len has nine bits; no kernel cuts behind longer headers.
  if (layout.l3_bytes > 0x1ff ||
      !IsValidSegment(header, layout, PacketBytes(packet) - headers)) {
    return false;
  }
  packet.l4_len = layout.l4_bytes & 0xff;
  packet.tso_segsz = header.gso_size;
  return true;
}

VirtioNetHeader MakeVnetHeader(const rte_mbuf& packet) {
  VirtioNetHeader header;
  const uint64_t flags = packet.ol_flags;
  const bool tcp_segment = (flags & RTE_MBUF_F_TX_TCP_SEG) != 0;
  const bool udp_segment = (flags & RTE_MBUF_F_TX_UDP_SEG) != 0;
  const uint64_t checksum = flags & RTE_MBUF_F_TX_L4_MASK;
  const bool tcp = tcp_segment || checksum == RTE_MBUF_F_TX_TCP_CKSUM;
  if (!tcp && !udp_segment && checksum != RTE_MBUF_F_TX_UDP_CKSUM) {
    return header;
  }
  header.flags = VirtioNetHeader::kNeedsChecksum;
  header.checksum_start = static_cast<uint16_t>(packet.l2_len + packet.l3_len);
  header.checksum_offset = tcp ? kTcpChecksumOffset : kUdpChecksumOffset;
  if (!tcp_segment && !udp_segment) return header;
  header.header_bytes =
      static_cast<uint16_t>(header.checksum_start + packet.l4_len);
  header.gso_size = packet.tso_segsz;
  if (udp_segment) {
    header.gso_type = VirtioNetHeader::kGsoUdp;
    return header;
  }
  header.gso_type = (flags & RTE_MBUF_F_TX_IPV6) != 0
                        ? VirtioNetHeader::kGsoTcp6
                        : VirtioNetHeader::kGsoTcp4;
  // RFC 3168 section 6.1.2: CWR belongs to the first packet of a cut segment
  // only, and the kernel has to know that there is one.
  const uint32_t flags_at =
      header.checksum_start + uint32_t{offsetof(TcpHeader, flags)};
  if (flags_at < FirstSegmentBytes(packet) &&
      (Data(packet)[flags_at] & kTcpCwr) != 0) {
    header.gso_type |= VirtioNetHeader::kGsoEcn;
  }
  return header;
}

}  // namespace vswitch
