// Model-checks the neighbour table: a neighbour is what one message said, never
// parts of two; no message is lost; and one of all workers asks.

#include <cstdint>

#include "dataplane/tables/neighbor_table.h"
#include "dataplane/tables/relacy_atomics.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

constexpr uint64_t kNow = 5'000'000'000;
constexpr RouterTag kTag{7};

MacAddress MacOf(unsigned index) {
  const auto byte = static_cast<uint8_t>(index + 1);
  return MacAddress{{byte, byte, byte, byte, byte, byte}};
}

// The word with the MAC address is all that must be whole, so what holds here
// holds in every order; what is tried is that two changes at once are one after
// the other.
template <typename Atomics>
struct NeighborTest : rl::test_suite<NeighborTest<Atomics>, 3> {
  BasicNeighborTable<Atomics, 1> table;
  typename Atomics::template Atomic<uint64_t> asked{0};
  typename Atomics::template Atomic<uint64_t> changes{0};

  void thread(unsigned index) {
    if (index == 2) {
      const Neighbor seen = table.Read(0, kTag, kNow);
      RL_ASSERT(seen.state == NeighborState::kUnknown || seen.mac == MacOf(0) ||
                seen.mac == MacOf(1));
      return;
    }
    if (table.MayAsk(0, kNow)) asked.FetchAdd(1);
    // The first of both is stale; the second finds it and makes it reachable.
    table.Update(0, kTag, kNow, [&](const Neighbor& before) {
      return std::optional(NeighborChange{
          MacOf(index), before.state != NeighborState::kUnknown});
    });
  }
  void after() {
    RL_ASSERT(asked.LoadAcquire() == 1);
    RL_ASSERT(table.Read(0, kTag, kNow).state == NeighborState::kReachable);
  }
};

// The same with a change that is not one step.
template <typename Atomics>
struct TornTest : rl::test_suite<TornTest<Atomics>, 2> {
  typename Atomics::template Atomic<uint64_t> word{0};

  void thread(unsigned) { word.StoreRelaxed(word.LoadRelaxed() + 1); }
  void after() { RL_ASSERT(word.LoadAcquire() == 2); }
};

TEST(NeighborTableRelacyTest, ChangesAreOneAfterTheOther) {
  EXPECT_TRUE(RunRelacy<NeighborTest<RelacyAtomics>>());
}
TEST(NeighborTableRelacyTest, WouldSeeALostChange) {
  EXPECT_TRUE(RelacyFindsAFault<TornTest<RelacyAtomics>>());
}

}  // namespace
}  // namespace vswitch
