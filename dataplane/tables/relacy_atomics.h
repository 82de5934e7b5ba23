// dataplane/tables/relacy_atomics.h
//
// RelacyAtomics: the atomics policy under which the relacy model checker runs
// our lockless tables: every interleaving and every stale value that the C++
// memory model allows may be tried.  Tests only.
//
// A table template instantiated with RelacyAtomics is constructed inside an
// rl::test_suite; its memory is ordinary members of that test, not a segment:
//
//   template <typename Atomics>
//   struct PublishTest : rl::test_suite<PublishTest<Atomics>, /*threads=*/2> {
//     typename Atomics::template Atomic<uint64_t> generation{0};
//     void thread(unsigned index) { ... }
//   };
//   EXPECT_TRUE(RunRelacy<PublishTest<RelacyAtomics>>());
//   EXPECT_TRUE(RelacyFindsAFault<PublishTest<WeakenedAtomics>>());
//
// A test that includes this is compiled with RELACY_COPTS (relacy.bzl): the
// headers predate today's warnings.  Include it last.

#ifndef VSWITCH_DATAPLANE_TABLES_RELACY_ATOMICS_H_
#define VSWITCH_DATAPLANE_TABLES_RELACY_ATOMICS_H_

#include <cstddef>
#include <cstdint>
#include <iostream>
#include <ostream>

// Relacy defines these inline.  Called, never inlined, all of them come from
// one place: relacy, or AddressSanitizer where that is linked.
__attribute__((noinline)) void* operator new(size_t bytes);
__attribute__((noinline)) void* operator new[](size_t bytes);
__attribute__((noinline)) void operator delete(void* memory) noexcept;
__attribute__((noinline)) void operator delete[](void* memory) noexcept;

// The parts of relacy.hpp in its order, without those that redefine new,
// malloc, errno and the POSIX names by macros.
// clang-format off
#include "relacy/base.hpp"
#include "relacy/context.hpp"
#include "relacy/context_base_impl.hpp"
#include "relacy/backoff.hpp"
#include "relacy/atomic_fence.hpp"
#include "relacy/atomic.hpp"
#include "relacy/var.hpp"
#include "relacy/thread_local.hpp"
#include "relacy/test_suite.hpp"
#include "relacy/dyn_thread.hpp"
#include "relacy/stdlib/mutex.hpp"
#include "relacy/stdlib/condition_variable.hpp"
#include "relacy/stdlib/semaphore.hpp"
#include "relacy/stdlib/event.hpp"
// clang-format on

// Relacy never gives its fibers' stacks and its contexts back.
extern "C" const char* __lsan_default_suppressions() {
  return "leak:create_fiber\nleak:context_impl\n";
}

// Relacy replaces the global new and delete, but is older than sized delete.
inline void operator delete(void* memory, size_t) noexcept {
  ::operator delete(memory);
}
inline void operator delete[](void* memory, size_t) noexcept {
  ::operator delete[](memory);
}

namespace vswitch {

// With `weakened`, every order is relaxed: a test that still passes then tests
// nothing (each relacy test of ours checks that it fails).
template <bool weakened>
struct BasicRelacyAtomics {
  static constexpr rl::memory_order Order(rl::memory_order order) {
    return weakened ? rl::mo_relaxed : order;
  }

  template <typename T>
  class Atomic {
   public:
    Atomic() { value_.store(T{}, rl::mo_relaxed, Here()); }
    explicit Atomic(T value) { value_.store(value, rl::mo_relaxed, Here()); }

    T LoadRelaxed() const { return value_.load(rl::mo_relaxed, Here()); }
    T LoadAcquire() const { return value_.load(Order(rl::mo_acquire), Here()); }
    T LoadSeqCst() const { return value_.load(Order(rl::mo_seq_cst), Here()); }
    void StoreRelaxed(T value) { value_.store(value, rl::mo_relaxed, Here()); }
    void StoreRelease(T value) {
      value_.store(value, Order(rl::mo_release), Here());
    }
    void StoreSeqCst(T value) {
      value_.store(value, Order(rl::mo_seq_cst), Here());
    }

    T FetchAdd(T delta) {
      return Proxy().fetch_add(static_cast<AddType>(delta),
                               Order(rl::mo_acq_rel));
    }
    T FetchOr(T bits) { return Proxy().fetch_or(bits, Order(rl::mo_acq_rel)); }
    T FetchAnd(T bits) {
      return Proxy().fetch_and(bits, Order(rl::mo_acq_rel));
    }
    T Exchange(T value) {
      return Proxy().exchange(value, Order(rl::mo_acq_rel));
    }
    bool CompareExchange(T& expected, T desired) {
      return Proxy().compare_exchange_strong(
          expected, desired, Order(rl::mo_acq_rel), Order(rl::mo_acquire));
    }
    void AddSingleWriter(T delta) { StoreRelaxed(LoadRelaxed() + delta); }

   private:
    using AddType = typename rl::atomic_add_type<T>::type;
    static rl::debug_info Here() {
      return rl::debug_info("Atomic", __FILE__, __LINE__);
    }
    rl::atomic_proxy<T> Proxy() { return value_(Here()); }
    rl::atomic<T> value_;
  };

  template <typename T>
  class Plain {
   public:
    Plain() { value_(Here()).store(T{}); }
    explicit Plain(const T& value) { value_(Here()).store(value); }
    T Read() const { return value_(Here()).load(); }
    void Write(const T& value) { value_(Here()).store(value); }

   private:
    static rl::debug_info Here() {
      return rl::debug_info("Plain", __FILE__, __LINE__);
    }
    rl::var<T> value_;
  };

  static void Pause() {
    rl::yield(1, rl::debug_info("Pause", __FILE__, __LINE__));
  }
  static void Prefetch(const void*) {}
  static void PrefetchForWrite(const void*) {}
};

using RelacyAtomics = BasicRelacyAtomics<false>;
using WeakenedAtomics = BasicRelacyAtomics<true>;

// Runs `Test` (an rl::test_suite) over `iterations` random schedules; returns
// whether every one of them kept the test's assertions.  Prints the schedule
// that did not to `output`.
template <typename Test>
bool RunRelacy(std::ostream& output = std::cout, uint32_t iterations = 20000) {
  rl::test_params parameters;
  parameters.iteration_count = iterations;
  parameters.search_type = rl::random_scheduler_type;
  parameters.execution_depth_limit = 50000;  // steps: beyond, a livelock
  parameters.output_stream = &output;
  return rl::simulate<Test>(parameters);
}

// Whether the checker finds a fault in `Test`, as it must with
// WeakenedAtomics.
template <typename Test>
bool RelacyFindsAFault(uint32_t iterations = 100000) {
  std::ostream discarded(nullptr);  // a stream without a buffer keeps nothing
  return !RunRelacy<Test>(discarded, iterations);
}

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_TABLES_RELACY_ATOMICS_H_
