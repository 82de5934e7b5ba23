// dataplane/conntrack/connection_store.h
//
// ConnectionStore: the lock-free heart of the connection table, over arrays
// that somebody else holds.  A template over the atomics, so that relacy
// checks what production runs.
//
// Buckets.  A bucket is one cache line: ten 16-bit tags and ten slots, each the
// index of an entry and a direction.  A key has two candidate buckets; an
// insertion takes the emptier one.  Nothing ever moves: with two choices, ten
// slots and a load of at most 62 % a full pair of buckets is a matter of about
// 1 in 10^8 insertions, and a lookup that misses needs no second look.
// Writers of a bucket exclude each other by its writer bit and take the bits
// of all buckets that they need in ascending order; readers do not look at it.
//
// Entries.  An entry is 15 words behind a sequence number (`version`), odd
// while words are written: a reader copies the words and takes the copy only
// if the number was even and did not change.  `state` has the life of the
// entry, its connection state and its incarnation:
//
//   free --Fill, Insert--> live --Remove--> dead --Release--> free
//
// The counts and TCP windows of an entry lie beside it, and no version guards
// them.  A worker looks at the entry's life just before it writes there; if it
// is stopped between the two for so long that another connection has the entry
// by then, that one has a wrong count or window.
//
// Whether an entry is live and whether its two slots are there changes only
// with the writer bits of all its buckets held.
//
// A writer that dies leaves writer bits, odd versions, and entries with fewer
// than two slots; connection_recovery.h repairs those.
//
// Threads: Find() any; Fill() and Release() the owner of the index; the rest
// any.  Waits are bounded: kBusy or false is the answer instead.

#ifndef VSWITCH_DATAPLANE_CONNTRACK_CONNECTION_STORE_H_
#define VSWITCH_DATAPLANE_CONNTRACK_CONNECTION_STORE_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dataplane/conntrack/connection.h"
#include "dataplane/conntrack/connection_buckets.h"
#include "dataplane/conntrack/connection_entry.h"
#include "dataplane/conntrack/tcp_window_store.h"

namespace vswitch {

template <typename Atomics, typename Hasher>
class ConnectionStore {
 public:
  using Bucket = ConnectionBucket<Atomics>;
  using Lane = BucketLane<Atomics>;
  using Entry = ConnectionEntry<Atomics>;
  using Half = ConnectionHalf<Atomics>;
  using Windows = ConnectionWindows<Atomics>;

  struct Arrays {
    Bucket* buckets = nullptr;
    uint32_t bucket_count = 0;
    Entry* entries = nullptr;
    std::array<Half*, 2> halves{};  // by FlowDirection
    Windows* windows = nullptr;
    uint32_t capacity = 0;  // of entries, halves and windows
  };

  ConnectionStore() = default;
  ConnectionStore(const Arrays& arrays, const Hasher& hasher)
      : arrays_(arrays), hasher_(hasher) {}

  const Arrays& arrays() const { return arrays_; }
  TcpWindowStore<Atomics> windows() const {
    return {arrays_.halves, arrays_.windows};
  }
  uint64_t Hash(const FlowKey& key) const { return hasher_(key); }
  BucketPlaces Places(uint64_t hash) const {
    return BucketPlaces::Of(hash, arrays_.bucket_count);
  }

  void PrefetchBuckets(uint64_t hash) const {
    for (uint32_t bucket : Places(hash).buckets) {
      Atomics::Prefetch(&arrays_.buckets[bucket]);
    }
  }
  // Prefetches the entry whose tag matches, and what goes with it; returns its
  // slot, packed, or kEmptySlot.  Should the tag lead to another entry as well,
  // which is rare, that one is not prefetched.
  uint32_t PrefetchEntry(uint64_t hash, bool is_tcp) const {
    uint32_t found = kEmptySlot;
    VisitCandidates(hash, [&](Slot slot) {
      const char* entry =
          reinterpret_cast<const char*>(&arrays_.entries[slot.index]);
      Atomics::Prefetch(entry);
      Atomics::Prefetch(entry + 64);
      Atomics::PrefetchForWrite(
          &arrays_.halves[static_cast<uint32_t>(slot.direction)][slot.index]);
      if (is_tcp) Atomics::PrefetchForWrite(&arrays_.windows[slot.index]);
      found = slot.Pack();
      return true;
    });
    return found;
  }

