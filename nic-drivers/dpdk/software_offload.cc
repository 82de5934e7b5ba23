// Cutting follows the rules that Linux' software GSO keeps: RFC 9293 for the
// sequence numbers and flags, RFC 3168 section 6.1.2 for CWR.

#include "nic-drivers/dpdk/software_offload.h"

#include <rte_mbuf.h>

#include <algorithm>
#include <cstring>

#include "dataplane/base/address.h"
#include "dataplane/base/flow_key.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/packet.h"

namespace vswitch {
namespace {

constexpr uint32_t kTcpChecksumOffset = 16;
constexpr uint32_t kUdpChecksumOffset = 6;
// A segment of 64 KB with Linux' least TCP payload of 8 bytes would become 8192
// packets; a stream that real peers send stays far below this.
constexpr uint32_t kMaxParts = 1024;

bool IsTcp(const rte_mbuf& packet) {
  return (packet.ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0 ||
         (packet.ol_flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_TCP_CKSUM;
}

uint16_t ReadBe16(const uint8_t* at) {
  return static_cast<uint16_t>((at[0] << 8) | at[1]);
}
void WriteBe16(uint8_t* at, uint32_t value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}
void AddBe32(uint8_t* at, uint32_t value) {
  uint32_t raw;
  std::memcpy(&raw, at, sizeof(raw));
  raw = __builtin_bswap32(__builtin_bswap32(raw) + value);
  std::memcpy(at, &raw, sizeof(raw));
}

void StoreChecksum(uint8_t* at, Be16 checksum) {
  // RFC 768: zero means none; the other zero is sent instead.
  if (checksum == Be16{0}) checksum.raw = 0xffff;
  std::memcpy(at, &checksum.raw, sizeof(checksum.raw));
}

// Returns a packet of the header bytes of `segment` and `bytes` of its payload
// from `offset` on; nullptr when the pool is empty.
rte_mbuf* CopyPart(const rte_mbuf& segment, uint32_t header_bytes,
                   uint32_t offset, uint32_t bytes, PacketPool& pool) {
  rte_mbuf* head = pool.Allocate();
  if (head == nullptr) return nullptr;
  StartPacket(*head, header_bytes);
  CopyFromPacket(segment, 0, header_bytes, Data(*head));
  rte_mbuf* last = head;
  while (bytes > 0) {
    if (last->data_len == kSegmentRoomBytes) {
      rte_mbuf* next = pool.Allocate();
      if (next == nullptr) {
        pool.Free({&head, 1});
        return nullptr;
      }
      StartPacket(*next, 0);
      last->next = next;
      last = next;
      ++head->nb_segs;
    }
    const uint32_t chunk = std::min(bytes, kSegmentRoomBytes - last->data_len);
    CopyFromPacket(segment, offset, chunk, Data(*last) + last->data_len);
    last->data_len = static_cast<uint16_t>(last->data_len + chunk);
    head->pkt_len += chunk;
    offset += chunk;
    bytes -= chunk;
  }
  return head;
}

// Where one part stands in its segment.
struct Place {
  uint32_t index;
  uint32_t payload_offset;  // in the segment's payload
  bool last;
};

void FixIpv4(rte_mbuf& part, uint32_t l3, uint32_t l3_bytes, uint32_t index) {
  uint8_t* header = Data(part) + l3;
  WriteBe16(header + 2, part.pkt_len - l3);
  WriteBe16(header + 4, ReadBe16(header + 4) + index);
  WriteBe16(header + 10, 0);
  const Be16 checksum = ChecksumOf(SumBytes(header, l3_bytes));
  std::memcpy(header + 10, &checksum.raw, sizeof(checksum.raw));
}

void FixTcp(uint8_t* header, const Place& place) {
  AddBe32(header + 4, place.payload_offset);
  if (!place.last) header[13] &= static_cast<uint8_t>(~(kTcpFin | kTcpPsh));
  if (place.index > 0) header[13] &= static_cast<uint8_t>(~kTcpCwr);
}

void FixHeaders(rte_mbuf& part, const rte_mbuf& segment, const Place& place) {
  const uint32_t l3 = segment.l2_len;
  const uint32_t l4 = l3 + segment.l3_len;
  const bool tcp = (segment.ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0;
  const uint32_t l4_bytes = part.pkt_len - l4;
  IpAddress source;
  IpAddress destination;
  if ((segment.ol_flags & RTE_MBUF_F_TX_IPV6) != 0) {
    WriteBe16(Data(part) + l3 + 4, part.pkt_len - l3 - sizeof(Ipv6Header));
    source = IpAddress::FromIpv6(Data(part) + l3 + 8);
    destination = IpAddress::FromIpv6(Data(part) + l3 + 24);
  } else {
    FixIpv4(part, l3, segment.l3_len, place.index);
    source = IpAddress::FromIpv4(Data(part) + l3 + 12);
    destination = IpAddress::FromIpv4(Data(part) + l3 + 16);
  }
  uint8_t* header = Data(part) + l4;
  if (tcp) {
    FixTcp(header, place);
  } else {
    WriteBe16(header + 4, l4_bytes);
  }
  uint8_t* checksum = header + (tcp ? kTcpChecksumOffset : kUdpChecksumOffset);
  WriteBe16(checksum, 0);
  StoreChecksum(checksum, ChecksumOf(PseudoHeaderSum(source, destination,
                                                     tcp ? IpProtocol::kTcp
                                                         : IpProtocol::kUdp,
                                                     l4_bytes) +
                                     PacketSum(part, l4, l4_bytes)));
}

}  // namespace

bool IsSegment(const rte_mbuf& packet) {
  return (packet.ol_flags & (RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG)) !=
         0;
}

void CompleteTxChecksum(rte_mbuf& packet) {
  const uint64_t asked = packet.ol_flags & RTE_MBUF_F_TX_L4_MASK;
  if (asked != RTE_MBUF_F_TX_TCP_CKSUM && asked != RTE_MBUF_F_TX_UDP_CKSUM) {
    return;
  }
  const uint32_t l4 = packet.l2_len + packet.l3_len;
  const uint32_t field =
      l4 + (IsTcp(packet) ? kTcpChecksumOffset : kUdpChecksumOffset);
  // The field holds the pseudo-header's sum, so that it needs no adding.
  StoreChecksum(Data(packet) + field,
                ChecksumOf(PacketSum(packet, l4, PacketBytes(packet) - l4)));
  packet.ol_flags &= ~RTE_MBUF_F_TX_L4_MASK;
}

DropReason CutSegment(const rte_mbuf& packet, PacketPool& pool,
                      std::vector<rte_mbuf*>& parts) {
  const uint32_t header_bytes = packet.l2_len + packet.l3_len + packet.l4_len;
  const uint32_t part_bytes = packet.tso_segsz;
  if (part_bytes == 0 || header_bytes > FirstSegmentBytes(packet) ||
      header_bytes >= PacketBytes(packet)) {
    return DropReason::kTxNoOffload;
  }
  const uint32_t payload = PacketBytes(packet) - header_bytes;
  if (payload / part_bytes >= kMaxParts) return DropReason::kTxNoOffload;
  const size_t before = parts.size();
  for (uint32_t done = 0, index = 0; done < payload; ++index) {
    const uint32_t bytes = std::min(part_bytes, payload - done);
    rte_mbuf* part =
        CopyPart(packet, header_bytes, header_bytes + done, bytes, pool);
    if (part == nullptr) {
      pool.Free(std::span(parts).subspan(before));
      parts.resize(before);
      return DropReason::kNoMbuf;
    }
    parts.push_back(part);
    FixHeaders(*part, packet, {index, done, done + bytes == payload});
    done += bytes;
  }
  return DropReason::kNone;
}

rte_mbuf* CopyInOnePiece(const rte_mbuf& packet, PacketPool& pool) {
  if (PacketBytes(packet) > kSegmentRoomBytes) return nullptr;
  rte_mbuf* copy = CopyPart(packet, PacketBytes(packet), 0, 0, pool);
  if (copy == nullptr) return nullptr;
  copy->ol_flags |= packet.ol_flags & (RTE_MBUF_F_TX_L4_MASK |
                                       RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6);
  copy->tx_offload = packet.tx_offload;
  return copy;
}

}  // namespace vswitch
