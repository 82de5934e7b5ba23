// The control plane's side of table memory: format, stage, publish, retire.

#include <algorithm>
#include <bit>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/base/status_macros.h"
#include "dataplane/memory/table_memory.h"
#include "dataplane/memory/table_memory_layout.h"

namespace vswitch {
namespace {

Area AreaAt(const BlobReference& blob) {
  return {blob.offset.LoadRelaxed(), blob.bytes.LoadRelaxed()};
}

void StoreArea(const Area& area, BlobReference& blob) {
  blob.offset.StoreRelease(area.offset);
  blob.bytes.StoreRelease(area.bytes);
}

// Twice as many slots as addresses: at half load no address finds both of its
// groups full (identity_table_test.cc, FillsToCapacity).
uint64_t GroupCountFor(uint32_t identity_capacity) {
  const uint64_t slots = std::max<uint64_t>(identity_capacity, 64) * 2;
  return std::bit_ceil(slots / kSlotsPerIdentityGroup);
}

// The areas of a segment with `options`, and its whole size.
void LayOut(const TableMemoryOptions& options, TableMemoryHeader& header) {
  const uint64_t groups = GroupCountFor(options.identity_capacity);
  AreaAllocator areas(sizeof(TableMemoryHeader));
  TableMemoryGeometry& geometry = header.geometry;
  geometry.identity_group_count = groups;
  geometry.identity_tags =
      areas.Allocate(groups * sizeof(IdentityTags<StdAtomics>));
  geometry.identity_slots = areas.Allocate(groups * kSlotsPerIdentityGroup *
                                           sizeof(IdentitySlot<StdAtomics>));
  geometry.revisions = areas.Allocate(uint64_t{kRevisionNumberCount} *
                                      sizeof(RevisionSlot<StdAtomics>));
  geometry.rings = areas.Allocate(sizeof(TableRings));
  geometry.heap = areas.Allocate(options.heap_bytes);
  header.segment.bytes = areas.end();
}

}  // namespace

struct TableMemoryWriter::State {
  std::span<std::byte> bytes;
  TableMemoryHeader* header = nullptr;
  uint64_t rings_offset = 0;
  BlobHeap heap;
  PieceStore pieces;
  IdentityTableWriter identities;
  RevisionTableWriter revisions;
};

TableMemoryWriter::TableMemoryWriter(std::unique_ptr<State> state)
    : state_(std::move(state)) {}
TableMemoryWriter::TableMemoryWriter(TableMemoryWriter&&) noexcept = default;
TableMemoryWriter& TableMemoryWriter::operator=(TableMemoryWriter&&) noexcept =
    default;
TableMemoryWriter::~TableMemoryWriter() = default;

uint64_t TableMemoryWriter::BytesFor(const TableMemoryOptions& options) {
  TableMemoryHeader header{};
  LayOut(options, header);
  return header.segment.bytes;
}

absl::Status TableMemoryWriter::Format(std::span<std::byte> bytes,
                                       const TableMemoryOptions& options) {
  if (GroupCountFor(options.identity_capacity) > kMaxIdentityGroups) {
    return absl::InvalidArgumentError(absl::StrCat(
        "table memory: identity capacity ", options.identity_capacity,
        " is too large; at most ",
        kMaxIdentityGroups * kSlotsPerIdentityGroup / 2, " is right"));
  }
  const uint64_t needed = BytesFor(options);
  if (bytes.size() < needed) {
    return absl::InvalidArgumentError(
        absl::StrCat("table memory: segment of ", bytes.size(),
                     " bytes; these options need ", needed));
  }
  auto& header = *reinterpret_cast<TableMemoryHeader*>(bytes.data());
  LayOut(options, header);
  header.secret = options.secret;
  header.segment.layout_hash = kTableMemoryLayout;
  header.segment.magic = kTableMemoryMagic;
  return absl::OkStatus();
}

absl::StatusOr<TableMemoryWriter> TableMemoryWriter::Attach(
    std::span<std::byte> bytes) {
  ASSIGN_OR_RETURN(const TableMemoryGeometry geometry, CheckTableMemory(bytes));
  auto state = std::make_unique<State>();
  state->bytes = bytes;
  state->header = reinterpret_cast<TableMemoryHeader*>(bytes.data());
  TableMemoryHeader& header = *state->header;
  state->rings_offset = geometry.rings.offset;
  state->heap =
      BlobHeap(bytes.subspan(geometry.heap.offset, geometry.heap.bytes),
               geometry.heap.offset);
  const Generation current = header.generation.LoadRelaxed();
  for (RootSlot& slot : header.roots) {
    const Generation generation = slot.generation.LoadRelaxed();
    if (generation == 0) continue;
    // A root that was written and never published belongs to nobody.
    if (generation > current) {
      slot.generation.StoreRelease(0);
      continue;
    }
    for (const BlobReference& blob : slot.blobs) {
      RETURN_IF_ERROR(state->heap.Adopt(AreaAt(blob)));
    }
    RETURN_IF_ERROR(state->pieces.Adopt(AreaAt(slot.pieces), state->heap));
  }
  state->identities = IdentityTableWriter(IdentitiesAt(bytes.data(), geometry),
                                          header.secret, current);
  state->revisions =
      RevisionTableWriter(reinterpret_cast<RevisionSlot<StdAtomics>*>(
                              bytes.data() + geometry.revisions.offset),
                          kRevisionSlotCount, header.secret);
  return TableMemoryWriter(std::move(state));
}

Generation TableMemoryWriter::CurrentGeneration() const {
  return state_->header->generation.LoadRelaxed();
}

absl::StatusOr<StagedRoot> TableMemoryWriter::Stage(
    std::span<const absl::string_view> blobs,
    std::span<const TablePiece> pieces) {
  if (blobs.size() > kRootBlobCount) {
    return absl::InvalidArgumentError(
        absl::StrCat("table memory: ", blobs.size(),
                     " tables in a generation; at most ", kRootBlobCount));
  }
  StagedRoot staged;
  for (size_t i = 0; i < blobs.size(); ++i) {
    absl::StatusOr<Area> area = state_->heap.Store(blobs[i]);
    if (!area.ok()) {
      Discard(staged);
      return area.status();
    }
    staged.blobs[i] = *area;
  }
  absl::StatusOr<Area> directory = state_->pieces.Store(pieces, state_->heap);
  if (!directory.ok()) {
    Discard(staged);
    return directory.status();
  }
  staged.pieces = *directory;
  return staged;
}

void TableMemoryWriter::Discard(const StagedRoot& staged) {
  for (const Area& area : staged.blobs) state_->heap.Release(area);
  state_->pieces.Release(staged.pieces, state_->heap);
}

absl::Status TableMemoryWriter::Publish(const StagedRoot& staged,
                                        Generation generation) {
  TableMemoryHeader& header = *state_->header;
  const Generation current = CurrentGeneration();
  if (generation != current + 1) {
    return absl::FailedPreconditionError(absl::StrCat(
        "table memory: generation ", generation, " to be published after ",
        current, "; the next one is ", current + 1));
  }
  RootSlot& slot = header.roots[generation % kRootSlotCount];
  const Generation old = slot.generation.LoadRelaxed();
  if (old != 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        "table memory: generation ", generation, " needs the root of ", old,
        ", which is not retired; wait until every worker has reached ", old + 1,
        " and retire it"));
  }
  for (uint32_t i = 0; i < kRootBlobCount; ++i) {
    StoreArea(staged.blobs[i], slot.blobs[i]);
  }
  StoreArea(staged.pieces, slot.pieces);
  slot.generation.StoreRelease(generation);
  state_->revisions.Refresh(generation);
  // Sequentially consistent, a release and more: whoever sees the number sees
  // all that was written before, and a worker that goes online at this moment
  // either sees it or is seen (quiescence.h).
  header.generation.StoreSeqCst(generation);
  return absl::OkStatus();
}

absl::Status TableMemoryWriter::Retire(Generation generation) {
  const Generation current = CurrentGeneration();
  if (generation >= current) {
    return absl::FailedPreconditionError(
        absl::StrCat("table memory: generation ", generation,
                     " cannot be retired: ", current, " is the current one"));
  }
  for (RootSlot& slot : state_->header->roots) {
    const Generation old = slot.generation.LoadRelaxed();
    if (old == 0 || old > generation) continue;
    slot.generation.StoreRelease(0);
    for (const BlobReference& blob : slot.blobs) {
      state_->heap.Release(AreaAt(blob));
    }
    state_->pieces.Release(AreaAt(slot.pieces), state_->heap);
  }
  return absl::OkStatus();
}

IdentityTableWriter& TableMemoryWriter::identities() {
  return state_->identities;
}
RevisionTableWriter& TableMemoryWriter::revisions() {
  return state_->revisions;
}
const BlobHeap& TableMemoryWriter::heap() const { return state_->heap; }
TableRings& TableMemoryWriter::rings() {
  return *reinterpret_cast<TableRings*>(state_->bytes.data() +
                                        state_->rings_offset);
}

}  // namespace vswitch
