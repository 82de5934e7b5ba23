// Free lists and timer wheels of the connection table.

#include "dataplane/conntrack/worker_lists.h"

#include <algorithm>

namespace vswitch {

WorkerLists::WorkerLists(uint32_t capacity, uint32_t first_unused,
                         uint32_t worker_count)
    : capacity_(capacity),
      worker_count_(worker_count),
      block_count_(std::clamp(capacity / (8 * worker_count), 1u, kMaxBlock)),
      next_(new uint32_t[capacity]),
      unused_(first_unused) {
  pool_.reserve(capacity / block_count_ + 1);
}

void WorkerLists::AddFree(uint32_t index) {
  if (pool_.empty() || pool_.back().count == block_count_) {
    pool_.push_back({kNoConnection, 0});
  }
  next_[index] = pool_.back().head;
  pool_.back().head = index;
  ++pool_.back().count;
}

uint32_t WorkerLists::Allocate(WorkerId worker) {
  Lists& lists = ListsOf(worker);
  if (lists.free_head == kNoConnection && !TakeBlock(lists) &&
      !TakeUnused(lists)) {
    return kNoConnection;
  }
  const uint32_t index = lists.free_head;
  lists.free_head = next_[index];
  if (lists.free_head == kNoConnection) lists.free_tail = kNoConnection;
  --lists.free_count;
  return index;
}

void WorkerLists::Free(WorkerId worker, uint32_t index) {
  Lists& lists = ListsOf(worker);
  PushFree(lists, index);
  if (worker_count_ > 1 && lists.free_count >= 3 * block_count_) {
    GiveBlock(lists);
  }
}

void WorkerLists::PushFree(Lists& lists, uint32_t index) {
  next_[index] = kNoConnection;
  if (lists.free_tail == kNoConnection) {
    lists.free_head = index;
  } else {
    next_[lists.free_tail] = index;
  }
  lists.free_tail = index;
  ++lists.free_count;
}

bool WorkerLists::TakeBlock(Lists& lists) {
  if (!TryLockPool()) return false;
  Block block{kNoConnection, 0};
  if (!pool_.empty()) {
    block = pool_.back();
    pool_.pop_back();
  }
  UnlockPool();
  for (uint32_t index = block.head, i = 0; i < block.count; ++i) {
    const uint32_t next = next_[index];
    PushFree(lists, index);
    index = next;
  }
  return block.count > 0;
}

bool WorkerLists::TakeUnused(Lists& lists) {
  // Looked at before it is raised, so that it cannot wrap around.
  if (unused_.LoadRelaxed() >= capacity_) return false;
  const uint32_t first = unused_.FetchAdd(block_count_);
  const uint32_t end = std::min(capacity_, first + block_count_);
  for (uint32_t index = first; index < end; ++index) PushFree(lists, index);
  return first < end;
}

void WorkerLists::GiveBlock(Lists& lists) {
  if (!TryLockPool()) return;
  if (pool_.size() < pool_.capacity()) {
    const Block block{lists.free_head, block_count_};
    for (uint32_t i = 0; i < block_count_; ++i) {
      lists.free_head = next_[lists.free_head];
    }
    lists.free_count -= block_count_;
    pool_.push_back(block);
  }
  UnlockPool();
}

bool WorkerLists::TryLockPool() {
  // Bounded: whoever holds it may have been preempted, and a worker never
  // waits.
  for (uint32_t attempt = 0; attempt < 64; ++attempt) {
    uint32_t expected = 0;
    if (pool_lock_.CompareExchange(expected, 1)) return true;
    StdAtomics::Pause();
  }
  return false;
}

void WorkerLists::Start(Lists& lists, uint32_t now_s) {
  if (lists.started) return;
  lists.started = true;
  lists.next_tick = now_s;
  if (lists.armed > 0) lists.sweep_slot = 0;
}

void WorkerLists::Arm(WorkerId worker, uint32_t index, uint32_t due_s,
                      uint32_t now_s) {
  Lists& lists = ListsOf(worker);
  Start(lists, now_s);
  const auto ahead = static_cast<int32_t>(due_s - lists.next_tick);
  const uint32_t tick =
      lists.next_tick +
      std::clamp(ahead, 0, static_cast<int32_t>(kWheelSlots) - 1);
  uint32_t& head = lists.wheel[tick % kWheelSlots];
  next_[index] = head;
  head = index;
  ++lists.armed;
}

void WorkerLists::ArmFound(WorkerId worker, uint32_t index) {
  Lists& lists = ListsOf(worker);
  next_[index] = lists.wheel[0];
  lists.wheel[0] = index;
  ++lists.armed;
}

uint32_t WorkerLists::PopDue(WorkerId worker, uint32_t now_s) {
  Lists& lists = ListsOf(worker);
  Start(lists, now_s);
  const uint32_t sweep_number = sweep_number_.LoadAcquire();
  if (sweep_number != lists.sweep_number) {
    lists.sweep_number = sweep_number;
    lists.sweep_slot = 0;
  }
  while (lists.due == kNoConnection) {
    uint32_t slot;
    if (lists.sweep_slot < kWheelSlots) {
      slot = lists.sweep_slot++;
    } else {
      const auto behind = static_cast<int32_t>(now_s - lists.next_tick);
      if (behind < 0) return kNoConnection;
      if (behind >= static_cast<int32_t>(kWheelSlots)) {
        // Slept for more than a turn: one turn sees every slot.
        lists.next_tick = now_s - (kWheelSlots - 1);
      }
      slot = lists.next_tick++ % kWheelSlots;
    }
    lists.due = lists.wheel[slot];
    lists.wheel[slot] = kNoConnection;
  }
  const uint32_t index = lists.due;
  lists.due = next_[index];
  --lists.armed;
  return index;
}

bool WorkerLists::IsDue(WorkerId worker, uint32_t now_s) const {
  const Lists& lists = lists_[ToInt(worker)];
  if (lists.armed == 0) return false;
  return lists.due != kNoConnection || !lists.started ||
         lists.sweep_slot < kWheelSlots ||
         sweep_number_.LoadAcquire() != lists.sweep_number ||
         static_cast<int32_t>(now_s - lists.next_tick) >= 0;
}

}  // namespace vswitch
