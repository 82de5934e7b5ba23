// dataplane/memory/table_memory_layout.h
//
// The layout of table memory, private to its reader and its writer: one header
// with the root slots, then the areas.
//
//   header | identity tags | identity slots | revisions | rings | heap
//
// All numbers that change after Format() are atomics with one writer, the
// control plane; readers are in the dataplane.

#ifndef VSWITCH_DATAPLANE_MEMORY_TABLE_MEMORY_LAYOUT_H_
#define VSWITCH_DATAPLANE_MEMORY_TABLE_MEMORY_LAYOUT_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "dataplane/memory/layout.h"
#include "dataplane/memory/table_memory.h"
#include "dataplane/tables/atomics.h"
#include "dataplane/tables/hash.h"
#include "dataplane/tables/identity_table.h"
#include "dataplane/tables/revision_table.h"

namespace vswitch {

struct BlobReference {
  StdAtomics::Atomic<uint64_t> offset;
  StdAtomics::Atomic<uint64_t> bytes;
};

struct RootSlot {
  StdAtomics::Atomic<uint64_t> generation;  // 0: free
  BlobReference blobs[kRootBlobCount];
  BlobReference pieces;  // PieceArea[], offsets from the heap's first byte
};

// Where everything lies; does not change after Format().  A reader copies it,
// then checks and uses the copy.
struct TableMemoryGeometry {
  uint64_t identity_group_count;  // a power of two
  Area identity_tags;
  Area identity_slots;
  Area revisions;
  Area rings;
  Area heap;
};

struct TableMemoryHeader {
  SegmentHeader segment;
  HashSecret secret;
  TableMemoryGeometry geometry;
  alignas(64) StdAtomics::Atomic<uint64_t> generation;  // read once per burst
  alignas(64) RootSlot roots[kRootSlotCount];
};

inline constexpr uint64_t kTableMemoryMagic = 0x656c626154775356;  // "VSwTable"
inline constexpr uint64_t kMaxIdentityGroups = 1u << 22;  // 2^24 identities
inline constexpr uint64_t kTableMemoryLayout = LayoutHash(
    {2, sizeof(TableMemoryHeader), offsetof(TableMemoryHeader, generation),
     offsetof(TableMemoryHeader, roots), sizeof(RootSlot), kRootBlobCount,
     kRootSlotCount, sizeof(IdentitySlot<StdAtomics>),
     sizeof(IdentityTags<StdAtomics>), kRevisionNumberCount, sizeof(TableRings),
     sizeof(Command), kCommandRingEntries, kEventWriterCount});

// Checks the header and every area of `bytes`; returns a copy of where they
// lie.
absl::StatusOr<TableMemoryGeometry> CheckTableMemory(
    std::span<const std::byte> bytes);

// Returns where the identity table lies.  Reader and writer share the type; a
// reader's mapping is read-only.
inline IdentityTableMemory<StdAtomics> IdentitiesAt(
    const std::byte* base, const TableMemoryGeometry& geometry) {
  auto* bytes = const_cast<std::byte*>(base);
  return {reinterpret_cast<IdentityTags<StdAtomics>*>(
              bytes + geometry.identity_tags.offset),
          reinterpret_cast<IdentitySlot<StdAtomics>*>(
              bytes + geometry.identity_slots.offset),
          static_cast<uint32_t>(geometry.identity_group_count)};
}

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_MEMORY_TABLE_MEMORY_LAYOUT_H_
