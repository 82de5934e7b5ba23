// nic-drivers/tap/tap_port.h
//
// TapPort: the Port over a TAP's descriptors.  One system call moves a whole
// segment of up to 64 KB: the frame's first 2 KB go to a small packet buffer,
// the rest to one large one.  The virtio-net header in front of each frame
// becomes the mbuf's offload metadata and back (port.h says how); a header that
// contradicts its frame is counted and the frame dropped, since the pod wrote
// it.
//
//   ASSIGN_OR_RETURN(std::unique_ptr<TapPort> port,
//                    TapPort::Open(config, std::move(fds), pool));
//
// The interface goes with its namespace: from then on LinkUp() is false,
// RxBurst() returns nothing and TxBurst() says kTxPortGone.
//
// Thread rule: as port.h; in addition any number of threads may call TxBurst()
// at once, also on the same queue (a write to a TAP is atomic).

#ifndef VSWITCH_NIC_DRIVERS_TAP_TAP_PORT_H_
#define VSWITCH_NIC_DRIVERS_TAP_TAP_PORT_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nic-drivers/dpdk/mbuf_pool.h"
#include "nic-drivers/port.h"
#include "nic-drivers/tap/unique_fd.h"

namespace vswitch {

struct TapPortConfig {
  std::string name;     // for messages
  uint32_t mtu = 1500;  // largest L3 packet, bytes
};

class TapPort final : public Port {
 public:
  // Takes over `fds`, one a queue, as TapDevice makes them.  `pool` must
  // outlive the port and its packets.
  static absl::StatusOr<std::unique_ptr<TapPort>> Open(
      const TapPortConfig& config, std::vector<UniqueFd> fds, MbufPool& pool);
  ~TapPort() override;

  uint16_t RxBurst(uint16_t queue, std::span<rte_mbuf*> packets) override;
  TxResult TxBurst(uint16_t queue, std::span<rte_mbuf* const> packets) override;
  int ReadinessFd(uint16_t queue) const override;
  PortDrops TakeDrops(uint16_t queue) override;
  bool LinkUp() const override;
  const PortInfo& Info() const override { return info_; }

 private:
  // Written by the worker that receives on the queue.
  struct Queue {
    UniqueFd fd;
    // Buffers for the next frame, kept when the read found none.
    rte_mbuf* packet = nullptr;
    rte_mbuf* segment = nullptr;
    PortDrops drops;
  };
  enum class Read { kPacket, kDropped, kNothing };

  TapPort(PortInfo info, std::vector<UniqueFd> fds, MbufPool& pool);

  Read ReadFrame(Queue& queue, rte_mbuf*& packet);
  Read ReadAndDrop(Queue& queue);
  rte_mbuf* TakeFrame(Queue& queue, uint32_t bytes);
  DropReason SendFrame(int fd, rte_mbuf& packet) const;

  const PortInfo info_;
  MbufPool& pool_;
  std::vector<Queue> queues_;
};

}  // namespace vswitch

#endif  // VSWITCH_NIC_DRIVERS_TAP_TAP_PORT_H_
