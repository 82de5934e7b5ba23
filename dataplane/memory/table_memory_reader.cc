// The dataplane's side of table memory: everything it reads is checked here.

#include <bit>

#include "absl/strings/str_cat.h"
#include "dataplane/base/status_macros.h"
#include "dataplane/memory/table_memory.h"
#include "dataplane/memory/table_memory_layout.h"

namespace vswitch {

absl::StatusOr<TableMemoryGeometry> CheckTableMemory(
    std::span<const std::byte> bytes) {
  constexpr uint64_t kHeaderBytes = sizeof(TableMemoryHeader);
  RETURN_IF_ERROR(CheckSegmentHeader(bytes, kHeaderBytes, kTableMemoryMagic,
                                     kTableMemoryLayout, "table memory"));
  const auto& header =
      *reinterpret_cast<const TableMemoryHeader*>(bytes.data());
  const TableMemoryGeometry geometry = header.geometry;
  const uint64_t groups = geometry.identity_group_count;
  if (!std::has_single_bit(groups) || groups > kMaxIdentityGroups) {
    return absl::DataLossError(absl::StrCat(
        "table memory: ", groups, " identity groups; a power of two up to ",
        kMaxIdentityGroups, " is right"));
  }
  const struct {
    const Area& area;
    uint64_t alignment;
    uint64_t bytes;
    absl::string_view name;
  } areas[] = {
      {geometry.identity_tags, 64, groups * sizeof(IdentityTags<StdAtomics>),
       "table memory: identity tags"},
      {geometry.identity_slots, 64,
       groups * kSlotsPerIdentityGroup * sizeof(IdentitySlot<StdAtomics>),
       "table memory: identity slots"},
      {geometry.revisions, 64,
       uint64_t{kRevisionNumberCount} * sizeof(RevisionSlot<StdAtomics>),
       "table memory: revisions"},
      {geometry.rings, 64, sizeof(TableRings), "table memory: rings"},
      {geometry.heap, 64, geometry.heap.bytes, "table memory: heap"},
  };
  for (const auto& [area, alignment, area_bytes, name] : areas) {
    RETURN_IF_ERROR(CheckArea(area, kHeaderBytes, bytes.size(), alignment,
                              area_bytes, name));
  }
  return geometry;
}

absl::StatusOr<TableMemoryReader> TableMemoryReader::Attach(
    std::span<const std::byte> bytes) {
  ASSIGN_OR_RETURN(const TableMemoryGeometry geometry, CheckTableMemory(bytes));
  TableMemoryReader reader;
  reader.bytes_ = bytes;
  reader.header_ = reinterpret_cast<const TableMemoryHeader*>(bytes.data());
  reader.heap_ = geometry.heap;
  reader.rings_ = geometry.rings;
  const HashSecret secret = reader.header_->secret;
  reader.identities_ =
      IdentityTable(IdentitiesAt(bytes.data(), geometry), secret);
  reader.revisions_ =
      RevisionTable(reinterpret_cast<const RevisionSlot<StdAtomics>*>(
                        bytes.data() + geometry.revisions.offset),
                    kRevisionSlotCount, secret);
  return reader;
}

Generation TableMemoryReader::CurrentGeneration() const {
  return header_->generation.LoadAcquire();
}

const StdAtomics::Atomic<uint64_t>* TableMemoryReader::generation() const {
  return &header_->generation;
}

absl::StatusOr<std::span<const std::byte>> TableMemoryReader::BlobAt(
    const BlobReference& blob) const {
  const Area area{blob.offset.LoadAcquire(), blob.bytes.LoadAcquire()};
  if (area.bytes == 0) return std::span<const std::byte>();
  const uint64_t heap_end = heap_.offset + heap_.bytes;
  if (area.offset < heap_.offset || area.offset > heap_end ||
      area.bytes > heap_end - area.offset ||
      area.offset % kCacheLineBytes != 0) {
    return absl::DataLossError(absl::StrCat("table memory: a table at offset ",
                                            area.offset, " of ", area.bytes,
                                            " bytes lies outside of the heap"));
  }
  return bytes_.subspan(area.offset, area.bytes);
}

absl::StatusOr<GenerationRoot> TableMemoryReader::Root(
    Generation generation) const {
  if (generation == 0) {
    return absl::FailedPreconditionError(
        "table memory: no generation is published yet");
  }
  const RootSlot& slot = header_->roots[generation % kRootSlotCount];
  GenerationRoot root;
  root.generation = generation;
  for (uint32_t i = 0; i < kRootBlobCount; ++i) {
    ASSIGN_OR_RETURN(root.blobs[i], BlobAt(slot.blobs[i]));
  }
  ASSIGN_OR_RETURN(const std::span<const std::byte> directory,
                   BlobAt(slot.pieces));
  if (directory.size() % sizeof(PieceArea) != 0) {
    return absl::DataLossError(
        absl::StrCat("table memory: generation ", generation,
                     ": a directory of ", directory.size(),
                     " bytes; a multiple of ", sizeof(PieceArea), " is right"));
  }
  root.pieces = PieceList(bytes_.subspan(heap_.offset, heap_.bytes),
                          {reinterpret_cast<const PieceArea*>(directory.data()),
                           directory.size() / sizeof(PieceArea)});
  // The writer clears the number before it reuses a slot; the loads above are
  // acquires, so a number that still matches means that they were whole.
  if (slot.generation.LoadAcquire() != generation) {
    return absl::AbortedError(absl::StrCat("table memory: generation ",
                                           generation, " is no longer there"));
  }
  return root;
}

const TableRings& TableMemoryReader::rings() const {
  return *reinterpret_cast<const TableRings*>(bytes_.data() + rings_.offset);
}

}  // namespace vswitch
