// dataplane/packet/packet.h
//
// Accessors over rte_mbuf, the packet in hand.  A packet is a chain of one or
// more segments; port drivers put every header of it into the first one (a
// segment holds 2 KB, and the headers that Parse() accepts take less).
//
//   const auto* ethernet = HeaderAt<EthernetHeader>(packet, 0);
//   auto* ip = HeaderAt<Ipv4Header>(packet, meta.l3_offset);
//
// HeaderAt() does not check: the offset and the length come from a PacketMeta
// that Parse() filled, or were compared with FirstSegmentBytes() before.  Only
// inline parts of DPDK are used, so code with packets links without DPDK.
// Worker thread only.

#ifndef VSWITCH_DATAPLANE_PACKET_PACKET_H_
#define VSWITCH_DATAPLANE_PACKET_PACKET_H_

#include <rte_mbuf.h>

#include <cstdint>

namespace vswitch {

// Bytes that a packet of the switch's own may take in a PacketPool's packet.
inline constexpr uint32_t kSegmentRoomBytes = 2048;

// Returns the first byte of the frame.
inline uint8_t* Data(rte_mbuf& packet) {
  return rte_pktmbuf_mtod(&packet, uint8_t*);
}
inline const uint8_t* Data(const rte_mbuf& packet) {
  return rte_pktmbuf_mtod(&packet, const uint8_t*);
}

// Returns how many bytes the first segment holds: those that Data() points to.
inline uint32_t FirstSegmentBytes(const rte_mbuf& packet) {
  return packet.data_len;
}

// Returns how many bytes the frame has in all its segments.
inline uint32_t PacketBytes(const rte_mbuf& packet) { return packet.pkt_len; }

// Returns the header at `offset`.  REQUIRES: it lies in the first segment.
template <typename Header>
Header* HeaderAt(rte_mbuf& packet, uint32_t offset) {
  static_assert(alignof(Header) == 1);
  return reinterpret_cast<Header*>(Data(packet) + offset);
}
template <typename Header>
const Header* HeaderAt(const rte_mbuf& packet, uint32_t offset) {
  static_assert(alignof(Header) == 1);
  return reinterpret_cast<const Header*>(Data(packet) + offset);
}

// Makes `packet` an empty packet of one segment of `bytes` bytes, whose content
// the caller writes.  REQUIRES: the segment has that much room.
inline void StartPacket(rte_mbuf& packet, uint32_t bytes) {
  packet.ol_flags &= RTE_MBUF_F_EXTERNAL | RTE_MBUF_F_INDIRECT;
  packet.tx_offload = 0;
  packet.data_len = static_cast<uint16_t>(bytes);
  packet.pkt_len = bytes;
}

// Shortens the frame to `bytes`.  Segments behind the end stay in the chain,
// empty.  REQUIRES: bytes <= PacketBytes(packet).
void TrimPacket(rte_mbuf& packet, uint32_t bytes);

// Copies `bytes` bytes from `offset` on, across segments, to `out`.  REQUIRES:
// offset + bytes <= PacketBytes(packet).
void CopyFromPacket(const rte_mbuf& packet, uint32_t offset, uint32_t bytes,
                    uint8_t* out);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_PACKET_PACKET_H_
