// nic-drivers/dpdk/mbuf_pool.h
//
// MbufPool: the switch's packet buffers, on DPDK mempools.  There are two
// kinds: packets of 2 KB, which hold all headers and any normal frame, and
// large segments, which hold the rest of a frame of up to 64 KB from a kernel
// pod.
//
//   ASSIGN_OR_RETURN(std::unique_ptr<MbufPool> pool,
//                    MbufPool::Create({.packet_count = 16384}));
//   rte_mbuf* packet = pool->Allocate();
//
// REQUIRES: the EAL is started (eal.h).  Thread rule: thread-safe; fastest on
// threads that DPDK knows (rte_thread_register()), which have caches.

#ifndef VSWITCH_NIC_DRIVERS_DPDK_MBUF_POOL_H_
#define VSWITCH_NIC_DRIVERS_DPDK_MBUF_POOL_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "dataplane/packet/packet_pool.h"

struct rte_mempool;

namespace vswitch {

// Room of one large segment: with a packet's 2 KB in front of it, the largest
// frame there is (14 + 40 + 65535 bytes) fits.
inline constexpr uint32_t kLargeSegmentBytes = 63 * 1024;

struct MbufPoolConfig {
  std::string name = "packets";  // unique in the process, at most 20 characters
  uint32_t packet_count = 16384;
  uint32_t segment_count = 512;
};

class MbufPool final : public PacketPool {
 public:
  static absl::StatusOr<std::unique_ptr<MbufPool>> Create(
      const MbufPoolConfig& config);
  ~MbufPool() override;
  MbufPool(const MbufPool&) = delete;
  MbufPool& operator=(const MbufPool&) = delete;

  // Returns the bytes of memory that the pool of `config` takes, about.
  static uint64_t BytesFor(const MbufPoolConfig& config);

  rte_mbuf* Allocate() override;
  void Free(std::span<rte_mbuf* const> packets) override;

  // Returns an empty large segment with room for kLargeSegmentBytes at
  // data_off 0, or nullptr when there is none.
  rte_mbuf* AllocateSegment();

  // How many packets and segments are in use now; not exact while others work.
  uint32_t PacketsInUse() const;
  uint32_t SegmentsInUse() const;

  // The pool of 2 KB packets, for a driver's receive queues.
  rte_mempool* packets() { return packets_; }

 private:
  MbufPool(rte_mempool* packets, rte_mempool* segments)
      : packets_(packets), segments_(segments) {}

  rte_mempool* const packets_;
  rte_mempool* const segments_;
};

}  // namespace vswitch

#endif  // VSWITCH_NIC_DRIVERS_DPDK_MBUF_POOL_H_