  // Finds `key`; view.hash is its hash on return, found or not.
  bool Find(const FlowKey& key, uint64_t hash, ConnectionView& view) const {
    view.index = kNoConnection;
    view.hash = hash;
    return VisitCandidates(hash, [&](Slot slot) {
      if (!Read(slot.index, view) || !view.record.Has(slot.direction, key)) {
        view.index = kNoConnection;
        return false;
      }
      view.direction = slot.direction;
      return true;
    });
  }

  // Finds `key` behind `slot`, which PrefetchEntry() returned, if nobody writes
  // its entry.
  void FindFlow(const FlowKey& key, uint32_t slot, KnownFlow& flow) const {
    flow.index = kNoConnection;
    if (slot != kEmptySlot) ReadFlow(Slot::Unpack(slot), key, flow);
  }

  // Copies entry `index` into `view` (all but hash and direction).  Returns
  // false if it is not live, or is being written for longer than we wait.
  bool Read(uint32_t index, ConnectionView& view) const {
    const Entry& entry = arrays_.entries[index];
    std::array<uint64_t, kRecordWords> words;
    for (uint32_t attempt = 0; attempt < kAttempts; ++attempt) {
      const uint32_t version = entry.version.LoadAcquire();
      if ((version & 1) != 0) {
        Atomics::Pause();
        continue;
      }
      const EntryState state = EntryState::Unpack(entry.state.LoadAcquire());
      if (state.life != EntryLife::kLive) return false;
      // Acquire on each word: if one is new, the second look at the version
      // sees at least the odd number that was stored before it.
      for (uint32_t i = 0; i < kRecordWords; ++i) {
        words[i] = entry.words[i].LoadAcquire();
      }
      if (entry.version.LoadRelaxed() != version) continue;
      view.index = index;
      view.state = state.state;
      view.incarnation = state.incarnation;
      std::memcpy(static_cast<void*>(&view.record), words.data(),
                  sizeof(view.record));
      return true;
    }
    return false;
  }

  // Writes a record into a free entry.  Returns false if a worker that was
  // stopped in the middle of a Refresh() of the entry's earlier life still
  // holds it: take another entry.  REQUIRES: the caller owns `index`.
  bool Fill(uint32_t index, const ConnectionRecord& record,
            const std::array<TcpWindow, 2>& windows) {
    Entry& entry = arrays_.entries[index];
    uint32_t version = 0;
    if (!BeginWrite(entry, version)) return false;
    StoreWords(entry, record, 0);
    EndWrite(entry, version);
    for (Half* halves : arrays_.halves) {
      halves[index].packets.StoreRelaxed(0);
      halves[index].bytes.StoreRelaxed(0);
      halves[index].last_seen_s.StoreRelaxed(record.created_s);
    }
    if (record.protocol == IpProtocol::kTcp) {
      this->windows().Reset(index, windows);
    }
    return true;
  }

  // Links a filled entry, whose record is `record`, under both its keys.  On
  // any status but kInserted the entry stays free.
  InsertStatus Insert(uint32_t index, const ConnectionRecord& record,
                      ConnectionState state) {
    const FlowKey original = record.Key(FlowDirection::kOriginal);
    const FlowKey reply = record.Key(FlowDirection::kReply);
    // A flow that is its own answer cannot have two directions.
    if (original == reply) return InsertStatus::kReplyTaken;
    const BucketPlaces original_places = Places(hasher_(original));
    const BucketPlaces reply_places = Places(hasher_(reply));
    BucketGuard<Atomics> guard(arrays_.buckets, original_places, reply_places);
    if (!guard.held()) return InsertStatus::kBusy;
    if (FindHeld(original_places, original)) return InsertStatus::kExisted;
    if (FindHeld(reply_places, reply)) return InsertStatus::kReplyTaken;
    const Lane reply_lane = FreeLane(arrays_.buckets, reply_places, Lane{});
    const Lane original_lane =
        FreeLane(arrays_.buckets, original_places, reply_lane);
    if (!reply_lane.valid() || !original_lane.valid()) {
      return InsertStatus::kFull;
    }
    Entry& entry = arrays_.entries[index];
    EntryState next = EntryState::Unpack(entry.state.LoadRelaxed());
    next = {state, EntryLife::kLive,
            static_cast<uint16_t>(next.incarnation + 1)};
    entry.state.StoreRelease(next.Pack());
    // The reply first: the entry counts as made when the original's slot is
    // there, and by then the answer is found too.
    StoreSlot(reply_lane, reply_places.tag, Slot{index, FlowDirection::kReply});
    StoreSlot(original_lane, original_places.tag,
              Slot{index, FlowDirection::kOriginal});
    return InsertStatus::kInserted;
  }

