// dataplane/memory/blob_heap.h
//
// BlobHeap: the control plane's allocator of the blob area in table memory.
// Content-addressed: a blob whose bytes are in the heap already is shared, not
// written again, so a change of one policy costs one policy's bytes.
//
// Its own bookkeeping (free extents, contents, use counts) is private memory of
// the control plane: the dataplane cannot harm it, and a new control plane
// rebuilds it from the live roots with Adopt().
//
//   ASSIGN_OR_RETURN(Area area, heap.Store(bytes));   // one use
//   ...
//   heap.Release(area);  // the last use frees the bytes
//
// Control thread only.

#ifndef VSWITCH_DATAPLANE_MEMORY_BLOB_HEAP_H_
#define VSWITCH_DATAPLANE_MEMORY_BLOB_HEAP_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <unordered_map>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "dataplane/memory/layout.h"

namespace vswitch {

class BlobHeap {
 public:
  BlobHeap() = default;
  // Manages `bytes`, which it does not own; offsets of areas count from
  // `base_offset` at its first byte.
  BlobHeap(std::span<std::byte> bytes, uint64_t base_offset);

  // Copies `blob` into the heap, or finds it there, and counts one use.  The
  // area is aligned to a cache line; an empty blob is Area{0, 0}.
  // RESOURCE_EXHAUSTED, with numbers, when no free extent is large enough.
  absl::StatusOr<Area> Store(absl::string_view blob);

  // Counts one use of an area that a predecessor stored.  DATA_LOSS if it lies
  // outside of the heap or crosses another one.
  absl::Status Adopt(const Area& area);

  // Ends one use of `area`.  REQUIRES: Store() or Adopt() counted it.
  void Release(const Area& area);

  // Returns the bytes of an area that is stored or adopted.
  absl::string_view Bytes(const Area& area) const {
    return BytesAt(area.offset - base_offset_, area.bytes);
  }

  uint64_t base_offset() const { return base_offset_; }
  uint64_t capacity_bytes() const { return bytes_.size(); }
  uint64_t used_bytes() const { return used_bytes_; }
  // The largest blob that would fit now.
  uint64_t largest_free_bytes() const;

 private:
  struct Blob {
    uint64_t bytes;
    uint64_t content_hash;
    uint64_t use_count;
  };

  uint64_t HashOf(absl::string_view blob) const;
  absl::string_view BytesAt(uint64_t offset, uint64_t bytes) const;
  void Insert(uint64_t offset, absl::string_view content);
  // Takes [offset, offset + bytes) out of the free extents; false if it is not
  // wholly free.
  bool Take(uint64_t offset, uint64_t bytes);
  void GiveBack(uint64_t offset, uint64_t bytes);

  std::span<std::byte> bytes_;
  uint64_t base_offset_ = 0;
  uint64_t used_bytes_ = 0;
  std::map<uint64_t, uint64_t> free_;  // offset -> bytes, never adjacent
  std::map<uint64_t, Blob> blobs_;     // by offset
  std::unordered_multimap<uint64_t, uint64_t> by_content_;  // hash -> offset
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_MEMORY_BLOB_HEAP_H_
