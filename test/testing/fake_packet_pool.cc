// A packet pool over malloc().

#include "test/testing/fake_packet_pool.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "dataplane/packet/packet.h"

namespace vswitch {

FakePacketPool::~FakePacketPool() {
  for (rte_mbuf* segment : live_) {
    std::free(segment->buf_addr);
    std::free(segment);
  }
}

rte_mbuf* FakePacketPool::NewSegment(size_t room_bytes) {
  if (live_.size() >= capacity_) return nullptr;
  auto* segment =
      static_cast<rte_mbuf*>(std::aligned_alloc(64, sizeof(rte_mbuf)));
  std::memset(segment, 0, sizeof(rte_mbuf));
  // At least one byte, so that an empty packet has an address.
  segment->buf_addr = std::malloc(room_bytes + 1);
  segment->buf_len = static_cast<uint16_t>(room_bytes);
  segment->nb_segs = 1;
  segment->port = RTE_MBUF_PORT_INVALID;
  segment->refcnt = 1;
  live_.insert(segment);
  return segment;
}

rte_mbuf* FakePacketPool::Allocate() { return NewSegment(kSegmentRoomBytes); }

void FakePacketPool::Free(std::span<rte_mbuf* const> packets) {
  for (rte_mbuf* packet : packets) {
    while (packet != nullptr) {
      rte_mbuf* next = packet->next;
      if (live_.erase(packet) == 0) {
        std::fprintf(stderr, "FakePacketPool: freed twice or never made\n");
        std::abort();
      }
      std::free(packet->buf_addr);
      std::free(packet);
      packet = next;
    }
  }
}

rte_mbuf* FakePacketPool::Make(std::span<const uint8_t> bytes,
                               std::initializer_list<size_t> segment_bytes) {
  rte_mbuf* head = nullptr;
  rte_mbuf* tail = nullptr;
  auto add = [&](std::span<const uint8_t> part) {
    rte_mbuf* segment = NewSegment(part.size());
    if (segment == nullptr) return false;
    std::copy(part.begin(), part.end(),
              static_cast<uint8_t*>(segment->buf_addr));
    segment->data_len = static_cast<uint16_t>(part.size());
    if (head == nullptr) {
      head = segment;
    } else {
      tail->next = segment;
      ++head->nb_segs;
    }
    head->pkt_len += static_cast<uint32_t>(part.size());
    tail = segment;
    return true;
  };
  size_t count = segment_bytes.size();
  size_t index = 0;
  for (size_t wanted : segment_bytes) {
    bool last = ++index == count;
    size_t part = last || wanted > bytes.size() ? bytes.size() : wanted;
    if (!add(bytes.first(part))) {
      Free({&head, head == nullptr ? size_t{0} : size_t{1}});
      return nullptr;
    }
    bytes = bytes.subspan(part);
    if (bytes.empty()) break;
  }
  if (count == 0 && !add(bytes)) return nullptr;
  return head;
}

std::vector<uint8_t> BytesOf(const rte_mbuf& packet) {
  std::vector<uint8_t> bytes(PacketBytes(packet));
  CopyFromPacket(packet, 0, PacketBytes(packet), bytes.data());
  return bytes;
}

}  // namespace vswitch
