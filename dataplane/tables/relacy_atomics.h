// dataplane/tables/relacy_atomics.h
//
// RelacyAtomics: the atomics policy under which the relacy model checker runs
// our lockless tables: every interleaving and every stale value that the C++
// memory model allows may be tried.  Tests only.
//
// A table template instantiated with RelacyAtomics is constructed inside an
// rl::test_suite; its memory is ordinary members of that test, not a segment:
//
//   struct PublishTest : rl::test_suite<PublishTest, /*threads=*/2> {
//     RelacyAtomics::Atomic<uint64_t> generation{0};
//     void thread(unsigned index) { ... }
//   };
//   EXPECT_TRUE(RunRelacy<PublishTest>());
//
// relacy.hpp, not relacy_std.hpp: the latter does not compile as C++20.

#ifndef VSWITCH_DATAPLANE_TABLES_RELACY_ATOMICS_H_
#define VSWITCH_DATAPLANE_TABLES_RELACY_ATOMICS_H_

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#include "relacy/relacy.hpp"
#pragma GCC diagnostic pop

#include <cstdint>

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
    Plain() { value_.store(T{}, Here()); }
    explicit Plain(const T& value) { value_.store(value, Here()); }
    T Read() const { return value_.load(Here()); }
    void Write(const T& value) { value_.store(value, Here()); }

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
};

using RelacyAtomics = BasicRelacyAtomics<false>;
using WeakenedAtomics = BasicRelacyAtomics<true>;

// Runs `Test` (an rl::test_suite) over `iterations` random schedules; returns
// whether every one of them kept the test's assertions.
template <typename Test>
bool RunRelacy(uint32_t iterations = 20000) {
  rl::test_params parameters;
  parameters.iteration_count = iterations;
  parameters.search_type = rl::random_scheduler_type;
  return rl::simulate<Test>(parameters);
}

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_TABLES_RELACY_ATOMICS_H_
