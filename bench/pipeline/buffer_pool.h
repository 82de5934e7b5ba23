// bench/pipeline/buffer_pool.h
//
// BufferPool: packets in memory of their own that are used again and again, so
// that a benchmark measures no allocator; ReturningSink: counts what leaves,
// and gives it back.
//
//   BufferPool pool(4096);
//   rte_mbuf* packet = pool.Make(frame);
//
// Thread-compatible: one for each thread.

#ifndef VSWITCH_BENCH_PIPELINE_BUFFER_POOL_H_
#define VSWITCH_BENCH_PIPELINE_BUFFER_POOL_H_

#include <rte_mbuf.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/packet/packet_pool.h"
#include "dataplane/pipeline/environment.h"

namespace vswitch {

class BufferPool final : public PacketPool {
 public:
  explicit BufferPool(size_t count);

  rte_mbuf* Allocate() override;
  void Free(std::span<rte_mbuf* const> packets) override;

  // Returns a packet that holds `bytes`, at most kSegmentRoomBytes of them;
  // nullptr if all are out.
  rte_mbuf* Make(std::span<const uint8_t> bytes);

  size_t free_count() const { return free_.size(); }

 private:
  std::vector<std::byte> memory_;
  std::vector<rte_mbuf*> free_;
};

class ReturningSink final : public Transmitter {
 public:
  explicit ReturningSink(BufferPool& pool) : pool_(pool) {}

  void Transmit(PortId out, std::span<rte_mbuf* const> packets) override;
  uint64_t sent() const { return sent_; }

 private:
  BufferPool& pool_;
  uint64_t sent_ = 0;
};

}  // namespace vswitch

#endif  // VSWITCH_BENCH_PIPELINE_BUFFER_POOL_H_
