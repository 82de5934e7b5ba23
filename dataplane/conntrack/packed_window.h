// dataplane/conntrack/packed_window.h
//
// What of a TcpWindow lies in fewer bits than a TcpWindow has, for the
// connection table's memory: the largest window, the notes and the repetitions
// in one word, what an ignored SYN said in one byte.
//
//   word   bits 0-19   largest window: 16 bits, shifted by the upper 4
//          bits 20-23  0: no scale; else scale + 1
//          bits 24-29  the other notes, from kTcpSack on
//          bits 30-31  repetitions
//
// A window that a segment can say, 16 bits shifted by its scale, is kept as it
// is; others, which grow by what an end sent beyond, are rounded up.
//
//   UnpackWindow(PackWindow(window), again);
//
// Pure functions: any thread.

#ifndef VSWITCH_DATAPLANE_CONNTRACK_PACKED_WINDOW_H_
#define VSWITCH_DATAPLANE_CONNTRACK_PACKED_WINDOW_H_

#include <algorithm>
#include <bit>
#include <cstdint>

#include "dataplane/conntrack/tcp_window.h"

namespace vswitch {

// The groups of bits that change together.
inline constexpr uint32_t kPackedMaxWindow = 0x000fffff;
inline constexpr uint32_t kPackedScale = 0x00f00000;
inline constexpr uint32_t kPackedNotes = 0x3f000000;
inline constexpr uint32_t kPackedRepetitions = 0xc0000000;

namespace packed_window_internal {

inline constexpr uint32_t kNotesFrom = 5;  // kTcpSack is 1 << 5
static_assert(kTcpSack == 1u << kNotesFrom && kTcpSimultaneous == 1u << 10);
static_assert(kMaxWindowScale + 1 < 16 && kMaxRepetitions < 4);

inline uint32_t PackScale(uint32_t notes) {
  return (notes & kTcpScaled) != 0 ? (notes & kTcpScaleMask) + 1 : 0;
}
inline uint32_t UnpackScale(uint32_t packed) {
  return packed != 0 ? kTcpScaled | (packed - 1) : 0;
}

inline uint32_t PackMaxWindow(uint32_t window) {
  if (window <= 0xffff) return window;
  auto shift = static_cast<uint32_t>(std::bit_width(window)) - 16;
  uint64_t mantissa = (uint64_t{window} + (1u << shift) - 1) >> shift;
  if (mantissa > 0xffff) {
    mantissa >>= 1;
    ++shift;
  }
  if (shift > 15) return kPackedMaxWindow;
  return static_cast<uint32_t>(mantissa) | shift << 16;
}

}  // namespace packed_window_internal

inline uint32_t PackWindow(const TcpWindow& window) {
  using namespace packed_window_internal;  // NOLINT
  return PackMaxWindow(window.max_window) | PackScale(window.notes) << 20 |
         (window.notes >> kNotesFrom) << 24 |
         static_cast<uint32_t>(window.repetitions) << 30;
}

// Fills the fields of `window` that PackWindow() packs.
inline void UnpackWindow(uint32_t packed, TcpWindow& window) {
  using namespace packed_window_internal;  // NOLINT
  window.max_window = (packed & 0xffff) << (packed >> 16 & 0xf);
  window.notes = UnpackScale(packed >> 20 & 0xf) | (packed >> 24 & 0x3f)
                                                       << kNotesFrom;
  window.repetitions = static_cast<uint8_t>(packed >> 30);
}

// Returns the bits of PackWindow() in which `after` differs from `before`,
// groups of bits as a whole; what is in the other bits may be somebody else's.
inline uint32_t ChangedBits(uint32_t before, uint32_t after) {
  const uint32_t changed = before ^ after;
  uint32_t bits = changed & kPackedNotes;
  for (uint32_t group : {kPackedMaxWindow, kPackedScale, kPackedRepetitions}) {
    if ((changed & group) != 0) bits |= group;
  }
  return bits;
}

// TcpWindow::last_notes.
inline uint8_t PackIgnored(uint8_t last_notes) {
  return static_cast<uint8_t>(packed_window_internal::PackScale(last_notes) |
                              ((last_notes & kTcpSack) != 0 ? 0x10u : 0u));
}
inline uint8_t UnpackIgnored(uint8_t packed) {
  return static_cast<uint8_t>(
      packed_window_internal::UnpackScale(packed & 0xf) |
      ((packed & 0x10) != 0 ? kTcpSack : 0u));
}

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_CONNTRACK_PACKED_WINDOW_H_
