// nic-drivers/dpdk/software_offload.h
//
// What a device cannot do for a packet, done in software before it is sent: its
// checksum completed, the segment cut into packets.  Both families; TCP and
// UDP.
//
//   if (!info.tx_checksum) CompleteTxChecksum(packet);
//   DropReason reason = CutSegment(packet, pool, parts);
//
// Works on the metadata that port.h fixes.  Links without DPDK.  Worker thread
// only.

#ifndef VSWITCH_NIC_DRIVERS_DPDK_SOFTWARE_OFFLOAD_H_
#define VSWITCH_NIC_DRIVERS_DPDK_SOFTWARE_OFFLOAD_H_

#include <cstdint>
#include <vector>

#include "dataplane/base/drop_reason.h"
#include "dataplane/packet/packet_pool.h"

struct rte_mbuf;

namespace vswitch {

// Whether the packet asks to be cut.
bool IsSegment(const rte_mbuf& packet);

// Completes the TCP or UDP checksum that the packet asks for, if it does.
// REQUIRES: !IsSegment(packet).
void CompleteTxChecksum(rte_mbuf& packet);

// Appends the packets that the segment `packet` is cut into, complete with
// lengths and checksums, to `parts`; `packet` itself stays the caller's.  Not
// kNone: why it cannot be cut; nothing is appended then.
DropReason CutSegment(const rte_mbuf& packet, PacketPool& pool,
                      std::vector<rte_mbuf*>& parts);

// Returns a copy of `packet` in one piece, or nullptr if it does not fit into
// one or the pool is empty.
rte_mbuf* CopyInOnePiece(const rte_mbuf& packet, PacketPool& pool);

}  // namespace vswitch

#endif  // VSWITCH_NIC_DRIVERS_DPDK_SOFTWARE_OFFLOAD_H_
