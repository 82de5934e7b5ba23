// nic-drivers/tap/tap_fd.h
//
// What both ends of a TAP descriptor agree on: the virtio-net header in front
// of every frame, and the offloads that the kernel may use.  The kernel's
// documentation is in networking/tuntap; the header is the one of the virtio
// specification 1.2, section 5.1.6, without the fields of mergeable buffers.
//
// Thread rule: any thread.

#ifndef VSWITCH_NIC_DRIVERS_TAP_TAP_FD_H_
#define VSWITCH_NIC_DRIVERS_TAP_TAP_FD_H_

#include <cstdint>

#include "absl/status/statusor.h"

namespace vswitch {

// In host byte order: a TAP's default, and this code is for little-endian
// machines only.
struct VirtioNetHeader {
  static constexpr uint8_t kNeedsChecksum = 1;
  static constexpr uint8_t kChecksumValid = 2;
  static constexpr uint8_t kGsoNone = 0;
  static constexpr uint8_t kGsoTcp4 = 1;
  static constexpr uint8_t kGsoTcp6 = 4;
  static constexpr uint8_t kGsoUdp = 5;
  static constexpr uint8_t kGsoEcn = 0x80;  // added to a TCP kind

  uint8_t flags = 0;
  uint8_t gso_type = kGsoNone;
  uint16_t header_bytes = 0;  // a hint only
  uint16_t gso_size = 0;      // payload of each segment
  uint16_t checksum_start = 0;
  uint16_t checksum_offset = 0;
};
static_assert(sizeof(VirtioNetHeader) == 10);

// Allows the kernel to leave checksums partial and segments uncut, as far as
// it can; returns whether that includes UDP segments (Linux 6.2 and later).
absl::StatusOr<bool> SetTapOffloads(int fd);

// Whether the interface behind the descriptor still exists.
bool TapFdAlive(int fd);

}  // namespace vswitch

#endif  // VSWITCH_NIC_DRIVERS_TAP_TAP_FD_H_
