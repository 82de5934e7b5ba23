// Model-checks publishing, quiescence and the tables that are changed in place:
// the production templates under every order that the memory model allows.

#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/base/address.h"
#include "dataplane/base/ids.h"
#include "dataplane/memory/quiescence.h"
#include "dataplane/tables/identity_table.h"
#include "dataplane/tables/identity_table_writer.h"
#include "dataplane/tables/relacy_atomics.h"
#include "dataplane/tables/revision_table.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

constexpr uint64_t kIncarnation = 1;

// The control plane as thread 0, workers as the others.
template <typename Test, typename Atomics, int worker_count>
struct SwitchSuite : rl::test_suite<Test, worker_count + 1> {
  template <typename T>
  using Atomic = typename Atomics::template Atomic<T>;

  Atomic<uint64_t> generation;
  BasicWorkerSlot<Atomics> slots[worker_count];

  Generation Lowest() const {
    return LowestReached(
        std::span<const BasicWorkerSlot<Atomics>>(slots, worker_count), 0);
  }
  // Waits until all workers have let go of everything below `reached`.
  void WaitFor(Generation reached) const {
    while (Lowest() < reached) Atomics::Pause();
  }
  void before() {
    for (auto& slot : slots) slot.reached.StoreRelaxed(kWorkerOffline);
  }
  void thread(unsigned index) {
    Test& test = static_cast<Test&>(*this);
    if (index == 0) {
      test.ControlPlane();
      return;
    }
    BasicWorkerPresence<Atomics> presence(&slots[index - 1], &generation,
                                          kIncarnation);
    // Until it has worked with the last one, so that no schedule ends before
    // there is anything to see.
    Generation current = 0;
    while (current < Test::kLastGeneration) {
      presence.GoOnline();
      for (int burst = 0; burst < 2; ++burst) {
        current = presence.Current();
        test.Burst(current);
        presence.Report(current);
      }
      presence.GoOffline();
    }
  }
};

// Generation g is a cell that g + 2 overwrites: a worker that still read it
// would be a data race, which the checker reports.
template <typename Atomics>
struct PublishTest : SwitchSuite<PublishTest<Atomics>, Atomics, 2> {
  static constexpr Generation kLastGeneration = 3;
  typename Atomics::template Plain<uint64_t> cells[2];

  void ControlPlane() {
    for (Generation next = 1; next <= kLastGeneration; ++next) {
      this->WaitFor(next - 1);
      cells[next % 2].Write(next);
      this->generation.StoreSeqCst(next);
    }
  }
  void Burst(Generation current) {
    if (current == 0) return;
    RL_ASSERT(cells[current % 2].Read() == current);
  }
};

TEST(PublishRelacyTest, NoWorkerReadsWhatIsOverwritten) {
  EXPECT_TRUE(RunRelacy<PublishTest<RelacyAtomics>>());
}
TEST(PublishRelacyTest, NeedsItsOrders) {
  EXPECT_TRUE(RelacyFindsAFault<PublishTest<WeakenedAtomics>>());
}

constexpr HashSecret kSecret{{1, 2}};

IpAddress Address(uint8_t last) {
  IpAddress address;
  address.bytes = {0xfd};
  address.bytes[15] = last;
  return address;
}

// An address whose binding changes in every generation.
template <typename Atomics>
struct IdentityChangeTest
    : SwitchSuite<IdentityChangeTest<Atomics>, Atomics, 1> {
  static constexpr Generation kLastGeneration = 3;
  IdentityTags<Atomics> tags[1];
  IdentitySlot<Atomics> identity_slots[8];
  const IdentityTableMemory<Atomics> memory{tags, identity_slots, 1};
  BasicIdentityTableWriter<Atomics> writer{memory, kSecret, 0};

  void ControlPlane() {
    for (Generation next = 1; next <= kLastGeneration; ++next) {
      this->WaitFor(next - 1);
      writer.BeginGeneration(next, next - 1);
      const uint32_t identity = static_cast<uint32_t>(256 + next);
      RL_ASSERT(writer.Bind(Address(1), {IdentityId{identity}, {}}).ok());
      this->generation.StoreSeqCst(next);
    }
  }
  void Burst(Generation current) {
    const BasicIdentityTable<Atomics> table(memory, kSecret);
    const std::optional<HostBinding> binding =
        table.Lookup(Address(1), current);
    RL_ASSERT(binding.has_value() == (current > 0));
    if (binding.has_value()) {
      RL_ASSERT(ToInt(binding->identity) == 256 + current);
    }
  }
};