  // Unlinks a live entry; it is dead afterwards, to be released by its owner.
  // Returns false if it is not this incarnation any more, or somebody holds it.
  bool Remove(uint32_t index, uint16_t incarnation) {
    ConnectionView view;
    if (!Read(index, view) || view.incarnation != incarnation) return false;
    const BucketPlaces original_places =
        Places(hasher_(view.record.Key(FlowDirection::kOriginal)));
    const BucketPlaces reply_places =
        Places(hasher_(view.record.Key(FlowDirection::kReply)));
    BucketGuard<Atomics> guard(arrays_.buckets, original_places, reply_places);
    if (!guard.held()) return false;
    // With the bits held the entry stays what it is: live, or somebody else's.
    Entry& entry = arrays_.entries[index];
    uint32_t packed = entry.state.LoadAcquire();
    while (true) {
      EntryState state = EntryState::Unpack(packed);
      if (state.life != EntryLife::kLive || state.incarnation != incarnation) {
        return false;
      }
      state.life = EntryLife::kDead;
      // Repeats only when a packet changed the connection's state meanwhile.
      if (entry.state.CompareExchange(packed, state.Pack())) {
        break;
      }
    }
    ClearSlot(arrays_.buckets, original_places,
              Slot{index, FlowDirection::kOriginal});
    ClearSlot(arrays_.buckets, reply_places,
              Slot{index, FlowDirection::kReply});
    return true;
  }

  // Makes a dead entry free.  REQUIRES: the caller owns `index`.
  void Release(uint32_t index) {
    Entry& entry = arrays_.entries[index];
    EntryState state = EntryState::Unpack(entry.state.LoadAcquire());
    state.life = EntryLife::kFree;
    entry.state.StoreRelease(state.Pack());
  }

  // Returns the entry's state, copied without its words.
  EntryState State(uint32_t index) const {
    return EntryState::Unpack(arrays_.entries[index].state.LoadAcquire());
  }

  // Returns the protocol of a live entry.
  IpProtocol Protocol(uint32_t index) const {
    return static_cast<IpProtocol>(
        ReadByte(index, offsetof(ConnectionRecord, protocol)));
  }
  uint8_t Flags(uint32_t index) const {
    return ReadByte(index, offsetof(ConnectionRecord, flags));
  }

  // Stores a new judgement; see ConnectionTable::Refresh().
  bool Refresh(ConnectionView& view, const Judgement& judgement) {
    Entry& entry = arrays_.entries[view.index];
    uint32_t version = 0;
    if (!BeginWrite(entry, version)) return false;
    // Nobody can fill the entry anew while we hold it; but it may have been
    // before.
    const bool ours = IsCurrent(view);
    if (ours) {
      view.record.judgement = judgement;
      StoreWords(entry, view.record, kJudgementWord);
    }
    EndWrite(entry, version);
    return ours;
  }

  // Brings view.state up to date; view.index becomes kNoConnection if the entry
  // is gone.
  void ReadState(ConnectionView& view) const {
    if (!view.found()) return;
    const EntryState state = State(view.index);
    view.state = state.state;
    if (!IsSameLife(state, view)) view.index = kNoConnection;
  }

  // Changes the connection's state from view.state to `next`.  Returns false
  // if it was not view.state any more: view.state is then what it is, or
  // view.index is kNoConnection if the entry is gone.
  bool ChangeState(ConnectionView& view, ConnectionState next) {
    Entry& entry = arrays_.entries[view.index];
    uint32_t packed =
        EntryState{view.state, EntryLife::kLive, view.incarnation}.Pack();
    const uint32_t wanted =
        EntryState{next, EntryLife::kLive, view.incarnation}.Pack();
    if (entry.state.CompareExchange(packed, wanted)) {
      view.state = next;
      return true;
    }
    const EntryState state = EntryState::Unpack(packed);
    view.state = state.state;
    if (!IsSameLife(state, view)) view.index = kNoConnection;
    return false;
  }

