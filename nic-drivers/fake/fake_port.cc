// A Port over vectors.

#include "nic-drivers/fake/fake_port.h"

#include <rte_mbuf.h>

#include <algorithm>
#include <utility>

namespace vswitch {

FakePort::FakePort(const PortInfo& info, PacketPool& pool)
    : info_(info), pool_(pool), queues_(info.queue_count) {}

FakePort::~FakePort() {
  for (Queue& queue : queues_) {
    for (rte_mbuf* packet : queue.rx) pool_.Free({&packet, 1});
    pool_.Free(queue.tx);
  }
}

void FakePort::Inject(rte_mbuf* packet, uint16_t queue) {
  queues_[queue].rx.push_back(packet);
}

std::vector<rte_mbuf*> FakePort::TakeSent(uint16_t queue) {
  return std::exchange(queues_[queue].tx, {});
}

void FakePort::AddDrops(const PortDrops& drops, uint16_t queue) {
  queues_[queue].drops.rx_too_long += drops.rx_too_long;
  queues_[queue].drops.rx_no_mbuf += drops.rx_no_mbuf;
  queues_[queue].drops.rx_vnet_header += drops.rx_vnet_header;
}

uint16_t FakePort::RxBurst(uint16_t queue, std::span<rte_mbuf*> packets) {
  std::deque<rte_mbuf*>& rx = queues_[queue].rx;
  uint16_t count = 0;
  uint32_t bytes = 0;
  while (count < packets.size() && !rx.empty() && bytes < kBurstBytes) {
    bytes += rx.front()->pkt_len;
    packets[count++] = rx.front();
    rx.pop_front();
  }
  return count;
}

TxResult FakePort::TxBurst(uint16_t queue, std::span<rte_mbuf* const> packets) {
  if (!link_up_) return {.sent = 0, .reason = DropReason::kTxLinkDown};
  if (refusal_ != DropReason::kNone) return {.sent = 0, .reason = refusal_};
  const auto sent =
      static_cast<uint16_t>(std::min<size_t>(packets.size(), room_));
  for (rte_mbuf* packet : packets.first(sent)) {
    queues_[queue].tx.push_back(packet);
  }
  if (room_ != kUnlimited) room_ -= sent;
  if (sent == packets.size()) return {.sent = sent};
  return {.sent = sent, .reason = DropReason::kTxPeerFull};
}

PortDrops FakePort::TakeDrops(uint16_t queue) {
  return std::exchange(queues_[queue].drops, {});
}

}  // namespace vswitch
