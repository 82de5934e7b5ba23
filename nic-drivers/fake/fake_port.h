// nic-drivers/fake/fake_port.h
//
// FakePort: a Port over vectors, for tests.  The test puts packets in with
// Inject() and finds what the switch sent in TakeSent(); it can make the port
// refuse packets or lose its link.  Links without DPDK.
//
//   FakePort port({.name = "pod-a", .mtu = 1500}, pool);
//   port.Inject(packet);
//   ...
//   std::vector<rte_mbuf*> sent = port.TakeSent();
//
// Thread rule: thread-compatible.

#ifndef VSWITCH_NIC_DRIVERS_FAKE_FAKE_PORT_H_
#define VSWITCH_NIC_DRIVERS_FAKE_FAKE_PORT_H_

#include <cstdint>
#include <deque>
#include <vector>

#include "dataplane/base/ids.h"
#include "dataplane/packet/packet_pool.h"
#include "nic-drivers/port.h"

namespace vswitch {

class FakePort final : public Port {
 public:
  // Packets left at the end go back to `pool`, which must outlive the port.
  FakePort(const PortInfo& info, PacketPool& pool);
  ~FakePort() override;
  FakePort(const FakePort&) = delete;
  FakePort& operator=(const FakePort&) = delete;

  // Takes over `packet`, which RxBurst(queue) will return.
  void Inject(rte_mbuf* packet, uint16_t queue = 0);

  // Returns what was sent since the last call, in order; the caller owns it.
  std::vector<rte_mbuf*> TakeSent(uint16_t queue = 0);
  size_t SentCount(uint16_t queue = 0) const {
    return queues_[queue].tx.size();
  }

  // From now on TxBurst() refuses every packet as `reason`; kNone: accepts.
  void RefuseSending(DropReason reason) { refusal_ = reason; }
  // From now on TxBurst() accepts `count` packets, then refuses as kTxPeerFull.
  void LimitSending(uint32_t count) { room_ = count; }
  void SetLinkUp(bool up) { link_up_ = up; }
  void AddDrops(const PortDrops& drops, uint16_t queue = 0);

  uint16_t RxBurst(uint16_t queue, std::span<rte_mbuf*> packets) override;
  TxResult TxBurst(uint16_t queue, std::span<rte_mbuf* const> packets) override;
  int ReadinessFd(uint16_t) const override { return -1; }
  PortDrops TakeDrops(uint16_t queue) override;
  bool LinkUp() const override { return link_up_; }
  const PortInfo& Info() const override { return info_; }

 private:
  static constexpr uint32_t kUnlimited = 0xffffffff;

  struct Queue {
    std::deque<rte_mbuf*> rx;
    std::vector<rte_mbuf*> tx;
    PortDrops drops;
  };

  PortInfo info_;
  PacketPool& pool_;
  std::vector<Queue> queues_;
  DropReason refusal_ = DropReason::kNone;
  uint32_t room_ = kUnlimited;
  bool link_up_ = true;
};

}  // namespace vswitch

#endif  // VSWITCH_NIC_DRIVERS_FAKE_FAKE_PORT_H_
