// The connection store under the relacy model checker: the production source
// with every interleaving and every stale value that the memory model allows.

#include <utility>

#include "dataplane/conntrack/connection_store.h"
#include "dataplane/tables/relacy_atomics.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

// All keys meet in the same two buckets, with tags that differ by port.
struct CollidingHasher {
  uint64_t operator()(const FlowKey& key) const {
    return 0x8000000000000000u | (key.source_port.raw & 0xff);
  }
};

FlowKey Key(uint16_t number) {
  FlowKey key;
  key.source.bytes[15] = 1;
  key.destination.bytes[15] = 2;
  key.source_port.raw = number;
  key.destination_port.raw = static_cast<uint16_t>(number + 100);
  key.protocol = IpProtocol::kTcp;
  return key;
}

Judgement JudgementOf(uint32_t number) {
  return {.generation = number,
          .rule = RuleId{number},
          .out_port = {PortId{static_cast<uint16_t>(number)},
                       PortId{static_cast<uint16_t>(number)}}};
}

bool IsWhole(const Judgement& judgement) {
  return judgement == JudgementOf(judgement.generation);
}

ConnectionRecord RecordOf(uint16_t number) {
  const FlowKey key = Key(number);
  ConnectionRecord record;
  record.original_source = record.reply_destination = key.source;
  record.original_destination = record.reply_source = key.destination;
  record.original_source_port = record.reply_destination_port = key.source_port;
  record.original_destination_port = record.reply_source_port =
      key.destination_port;
  record.protocol = key.protocol;
  record.service = number;
  record.judgement = JudgementOf(number);
  return record;
}

// A store of two buckets and three entries.
template <typename Atomics>
struct SmallStore {
  using Store = ConnectionStore<Atomics, CollidingHasher>;

  SmallStore() {
    typename Store::Arrays arrays;
    arrays.buckets = buckets;
    arrays.bucket_count = 2;
    arrays.entries = entries;
    arrays.halves = {halves[0], halves[1]};
    arrays.rests = rests;
    arrays.high_addresses = high_addresses;
    arrays.capacity = 3;
    store = Store(arrays, CollidingHasher{});
  }
  InsertStatus Insert(uint32_t index, uint16_t number) {
    const ConnectionRecord record = RecordOf(number);
    if (!store.Fill(index, record, {}, 0)) return InsertStatus::kBusy;
    return store.Insert(index, record, ConnectionState::kSynSent);
  }
  bool Find(const FlowKey& key, ConnectionView& view) {
    return store.Find(key, store.Hash(key), view);
  }
  bool FindFlow(const FlowKey& key, KnownFlow& flow) {
    const uint64_t hash = store.Hash(key);
    const uint32_t place = store.PrefetchFlow(key, hash);
    store.FindFlow(key, hash, place, flow);
    return flow.found();
  }

  // How many slots of the buckets are taken.
  uint32_t CountSlots() const {
    uint32_t count = 0;
    for (const auto& bucket : buckets) {
      for (const auto& slot : bucket.slots) {
        if (slot.LoadRelaxed() != kEmptySlot) ++count;
      }
    }
    return count;
  }

  typename Store::Bucket buckets[2];
  typename Store::Entry entries[3];
  typename Store::Half halves[2][3];
  typename Store::Rest rests[3];
  typename Store::HighAddresses high_addresses[3];
  Store store;
};

// Two workers see the first packet of one connection, a third its answer.
template <typename Atomics>
struct FirstPacketRace : rl::test_suite<FirstPacketRace<Atomics>, 3> {
  void thread(unsigned thread) {
    if (thread < 2) {
      status[thread] = small.Insert(thread, 1);
      return;
    }
    // Both ends sent first: the mirrored pair of keys.
    ConnectionRecord record = RecordOf(1);
    std::swap(record.original_source, record.reply_source);
    std::swap(record.original_destination, record.reply_destination);
    std::swap(record.original_source_port, record.reply_source_port);
    std::swap(record.original_destination_port, record.reply_destination_port);
    RL_ASSERT(small.store.Fill(2, record, {}, 0));
    status[2] = small.store.Insert(2, record, ConnectionState::kSynSent);
  }
  void after() {
    uint32_t inserted = 0;
    for (InsertStatus each : status) {
      if (each == InsertStatus::kInserted) ++inserted;
      RL_ASSERT(each == InsertStatus::kInserted ||
                each == InsertStatus::kExisted);
    }
    RL_ASSERT(inserted == 1);
    ConnectionView original;
    ConnectionView reply;
    RL_ASSERT(small.Find(Key(1), original));
    RL_ASSERT(small.Find(Key(1).Reversed(), reply));
    RL_ASSERT(original.index == reply.index);
    for (const auto& bucket : small.buckets) {
      RL_ASSERT(bucket.writer.LoadRelaxed() == 0);
    }
    RL_ASSERT(small.CountSlots() == 2);
  }

