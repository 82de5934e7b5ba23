// dataplane/memory/quiescence.h
//
// Quiescence: how the control plane knows that no worker uses an old
// generation any more, without any worker ever waiting.
//
// Each worker has a slot with one word, `reached`: the generation whose bursts
// it has reported, or kWorkerOffline.  Publishing stores the new generation g;
// g is ENFORCED once every slot that is online reports at least g.
//
//   worker                                  control plane
//   presence.GoOnline();                    generation.StoreSeqCst(g);
//   loop:                                   until AllReached(slots, g, dead):
//     g = generation.LoadAcquire()            wait
//     one burst by the tables of g          // tables below g may be freed
//     presence.Report(g);
//   presence.GoOffline();  // then sleep
//
// Going online is a seq_cst store followed by a seq_cst load of the generation
// (Dekker's pattern): either the control plane sees the worker online and
// waits for it, or the worker sees the new generation.
//
// A slot of a dataplane that died stays as it was.  Incarnations only grow: the
// control plane ignores slots whose incarnation is at most the last one that
// the supervisor reported dead.
//
// Slots: one writer (the worker of that number), any readers.

#ifndef VSWITCH_DATAPLANE_MEMORY_QUIESCENCE_H_
#define VSWITCH_DATAPLANE_MEMORY_QUIESCENCE_H_

#include <algorithm>
#include <cstdint>
#include <span>

#include "dataplane/base/ids.h"
#include "dataplane/tables/atomics.h"

namespace vswitch {

inline constexpr Generation kWorkerOffline = ~Generation{0};

template <typename Atomics = StdAtomics>
struct alignas(64) BasicWorkerSlot {
  template <typename T>
  using Atomic = typename Atomics::template Atomic<T>;
  Atomic<uint64_t> incarnation;  // of the dataplane; 0: never used
  Atomic<uint64_t> reached;      // generation, or kWorkerOffline
};
using WorkerSlot = BasicWorkerSlot<StdAtomics>;

// A worker's side of its slot.  Worker thread only.
template <typename Atomics = StdAtomics>
class BasicWorkerPresence {
 public:
  // `generation` is the published one; both outlive this.  `incarnation` is
  // the dataplane's, at least 1.
  BasicWorkerPresence(
      BasicWorkerSlot<Atomics>* slot,
      const typename Atomics::template Atomic<uint64_t>* generation,
      uint64_t incarnation)
      : slot_(slot), generation_(generation) {
    slot_->reached.StoreSeqCst(kWorkerOffline);
    slot_->incarnation.StoreSeqCst(incarnation);
  }

  // Before the first burst and after every sleep.  Returns the generation to
  // work with; the last one is not to be used any more.
  Generation GoOnline() {
    slot_->reached.StoreSeqCst(0);
    reported_ = 0;
    return generation_->LoadSeqCst();
  }

  // The generation to use for the next burst.
  Generation Current() const { return generation_->LoadAcquire(); }

  // At the end of a burst: everything of generations below `generation` is
  // let go of.
  void Report(Generation generation) {
    if (generation == reported_) return;
    reported_ = generation;
    // Release: our reads of the old tables come before it.
    slot_->reached.StoreRelease(generation);
  }

  // Before a sleep: nothing of any generation is held.
  void GoOffline() { slot_->reached.StoreSeqCst(kWorkerOffline); }

 private:
  BasicWorkerSlot<Atomics>* slot_;
  const typename Atomics::template Atomic<uint64_t>* generation_;
  Generation reported_ = 0;
};
using WorkerPresence = BasicWorkerPresence<StdAtomics>;

// Returns the lowest generation that an online worker still may use, or
// kWorkerOffline if none is online.  Slots of incarnations up to
// `dead_incarnation` are ignored.
template <typename Atomics>
Generation LowestReached(std::span<const BasicWorkerSlot<Atomics>> slots,
                         uint64_t dead_incarnation) {
  Generation lowest = kWorkerOffline;
  for (const BasicWorkerSlot<Atomics>& slot : slots) {
    const Generation reached = slot.reached.LoadSeqCst();
    if (reached == kWorkerOffline) continue;
    // A new worker sets its incarnation before it goes online.
    if (slot.incarnation.LoadSeqCst() <= dead_incarnation) continue;
    lowest = std::min(lowest, reached);
  }
  return lowest;
}

// Whether every worker has let go of all generations below `generation`.
// REQUIRES: `generation` was published by a seq_cst store before.
template <typename Atomics>
bool AllReached(std::span<const BasicWorkerSlot<Atomics>> slots,
                Generation generation, uint64_t dead_incarnation) {
  return LowestReached(slots, dead_incarnation) >= generation;
}

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_MEMORY_QUIESCENCE_H_
