// dataplane/memory/segment.h
//
// Segment: one memfd mapped into this process: the memory that the control
// plane, the dataplane and the supervisor share.
//
// The supervisor creates a segment; its size is sealed, so that no holder can
// shrink it under another's feet.  A child that may only read gets a descriptor
// reopened O_RDONLY: the kernel refuses a writable mapping of it.
//
//   ASSIGN_OR_RETURN(Segment segment,
//                    Segment::Create("vswitch-tables", bytes,
//                                    HugePages::kAuto));
//   ASSIGN_OR_RETURN(int read_only_fd, segment.ReopenReadOnly());
//   ...
//   ASSIGN_OR_RETURN(Segment mine, Segment::Map(fd, SegmentAccess::kRead));
//
// Memory is sparse: a page that nobody touched costs nothing, except with huge
// pages, which are reserved and zeroed when the segment is created.
//
// Owns the mapping and the descriptor.  Thread-compatible; what the bytes hold
// has thread rules of its own.

#ifndef VSWITCH_DATAPLANE_MEMORY_SEGMENT_H_
#define VSWITCH_DATAPLANE_MEMORY_SEGMENT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace vswitch {

enum class HugePages {
  kOff,      // ordinary pages
  kAuto,     // 2 MB pages if enough are free, else ordinary ones
  kRequire,  // 2 MB pages, or an error
};

enum class SegmentAccess { kRead, kReadWrite };

class Segment {
 public:
  // An empty segment: no bytes, no descriptor.
  Segment() = default;
  Segment(Segment&& other) noexcept { *this = std::move(other); }
  Segment& operator=(Segment&& other) noexcept;
  ~Segment();

  // Creates a zeroed segment of at least `bytes` bytes, rounded up to pages.
  // `name` is shown in /proc/PID/maps.  The descriptor is close-on-exec.
  static absl::StatusOr<Segment> Create(const std::string& name, uint64_t bytes,
                                        HugePages huge_pages);

  // Maps the segment behind `fd` and takes the descriptor over, also on error.
  // Refuses one whose size is not sealed: it could be shrunk while mapped.
  static absl::StatusOr<Segment> Map(int fd, SegmentAccess access);

  // The mapped bytes.  writable() REQUIRES kReadWrite (or Create()).
  std::span<const std::byte> bytes() const { return {data_, size_}; }
  std::span<std::byte> writable() { return {data_, size_}; }

  bool uses_huge_pages() const { return uses_huge_pages_; }
  int fd() const { return fd_; }

  // Returns a new descriptor of the same memory that can only be read; the
  // caller owns it.  Close-on-exec.
  absl::StatusOr<int> ReopenReadOnly() const;

 private:
  std::byte* data_ = nullptr;
  uint64_t size_ = 0;
  int fd_ = -1;
  bool uses_huge_pages_ = false;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_MEMORY_SEGMENT_H_