  // Counts a packet of `bytes` for the view's direction; `is_alive`: it keeps
  // the connection from being idle.  Returns whether it is the first one in
  // this second that does.
  bool Touch(const ConnectionView& view, uint32_t bytes, uint32_t now_s,
             bool is_alive) {
    // The entry may have gone to another connection since the lookup; in what
    // is left between this look and the counting a few bytes may go astray,
    // never a verdict.
    if (!IsCurrent(view)) return false;
    Half& half =
        arrays_.halves[static_cast<uint32_t>(view.direction)][view.index];
    half.packets.AddSingleWriter(1);
    half.bytes.AddSingleWriter(bytes);
    if (!is_alive || half.last_seen_s.LoadRelaxed() == now_s) return false;
    half.last_seen_s.StoreRelaxed(now_s);
    return true;
  }
  // Counts `bytes` in a packet of `flow`.  Returns false, counting nothing, if
  // the entry is another connection's by now.
  bool CountFlow(const KnownFlow& flow, uint32_t bytes, uint32_t now_s) {
    const EntryState state = State(flow.index);
    if (state.life != EntryLife::kLive ||
        state.incarnation != flow.incarnation) {
      return false;
    }
    Half& half =
        arrays_.halves[static_cast<uint32_t>(flow.direction)][flow.index];
    half.packets.AddSingleWriter(1);
    half.bytes.AddSingleWriter(bytes);
    if (half.last_seen_s.LoadRelaxed() != now_s) {
      half.last_seen_s.StoreRelaxed(now_s);
    }
    return true;
  }
  // Whether a packet of `flow` was counted in this second.
  bool IsSeen(const KnownFlow& flow, uint32_t now_s) const {
    return arrays_.halves[static_cast<uint32_t>(flow.direction)][flow.index]
               .last_seen_s.LoadRelaxed() == now_s;
  }
  DirectionCounts Counts(uint32_t index, FlowDirection direction) const {
    const Half& half = arrays_.halves[static_cast<uint32_t>(direction)][index];
    return {half.packets.LoadRelaxed(), half.bytes.LoadRelaxed(),
            half.last_seen_s.LoadRelaxed()};
  }

  // Whether the entry still is the connection that `view` shows.
  bool IsCurrent(const ConnectionView& view) const {
    return IsSameLife(State(view.index), view);
  }

 private:
  // The words of a ConnectionRecord that ReadFlow() looks at.
  enum Word : uint32_t {
    kOriginalSource = offsetof(ConnectionRecord, original_source) / 8,
    kReplySource = offsetof(ConnectionRecord, reply_source) / 8,
    kPorts = offsetof(ConnectionRecord, original_source_port) / 8,
    kProtocol = offsetof(ConnectionRecord, protocol) / 8,
    kGeneration = (offsetof(ConnectionRecord, judgement) +
                   offsetof(Judgement, generation)) /
                  8,
    kOutPorts = (offsetof(ConnectionRecord, judgement) +
                 offsetof(Judgement, out_port)) /
                8,
  };
  static_assert(kPorts == 8 && kProtocol == 9 && kReplySource == 4);
  static_assert((offsetof(ConnectionRecord, judgement) +
                 offsetof(Judgement, generation)) %
                    8 ==
                4);
  static_assert((offsetof(ConnectionRecord, judgement) +
                 offsetof(Judgement, out_port)) %
                    8 ==
                4);

  // Fills `flow` if `slot` leads to `key`; returns whether it does.
  bool ReadFlow(Slot slot, const FlowKey& key, KnownFlow& flow) const {
    const Entry& entry = arrays_.entries[slot.index];
    const uint32_t version = entry.version.LoadAcquire();
    const EntryState state = EntryState::Unpack(entry.state.LoadAcquire());
    const bool reply = slot.direction == FlowDirection::kReply;
    const auto& came = entry.words;
    const uint32_t own = reply ? kReplySource : kOriginalSource;
    const uint32_t other = reply ? kOriginalSource : kReplySource;
    const uint64_t ports = came[kPorts].LoadAcquire();
    const uint64_t protocol = came[kProtocol].LoadAcquire();
    // As in FlowKey: two ports, protocol, a zero byte, zone.
    const uint64_t rest = ((protocol & 0xff) | (protocol & 0xffff0000)) << 32;
    const std::array<uint64_t, 5> wanted = key.Words();
    const uint64_t different =
        (came[own].LoadAcquire() ^ wanted[0]) |
        (came[own + 1].LoadAcquire() ^ wanted[1]) |
        (came[own + 2].LoadAcquire() ^ wanted[2]) |
        (came[own + 3].LoadAcquire() ^ wanted[3]) |
        (((ports >> (reply ? 32 : 0) & 0xffffffff) | rest) ^ wanted[4]);
    // What leaves has the other direction's key reversed.
    const auto back = static_cast<uint32_t>(ports >> (reply ? 0 : 32));
    const std::array<uint64_t, 5> leaving = {
        came[other + 2].LoadAcquire(), came[other + 3].LoadAcquire(),
        came[other].LoadAcquire(), came[other + 1].LoadAcquire(),
        std::rotl(back, 16) | rest};
    const uint64_t generation = came[kGeneration].LoadAcquire();
    const uint64_t out_ports = came[kOutPorts].LoadAcquire();
    if (different != 0 || state.life != EntryLife::kLive ||
        (version & 1) != 0 || entry.version.LoadRelaxed() != version) {
      return false;
    }
    flow.index = slot.index;
    flow.generation = static_cast<uint32_t>(generation >> 32);
    flow.direction = slot.direction;
    flow.state = state.state;
    flow.incarnation = state.incarnation;
    flow.flags = static_cast<uint8_t>(protocol >> 8);
    flow.out_port = {PortId{static_cast<uint16_t>(out_ports >> 32)},
                     PortId{static_cast<uint16_t>(out_ports >> 48)}};
    std::memcpy(static_cast<void*>(&flow.leaving), leaving.data(),
                sizeof(flow.leaving));
    return true;
  }

