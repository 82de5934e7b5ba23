// Packets that are used again and again.

#include "bench/pipeline/buffer_pool.h"

#include <cstring>

#include "dataplane/packet/packet.h"

namespace vswitch {
namespace {

constexpr size_t kBufferBytes = sizeof(rte_mbuf) + kSegmentRoomBytes;
static_assert(kBufferBytes % alignof(rte_mbuf) == 0);

}  // namespace

BufferPool::BufferPool(size_t count)
    : memory_(count * kBufferBytes + alignof(rte_mbuf)) {
  const auto begin = reinterpret_cast<uintptr_t>(memory_.data());
  const uintptr_t aligned =
      (begin + alignof(rte_mbuf) - 1) / alignof(rte_mbuf) * alignof(rte_mbuf);
  free_.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    free_.push_back(reinterpret_cast<rte_mbuf*>(aligned + i * kBufferBytes));
  }
}

rte_mbuf* BufferPool::Allocate() {
  if (free_.empty()) return nullptr;
  rte_mbuf* packet = free_.back();
  free_.pop_back();
  std::memset(static_cast<void*>(packet), 0, sizeof(rte_mbuf));
  packet->buf_addr = packet + 1;
  packet->buf_len = kSegmentRoomBytes;
  packet->nb_segs = 1;
  packet->port = RTE_MBUF_PORT_INVALID;
  packet->refcnt = 1;
  return packet;
}

void BufferPool::Free(std::span<rte_mbuf* const> packets) {
  for (rte_mbuf* packet : packets) {
    while (packet != nullptr) {
      rte_mbuf* next = packet->next;
      free_.push_back(packet);
      packet = next;
    }
  }
}

rte_mbuf* BufferPool::Make(std::span<const uint8_t> bytes) {
  rte_mbuf* packet = Allocate();
  if (packet == nullptr) return nullptr;
  std::memcpy(Data(*packet), bytes.data(), bytes.size());
  packet->data_len = static_cast<uint16_t>(bytes.size());
  packet->pkt_len = packet->data_len;
  return packet;
}

void ReturningSink::Transmit(PortId, std::span<rte_mbuf* const> packets) {
  sent_ += packets.size();
  pool_.Free(packets);
}

}  // namespace vswitch
