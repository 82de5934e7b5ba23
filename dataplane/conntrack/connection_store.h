// dataplane/conntrack/connection_store.h
//
// ConnectionStore: the lock-free heart of the connection table, over arrays
// that somebody else holds: making, changing and ending entries.  Finding them
// is connection_lookup.h's.  A template over the atomics, so that relacy checks
// what production runs.
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
// Threads: Fill() and Release() the owner of the index; the rest any.  Waits
// are bounded: kBusy or false is the answer instead.

#ifndef VSWITCH_DATAPLANE_CONNTRACK_CONNECTION_STORE_H_
#define VSWITCH_DATAPLANE_CONNTRACK_CONNECTION_STORE_H_

#include <array>
#include <bit>
#include <cstdint>

#include "dataplane/conntrack/connection.h"
#include "dataplane/conntrack/connection_buckets.h"
#include "dataplane/conntrack/connection_entry.h"
#include "dataplane/conntrack/connection_lookup.h"
#include "dataplane/conntrack/tcp_window.h"

namespace vswitch {

template <typename Atomics, typename Hasher>
class ConnectionStore : public ConnectionLookup<Atomics, Hasher> {
 public:
  using Lookup = ConnectionLookup<Atomics, Hasher>;
  using typename Lookup::Arrays;
  using typename Lookup::Entry;
  using typename Lookup::Half;
  using typename Lookup::KeyHashes;
  using Bucket = ConnectionBucket<Atomics>;
  using Lane = BucketLane<Atomics>;
  using Lookup::HashKeys;
  using Lookup::IsCurrent;
  using Lookup::Places;
  using Lookup::State;

  ConnectionStore() = default;
  ConnectionStore(const Arrays& arrays, const Hasher& hasher)
      : Lookup(arrays, hasher) {}

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
    if (record.protocol == IpProtocol::kTcp ||
        record.protocol == IpProtocol::kSctp) {
      this->windows().Reset(index, windows);
    }
    return true;
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

 private:
  using Lookup::arrays_;
  using Lookup::IsSameLife;
  using Lookup::LoadRecord;

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
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_CONNTRACK_CONNECTION_STORE_H_
