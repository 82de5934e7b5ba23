// Two mempools: packets and large segments.

#include "nic-drivers/dpdk/mbuf_pool.h"

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "absl/strings/str_cat.h"
#include "dataplane/packet/packet.h"

namespace vswitch {
namespace {

// A cache holds a few bursts, so that most turns take no shared ring.
constexpr uint32_t kPacketCache = 256;
constexpr uint32_t kSegmentCache = 16;
// Bytes of a mempool element beside its buffer: the mbuf, the element's header
// and what the alignment to a cache line wastes.
constexpr uint64_t kElementOverhead = 320;

rte_mempool* MakePool(const std::string& name, uint32_t count, uint32_t cache,
                      uint16_t buffer_bytes) {
  // The ring driver is named, and not left to be the default, because it is the
  // one that StartEal() loads.
  return rte_pktmbuf_pool_create_by_ops(
      name.c_str(), count, cache, 0, buffer_bytes, SOCKET_ID_ANY, "ring_mp_mc");
}

absl::Status NoMemory(absl::string_view what, uint32_t count, uint64_t bytes) {
  return absl::ResourceExhaustedError(
      absl::StrCat("cannot make ", count, " ", what, " (",
                   bytes / (1024 * 1024), " MB): ", rte_strerror(rte_errno),
                   "; ask for fewer with --packet-buffers and --large-buffers, "
                   "or give DPDK more memory"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<MbufPool>> MbufPool::Create(
    const MbufPoolConfig& config) {
  if (config.name.empty() || config.name.size() > 20) {
    return absl::InvalidArgumentError(absl::StrCat(
        "packet pool \"", config.name, "\": a name has 1 to 20 characters"));
  }
  if (config.packet_count < 512 || config.segment_count < 32) {
    return absl::InvalidArgumentError(absl::StrCat(
        "packet pool ", config.name, ": ", config.packet_count, " packets and ",
        config.segment_count, " segments; at least 512 and 32"));
  }
  rte_mempool* packets =
      MakePool(config.name, config.packet_count, kPacketCache,
               RTE_PKTMBUF_HEADROOM + kSegmentRoomBytes);
  if (packets == nullptr) {
    return NoMemory("packets", config.packet_count, BytesFor(config));
  }
  rte_mempool* segments =
      MakePool(absl::StrCat(config.name, "_seg"), config.segment_count,
               kSegmentCache, kLargeSegmentBytes);
  if (segments == nullptr) {
    const absl::Status status =
        NoMemory("large segments", config.segment_count, BytesFor(config));
    rte_mempool_free(packets);
    return status;
  }
  return std::unique_ptr<MbufPool>(new MbufPool(packets, segments));
}

MbufPool::~MbufPool() {
  rte_mempool_free(packets_);
  rte_mempool_free(segments_);
}

uint64_t MbufPool::BytesFor(const MbufPoolConfig& config) {
  return config.packet_count *
             (RTE_PKTMBUF_HEADROOM + kSegmentRoomBytes + kElementOverhead) +
         config.segment_count * (kLargeSegmentBytes + kElementOverhead);
}

rte_mbuf* MbufPool::Allocate() { return rte_pktmbuf_alloc(packets_); }

void MbufPool::Free(std::span<rte_mbuf* const> packets) {
  for (rte_mbuf* packet : packets) rte_pktmbuf_free(packet);
}

rte_mbuf* MbufPool::AllocateSegment() {
  rte_mbuf* segment = rte_pktmbuf_alloc(segments_);
  if (segment != nullptr) segment->data_off = 0;
  return segment;
}

uint32_t MbufPool::PacketsInUse() const {
  return rte_mempool_in_use_count(packets_);
}

uint32_t MbufPool::SegmentsInUse() const {
  return rte_mempool_in_use_count(segments_);
}

}  // namespace vswitch
