// Model-checks the ring: no entry is read before it is written, or overwritten
// before it is read.

#include <cstdint>

#include "dataplane/memory/ring.h"
#include "dataplane/tables/relacy_atomics.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

template <typename Atomics>
struct RingTest : rl::test_suite<RingTest<Atomics>, 2> {
  static constexpr uint64_t kEntries = 5;
  RingArea<uint64_t, 2, Atomics> area;
  BasicRingTail<Atomics> tail;

  void thread(unsigned index) {
    if (index == 0) {
      RingProducer<uint64_t, 2, Atomics> producer(&area, &tail);
      for (uint64_t entry = 1; entry <= kEntries; ++entry) {
        while (!producer.Push(entry)) Atomics::Pause();
      }
      return;
    }
    RingConsumer<uint64_t, 2, Atomics> consumer(&area, &tail);
    for (uint64_t expected = 1; expected <= kEntries; ++expected) {
      uint64_t entry = 0;
      RingPop result;
      while ((result = consumer.Pop(entry)) == RingPop::kEmpty) {
        Atomics::Pause();
      }
      RL_ASSERT(result == RingPop::kEntry);
      RL_ASSERT(entry == expected);
    }
  }
};

TEST(RingRelacyTest, EntriesArriveWholeAndInOrder) {
  EXPECT_TRUE(RunRelacy<RingTest<RelacyAtomics>>());
}
TEST(RingRelacyTest, NeedsItsOrders) {
  EXPECT_TRUE(RelacyFindsAFault<RingTest<WeakenedAtomics>>());
}

}  // namespace
}  // namespace vswitch
