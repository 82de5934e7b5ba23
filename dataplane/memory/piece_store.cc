// Use counts of pieces and of directories.

#include "dataplane/memory/piece_store.h"

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {

absl::StatusOr<Area> PieceStore::Store(std::span<const TablePiece> pieces,
                                       BlobHeap& heap) {
  if (pieces.empty()) return Area{};
  Directory directory{.use_count = 1};
  const absl::StatusOr<Area> area = Write(pieces, heap, directory.pieces);
  if (!area.ok()) {
    Unuse(directory.pieces, heap);
    return area;
  }
  const auto [known, inserted] =
      directories_.try_emplace(area->offset, std::move(directory));
  if (!inserted) {
    // The same pieces: the directory that is there has its uses of them.
    ++known->second.use_count;
    Unuse(directory.pieces, heap);
  }
  return area;
}

absl::StatusOr<Area> PieceStore::Write(std::span<const TablePiece> pieces,
                                       BlobHeap& heap,
                                       std::vector<Piece*>& used) {
  std::vector<PieceArea> places;
  used.reserve(pieces.size());
  places.reserve(pieces.size());
  for (const TablePiece& piece : pieces) {
    if (piece->empty()) {
      used.push_back(nullptr);
      places.push_back({});
      continue;
    }
    ASSIGN_OR_RETURN(Piece * found, FindOrStore(piece, heap));
    ++found->use_count;
    used.push_back(found);
    places.push_back(
        {found->area.offset - heap.base_offset(), found->area.bytes});
  }
  return heap.Store(
      absl::string_view(reinterpret_cast<const char*>(places.data()),
                        places.size() * sizeof(PieceArea)));
}

absl::Status PieceStore::Adopt(const Area& directory, BlobHeap& heap) {
  if (directory.bytes == 0) return absl::OkStatus();
  RETURN_IF_ERROR(heap.Adopt(directory));
  if (const auto known = directories_.find(directory.offset);
      known != directories_.end()) {
    ++known->second.use_count;
    return absl::OkStatus();
  }
  if (directory.bytes % sizeof(PieceArea) != 0) {
    return absl::DataLossError(
        absl::StrCat("forwarding memory: a directory of ", directory.bytes,
                     " bytes; a multiple of ", sizeof(PieceArea), " is right"));
  }
  const absl::string_view bytes = heap.Bytes(directory);
  Directory adopted{.use_count = 1};
  for (size_t i = 0; i < bytes.size(); i += sizeof(PieceArea)) {
    PieceArea place;
    std::memcpy(&place, bytes.data() + i, sizeof(place));
    ASSIGN_OR_RETURN(Piece * piece, AdoptPiece(place, heap));
    if (piece != nullptr) ++piece->use_count;
    adopted.pieces.push_back(piece);
  }
  directories_.emplace(directory.offset, std::move(adopted));
  return absl::OkStatus();
}

void PieceStore::Release(const Area& directory, BlobHeap& heap) {
  if (directory.bytes == 0) return;
  const auto known = directories_.find(directory.offset);
  if (known == directories_.end()) return;
  heap.Release(directory);
  if (--known->second.use_count > 0) return;
  Unuse(known->second.pieces, heap);
  directories_.erase(known);
}

absl::StatusOr<PieceStore::Piece*> PieceStore::FindOrStore(
    const TablePiece& piece, BlobHeap& heap) {
  if (const auto known = known_.find(piece.get()); known != known_.end()) {
    return known->second;
  }
  ASSIGN_OR_RETURN(const Area area, heap.Store(*piece));
  const auto [it, inserted] = pieces_.try_emplace(area.offset);
  Piece& found = it->second;
  // A piece holds one use of its bytes, whoever refers to it.
  if (!inserted) heap.Release(area);
  if (found.known_as != nullptr) known_.erase(found.known_as.get());
  found.area = area;
  found.known_as = piece;
  known_.emplace(piece.get(), &found);
  return &found;
}

absl::StatusOr<PieceStore::Piece*> PieceStore::AdoptPiece(
    const PieceArea& place, BlobHeap& heap) {
  if (place.bytes == 0) return nullptr;
  if (place.offset > heap.capacity_bytes()) {
    return absl::DataLossError(
        absl::StrCat("forwarding memory: a piece at offset ", place.offset,
                     " of ", place.bytes, " bytes lies outside of the heap's ",
                     heap.capacity_bytes(), " bytes"));
  }
  const Area area{heap.base_offset() + place.offset, place.bytes};
  if (const auto known = pieces_.find(area.offset);
      known != pieces_.end() && known->second.area.bytes == area.bytes) {
    return &known->second;
  }
  RETURN_IF_ERROR(heap.Adopt(area));
  Piece& piece = pieces_[area.offset];
  piece.area = area;
  return &piece;
}

void PieceStore::Unuse(const std::vector<Piece*>& pieces, BlobHeap& heap) {
  for (Piece* piece : pieces) {
    if (piece == nullptr || --piece->use_count > 0) continue;
    heap.Release(piece->area);
    if (piece->known_as != nullptr) known_.erase(piece->known_as.get());
    pieces_.erase(piece->area.offset);
  }
}

}  // namespace vswitch
