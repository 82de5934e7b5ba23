// dataplane/base/piece_list.h
//
// PieceList: the pieces of a table that is stored in parts, so that a change
// writes only the parts that differ: an array of areas, and the memory that
// they lie in.
//
//   std::span<const std::byte> set = pieces.Piece(ToInt(id));
//
// The array and the areas may lie in memory that another process writes: every
// use checks the bounds.  A view; immutable: any number of threads.

#ifndef VSWITCH_DATAPLANE_BASE_PIECE_LIST_H_
#define VSWITCH_DATAPLANE_BASE_PIECE_LIST_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace vswitch {

// Where a piece lies: bytes from the memory's first byte, a multiple of 64.
struct PieceArea {
  uint64_t offset = 0;
  uint64_t bytes = 0;
};

class PieceList {
 public:
  PieceList() = default;
  PieceList(std::span<const std::byte> memory, std::span<const PieceArea> areas)
      : memory_(memory), areas_(areas) {}

  // Where the pieces lie, unchecked.
  std::span<const PieceArea> areas() const { return areas_; }

  uint32_t size() const { return static_cast<uint32_t>(areas_.size()); }

  // Returns the bytes of piece `index`, aligned to 64; an empty span if there
  // is no such piece or its area is not inside the memory.
  std::span<const std::byte> Piece(uint32_t index) const {
    if (index >= areas_.size()) return {};
    const PieceArea area = areas_[index];
    if (area.offset % 64 != 0 || area.offset > memory_.size() ||
        area.bytes > memory_.size() - area.offset) {
      return {};
    }
    return memory_.subspan(area.offset, area.bytes);
  }

 private:
  std::span<const std::byte> memory_;
  std::span<const PieceArea> areas_;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_BASE_PIECE_LIST_H_
