// dataplane/conntrack/connection_store.h
//
// ConnectionStore: the lock-free heart of the connection table, over arrays
// that somebody else holds.  A template over the atomics, so that relacy
// checks what production runs.
//
// Buckets.  A bucket is one cache line: ten 16-bit tags and ten slots, each the
// index of an entry and a direction.  A key has two candidate buckets; an
// insertion takes the first unless it is more than half full, else the emptier
// one, so that most keys are found in the first.  Nothing ever moves: with two
// choices, ten slots and a load of at most 62 % a full pair of buckets comes up
// in less than 1 of 10^7 insertions, and a lookup that misses needs no second
// look.
// Writers of a bucket exclude each other by its writer bit and take the bits
// of all buckets that they need in ascending order; readers do not look at it.
//
// Entries.  An entry is 15 words (packed_record.h) behind a sequence number
// (`version`), odd while words are written: a reader copies the words and takes
// the copy only if the number was even and did not change.  `state` has the
// life of the entry, its connection state and its incarnation:
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

  // Not a slot: no table has so many entries.
  static constexpr uint32_t kSecondBucket = 0xffffffff;

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
  // The same for a writer.
  void PrefetchBucketsForWrite(uint64_t hash) const {
    for (uint32_t bucket : Places(hash).buckets) {
      Atomics::PrefetchForWrite(&arrays_.buckets[bucket]);
    }
  }
  // The one that most keys are in.
  void PrefetchFirstBucket(uint64_t hash) const {
    Atomics::Prefetch(&arrays_.buckets[Places(hash).buckets[0]]);
  }
  // Prefetches all that belongs to entry `index`, for writing.
  void PrefetchAll(uint32_t index) const {
    const char* entry = reinterpret_cast<const char*>(&arrays_.entries[index]);
    Atomics::PrefetchForWrite(entry);
    Atomics::PrefetchForWrite(entry + 64);
    for (const Half* halves : arrays_.halves) {
      Atomics::PrefetchForWrite(&halves[index]);
    }
  }

  // Looks for the hash's tag in the first or the second of its buckets, and
  // prefetches the entry that it leads to, with what goes with it; returns its
  // slot, packed, or kEmptySlot.  Should the tag lead to another entry as well,
  // which is rare, that one is not prefetched.  `whole`: not only what
  // FindFlow() reads of an IPv4 connection.
  uint32_t PrefetchEntry(uint64_t hash, uint32_t bucket, bool is_tcp,
                         bool whole) const {
    uint32_t found = kEmptySlot;
    const BucketPlaces places = Places(hash);
    VisitBucket(places.buckets[bucket], places.tag, [&](Slot slot) {
      const char* entry =
          reinterpret_cast<const char*>(&arrays_.entries[slot.index]);
      Atomics::Prefetch(entry);
      if (whole) Atomics::Prefetch(entry + 64);
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

  // The same in the first bucket for FindFlow(); where it has no such tag, the
  // second bucket is prefetched and kSecondBucket returned.
  uint32_t PrefetchFlow(uint64_t hash, bool is_tcp, bool whole) const {
    const uint32_t slot = PrefetchEntry(hash, 0, is_tcp, whole);
    if (slot != kEmptySlot) return slot;
    Atomics::Prefetch(&arrays_.buckets[Places(hash).buckets[1]]);
    return kSecondBucket;
  }
  // Finds `key` where PrefetchFlow() says, if nobody writes its entry.
  void FindFlow(const FlowKey& key, uint64_t hash, uint32_t slot,
                KnownFlow& flow) const {
    flow.index = kNoConnection;
    if (slot != kSecondBucket) {
      ReadFlow(Slot::Unpack(slot), key, flow);
      return;
    }
    const BucketPlaces places = Places(hash);
    VisitBucket(places.buckets[1], places.tag,
                [&](Slot found) { return ReadFlow(found, key, flow); });
  }

  // Copies entry `index` into `view` (all but hash and direction).  Returns
  // false if it is not live, or is being written for longer than we wait.
  bool Read(uint32_t index, ConnectionView& view) const {
    const Entry& entry = arrays_.entries[index];
    PackedRecord words;
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
      view.record = UnpackRecord(words);
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
    StoreWords(entry, PackRecord(record), 0, kRecordWords - 1);
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

  // The hashes of an entry's keys, by FlowDirection.
  using KeyHashes = std::array<uint64_t, 2>;

  KeyHashes HashKeys(const ConnectionRecord& record) const {
    return {hasher_(record.Key(FlowDirection::kOriginal)),
            hasher_(record.Key(FlowDirection::kReply))};
  }

  // Links a filled entry, whose record is `record`, under both its keys.  On
  // any status but kInserted the entry stays free.
  InsertStatus Insert(uint32_t index, const ConnectionRecord& record,
                      ConnectionState state) {
    return Insert(index, record, state, HashKeys(record));
  }
  // The same with the hashes known.
  InsertStatus Insert(uint32_t index, const ConnectionRecord& record,
                      ConnectionState state, const KeyHashes& hashes) {
    const FlowKey original = record.Key(FlowDirection::kOriginal);
    const FlowKey reply = record.Key(FlowDirection::kReply);
    // A flow that is its own answer cannot have two directions.
    if (original == reply) return InsertStatus::kReplyTaken;
    const BucketPlaces original_places = Places(hashes[0]);
    const BucketPlaces reply_places = Places(hashes[1]);
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

  // Finds out the hashes of a live entry's keys; returns false if it is not
  // this incarnation any more, or being written for longer than we wait.
  bool HashKeys(uint32_t index, uint16_t incarnation, KeyHashes& hashes) const {
    ConnectionView view;
    if (!Read(index, view) || view.incarnation != incarnation) return false;
    hashes = HashKeys(view.record);
    return true;
  }

  // Unlinks a live entry; it is dead afterwards, to be released by its owner.
  // Returns false if it is not this incarnation any more, or somebody holds it.
  bool Remove(uint32_t index, uint16_t incarnation) {
    KeyHashes hashes;
    return HashKeys(index, incarnation, hashes) &&
           Remove(index, incarnation, hashes);
  }
  // The same with what HashKeys() found.
  bool Remove(uint32_t index, uint16_t incarnation, const KeyHashes& hashes) {
    const BucketPlaces original_places = Places(hashes[0]);
    const BucketPlaces reply_places = Places(hashes[1]);
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

  // Returns the protocol, and the flags, of a live entry; they never change.
  IpProtocol Protocol(uint32_t index) const {
    return static_cast<IpProtocol>(
        arrays_.entries[index].words[kProtocolWord].LoadRelaxed() & 0xff);
  }
  uint8_t Flags(uint32_t index) const {
    return static_cast<uint8_t>(
               arrays_.entries[index].words[kProtocolWord].LoadRelaxed() >> 8) &
           static_cast<uint8_t>(~kStoredIpv4);
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
      StoreWords(entry, PackRecord(view.record), kFirstJudgementWord,
                 kLastJudgementWord);
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
  // Fills `flow` if `slot` leads to `key`; returns whether it does.  For IPv4
  // one line of the entry tells all.
  bool ReadFlow(Slot slot, const FlowKey& key, KnownFlow& flow) const {
    const Entry& entry = arrays_.entries[slot.index];
    const auto& words = entry.words;
    const uint32_t version = entry.version.LoadAcquire();
    const EntryState state = EntryState::Unpack(entry.state.LoadAcquire());
    const uint32_t reply = slot.direction == FlowDirection::kReply ? 1 : 0;
    const uint64_t own = words[kLowAddressWord + reply].LoadAcquire();
    const uint64_t other = words[kLowAddressWord + 1 - reply].LoadAcquire();
    const uint64_t ports = words[kPortWord].LoadAcquire();
    const uint64_t protocol = words[kProtocolWord].LoadAcquire();
    const uint64_t out_ports = words[kOutPortWord].LoadAcquire();
    // As in FlowKey: two ports, protocol, a zero byte, zone.
    const uint64_t rest = (protocol & 0xffff00ff) << 32;
    const std::array<uint64_t, 5> wanted = key.Words();
    const uint64_t lows = wanted[1] >> 32 | wanted[3] >> 32 << 32;
    const auto own_ports = static_cast<uint32_t>(ports >> (32 * reply));
    const auto other_ports = static_cast<uint32_t>(ports >> (32 - 32 * reply));
    const bool is_ipv4 = (protocol >> 8 & kStoredIpv4) != 0;
    bool equal = ((own ^ lows) | ((own_ports | rest) ^ wanted[4])) == 0;
    // What leaves has the other direction's key reversed.
    constexpr uint64_t kMappedWord = 0xffff0000;  // of an IPv4 address
    std::array<uint64_t, 5> leaving = {0, kMappedWord | other >> 32 << 32, 0,
                                       kMappedWord | other << 32,
                                       std::rotl(other_ports, 16) | rest};
    if (is_ipv4) {
      equal = equal && key.source.IsIpv4() && key.destination.IsIpv4();
    } else {
      equal = equal && ReadHighBytes(entry, reply, key, leaving);
    }
    if (!equal || state.life != EntryLife::kLive || (version & 1) != 0 ||
        entry.version.LoadRelaxed() != version) {
      return false;
    }
    flow.index = slot.index;
    flow.generation = static_cast<uint32_t>(protocol >> 32);
    flow.direction = slot.direction;
    flow.state = state.state;
    flow.incarnation = state.incarnation;
    flow.flags = static_cast<uint8_t>(protocol >> 8) &
                 static_cast<uint8_t>(~kStoredIpv4);
    flow.out_port = {PortId{static_cast<uint16_t>(out_ports)},
                     PortId{static_cast<uint16_t>(out_ports >> 16)}};
    std::memcpy(static_cast<void*>(&flow.leaving), leaving.data(),
                sizeof(flow.leaving));
    return true;
  }

  // Compares the first twelve bytes of an entry's addresses with `key`'s, and
  // puts those of the other direction into `leaving`.
  static bool ReadHighBytes(const Entry& entry, uint32_t reply,
                            const FlowKey& key,
                            std::array<uint64_t, 5>& leaving) {
    std::array<uint64_t, 6> high;
    for (uint32_t i = 0; i < high.size(); ++i) {
      high[i] = entry.words[kHighAddressWord + i].LoadAcquire();
    }
    const auto* bytes = reinterpret_cast<const uint8_t*>(high.data());
    const uint8_t* own = bytes + reply * 24;
    const uint8_t* other = bytes + 24 - reply * 24;
    auto* out = reinterpret_cast<uint8_t*>(leaving.data());
    std::memcpy(out, other + 12, 12);
    std::memcpy(out + 16, other, 12);
    return std::memcmp(own, key.source.bytes.data(), 12) == 0 &&
           std::memcmp(own + 12, key.destination.bytes.data(), 12) == 0;
  }

  static bool IsSameLife(const EntryState& state, const ConnectionView& view) {
    return state.life == EntryLife::kLive &&
           state.incarnation == view.incarnation;
  }

  // Calls `visit` with each slot whose tag matches, until it returns true.
  template <typename Visit>
  bool VisitCandidates(uint64_t hash, const Visit& visit) const {
    const BucketPlaces places = Places(hash);
    return VisitBucket(places.buckets[0], places.tag, visit) ||
           (places.buckets[1] != places.buckets[0] &&
            VisitBucket(places.buckets[1], places.tag, visit));
  }
  template <typename Visit>
  bool VisitBucket(uint32_t number, uint16_t tag, const Visit& visit) const {
    const Bucket& bucket = arrays_.buckets[number];
    uint32_t lanes = MatchingLanes(bucket, tag);
    for (; lanes != 0; lanes &= lanes - 1) {
      const auto lane = static_cast<uint32_t>(std::countr_zero(lanes));
      const Slot slot = Slot::Unpack(bucket.slots[lane].LoadAcquire());
      if (slot.index < arrays_.capacity && visit(slot)) return true;
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
    PackedRecord words;
    for (uint32_t i = 0; i < kRecordWords; ++i) {
      words[i] = arrays_.entries[index].words[i].LoadRelaxed();
    }
    return UnpackRecord(words);
  }

  static bool BeginWrite(Entry& entry, uint32_t& version) {
    version = entry.version.LoadRelaxed();
    return (version & 1) == 0 &&
           entry.version.CompareExchange(version, version + 1);
  }
  static void EndWrite(Entry& entry, uint32_t version) {
    entry.version.StoreRelease(version + 2);
  }
  // Stores the words from `first` to `last`.
  static void StoreWords(Entry& entry, const PackedRecord& words,
                         uint32_t first, uint32_t last) {
    for (uint32_t i = first; i <= last; ++i) {
      // Release: pairs with the acquire in Read().
      entry.words[i].StoreRelease(words[i]);
    }
  }

  Arrays arrays_;
  Hasher hasher_;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_CONNTRACK_CONNECTION_STORE_H_
