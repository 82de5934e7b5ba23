// Sends and receives on an ethdev; dpdk_open.cc plugs it.

#include "nic-drivers/dpdk/dpdk_port.h"

#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <utility>

#include "dataplane/base/ids.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/packet.h"
#include "nic-drivers/dpdk/software_offload.h"

namespace vswitch {
namespace {

// Ethernet header and one VLAN tag.
constexpr uint32_t kMaxL2Bytes = sizeof(EthernetHeader) + 4;
constexpr size_t kTypicalParts = 64;
// What asks for something that may have to be done here.
constexpr uint64_t kTxWork = RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG |
                             RTE_MBUF_F_TX_UDP_SEG | RTE_MBUF_F_TX_IP_CKSUM;
// How long a port that is closed waits for its device to send: 10 ms.
constexpr int kMostSendWaits = 100;
constexpr unsigned kSendWaitUs = 100;

}  // namespace

DpdkPort::DpdkPort(PortInfo info, uint16_t ethdev, rte_device* device,
                   OwnPool own_pool, bool tx_chains, MbufPool& pool)
    : info_(std::move(info)),
      ethdev_(ethdev),
      device_(device),
      own_pool_(std::move(own_pool)),
      tx_chains_(tx_chains),
      pool_(pool),
      parts_(info_.queue_count) {
  for (auto& parts : parts_) parts.reserve(kTypicalParts);
}

DpdkPort::~DpdkPort() {
  if (own_pool_.pool != nullptr) AwaitSent();
  rte_eth_dev_stop(ethdev_);
  rte_eth_dev_close(ethdev_);
  rte_dev_remove(device_);
  if (own_pool_.pool != nullptr &&
      own_pool_.pool->PacketsInUse() > own_pool_.lost) {
    // A packet of it still waits in another device; its memory must stay.
    (void)own_pool_.pool.release();
  }
}

void DpdkPort::AwaitSent() {
  for (int i = 0; i < kMostSendWaits; ++i) {
    for (uint16_t queue = 0; queue < info_.queue_count; ++queue) {
      rte_eth_tx_burst(ethdev_, queue, nullptr, 0);
    }
    if (own_pool_.pool->PacketsInUse() <= own_pool_.lost) return;
    rte_delay_us_sleep(kSendWaitUs);
  }
}

uint16_t DpdkPort::RxBurst(uint16_t queue, std::span<rte_mbuf*> packets) {
  // Frames of an uplink are no longer than its MTU allows.
  const size_t most =
      std::max<size_t>(1, kBurstBytes / (info_.mtu + kMaxL2Bytes));
  const auto count = static_cast<uint16_t>(std::min(packets.size(), most));
  const uint16_t received =
      rte_eth_rx_burst(ethdev_, queue, packets.data(), count);
  // Drivers that recycle buffers leave what the last sender wrote.
  for (rte_mbuf* packet : packets.first(received)) packet->tx_offload = 0;
  return received;
}

TxResult DpdkPort::TxBurst(uint16_t queue, std::span<rte_mbuf* const> packets) {
  TxResult result;
  while (!packets.empty()) {
    const uint16_t ready = CountReady(packets);
    if (ready > 0) {
      auto* first = const_cast<rte_mbuf**>(packets.data());
      const uint16_t sent = rte_eth_tx_burst(ethdev_, queue, first, ready);
      result.sent = static_cast<uint16_t>(result.sent + sent);
      if (sent < ready) {
        result.reason = WhyNotSent();
        return result;
      }
    } else {
      result.reason = SendOne(queue, packets.front());
      if (result.reason != DropReason::kNone) return result;
      ++result.sent;
    }
    packets = packets.subspan(std::max<uint16_t>(ready, 1));
  }
  return result;
}

// Returns how many packets at the front go to the device as they are.
uint16_t DpdkPort::CountReady(std::span<rte_mbuf* const> packets) const {
  uint16_t count = 0;
  for (const rte_mbuf* packet : packets) {
    if ((packet->ol_flags & kTxWork) != 0 || packet->tso_segsz != 0 ||
        (packet->nb_segs > 1 && !tx_chains_) ||
        PacketBytes(*packet) > info_.mtu + kMaxL2Bytes) {
      break;
    }
    ++count;
  }
  return count;
}

// Sends `packet`, which then belongs to the device or is freed, or says why
// not.
DropReason DpdkPort::SendOne(uint16_t queue, rte_mbuf* packet) {
  if (IsSegment(*packet)) {
    const bool hardware = (packet->ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0
                              ? info_.tx_tcp_segmentation
                              : info_.tx_udp_segmentation;
    if (!hardware) return SendCut(queue, packet);
  } else {
    if (PacketBytes(*packet) > info_.mtu + kMaxL2Bytes) {
      return DropReason::kTxTooLong;
    }
    if (!info_.tx_checksum) CompleteTxChecksum(*packet);
  }
  rte_mbuf* to_send = packet;
  if (packet->nb_segs > 1 && !tx_chains_) {
    to_send = CopyInOnePiece(*packet, pool_);
    if (to_send == nullptr) return DropReason::kTxNoOffload;
  }
  // Makes the pseudo-header's sum what the hardware wants it to be.
  const bool sent = rte_eth_tx_prepare(ethdev_, queue, &to_send, 1) == 1 &&
                    rte_eth_tx_burst(ethdev_, queue, &to_send, 1) == 1;
  rte_mbuf* copy_left = nullptr;
  if (to_send != packet) copy_left = sent ? packet : to_send;
  if (copy_left != nullptr) pool_.Free({&copy_left, 1});
  return sent ? DropReason::kNone : WhyNotSent();
}

DropReason DpdkPort::SendCut(uint16_t queue, rte_mbuf* packet) {
  std::vector<rte_mbuf*>& parts = parts_[queue];
  parts.clear();
  const DropReason cut = CutSegment(*packet, pool_, parts);
  if (cut != DropReason::kNone) return cut;
  if (parts.front()->pkt_len > info_.mtu + kMaxL2Bytes) {
    pool_.Free(parts);
    return DropReason::kTxTooLong;
  }
  size_t sent = 0;
  for (; sent < parts.size(); ++sent) {
    if (SendOne(queue, parts[sent]) != DropReason::kNone) break;
  }
  pool_.Free(std::span(parts).subspan(sent));
  if (sent < parts.size()) return WhyNotSent();
  pool_.Free({&packet, 1});
  return DropReason::kNone;
}

DropReason DpdkPort::WhyNotSent() const {
  return LinkUp() ? DropReason::kTxPeerFull : DropReason::kTxLinkDown;
}

int DpdkPort::ReadinessFd(uint16_t) const { return -1; }

PortDrops DpdkPort::TakeDrops(uint16_t) { return {}; }

bool DpdkPort::LinkUp() const {
  rte_eth_link link{};
  return rte_eth_link_get_nowait(ethdev_, &link) == 0 &&
         link.link_status == RTE_ETH_LINK_UP;
}

}  // namespace vswitch
