// dataplane/packet/packet_pool.h
//
// PacketPool: where packets of the switch's own come from and where packets go
// when they die.  The production pool is a DPDK mempool
// (nic-drivers/dpdk/mbuf_pool.h); tests use //test/testing:fake_packet_pool,
// which gives every packet memory of its own, so that AddressSanitizer sees an
// access beyond it.
//
//   rte_mbuf* packet = pool.Allocate();
//   if (packet == nullptr) return DropReason::kNoMbuf;
//
// Worker thread only.

#ifndef VSWITCH_DATAPLANE_PACKET_PACKET_POOL_H_
#define VSWITCH_DATAPLANE_PACKET_PACKET_POOL_H_

#include <span>

struct rte_mbuf;

namespace vswitch {

class PacketPool {
 public:
  virtual ~PacketPool() = default;

  // Returns an empty packet of one segment with room for at least
  // kSegmentRoomBytes (packet.h) bytes, or nullptr when the pool is empty.
  virtual rte_mbuf* Allocate() = 0;

  // Takes back `packets`, with all their segments.
  virtual void Free(std::span<rte_mbuf* const> packets) = 0;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_PACKET_PACKET_POOL_H_
