// Changes to packets, each with the update of the checksums that cover it.

#include "dataplane/packet/rewrite.h"

#include <algorithm>
#include <cstring>

#include "dataplane/base/planted_bug.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/packet.h"

namespace vswitch {
namespace {

constexpr uint32_t kTcpChecksumOffset = 16;
constexpr uint32_t kUdpChecksumOffset = 6;
constexpr uint32_t kIcmpChecksumOffset = 2;

bool HasPorts(IpProtocol protocol) {
  return protocol == IpProtocol::kTcp || protocol == IpProtocol::kUdp ||
         protocol == IpProtocol::kUdpLite || protocol == IpProtocol::kSctp;
}

// Returns the checksum field of the L4 header of `protocol` at `l4`, nullptr if
// it has none that an internet checksum updates.
WireBe16* ChecksumField(uint8_t* l4, IpProtocol protocol) {
  switch (protocol) {
    case IpProtocol::kTcp:
      return reinterpret_cast<WireBe16*>(l4 + kTcpChecksumOffset);
    case IpProtocol::kUdp:
    case IpProtocol::kUdpLite:
      return reinterpret_cast<WireBe16*>(l4 + kUdpChecksumOffset);
    case IpProtocol::kIcmp:
    case IpProtocol::kIcmpv6:
      return reinterpret_cast<WireBe16*>(l4 + kIcmpChecksumOffset);
    default:
      return nullptr;
  }
}

// What a change adds to the sums: of the pseudo-header, and of the L4 header
// itself.  Adding a value's complement takes it away (RFC 1624).
struct Change {
  ChecksumSum addresses = 0;
  ChecksumSum l4 = 0;
};

ChecksumSum Difference(const void* before, const void* after, size_t bytes) {
  return ChecksumSum{static_cast<uint16_t>(~Fold(SumBytes(before, bytes)))} +
         SumBytes(after, bytes);
}

ChecksumSum Difference(Be16 before, Be16 after) {
  return ChecksumSum{static_cast<uint16_t>(~before.raw)} + after.raw;
}

// Applies `sum` to a complete checksum.
Be16 Applied(Be16 checksum, ChecksumSum sum) {
  return ChecksumOf(ChecksumSum{static_cast<uint16_t>(~checksum.raw)} + sum);
}

// Writes `address` over the one at `field`, and returns what that adds to a
// sum.
ChecksumSum WriteAddress(uint8_t* field, const IpAddress& address) {
  ChecksumSum change =
      Difference(field, address.WireBytes(), address.WireByteCount());
  std::memcpy(field, address.WireBytes(), address.WireByteCount());
  return change;
}

// Writes the addresses of `to` into the IP header at `ip`; returns what that
// adds to a sum.
ChecksumSum WriteAddresses(uint8_t* ip, const FlowKey& to) {
  if (to.source.IsIpv4()) {
    auto* header = reinterpret_cast<Ipv4Header*>(ip);
    ChecksumSum change =
        WriteAddress(header->source.bytes, to.source) +
        WriteAddress(header->destination.bytes, to.destination);
    header->checksum = Applied(header->checksum, change);
    return change;
  }
  auto* header = reinterpret_cast<Ipv6Header*>(ip);
  return WriteAddress(header->source, to.source) +
         WriteAddress(header->destination, to.destination);
}

ChecksumSum WriteField(WireBe16& field, Be16 value) {
  ChecksumSum change = Difference(field, value);
  field = value;
  return change;
}

// Writes the ports of `to`, or the identifier if the packet is an ICMP query.
ChecksumSum WritePorts(uint8_t* l4, const FlowKey& to, bool is_icmp_query) {
  if (HasPorts(to.protocol)) {
    auto* ports = reinterpret_cast<UdpHeader*>(l4);
    return WriteField(ports->source_port, to.source_port) +
           WriteField(ports->destination_port, to.destination_port);
  }
  if (!is_icmp_query) return 0;
  return WriteField(reinterpret_cast<IcmpHeader*>(l4)->identifier,
                    to.source_port);
}

// Updates a complete checksum of `protocol`.
void UpdateL4Checksum(WireBe16& field, IpProtocol protocol,
                      const Change& change) {
  // RFC 768: 0 means that there is no checksum, so a sum of 0 is sent as all
  // ones; RFC 3828 3.1 says the same of UDP-Lite.
  bool is_udp =
      protocol == IpProtocol::kUdp || protocol == IpProtocol::kUdpLite;
  Be16 before = field;
  if (is_udp && before == Be16{0}) return;
  bool has_pseudo_header = protocol != IpProtocol::kIcmp;
  Be16 after =
      Applied(before, change.l4 + (has_pseudo_header ? change.addresses : 0));
  if (is_udp && after == Be16{0}) after = Be16{0xffff};
  field = after;
}

void StoreSctpCrc(rte_mbuf& packet, const PacketMeta& meta) {
  uint32_t crc =
      PacketCrc32c(packet, meta.l4_offset, meta.l4_bytes, meta.l4_offset + 8);
  std::memcpy(HeaderAt<SctpHeader>(packet, meta.l4_offset)->crc32c, &crc, 4);
}

// Returns whether the quoted bytes reach the checksum field.  ICMP of the other
// family is opaque.
bool QuotesChecksum(const IcmpInner& inner) {
  if (inner.key.protocol ==
      (inner.key.source.IsIpv4() ? IpProtocol::kIcmpv6 : IpProtocol::kIcmp)) {
    return false;
  }
  uint32_t wanted = inner.key.protocol == IpProtocol::kTcp
                        ? kTcpChecksumOffset + 2
                        : sizeof(UdpHeader);
  return inner.l4_bytes >= wanted;
}

}  // namespace

void SetMacAddresses(rte_mbuf& packet, const MacAddress& destination,
                     const MacAddress& source) {
  auto* ethernet = HeaderAt<EthernetHeader>(packet, 0);
  ethernet->destination = destination;
  ethernet->source = source;
}

void DecrementTtl(rte_mbuf& packet, const PacketMeta& meta) {
  if (meta.l3 == L3Kind::kIpv6) {
    --HeaderAt<Ipv6Header>(packet, meta.l3_offset)->hop_limit;
    return;
  }
  auto* header = HeaderAt<Ipv4Header>(packet, meta.l3_offset);
  const uint8_t before[2] = {header->ttl, header->protocol};
  --header->ttl;
  header->checksum =
      UpdateChecksum(header->checksum, before, &header->ttl, sizeof(before));
}

void RewriteFlow(rte_mbuf& packet, PacketMeta& meta, const FlowKey& to) {
  Change change;
  change.addresses = WriteAddresses(Data(packet) + meta.l3_offset, to);
  const bool ports_change = to.source_port != meta.key.source_port ||
                            to.destination_port != meta.key.destination_port;
  meta.key = to;
  if (meta.fragment == FragmentKind::kLater) return;
  uint8_t* l4 = Data(packet) + meta.l4_offset;
  change.l4 = WritePorts(l4, to, meta.icmp == IcmpKind::kQuery);
  if (kPlantedBug == PlantedBug::kPortsNotSummed) change.l4 = 0;
  if (to.protocol == IpProtocol::kSctp) {
    // Its CRC has no pseudo-header: addresses leave it as it is.
    if (ports_change && meta.fragment == FragmentKind::kWhole) {
      StoreSctpCrc(packet, meta);
    }
    return;
  }
  if (meta.l4_checksum == L4Checksum::kNone) return;
  WireBe16* field = ChecksumField(l4, to.protocol);
  if (field == nullptr) return;
  if (meta.l4_checksum == L4Checksum::kPartial) {
    // The field holds the sum of the pseudo-header, not complemented.
    *field = Be16{Fold(ChecksumSum{Be16(*field).raw} + change.addresses)};
    return;
  }
  UpdateL4Checksum(*field, to.protocol, change);
}

void SetDatagramId(rte_mbuf& packet, const PacketMeta& meta, uint32_t id) {
  if (meta.l3 == L3Kind::kIpv4) {
    auto* header = HeaderAt<Ipv4Header>(packet, meta.l3_offset);
    const ChecksumSum change = WriteField(
        header->identification, Be16::FromHost(static_cast<uint16_t>(id)));
    header->checksum = Applied(header->checksum, change);
  } else if (meta.fragment != FragmentKind::kWhole) {
    HeaderAt<Ipv6FragmentHeader>(packet, FragmentHeaderOffset(packet, meta))
        ->identification = Be32::FromHost(id);
  }
}

void RewriteIcmpInner(rte_mbuf& packet, const PacketMeta& meta,
                      const IcmpInner& inner, const FlowKey& to) {
  // The error's checksum covers all that changes here: the sum over the quoted
  // headers is taken before and after, so that no field need be followed.  They
  // lie at even distances from the error's header.
  uint8_t* begin = Data(packet) + inner.l3_offset;
  const uint32_t changed =
      inner.l4_offset - inner.l3_offset +
      std::min<uint32_t>(inner.l4_bytes, sizeof(TcpHeader));
  const ChecksumSum before = SumBytes(begin, changed);

  Change change;
  change.addresses = WriteAddresses(begin, to);
  uint8_t* l4 = Data(packet) + inner.l4_offset;
  change.l4 = WritePorts(l4, to, inner.is_query);
  WireBe16* field = ChecksumField(l4, to.protocol);
  if (field != nullptr && QuotesChecksum(inner)) {
    UpdateL4Checksum(*field, to.protocol, change);
  }
  auto* icmp = HeaderAt<IcmpHeader>(packet, meta.l4_offset);
  icmp->checksum =
      Applied(icmp->checksum,
              SumBytes(begin, changed) + static_cast<uint16_t>(~Fold(before)));
}

void CompleteL4Checksum(rte_mbuf& packet, PacketMeta& meta) {
  if (meta.fragment != FragmentKind::kWhole) return;
  if (meta.key.protocol == IpProtocol::kSctp) {
    StoreSctpCrc(packet, meta);
    return;
  }
  uint8_t* l4 = Data(packet) + meta.l4_offset;
  WireBe16* field = ChecksumField(l4, meta.key.protocol);
  if (field == nullptr || meta.l4_checksum == L4Checksum::kNone) return;
  uint32_t covered = meta.l4_bytes;
  uint32_t length = meta.l4_bytes;  // in the pseudo-header
  if (meta.key.protocol == IpProtocol::kUdp) {
    covered = length = reinterpret_cast<UdpHeader*>(l4)->length.ToHost();
  } else if (meta.key.protocol == IpProtocol::kUdpLite) {
    uint32_t coverage = reinterpret_cast<UdpHeader*>(l4)->length.ToHost();
    if (coverage != 0) covered = coverage;
  }
  *field = Be16{0};
  ChecksumSum sum = PacketSum(packet, meta.l4_offset, covered);
  if (meta.key.protocol != IpProtocol::kIcmp) {
    sum += PseudoHeaderSum(meta.key.source, meta.key.destination,
                           meta.key.protocol, length);
  }
  Be16 checksum = ChecksumOf(sum);
  bool is_udp = meta.key.protocol == IpProtocol::kUdp ||
                meta.key.protocol == IpProtocol::kUdpLite;
  if (is_udp && checksum == Be16{0}) checksum = Be16{0xffff};
  *field = checksum;
  meta.l4_checksum = L4Checksum::kComplete;
}

void SetTransmitOffloads(rte_mbuf& packet, const PacketMeta& meta) {
  packet.ol_flags &= RTE_MBUF_F_EXTERNAL | RTE_MBUF_F_INDIRECT;
  if (meta.l3 != L3Kind::kIpv4 && meta.l3 != L3Kind::kIpv6) return;
  packet.ol_flags |=
      meta.l3 == L3Kind::kIpv4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6;
  packet.l2_len = meta.l3_offset;
  packet.l3_len = meta.l4_offset - meta.l3_offset;
  packet.l4_len = meta.headers_end - meta.l4_offset;
  bool is_tcp = meta.key.protocol == IpProtocol::kTcp;
  // A fragment is no segment to be cut, whatever its sender says; a later one
  // has no L4 header at all.
  if ((!is_tcp && meta.key.protocol != IpProtocol::kUdp) ||
      meta.fragment != FragmentKind::kWhole) {
    packet.tso_segsz = 0;
    return;
  }
  if (meta.l4_checksum != L4Checksum::kPartial) {
    if (packet.tso_segsz == 0) return;
    // What cuts a segment starts from the pseudo-header's sum.
    WireBe16* field =
        ChecksumField(Data(packet) + meta.l4_offset, meta.key.protocol);
    *field = Be16{Fold(PseudoHeaderSum(meta.key.source, meta.key.destination,
                                       meta.key.protocol, meta.l4_bytes))};
  }
  packet.ol_flags |= is_tcp ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM;
  if (packet.tso_segsz != 0) {
    packet.ol_flags |= is_tcp ? RTE_MBUF_F_TX_TCP_SEG : RTE_MBUF_F_TX_UDP_SEG;
  }
}

}  // namespace vswitch
