// dataplane/base/piece_copies.h
//
// PieceCopies: pieces in memory of one's own, aligned as a PieceList asks, for
// programs and tests that share no memory with a dataplane.
//
//   PieceCopies copies(compiled.policy_sets);
//   PolicyTable table = PolicyTable::Open(copies.list());
//
// Immutable after construction: any number of threads.

#ifndef VSWITCH_DATAPLANE_BASE_PIECE_COPIES_H_
#define VSWITCH_DATAPLANE_BASE_PIECE_COPIES_H_

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dataplane/base/piece_list.h"

namespace vswitch {

class PieceCopies {
 public:
  PieceCopies() = default;
  explicit PieceCopies(
      const std::vector<std::shared_ptr<const std::string>>& pieces) {
    size_t lines = 0;
    for (const auto& piece : pieces) {
      areas_.push_back({lines * sizeof(Line), piece->size()});
      lines += (piece->size() + sizeof(Line) - 1) / sizeof(Line);
    }
    lines_.resize(lines);
    for (size_t i = 0; i < pieces.size(); ++i) {
      if (pieces[i]->empty()) continue;
      std::memcpy(reinterpret_cast<char*>(lines_.data()) + areas_[i].offset,
                  pieces[i]->data(), pieces[i]->size());
    }
  }

  // Valid while this object lives and is not assigned to.
  PieceList list() const {
    return PieceList({reinterpret_cast<const std::byte*>(lines_.data()),
                      lines_.size() * sizeof(Line)},
                     areas_);
  }

 private:
  struct alignas(64) Line {
    char bytes[64];
  };
  std::vector<Line> lines_;
  std::vector<PieceArea> areas_;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_BASE_PIECE_COPIES_H_