  SmallStore<Atomics> small;
  InsertStatus status[3] = {};
};

// An entry is used for one connection, then for another, while others look
// both up: what they find is one of the two, whole.
template <typename Atomics>
struct ReuseUnderLookup : rl::test_suite<ReuseUnderLookup<Atomics>, 3> {
  void before() { RL_ASSERT(small.Insert(0, 1) == InsertStatus::kInserted); }
  void thread(unsigned thread) {
    if (thread == 0) {
      ConnectionView view;
      RL_ASSERT(small.Find(Key(1), view));
      RL_ASSERT(small.store.Remove(0, view.incarnation));
      small.store.Release(0);
      RL_ASSERT(small.Insert(0, 2) == InsertStatus::kInserted);
      RL_ASSERT(small.Find(Key(2), view));
      return;
    }
    // Without a pause: after one the checker returns no older values.
    for (int i = 0; i < 12; ++i) {
      ConnectionView view;
      const uint16_t number = i % 2 == 0 ? 1 : 2;
      if (thread == 1) {
        if (small.Find(Key(number), view)) CheckWhole(view, number);
        continue;
      }
      KnownFlow flow;
      if (small.FindFlow(Key(number), flow)) CheckWhole(flow, number);
    }
  }
  void CheckWhole(const KnownFlow& flow, uint16_t number) const {
    RL_ASSERT(flow.generation == number);
    RL_ASSERT(flow.out_port == JudgementOf(number).out_port);
    RL_ASSERT(flow.leaving == Key(number));
  }
  void CheckWhole(const ConnectionView& view, uint16_t number) const {
    RL_ASSERT(view.record.service == number);
    RL_ASSERT(view.record.judgement == JudgementOf(number));
    RL_ASSERT(view.record.Key(FlowDirection::kReply) == Key(number).Reversed());
  }
  SmallStore<Atomics> small;
};

// A connection ends and begins again with the same keys, in the same entry: a
// lookup never finds the new one's incarnation with the old one's judgement.
template <typename Atomics>
struct SameKeysAgain : rl::test_suite<SameKeysAgain<Atomics>, 2> {
  void before() {
    RL_ASSERT(small.Insert(0, 1) == InsertStatus::kInserted);
    RL_ASSERT(small.Find(Key(1), first));
  }
  void thread(unsigned thread) {
    ConnectionView view;
    if (thread == 0) {
      RL_ASSERT(small.store.Remove(0, first.incarnation));
      small.store.Release(0);
      ConnectionRecord record = RecordOf(1);
      record.judgement = JudgementOf(2);
      RL_ASSERT(small.store.Fill(0, record, {}, 0));
      RL_ASSERT(small.store.Insert(0, record, ConnectionState::kSynSent) ==
                InsertStatus::kInserted);
      return;
    }
    for (int i = 0; i < 20; ++i) {
      if (!small.Find(Key(1), view)) continue;
      const uint32_t number = view.incarnation == first.incarnation ? 1 : 2;
      RL_ASSERT(view.record.judgement == JudgementOf(number));
      KnownFlow flow;
      if (!small.FindFlow(Key(1), flow)) continue;
      RL_ASSERT(flow.generation ==
                (flow.incarnation == first.incarnation ? 1u : 2u));
    }
  }
  SmallStore<Atomics> small;
  ConnectionView first;
};

