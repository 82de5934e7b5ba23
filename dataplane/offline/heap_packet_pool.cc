// HeapPacketPool: segments from calloc().

#include "dataplane/offline/heap_packet_pool.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "dataplane/packet/packet.h"

namespace vswitch {
namespace {

constexpr size_t kLargestSegmentBytes = 65535;  // buf_len has 16 bits

// Returns an empty segment with its room right behind the mbuf.
rte_mbuf* NewSegment(size_t room_bytes) {
  static_assert(sizeof(rte_mbuf) % alignof(rte_mbuf) == 0);
  const size_t bytes = sizeof(rte_mbuf) + room_bytes;
  const size_t rounded =
      (bytes + alignof(rte_mbuf) - 1) / alignof(rte_mbuf) * alignof(rte_mbuf);
  void* memory = std::aligned_alloc(alignof(rte_mbuf), rounded);
  if (memory == nullptr) return nullptr;
  std::memset(memory, 0, sizeof(rte_mbuf));
  auto* segment = static_cast<rte_mbuf*>(memory);
  segment->buf_addr = segment + 1;
  segment->buf_len = static_cast<uint16_t>(room_bytes);
  segment->nb_segs = 1;
  segment->port = RTE_MBUF_PORT_INVALID;
  segment->refcnt = 1;
  return segment;
}

void Fill(rte_mbuf& segment, std::span<const uint8_t> bytes) {
  std::copy(bytes.begin(), bytes.end(), Data(segment));
  segment.data_len = static_cast<uint16_t>(bytes.size());
}

}  // namespace

rte_mbuf* HeapPacketPool::Allocate() { return NewSegment(kSegmentRoomBytes); }

void HeapPacketPool::Free(std::span<rte_mbuf* const> packets) {
  for (rte_mbuf* packet : packets) {
    while (packet != nullptr) {
      rte_mbuf* next = packet->next;
      std::free(packet);
      packet = next;
    }
  }
}

rte_mbuf* HeapPacketPool::Make(std::span<const uint8_t> bytes) {
  const auto head_bytes =
      bytes.first(std::min<size_t>(bytes.size(), kSegmentRoomBytes));
  const auto body_bytes = bytes.subspan(head_bytes.size());
  if (body_bytes.size() > kLargestSegmentBytes) return nullptr;
  rte_mbuf* head = Allocate();
  if (head == nullptr) return nullptr;
  Fill(*head, head_bytes);
  head->pkt_len = static_cast<uint32_t>(bytes.size());
  if (body_bytes.empty()) return head;
  head->next = NewSegment(body_bytes.size());
  if (head->next == nullptr) {
    Free({&head, 1});
    return nullptr;
  }
  Fill(*head->next, body_bytes);
  head->nb_segs = 2;
  return head;
}

}  // namespace vswitch
