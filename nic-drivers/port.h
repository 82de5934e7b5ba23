// nic-drivers/port.h
//
// Port: the seam between the switch and whatever carries its packets: a DPDK
// ethdev, a TAP in a pod's namespace, or a fake in a test.  One virtual call
// moves a whole burst.
//
// Packets are rte_mbuf.  Offload metadata crosses the seam in the mbuf itself:
//   * received, checksum not yet computed (the sender left only the
//     pseudo-header's sum): ol_flags has RTE_MBUF_F_RX_L4_CKSUM_NONE;
//     checksum known to be right: RTE_MBUF_F_RX_L4_CKSUM_GOOD.
//   * a segment to be cut: tso_segsz is its MSS (0: not to be cut), and l2_len,
//     l3_len, l4_len are the header lengths.
//   * to send: RTE_MBUF_F_TX_TCP_CKSUM or RTE_MBUF_F_TX_UDP_CKSUM asks for the
//     checksum to be completed (l2_len and l3_len are set),
//     RTE_MBUF_F_TX_TCP_SEG or RTE_MBUF_F_TX_UDP_SEG for the segment to be cut
//     to tso_segsz, and RTE_MBUF_F_TX_IPV4 or RTE_MBUF_F_TX_IPV6 says which
//     family.
// A port whose Info() lacks an offload does the work in software, or drops the
// packet as TX_NO_OFFLOAD: it never sends a wrong checksum.
//
// Readiness: a port with a file descriptor to wait on names it, and a worker
// polls it only when the descriptor is readable (edge-triggered: RxBurst() is
// called until it returns 0).  A port without one is polled in every turn.
//
// Threads: one worker at a time calls RxBurst(queue) and TxBurst(queue) of a
// queue; Info() is immutable after construction; the rest is for the
// dataplane's main thread.

#ifndef VSWITCH_NIC_DRIVERS_PORT_H_
#define VSWITCH_NIC_DRIVERS_PORT_H_

#include <cstdint>
#include <span>
#include <string>

#include "dataplane/base/address.h"
#include "dataplane/base/drop_reason.h"

struct rte_mbuf;

namespace vswitch {

struct PortInfo {
  std::string name;          // for messages
  MacAddress mac;            // of our side, where the driver has one
  uint32_t mtu = 1500;       // largest L3 packet, bytes
  uint16_t queue_count = 1;  // receive queues, and as many transmit queues
  bool tx_checksum = false;  // completes TCP and UDP checksums
  bool tx_tcp_segmentation = false;
  bool tx_udp_segmentation = false;
};

// What a driver threw away itself since the last call, by reason: received
// frames that never became packets (stage kReceive) and packets given to
// TxBurst() that could not be sent (stage kTransmit).
struct PortDrops {
  uint64_t rx_too_long = 0;
  uint64_t rx_no_mbuf = 0;
  uint64_t rx_vnet_header = 0;
};

// Outcome of TxBurst(): the first `sent` packets now belong to the port; the
// others still belong to the caller, who drops them as `reason`.
struct TxResult {
  uint16_t sent = 0;
  DropReason reason = DropReason::kNone;
};

class Port {
 public:
  virtual ~Port() = default;

  // Receives up to packets.size() packets of `queue`, stopping early when they
  // hold kBurstBytes together; returns how many.  The caller owns them.
  virtual uint16_t RxBurst(uint16_t queue, std::span<rte_mbuf*> packets) = 0;

  // Sends `packets` in order.  Never waits.  A packet that cannot be sent is
  // skipped only by ending the burst there: the caller drops the first unsent
  // one and may call again with the rest.
  virtual TxResult TxBurst(uint16_t queue,
                           std::span<rte_mbuf* const> packets) = 0;

  // Returns the descriptor that becomes readable when `queue` has packets, or
  // -1 when the queue must be polled.  Stays the port's.
  virtual int ReadinessFd(uint16_t queue) const = 0;

  // Returns and resets what the driver dropped on receive on `queue`.  Called
  // by the worker that polls the queue.
  virtual PortDrops TakeDrops(uint16_t queue) = 0;

  // Whether the link is up.
  virtual bool LinkUp() const = 0;

  virtual const PortInfo& Info() const = 0;
};

}  // namespace vswitch

#endif  // VSWITCH_NIC_DRIVERS_PORT_H_
