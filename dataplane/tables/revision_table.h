// dataplane/tables/revision_table.h
//
// The revision table: for each bucket of addresses, the generation of the last
// change (of policy, labels, binding or backend) that can affect them.  It lies
// in place, outside the generations: 65 536 numbers of 32 bits, and behind them
// the newest of all, which may say at once that nothing changed.
//
// A connection remembers the generation it was judged in.  Its verdict is stale
// if a slot of one of its addresses is newer:
//
//   if (revisions.IsStale(source, destination, entry.judged_generation)) ...
//
// The writer marks the slots of change c BEFORE generation c is published.  A
// worker still on g < c sees the verdict as stale, judges by the tables of g
// and stamps g, so it judges again until it sees c: no wrong verdict survives,
// and the worker that has seen c has seen the marks (publish is a release, the
// worker's load an acquire).
//
// Numbers wrap: only the low 32 bits are kept and compared by distance.  The
// writer's Refresh() keeps every slot within 2^30 of the present, so a verdict
// can be taken for fresh wrongly only when it was not looked at during 2^31
// generations.
//
// One writer (control thread), any readers.

#ifndef VSWITCH_DATAPLANE_TABLES_REVISION_TABLE_H_
#define VSWITCH_DATAPLANE_TABLES_REVISION_TABLE_H_

#include <cstdint>

#include "dataplane/base/address.h"
#include "dataplane/base/ids.h"
#include "dataplane/tables/atomics.h"
#include "dataplane/tables/hash.h"

namespace vswitch {

inline constexpr uint32_t kRevisionSlotCount = 65536;
// Numbers in the table's memory: the slots and, behind them, the newest.
inline constexpr uint32_t kRevisionNumberCount = kRevisionSlotCount + 1;

template <typename Atomics = StdAtomics>
using RevisionSlot = typename Atomics::template Atomic<uint32_t>;

// The readers' side.  `slots` are `slot_count` (a power of two) of them and one
// more, the newest.
template <typename Atomics = StdAtomics>
class BasicRevisionTable {
 public:
  BasicRevisionTable() = default;
  BasicRevisionTable(const RevisionSlot<Atomics>* slots, uint32_t slot_count,
                     const HashSecret& secret)
      : slots_(slots), mask_(slot_count - 1), secret_(secret) {}

  uint32_t SlotOf(const IpAddress& address) const {
    return static_cast<uint32_t>(HashIpAddress(secret_, address)) & mask_;
  }

  // Whether any change is newer than a verdict of generation `judged`; if none
  // is, no address need be looked at.
  bool IsAnyNewer(Generation judged) const {
    return IsNewer(slots_[uint64_t{mask_} + 1], judged);
  }

  // Whether a verdict of generation `judged` about these addresses is older
  // than a change that can affect it.
  bool IsStale(const IpAddress& a, const IpAddress& b,
               Generation judged) const {
    return IsSlotNewer(SlotOf(a), judged) || IsSlotNewer(SlotOf(b), judged);
  }

  // The same for slots whose numbers a connection keeps.
  bool IsSlotNewer(uint32_t slot, Generation judged) const {
    return IsNewer(slots_[slot & mask_], judged);
  }

 private:
  static bool IsNewer(const RevisionSlot<Atomics>& slot, Generation judged) {
    // Relaxed: a worker on generation c acquired c, and the marks of c were
    // stored before c was released.
    const uint32_t changed = slot.LoadRelaxed();
    return static_cast<int32_t>(changed - static_cast<uint32_t>(judged)) > 0;
  }

  const RevisionSlot<Atomics>* slots_ = nullptr;
  uint32_t mask_ = 0;
  HashSecret secret_;
};

// The writer's side.
template <typename Atomics = StdAtomics>
class BasicRevisionTableWriter {
 public:
  BasicRevisionTableWriter() = default;
  BasicRevisionTableWriter(RevisionSlot<Atomics>* slots, uint32_t slot_count,
                           const HashSecret& secret)
      : slots_(slots),
        slot_count_(slot_count),
        reader_(slots, slot_count, secret) {}

  // Makes every verdict about `address` older than `generation` stale.
  // REQUIRES: `generation` is not published yet.
  void Mark(const IpAddress& address, Generation generation) {
    slots_[reader_.SlotOf(address)].StoreRelaxed(
        static_cast<uint32_t>(generation));
    slots_[slot_count_].StoreRelaxed(static_cast<uint32_t>(generation));
  }
  // The same for all addresses.
  void MarkAll(Generation generation) {
    for (uint32_t slot = 0; slot <= slot_count_; ++slot) {
      slots_[slot].StoreRelaxed(static_cast<uint32_t>(generation));
    }
  }
  // Keeps one number from falling behind by more than 2^30; called once per
  // generation it visits each once in slot_count + 1 generations.
  void Refresh(Generation generation) {
    constexpr uint32_t kFarthest = 1u << 30;
    if (generation < kFarthest) return;
    auto& slot = slots_[generation % (uint64_t{slot_count_} + 1)];
    const uint32_t now = static_cast<uint32_t>(generation);
    if (now - slot.LoadRelaxed() > kFarthest) {
      slot.StoreRelaxed(now - kFarthest);
    }
  }

  const BasicRevisionTable<Atomics>& reader() const { return reader_; }

 private:
  RevisionSlot<Atomics>* slots_ = nullptr;
  uint32_t slot_count_ = 0;
  BasicRevisionTable<Atomics> reader_;
};

using RevisionTable = BasicRevisionTable<StdAtomics>;
using RevisionTableWriter = BasicRevisionTableWriter<StdAtomics>;

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_TABLES_REVISION_TABLE_H_
