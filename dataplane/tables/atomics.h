// dataplane/tables/atomics.h
//
// StdAtomics: the atomics policy that lockless tables are templates over.
// Production code uses StdAtomics; the model checker runs the same source with
// RelacyAtomics (relacy_atomics.h, tests only).
//
// The memory order is in the verb, so that each pair can be read at the call:
//
//   template <typename Atomics>
//   struct Slot {
//     typename Atomics::template Atomic<uint64_t> ready;  // zero bytes are 0
//     typename Atomics::template Plain<uint64_t> value;
//   };
//   slot.value.Write(7);         // writer
//   slot.ready.StoreRelease(1);
//   if (slot.ready.LoadAcquire() == 1) Use(slot.value.Read());  // reader
//
// There is no stand-alone fence: ThreadSanitizer does not model it.  Types lie
// in memory that processes share: standard layout, no pointers, and zeroed
// memory is a valid object.  Atomic: any thread.  Plain: ordered by an Atomic.

#ifndef VSWITCH_DATAPLANE_TABLES_ATOMICS_H_
#define VSWITCH_DATAPLANE_TABLES_ATOMICS_H_

#include <atomic>
#include <cstdint>

namespace vswitch {

struct StdAtomics {
  // A number that threads share.
  template <typename T>
  class Atomic {
   public:
    Atomic() = default;
    explicit Atomic(T value) : value_(value) {}

    T LoadRelaxed() const { return value_.load(std::memory_order_relaxed); }
    T LoadAcquire() const { return value_.load(std::memory_order_acquire); }
    T LoadSeqCst() const { return value_.load(std::memory_order_seq_cst); }
    void StoreRelaxed(T value) {
      value_.store(value, std::memory_order_relaxed);
    }
    void StoreRelease(T value) {
      value_.store(value, std::memory_order_release);
    }
    void StoreSeqCst(T value) {
      value_.store(value, std::memory_order_seq_cst);
    }

    // Each returns the value before the change; acquire and release.
    T FetchAdd(T delta) {
      return value_.fetch_add(delta, std::memory_order_acq_rel);
    }
    T FetchOr(T bits) {
      return value_.fetch_or(bits, std::memory_order_acq_rel);
    }
    T FetchAnd(T bits) {
      return value_.fetch_and(bits, std::memory_order_acq_rel);
    }
    T Exchange(T value) {
      return value_.exchange(value, std::memory_order_acq_rel);
    }
    // Stores `desired` and returns true if the value was `expected`; else sets
    // `expected` to what it is.  Acquire and release; acquire on failure.
    bool CompareExchange(T& expected, T desired) {
      return value_.compare_exchange_strong(expected, desired,
                                            std::memory_order_acq_rel,
                                            std::memory_order_acquire);
    }

    // Adds for a number with one writer: no locked instruction.
    void AddSingleWriter(T delta) { StoreRelaxed(LoadRelaxed() + delta); }

   private:
    static_assert(std::atomic<T>::is_always_lock_free);
    std::atomic<T> value_{};
  };

  // A value that an Atomic beside it orders; relacy reports a race on it.
  template <typename T>
  class Plain {
   public:
    Plain() = default;
    explicit Plain(const T& value) : value_(value) {}
    const T& Read() const { return value_; }
    void Write(const T& value) { value_ = value; }

   private:
    T value_{};
  };

  // Called in a loop that waits for another thread.
  static void Pause() { __builtin_ia32_pause(); }
  // Starts to load the cache line at `address`.
  static void Prefetch(const void* address) { __builtin_prefetch(address); }
  // The same of a line that is going to be written.
  static void PrefetchForWrite(const void* address) {
    __builtin_prefetch(address, 1);
  }
};

static_assert(sizeof(StdAtomics::Atomic<uint64_t>) == 8 &&
              sizeof(StdAtomics::Atomic<uint32_t>) == 4);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_TABLES_ATOMICS_H_