// Two workers judge one connection again while a third reads it.
template <typename Atomics>
struct RefreshRace : rl::test_suite<RefreshRace<Atomics>, 3> {
  void before() { RL_ASSERT(small.Insert(0, 1) == InsertStatus::kInserted); }
  void thread(unsigned thread) {
    ConnectionView view;
    if (thread < 2) {
      // A reader may give up while a writer is at work; it never gets halves.
      if (!small.Find(Key(1), view)) return;
      RL_ASSERT(IsWhole(view.record.judgement));
      const Judgement judgement = JudgementOf(10 + thread);
      if (small.store.Refresh(view, judgement)) {
        RL_ASSERT(view.record.judgement == judgement);
      }
      return;
    }
    for (int i = 0; i < 2; ++i) {
      KnownFlow flow;
      if (small.FindFlow(Key(1).Reversed(), flow)) {
        RL_ASSERT(flow.direction == FlowDirection::kReply);
        RL_ASSERT(flow.out_port == JudgementOf(flow.generation).out_port);
      }
      if (!small.Find(Key(1).Reversed(), view)) continue;
      RL_ASSERT(view.direction == FlowDirection::kReply);
      RL_ASSERT(IsWhole(view.record.judgement));
    }
  }
  void after() {
    ConnectionView view;
    RL_ASSERT(small.Find(Key(1), view));
    RL_ASSERT(IsWhole(view.record.judgement));
    RL_ASSERT(view.record.judgement.generation >= 10);
  }
  SmallStore<Atomics> small;
};

// A connection is removed and its entry used again while a worker still holds
// a view of it: the new connection keeps its own judgement and state.
template <typename Atomics>
struct StaleViewRace : rl::test_suite<StaleViewRace<Atomics>, 3> {
  void before() {
    RL_ASSERT(small.Insert(0, 1) == InsertStatus::kInserted);
    RL_ASSERT(small.Find(Key(1), stale));
  }
  void thread(unsigned thread) {
    ConnectionView view = stale;
    if (thread == 0) {
      RL_ASSERT(small.store.Remove(0, view.incarnation));
      small.store.Release(0);
      // Refused while the other worker is in the middle of its Refresh().
      const InsertStatus status = small.Insert(0, 2);
      RL_ASSERT(status == InsertStatus::kInserted ||
                status == InsertStatus::kBusy);
      return;
    }
    // Before, while or after the entry changes hands.
    for (unsigned wait = rl::rand(300); wait > 0; --wait) clock.LoadRelaxed();
    if (thread == 1) {
      small.store.Refresh(view, JudgementOf(20));
      return;
    }
    while (view.found() &&
           !small.store.ChangeState(view, ConnectionState::kClosed)) {
    }
  }
  void after() {
    ConnectionView view;
    RL_ASSERT(!small.Find(Key(1), view));
    if (!small.Find(Key(2), view)) return;
    RL_ASSERT(view.record.judgement == JudgementOf(2));
    RL_ASSERT(view.state == ConnectionState::kSynSent);
  }
  SmallStore<Atomics> small;
  ConnectionView stale;
  typename Atomics::template Atomic<uint32_t> clock;  // a step of the checker
};

// Two remove one connection: one of them succeeds.
template <typename Atomics>
struct RemoveRace : rl::test_suite<RemoveRace<Atomics>, 2> {
  void before() {
    RL_ASSERT(small.Insert(0, 1) == InsertStatus::kInserted);
    RL_ASSERT(small.Insert(1, 3) == InsertStatus::kInserted);
    RL_ASSERT(small.Find(Key(1), view));
  }
  void thread(unsigned thread) {
    removed[thread] = small.store.Remove(0, view.incarnation);
    ConnectionView other;
    RL_ASSERT(small.Find(Key(3), other));
  }
  void after() {
    RL_ASSERT(removed[0] != removed[1]);
    ConnectionView gone;
    RL_ASSERT(!small.Find(Key(1), gone));
    RL_ASSERT(!small.Find(Key(1).Reversed(), gone));
  }
  SmallStore<Atomics> small;
  ConnectionView view;
  bool removed[2] = {};
};

// The owner forgets an idle connection and uses its entry again, while a flush
// removes what it finds and a packet of the connection still comes in.
template <typename Atomics>
struct ExpireRace : rl::test_suite<ExpireRace<Atomics>, 3> {
  void before() { RL_ASSERT(small.Insert(0, 1) == InsertStatus::kInserted); }
  void thread(unsigned thread) {
    auto& store = small.store;
    ConnectionView view;
    if (thread == 0) {
      // As ConnectionTable::Expire() does.
      EntryState state = store.State(0);
      RL_ASSERT(state.life == EntryLife::kDead ||
                store.Protocol(0) == IpProtocol::kTcp);
      while (state.life == EntryLife::kLive &&
             !store.Remove(0, state.incarnation)) {
        state = store.State(0);
      }
      store.Release(0);
      RL_ASSERT(small.Insert(0, 2) == InsertStatus::kInserted);
      return;
    }
    if (thread == 1) {
      for (int i = 0; i < 20; ++i) {
        Atomics::Pause();
        if (!store.Read(0, view)) continue;
        RL_ASSERT(IsWhole(view.record.judgement));
        if (store.Remove(0, view.incarnation)) ++flushed;
      }
      return;
    }
    if (!small.Find(Key(1), view)) return;
    store.Touch(view, 100, 5, /*is_alive=*/true);
    while (view.found() &&
           !store.ChangeState(view, ConnectionState::kEstablished)) {
    }
  }
  void after() {
    ConnectionView view;
    RL_ASSERT(!small.Find(Key(1), view));
    const bool found = small.Find(Key(2), view);
    RL_ASSERT(found == (small.store.State(0).life == EntryLife::kLive));
    RL_ASSERT(flushed <= 2 && (found || flushed > 0));
    RL_ASSERT(small.CountSlots() == (found ? 2 : 0));
    RL_ASSERT(small.store.State(0).state == ConnectionState::kSynSent);
  }
  SmallStore<Atomics> small;
  uint32_t flushed = 0;
};

