// nic-drivers/tap/vnet_header.h
//
// Translates between the virtio-net header in front of a TAP's frame and the
// mbuf's offload metadata, in the form that port.h fixes.
//
// The header of a received frame was written by the pod's kernel, or by any
// program in the pod through a packet socket, so nothing in it is believed: it
// must agree with the frame's own headers.
//
// Thread rule: worker thread only.  Links without DPDK.

#ifndef VSWITCH_NIC_DRIVERS_TAP_VNET_HEADER_H_
#define VSWITCH_NIC_DRIVERS_TAP_VNET_HEADER_H_

#include "nic-drivers/tap/tap_fd.h"

struct rte_mbuf;

namespace vswitch {

// Sets the offload metadata of `packet` from `header`; false if the header
// contradicts the frame.  A partial checksum that is not the frame's own TCP or
// UDP checksum (of a tunnel's inner packet) is completed here.
bool ApplyVnetHeader(const VirtioNetHeader& header, rte_mbuf& packet);

// Returns the header that asks for what the metadata of `packet` asks for.
VirtioNetHeader MakeVnetHeader(const rte_mbuf& packet);

}  // namespace vswitch

#endif  // VSWITCH_NIC_DRIVERS_TAP_VNET_HEADER_H_
