// dataplane/offline/heap_packet_pool.h
//
// HeapPacketPool: packets in ordinary memory, for programs without DPDK's
// mempools: probe and replay.
//
//   HeapPacketPool pool;
//   rte_mbuf* packet = pool.Make(captured_bytes);
//   offline->Run(port, {&packet, 1}, now_ns);
//
// Thread-compatible.  Packets may outlive the pool.

#ifndef VSWITCH_DATAPLANE_OFFLINE_HEAP_PACKET_POOL_H_
#define VSWITCH_DATAPLANE_OFFLINE_HEAP_PACKET_POOL_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/packet/packet_pool.h"

namespace vswitch {

class HeapPacketPool : public PacketPool {
 public:
  rte_mbuf* Allocate() override;
  void Free(std::span<rte_mbuf* const> packets) override;

  // Returns a packet that holds `bytes`: all in its first segment as far as
  // they fit, the rest in a second one, as ports hand packets over.  nullptr
  // when there is no memory, or for more bytes than two segments hold.
  rte_mbuf* Make(std::span<const uint8_t> bytes);
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_OFFLINE_HEAP_PACKET_POOL_H_