// The workers of both directions look at one window, and change it.
template <typename Atomics>
struct WindowRace : rl::test_suite<WindowRace<Atomics>, 2> {
  void before() { RL_ASSERT(small.Insert(0, 1) == InsertStatus::kInserted); }
  void thread(unsigned thread) {
    auto windows = small.store.windows();
    const bool is_own = thread == 0;
    const TcpWindow before =
        windows.Load(0, FlowDirection::kOriginal, /*all=*/is_own);
    TcpWindow after = before;
    if (is_own) {
      after.granted = 7;
      after.notes |= kTcpAcknowledged;
    } else {
      RL_ASSERT((before.notes & kTcpAcknowledged) == 0 || before.granted == 7);
      after.notes |= kTcpLiberal;
    }
    windows.Store(0, FlowDirection::kOriginal, before, after);
  }
  void after() {
    const TcpWindow window =
        small.store.windows().Load(0, FlowDirection::kOriginal, true);
    RL_ASSERT(window.notes == (kTcpAcknowledged | kTcpLiberal));
  }
  SmallStore<Atomics> small;
};

constexpr uint32_t kIterations = 20000;

template <template <typename> typename Suite>
bool Holds() {
  return RunRelacy<Suite<RelacyAtomics>>(std::cout, kIterations);
}
// Whether the suite needs the memory orders that the store asks for.
template <template <typename> typename Suite>
bool NeedsItsOrders() {
  return RelacyFindsAFault<Suite<WeakenedAtomics>>();
}

TEST(ConnectionStoreRelacyTest, FirstPacketsMakeExactlyOneEntry) {
  EXPECT_TRUE(Holds<FirstPacketRace>());
  EXPECT_TRUE(NeedsItsOrders<FirstPacketRace>());
}
TEST(ConnectionStoreRelacyTest, ReusedEntryIsNeverTorn) {
  EXPECT_TRUE(Holds<ReuseUnderLookup>());
  EXPECT_TRUE(NeedsItsOrders<ReuseUnderLookup>());
}
TEST(ConnectionStoreRelacyTest, SameKeysAgainAreAnotherConnection) {
  EXPECT_TRUE(Holds<SameKeysAgain>());
  EXPECT_TRUE(NeedsItsOrders<SameKeysAgain>());
}
TEST(ConnectionStoreRelacyTest, JudgementIsNeverTorn) {
  EXPECT_TRUE(Holds<RefreshRace>());
  EXPECT_TRUE(NeedsItsOrders<RefreshRace>());
}
TEST(ConnectionStoreRelacyTest, StaleViewLeavesTheSuccessorAlone) {
  EXPECT_TRUE(Holds<StaleViewRace>());
  EXPECT_TRUE(NeedsItsOrders<StaleViewRace>());
}
TEST(ConnectionStoreRelacyTest, NotesOfAWindowAreTrueAndNeverLost) {
  EXPECT_TRUE(Holds<WindowRace>());
  EXPECT_TRUE(NeedsItsOrders<WindowRace>());
}
TEST(ConnectionStoreRelacyTest, OneOfTwoRemovesSucceeds) {
  // One compare-and-exchange decides, whatever the orders.
  EXPECT_TRUE(Holds<RemoveRace>());
}
TEST(ConnectionStoreRelacyTest, ExpiryAndFlushRemoveOnce) {
  EXPECT_TRUE(Holds<ExpireRace>());
  EXPECT_TRUE(NeedsItsOrders<ExpireRace>());
}

}  // namespace
}  // namespace vswitch
