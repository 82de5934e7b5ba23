// dataplane/memory/piece_store.h
//
// PieceStore: tables in pieces, inside the blob heap.  A directory, itself a
// blob, is an array of PieceArea; each area is a blob of its own, and lies once
// in the heap however many directories refer to it.
//
// A piece is handed over as a shared pointer, and the pointer is its name: one
// that a live directory was made of is neither read nor hashed again, so a
// directory of thousands of pieces costs what differs in it.
//
//   ASSIGN_OR_RETURN(Area directory, store.Store(sets, heap));  // one use
//   ...
//   store.Release(directory, heap);  // the last use frees what no other needs
//
// Its bookkeeping is private memory of the control plane; a new one rebuilds it
// from the live directories with Adopt().  Control thread only.

#ifndef VSWITCH_DATAPLANE_MEMORY_PIECE_STORE_H_
#define VSWITCH_DATAPLANE_MEMORY_PIECE_STORE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/base/piece_list.h"
#include "dataplane/memory/blob_heap.h"
#include "dataplane/memory/layout.h"

namespace vswitch {

// A piece of a table; its bytes do not change.
using TablePiece = std::shared_ptr<const std::string>;

class PieceStore {
 public:
  // Writes what the heap does not have, and the directory; counts one use of
  // it.  No pieces: Area{0, 0}.  RESOURCE_EXHAUSTED, with numbers, when they do
  // not fit: nothing is kept.
  absl::StatusOr<Area> Store(std::span<const TablePiece> pieces,
                             BlobHeap& heap);

  // Counts one use of a directory that a predecessor stored, and of its pieces.
  // DATA_LOSS if it is not one.
  absl::Status Adopt(const Area& directory, BlobHeap& heap);

  // Ends one use of `directory`.  REQUIRES: Store() or Adopt() counted it.
  void Release(const Area& directory, BlobHeap& heap);

 private:
  struct Piece {
    Area area;
    uint64_t use_count = 0;  // places in directories
    TablePiece known_as;     // nullptr: adopted
  };
  struct Directory {
    std::vector<Piece*> pieces;  // nullptr: an empty piece
    uint64_t use_count = 0;
  };

  // Writes pieces and directory.  Counts a use of each of `used`, also of those
  // before an error.
  absl::StatusOr<Area> Write(std::span<const TablePiece> pieces, BlobHeap& heap,
                             std::vector<Piece*>& used);
  absl::StatusOr<Piece*> FindOrStore(const TablePiece& piece, BlobHeap& heap);
  absl::StatusOr<Piece*> AdoptPiece(const PieceArea& place, BlobHeap& heap);
  // Ends one use of each.
  void Unuse(const std::vector<Piece*>& pieces, BlobHeap& heap);

  std::unordered_map<uint64_t, Piece> pieces_;            // by offset
  std::unordered_map<const std::string*, Piece*> known_;  // by pointer
  std::unordered_map<uint64_t, Directory> directories_;   // by offset
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_MEMORY_PIECE_STORE_H_
