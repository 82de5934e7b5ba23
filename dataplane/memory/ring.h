// dataplane/memory/ring.h
//
// RingProducer and RingConsumer: a bounded queue from one process to another.
// Entries and head lie in the producer's segment, the tail in the consumer's,
// so that each segment keeps its one writing process.
//
// When the ring is full, Push() refuses the new entry; an event producer counts
// the refusal as a loss (PushOrCount), so a reader that is slow or dead costs
// events, never a packet.
//
// Neither side trusts the other: a head or tail that lies outside of the window
// it may be in is an error (a ring that looks full, or CORRUPT), never an
// access outside of the entries.
//
//   RingProducer<Event> producer(area, &tail);
//   producer.Push(event);
//   RingConsumer<Event> consumer(area, &tail);
//   if (consumer.Pop(event) == RingPop::kEntry) ...
//
// One producer thread and one consumer thread.  Entries are plain values.

#ifndef VSWITCH_DATAPLANE_MEMORY_RING_H_
#define VSWITCH_DATAPLANE_MEMORY_RING_H_

#include <cstdint>
#include <type_traits>

#include "dataplane/tables/atomics.h"

namespace vswitch {

// The producer's part of a ring, in the producer's segment.
template <typename T, uint32_t entry_count, typename Atomics = StdAtomics>
struct RingArea {
  static_assert((entry_count & (entry_count - 1)) == 0);
  static_assert(std::is_trivially_copyable_v<T>);
  template <typename U>
  using Atomic = typename Atomics::template Atomic<U>;

  alignas(64) Atomic<uint64_t> head;  // entries ever pushed
  Atomic<uint64_t> lost;              // entries refused for want of room
  alignas(64) typename Atomics::template Plain<T> entries[entry_count];
};

// The consumer's part, in the consumer's segment: entries ever popped.
template <typename Atomics = StdAtomics>
struct alignas(64) BasicRingTail {
  typename Atomics::template Atomic<uint64_t> value;
};
using RingTail = BasicRingTail<StdAtomics>;

template <typename T, uint32_t entry_count, typename Atomics = StdAtomics>
class RingProducer {
 public:
  using Area = RingArea<T, entry_count, Atomics>;

  RingProducer() = default;
  RingProducer(Area* area, const BasicRingTail<Atomics>* tail)
      : area_(area), tail_(tail) {}

  // Appends `entry`, or returns false if there is no room.
  bool Push(const T& entry) {
    const uint64_t head = area_->head.LoadRelaxed();
    // Acquire: the consumer has read the entry that we overwrite.
    const uint64_t tail = tail_->value.LoadAcquire();
    if (head - tail >= entry_count) return false;  // also a tail beyond head
    area_->entries[head % entry_count].Write(entry);
    area_->head.StoreRelease(head + 1);
    return true;
  }

  // The same, and counts the entry as lost if there is no room.
  bool PushOrCount(const T& entry) {
    if (Push(entry)) return true;
    area_->lost.AddSingleWriter(1);
    return false;
  }

  // The number that the next pushed entry will have, counted from 0 over the
  // life of the segment.
  uint64_t next_number() const { return area_->head.LoadRelaxed(); }

 private:
  Area* area_ = nullptr;
  const BasicRingTail<Atomics>* tail_ = nullptr;
};

enum class RingPop {
  kEntry,
  kEmpty,
  kCorrupt,  // the head lies where it cannot be; Skip() starts over
};

template <typename T, uint32_t entry_count, typename Atomics = StdAtomics>
class RingConsumer {
 public:
  using Area = RingArea<T, entry_count, Atomics>;

  RingConsumer() = default;
  RingConsumer(const Area* area, BasicRingTail<Atomics>* tail)
      : area_(area), tail_(tail) {}

  // Takes the oldest entry.
  RingPop Pop(T& entry) {
    const uint64_t tail = tail_->value.LoadRelaxed();
    const uint64_t head = area_->head.LoadAcquire();
    if (head == tail) return RingPop::kEmpty;
    if (head - tail > entry_count) return RingPop::kCorrupt;
    entry = area_->entries[tail % entry_count].Read();
    // Release: our read of the entry comes before its slot is free.
    tail_->value.StoreRelease(tail + 1);
    return RingPop::kEntry;
  }

  // Throws away everything pushed so far.
  void Skip() { tail_->value.StoreRelease(area_->head.LoadAcquire()); }

  // Entries that the producer counted as lost so far.
  uint64_t lost_count() const { return area_->lost.LoadRelaxed(); }

 private:
  const Area* area_ = nullptr;
  BasicRingTail<Atomics>* tail_ = nullptr;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_MEMORY_RING_H_
