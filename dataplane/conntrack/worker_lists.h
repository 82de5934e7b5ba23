// dataplane/conntrack/worker_lists.h
//
// WorkerLists: which entries of the connection table are free, and when the
// others are to be looked at; per worker, in the process's own memory.
//
// Each entry that was ever used is in one list: a worker's free list, a slot of
// its timer wheel, or a block of free entries that waits for any worker.  One
// link per entry serves them all.  Free lists are first in, first out, so that
// an entry rests before it is used again; a worker with too many free entries
// gives a block of them to the others.
//
// The wheel has 256 slots of one second.  It never says "expired", only "look":
// the caller looks at the entry and arms it again or frees it, so that a packet
// need not move its connection in the wheel.
//
//   lists.Arm(worker, index, due_s, now_s);
//   while ((index = lists.PopDue(worker, now_s)) != kNoConnection) ...
//
// Threads: a worker's calls are that worker's only; RequestSweep() is
// thread-safe; AddFree() before any worker runs.

#ifndef VSWITCH_DATAPLANE_CONNTRACK_WORKER_LISTS_H_
#define VSWITCH_DATAPLANE_CONNTRACK_WORKER_LISTS_H_

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/base/ids.h"
#include "dataplane/conntrack/connection.h"
#include "dataplane/tables/atomics.h"

namespace vswitch {

class WorkerLists {
 public:
  // Entries from `first_unused` on are free; what the others are, AddFree()
  // and Arm() say.  REQUIRES: worker_count is 1 to kMaxWorkers.
  WorkerLists(uint32_t capacity, uint32_t first_unused, uint32_t worker_count);

  uint32_t worker_count() const { return worker_count_; }

  void AddFree(uint32_t index);

  // Returns an entry, kNoConnection when there is none.
  uint32_t Allocate(WorkerId worker);
  void Free(WorkerId worker, uint32_t index);
  // Returns what Allocate() would if it had to look no further, or
  // kNoConnection.
  uint32_t NextFree(WorkerId worker) const {
    return lists_[ToInt(worker)].free_head;
  }

  static constexpr uint32_t kLongestWait = 254;  // seconds

  // Asks for a look at `index` at `due_s`, at most kLongestWait from now.
  void Arm(WorkerId worker, uint32_t index, uint32_t due_s, uint32_t now_s);
  // As Arm(), of an entry found in the memory: it is looked at first of all.
  void ArmFound(WorkerId worker, uint32_t index);

  // Takes an entry out of the wheel whose time has come, kNoConnection if
  // there is none.
  uint32_t PopDue(WorkerId worker, uint32_t now_s);
  bool IsDue(WorkerId worker, uint32_t now_s) const;

  // Makes every entry due, of all workers: some died before their time.
  void RequestSweep() { sweep_number_.FetchAdd(1); }

 private:
  static constexpr uint32_t kWheelSlots = kLongestWait + 2;
  static constexpr uint32_t kMaxBlock = 128;

  struct Block {
    uint32_t head;
    uint32_t count;
  };

  // One worker's lists; that worker only.
  struct alignas(64) Lists {
    Lists() { wheel.fill(kNoConnection); }

    uint32_t free_head = kNoConnection;
    uint32_t free_tail = kNoConnection;
    uint32_t free_count = 0;
    uint32_t due = kNoConnection;  // taken out of a wheel slot, not yet popped
    uint32_t armed = 0;            // entries in the wheel and in `due`
    uint32_t next_tick = 0;        // the first second not yet taken
    bool started = false;          // next_tick holds
    uint32_t sweep_slot = kWheelSlots;  // the next slot of a sweep
    uint32_t sweep_number = 0;          // the last one begun
    std::array<uint32_t, kWheelSlots> wheel;
  };

  Lists& ListsOf(WorkerId worker) { return lists_[ToInt(worker)]; }
  void PushFree(Lists& lists, uint32_t index);
  bool TakeBlock(Lists& lists);
  bool TakeUnused(Lists& lists);
  void GiveBlock(Lists& lists);
  void Start(Lists& lists, uint32_t now_s);
  bool TryLockPool();
  void UnlockPool() { pool_lock_.StoreRelease(0); }

  uint32_t capacity_;
  uint32_t worker_count_;
  uint32_t block_count_;              // entries in a block
  std::unique_ptr<uint32_t[]> next_;  // links, by entry
  std::array<Lists, kMaxWorkers> lists_;
  StdAtomics::Atomic<uint32_t> unused_;        // the first one; any worker
  StdAtomics::Atomic<uint32_t> sweep_number_;  // control thread; workers read
  StdAtomics::Atomic<uint32_t> pool_lock_;     // holds `pool_`
  std::vector<Block> pool_;  // never grows beyond what the constructor reserved
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_CONNTRACK_WORKER_LISTS_H_
