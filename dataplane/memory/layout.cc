// The checks that every attach to a segment makes.

#include "dataplane/memory/layout.h"

#include <cstring>

namespace vswitch {

absl::Status CheckSegmentHeader(std::span<const std::byte> bytes,
                                uint64_t header_bytes, uint64_t magic,
                                uint64_t layout_hash, absl::string_view what) {
  constexpr uint64_t kPageBytes = 4096;
  if (bytes.size() < header_bytes ||
      reinterpret_cast<uintptr_t>(bytes.data()) % kPageBytes != 0) {
    return absl::DataLossError(
        absl::StrCat(what, ": ", bytes.size(), " bytes; at least ",
                     header_bytes, " at the start of a page are needed"));
  }
  SegmentHeader header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (header.magic != magic) {
    return absl::DataLossError(absl::StrCat(
        what, ": its first bytes are ", absl::Hex(header.magic), ", not ",
        absl::Hex(magic), "; it was not formatted, or is another segment"));
  }
  if (header.layout_hash != layout_hash) {
    return absl::FailedPreconditionError(
        absl::StrCat(what, ": layout ", absl::Hex(header.layout_hash),
                     ", but this program knows layout ", absl::Hex(layout_hash),
                     "; the programs are of different versions"));
  }
  if (header.bytes > bytes.size() || header.bytes < header_bytes) {
    return absl::DataLossError(absl::StrCat(what, ": its header says ",
                                            header.bytes, " bytes, but ",
                                            bytes.size(), " are mapped"));
  }
  return absl::OkStatus();
}

absl::Status CheckArea(const Area& area, uint64_t header_bytes,
                       uint64_t segment_bytes, uint64_t alignment,
                       uint64_t expected_bytes, absl::string_view what) {
  if (area.offset < header_bytes || area.offset > segment_bytes ||
      area.bytes > segment_bytes - area.offset) {
    return absl::DataLossError(
        absl::StrCat(what, ": offset ", area.offset, " and ", area.bytes,
                     " bytes lie outside of the segment's ", segment_bytes));
  }
  if (area.offset % alignment != 0) {
    return absl::DataLossError(absl::StrCat(
        what, ": offset ", area.offset, " is not a multiple of ", alignment));
  }
  if (area.bytes != expected_bytes) {
    return absl::DataLossError(absl::StrCat(what, ": ", area.bytes,
                                            " bytes, but its counts make ",
                                            expected_bytes));
  }
  return absl::OkStatus();
}

}  // namespace vswitch
