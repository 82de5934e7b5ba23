// dataplane/memory/layout.h
//
// What both segments' headers have in common: an Area (an offset and a size
// within the segment), the LayoutHash that tells whether two programs agree on
// the layout, and the checks that every attach makes.
//
//   constexpr uint64_t kHash = LayoutHash({sizeof(Header), sizeof(Slot), ...});
//   ASSIGN_OR_RETURN(std::span<const Slot> slots,
//                    AreaOf<const Slot>(bytes, header.slots, "slots"));
//
// Pure functions: any thread.

#ifndef VSWITCH_DATAPLANE_MEMORY_LAYOUT_H_
#define VSWITCH_DATAPLANE_MEMORY_LAYOUT_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace vswitch {

inline constexpr uint64_t kCacheLineBytes = 64;

constexpr uint64_t AlignUp(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

// A part of a segment.
struct Area {
  uint64_t offset = 0;
  uint64_t bytes = 0;
};

// Lays areas out one behind the other, each on a page of its own, so that an
// area that is not touched costs nothing.
class AreaAllocator {
 public:
  explicit AreaAllocator(uint64_t header_bytes) : end_(header_bytes) {}
  Area Allocate(uint64_t bytes) {
    constexpr uint64_t kPageBytes = 4096;
    const Area area{AlignUp(end_, kPageBytes), bytes};
    end_ = area.offset + bytes;
    return area;
  }
  uint64_t end() const { return end_; }

 private:
  uint64_t end_;
};

// FNV-1a over the numbers that make a layout up: versions, sizes and offsets.
constexpr uint64_t LayoutHash(std::initializer_list<uint64_t> numbers) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (uint64_t number : numbers) {
    for (int byte = 0; byte < 8; ++byte) {
      hash = (hash ^ (number >> (8 * byte) & 0xff)) * 0x100000001b3u;
    }
  }
  return hash;
}

// The first bytes of either segment.
struct SegmentHeader {
  uint64_t magic;
  uint64_t layout_hash;
  uint64_t bytes;  // of the whole segment
};

// Checks that `bytes` is large enough for a header of `header_bytes`, is
// aligned, has this magic and layout, and is as large as its header says.
// `what` names the segment in messages.
absl::Status CheckSegmentHeader(std::span<const std::byte> bytes,
                                uint64_t header_bytes, uint64_t magic,
                                uint64_t layout_hash, absl::string_view what);

// Checks that `area` lies behind the header and within `segment_bytes`, is
// aligned to `alignment` and holds exactly `expected_bytes`.
absl::Status CheckArea(const Area& area, uint64_t header_bytes,
                       uint64_t segment_bytes, uint64_t alignment,
                       uint64_t expected_bytes, absl::string_view what);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_MEMORY_LAYOUT_H_