TEST(IdentityRelacyTest, BurstSeesTheBindingOfItsGeneration) {
  EXPECT_TRUE(RunRelacy<IdentityChangeTest<RelacyAtomics>>());
}
TEST(IdentityRelacyTest, ChangeNeedsItsOrders) {
  EXPECT_TRUE(RelacyFindsAFault<IdentityChangeTest<WeakenedAtomics>>());
}

// A full group whose first slot passes from one address to another.
template <typename Atomics>
struct IdentityReuseTest : SwitchSuite<IdentityReuseTest<Atomics>, Atomics, 1> {
  static constexpr Generation kLastGeneration = 4;
  static constexpr uint8_t kOld = 1;
  static constexpr uint8_t kNew = 100;
  IdentityTags<Atomics> tags[1];
  IdentitySlot<Atomics> identity_slots[8];
  const IdentityTableMemory<Atomics> memory{tags, identity_slots, 1};
  BasicIdentityTableWriter<Atomics> writer{memory, kSecret, 0};

  void ControlPlane() {
    for (Generation next = 1; next <= kLastGeneration; ++next) {
      this->WaitFor(next - 1);
      writer.BeginGeneration(next, next - 1);
      if (next == 1) {
        for (uint8_t last = 1; last <= 8; ++last) {
          RL_ASSERT(writer.Bind(Address(last), {IdentityId{300}, {}}).ok());
        }
      }
      if (next == 2) RL_ASSERT(writer.Unbind(Address(kOld)).ok());
      if (next == 4) {
        RL_ASSERT(writer.Bind(Address(kNew), {IdentityId{400}, {}}).ok());
      }
      this->generation.StoreSeqCst(next);
    }
  }
  void Burst(Generation current) {
    const BasicIdentityTable<Atomics> table(memory, kSecret);
    RL_ASSERT(table.Lookup(Address(kOld), current).has_value() ==
              (current == 1));
    const std::optional<HostBinding> binding =
        table.Lookup(Address(kNew), current);
    RL_ASSERT(binding.has_value() == (current == 4));
    if (binding.has_value()) RL_ASSERT(ToInt(binding->identity) == 400);
  }
};

TEST(IdentityRelacyTest, ReusedSlotIsNeverSeenAsAnotherAddress) {
  EXPECT_TRUE(RunRelacy<IdentityReuseTest<RelacyAtomics>>(std::cout, 3000));
}
TEST(IdentityRelacyTest, ReuseNeedsItsOrders) {
  EXPECT_TRUE(RelacyFindsAFault<IdentityReuseTest<WeakenedAtomics>>());
}

// A connection judged once: policy allows it in generation 1 and not in 2.
template <typename Atomics>
struct RevisionTest : SwitchSuite<RevisionTest<Atomics>, Atomics, 1> {
  static bool IsAllowed(Generation current) { return current < 2; }

  static constexpr Generation kLastGeneration = 2;
  RevisionSlot<Atomics> revision_slots[3];
  Generation judged = 0;  // worker only
  bool verdict = IsAllowed(0);

  void ControlPlane() {
    BasicRevisionTableWriter<Atomics> writer(revision_slots, 2, kSecret);
    this->generation.StoreSeqCst(1);
    writer.Mark(Address(1), 2);
    this->generation.StoreSeqCst(2);
  }
  void Burst(Generation current) {
    const BasicRevisionTable<Atomics> table(revision_slots, 2, kSecret);
    if (table.IsStale(Address(1), Address(1), judged)) {
      verdict = IsAllowed(current);
      judged = current;
    }
    RL_ASSERT(verdict == IsAllowed(current));
  }
};

TEST(RevisionRelacyTest, NoVerdictOutlivesItsGeneration) {
  EXPECT_TRUE(RunRelacy<RevisionTest<RelacyAtomics>>());
}
TEST(RevisionRelacyTest, NeedsItsOrders) {
  EXPECT_TRUE(RelacyFindsAFault<RevisionTest<WeakenedAtomics>>());
}

}  // namespace
}  // namespace vswitch
