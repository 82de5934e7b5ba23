// dataplane/memory/table_memory.h
//
// Table memory: the segment that only the control plane writes and the
// dataplane maps read-only.  It holds the published generation, the roots of
// the last four generations, the blobs they refer to, and the tables that are
// changed in place (identities, revisions).
//
// Publishing is one store of the generation number.  The root of generation g
// lies in slot g % 4: an offset and a size per blob, and those of a directory
// of pieces (piece_store.h).  A root slot and the blobs of an old generation
// are used again only after Retire(), that is after every worker has reached a
// later one (quiescence.h).
//
// Control plane:
//   ASSIGN_OR_RETURN(TableMemoryWriter writer,
//                    TableMemoryWriter::Attach(segment.writable()));
//   const Generation next = writer.CurrentGeneration() + 1;
//   writer.identities().BeginGeneration(next, reached);
//   ASSIGN_OR_RETURN(StagedRoot staged, writer.Stage(blobs, pieces));
//   ... writer.identities().Bind(...), writer.revisions().Mark(...)
//   RETURN_IF_ERROR(writer.Publish(staged, next));
//   ... wait until AllReached(slots, next, dead) ...
//   RETURN_IF_ERROR(writer.Retire(next - 1));
//
// Dataplane, once per burst:
//   Generation g = reader.CurrentGeneration();
//   ASSIGN_OR_RETURN(GenerationRoot root, reader.Root(g));  // if g is new
//
// Writer: control thread only.  Reader: any threads.  Both borrow the segment.

#ifndef VSWITCH_DATAPLANE_MEMORY_TABLE_MEMORY_H_
#define VSWITCH_DATAPLANE_MEMORY_TABLE_MEMORY_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "dataplane/base/ids.h"
#include "dataplane/base/piece_list.h"
#include "dataplane/memory/blob_heap.h"
#include "dataplane/memory/commands.h"
#include "dataplane/memory/layout.h"
#include "dataplane/memory/piece_store.h"
#include "dataplane/memory/ring.h"
#include "dataplane/tables/atomics.h"
#include "dataplane/tables/hash.h"
#include "dataplane/tables/identity_table.h"
#include "dataplane/tables/identity_table_writer.h"
#include "dataplane/tables/revision_table.h"

namespace vswitch {

// How many blobs a root has room for; forwarding/records.h names them.
inline constexpr uint32_t kRootBlobCount = 8;
inline constexpr uint32_t kRootSlotCount = 4;

struct TableMemoryOptions {
  uint32_t identity_capacity = 65536;  // addresses; slots are twice as many
  uint64_t heap_bytes = 256ull << 20;  // for blobs
  HashSecret secret;                   // random, fresh for each segment
};

struct BlobReference;      // table_memory_layout.h
struct TableMemoryHeader;  // table_memory_layout.h

// The rings' parts in table memory; the others lie in worker memory.
using CommandRingArea = RingArea<Command, kCommandRingEntries>;
inline constexpr uint32_t kEventWriterCount = kMaxWorkers + 1;
struct TableRings {
  CommandRingArea commands;
  RingTail reply_tail;
  RingTail event_tails[kEventWriterCount];
};

// The blobs of one generation, bounds-checked; an absent one is empty.  The
// pieces check their bounds at each use.
struct GenerationRoot {
  Generation generation = 0;
  std::array<std::span<const std::byte>, kRootBlobCount> blobs;
  PieceList pieces;

  // The first `count` of them, as ForwardingState::Open() takes them.
  template <size_t count>
  std::array<std::span<const std::byte>, count> First() const {
    static_assert(count <= kRootBlobCount);
    std::array<std::span<const std::byte>, count> result;
    for (size_t i = 0; i < count; ++i) result[i] = blobs[i];
    return result;
  }
};

class TableMemoryReader {
 public:
  // Checks magic, layout, size and every offset of the header.
  static absl::StatusOr<TableMemoryReader> Attach(
      std::span<const std::byte> bytes);

  // The generation to use for a burst; 0: nothing published yet.  Acquire.
  Generation CurrentGeneration() const;
  // The number itself, for WorkerPresence.
  const StdAtomics::Atomic<uint64_t>* generation() const;

  // Returns the tables of `generation`, every offset checked against the heap.
  // ABORTED if its root is not there any more (load the generation again),
  // FAILED_PRECONDITION for generation 0.
  absl::StatusOr<GenerationRoot> Root(Generation generation) const;

  const IdentityTable& identities() const { return identities_; }
  const RevisionTable& revisions() const { return revisions_; }
  const TableRings& rings() const;

 private:
  absl::StatusOr<std::span<const std::byte>> BlobAt(
      const BlobReference& blob) const;

  std::span<const std::byte> bytes_;
  const TableMemoryHeader* header_ = nullptr;
  Area heap_;  // copies: checked once, and out of the writer's reach
  Area rings_;
  IdentityTable identities_;
  RevisionTable revisions_;
};

// A root that is written but not published.
struct StagedRoot {
  std::array<Area, kRootBlobCount> blobs;
  Area pieces;  // the directory
};

class TableMemoryWriter {
 public:
  // How many bytes a segment with `options` needs.
  static uint64_t BytesFor(const TableMemoryOptions& options);

  // Lays out a zeroed segment (the supervisor, once).
  static absl::Status Format(std::span<std::byte> bytes,
                             const TableMemoryOptions& options);

  // Takes over a formatted segment: rebuilds the allocator from the roots that
  // workers may still use, and undoes what was never published.
  static absl::StatusOr<TableMemoryWriter> Attach(std::span<std::byte> bytes);

  TableMemoryWriter(TableMemoryWriter&&) noexcept;
  TableMemoryWriter& operator=(TableMemoryWriter&&) noexcept;
  ~TableMemoryWriter();

  Generation CurrentGeneration() const;

  // Writes the tables of the next generation; nothing is visible yet.  Pieces
  // that a live generation has by the same pointers are shared with it unread.
  // RESOURCE_EXHAUSTED, with numbers, if they do not fit: nothing is kept.
  absl::StatusOr<StagedRoot> Stage(std::span<const absl::string_view> blobs,
                                   std::span<const TablePiece> pieces = {});

  // Gives back what Stage() took, of a root that is not published.
  void Discard(const StagedRoot& staged);

  // Makes `staged` the current generation: one release store.  REQUIRES:
  // `generation` is the next one and generation - 4 is retired; otherwise
  // FAILED_PRECONDITION, and `staged` stays staged.
  absl::Status Publish(const StagedRoot& staged, Generation generation);

  // Frees the tables of `generation` and of all before it.  REQUIRES: every
  // reader has reached a later one.  FAILED_PRECONDITION for the current one.
  absl::Status Retire(Generation generation);

  IdentityTableWriter& identities();
  RevisionTableWriter& revisions();
  const BlobHeap& heap() const;
  TableRings& rings();

 private:
  struct State;
  explicit TableMemoryWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_MEMORY_TABLE_MEMORY_H_