  // A byte of the record that never changes while the entry lives.
  uint8_t ReadByte(uint32_t index, size_t offset) const {
    return static_cast<uint8_t>(
        arrays_.entries[index].words[offset / 8].LoadRelaxed() >>
        offset % 8 * 8);
  }

  static bool IsSameLife(const EntryState& state, const ConnectionView& view) {
    return state.life == EntryLife::kLive &&
           state.incarnation == view.incarnation;
  }

  // Calls `visit` with each slot whose tag matches, until it returns true.
  template <typename Visit>
  bool VisitCandidates(uint64_t hash, const Visit& visit) const {
    const BucketPlaces places = Places(hash);
    for (uint32_t i = 0; i < 2; ++i) {
      if (i == 1 && places.buckets[1] == places.buckets[0]) break;
      const Bucket& bucket = arrays_.buckets[places.buckets[i]];
      uint32_t lanes = MatchingLanes(bucket, places.tag);
      for (; lanes != 0; lanes &= lanes - 1) {
        const auto lane = static_cast<uint32_t>(std::countr_zero(lanes));
        const Slot slot = Slot::Unpack(bucket.slots[lane].LoadAcquire());
        if (slot.index < arrays_.capacity && visit(slot)) return true;
      }
    }
    return false;
  }

  // The same as Find(), with the buckets held: no copy can be torn in its keys.
  bool FindHeld(const BucketPlaces& places, const FlowKey& key) const {
    for (uint32_t number : places.buckets) {
      const Bucket& bucket = arrays_.buckets[number];
      uint32_t lanes = MatchingLanes(bucket, places.tag);
      for (; lanes != 0; lanes &= lanes - 1) {
        const auto lane = static_cast<uint32_t>(std::countr_zero(lanes));
        const Slot slot = Slot::Unpack(bucket.slots[lane].LoadRelaxed());
        if (slot.index >= arrays_.capacity) continue;
        if (LoadRecord(slot.index).Has(slot.direction, key)) return true;
      }
    }
    return false;
  }

  // The judgement's words may be torn.
  ConnectionRecord LoadRecord(uint32_t index) const {
    std::array<uint64_t, kRecordWords> words;
    for (uint32_t i = 0; i < kRecordWords; ++i) {
      words[i] = arrays_.entries[index].words[i].LoadRelaxed();
    }
    ConnectionRecord record;
    std::memcpy(static_cast<void*>(&record), words.data(), sizeof(record));
    return record;
  }

  static bool BeginWrite(Entry& entry, uint32_t& version) {
    version = entry.version.LoadRelaxed();
    return (version & 1) == 0 &&
           entry.version.CompareExchange(version, version + 1);
  }
  static void EndWrite(Entry& entry, uint32_t version) {
    entry.version.StoreRelease(version + 2);
  }
  static void StoreWords(Entry& entry, const ConnectionRecord& record,
                         uint32_t first) {
    std::array<uint64_t, kRecordWords> words;
    std::memcpy(words.data(), &record, sizeof(record));
    for (uint32_t i = first; i < kRecordWords; ++i) {
      // Release: pairs with the acquire in Read().
      entry.words[i].StoreRelease(words[i]);
    }
  }

  Arrays arrays_;
  Hasher hasher_;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_CONNTRACK_CONNECTION_STORE_H_
