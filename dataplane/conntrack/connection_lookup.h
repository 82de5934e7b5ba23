// dataplane/conntrack/connection_lookup.h
//
// ConnectionLookup: the readers' side of the connection table: where a key may
// lie, what to prefetch, and copies of entries that are whole.
// connection_store.h says how buckets and entries work together.  Writes
// nothing, and never waits without a bound.
//
//   lookup.PrefetchBuckets(hash);                  // of all keys of a burst
//   lookup.PrefetchEntry(key, hash, 0, true);      // likewise
//   if (lookup.Find(key, hash, view)) ...
//
// Threads: any.

#ifndef VSWITCH_DATAPLANE_CONNTRACK_CONNECTION_LOOKUP_H_
#define VSWITCH_DATAPLANE_CONNTRACK_CONNECTION_LOOKUP_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "dataplane/conntrack/connection.h"
#include "dataplane/conntrack/connection_buckets.h"
#include "dataplane/conntrack/connection_entry.h"
#include "dataplane/conntrack/tcp_window_store.h"

namespace vswitch {

template <typename Atomics, typename Hasher>
class ConnectionLookup {
 public:
  using Bucket = ConnectionBucket<Atomics>;
  using Entry = ConnectionEntry<Atomics>;
  using Rest = typename Atomics::template Atomic<uint64_t>;
  using HighAddresses = ConnectionHighAddresses<Atomics>;
  using Half = ConnectionHalf<Atomics>;

  struct Arrays {
    Bucket* buckets = nullptr;
    uint32_t bucket_count = 0;
    Entry* entries = nullptr;
    Rest* rests = nullptr;                    // word kEndpointWord
    HighAddresses* high_addresses = nullptr;  // of IPv6 connections
    std::array<Half*, 2> halves{};            // by FlowDirection
    uint32_t capacity = 0;                    // of all but the buckets
  };

  // Not a slot: no table has so many entries.
  static constexpr uint32_t kSecondBucket = 0xffffffff;

  ConnectionLookup() = default;
  ConnectionLookup(const Arrays& arrays, const Hasher& hasher)
      : arrays_(arrays), hasher_(hasher) {}

  const Arrays& arrays() const { return arrays_; }
  TcpWindowStore<Atomics> windows() const {
    return TcpWindowStore<Atomics>(arrays_.halves);
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
  // Prefetches what Fill() writes of an IPv4 connection.
  void PrefetchToFill(uint32_t index) const {
    Atomics::PrefetchForWrite(&arrays_.entries[index]);
    Atomics::PrefetchForWrite(&arrays_.rests[index]);
    for (const Half* halves : arrays_.halves) {
      Atomics::PrefetchForWrite(&halves[index]);
    }
  }
  // Prefetches what says whether a connection is over.
  void PrefetchToLookAt(uint32_t index) const {
    Atomics::PrefetchForWrite(&arrays_.entries[index]);
  }

  // Looks for the tag of `key`'s hash in the first or the second of its
  // buckets, and prefetches the entry that it leads to, with what goes with it;
  // returns its slot, packed, or kEmptySlot.  Should the tag lead to another
  // entry as well, which is rare, that one is not prefetched.  `with_rest`:
  // also what FindFlow() does not read.
  [[gnu::always_inline]] uint32_t PrefetchEntry(const FlowKey& key,
                                                uint64_t hash, uint32_t bucket,
                                                bool with_rest) const {
    const bool is_tcp = key.protocol == IpProtocol::kTcp;
    const bool is_ipv6 = !key.source.IsIpv4();
    uint32_t found = kEmptySlot;
    const BucketPlaces places = Places(hash);
    VisitBucket(places.buckets[bucket], places.tag, [&](Slot slot) {
      const auto side = static_cast<uint32_t>(slot.direction);
      Atomics::Prefetch(&arrays_.entries[slot.index]);
      if (is_ipv6) Atomics::Prefetch(&arrays_.high_addresses[slot.index]);
      if (with_rest) Atomics::Prefetch(&arrays_.rests[slot.index]);
      Atomics::PrefetchForWrite(&arrays_.halves[side][slot.index]);
      if (is_tcp) Atomics::Prefetch(&arrays_.halves[1 - side][slot.index]);
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
  uint32_t PrefetchFlow(const FlowKey& key, uint64_t hash) const {
    const uint32_t slot = PrefetchEntry(key, hash, 0, /*with_rest=*/false);
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
    for (uint32_t attempt = 0; attempt < kAttempts; ++attempt) {
      const uint32_t version = entry.version.LoadAcquire();
      if ((version & 1) != 0) {
        Atomics::Pause();
        continue;
      }
      const EntryState state = EntryState::Unpack(entry.state.LoadAcquire());
      if (state.life != EntryLife::kLive) return false;
      const PackedRecord words = LoadWords(index);
      if (entry.version.LoadRelaxed() != version) continue;
      view.index = index;
      view.state = state.state;
      view.incarnation = state.incarnation;
      view.record = UnpackRecord(words);
      return true;
    }
    return false;
  }

  // The hashes of an entry's keys, by FlowDirection.
  using KeyHashes = std::array<uint64_t, 2>;

  KeyHashes HashKeys(const ConnectionRecord& record) const {
    return {hasher_(record.Key(FlowDirection::kOriginal)),
            hasher_(record.Key(FlowDirection::kReply))};
  }

  // Returns the hashes of a live entry's keys, which change only when the entry
  // goes to another connection: true of the incarnation that the entry had
  // before and has afterwards, too.
  KeyHashes HashKeys(uint32_t index) const {
    PackedRecord words{};
    for (uint32_t i = 0; i <= kProtocolWord; ++i) {
      words[i] = arrays_.entries[index].words[i].LoadAcquire();
    }
    LoadHighAddresses(index, words);
    return HashKeys(UnpackRecord(words));
  }

  // Prefetches what Remove() of an entry in `state` writes beside the entry.
  void PrefetchToRemove(const EntryState& state,
                        const KeyHashes& hashes) const {
    for (uint32_t side = 0; side < 2; ++side) {
      const uint32_t bucket = state.BucketOf(Places(hashes[side]),
                                             static_cast<FlowDirection>(side));
      Atomics::PrefetchForWrite(&arrays_.buckets[bucket]);
    }
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

  // Whether a packet of `flow` was counted in this second.
  bool IsSeen(const KnownFlow& flow, uint32_t now_s) const {
    return LastSeen(flow.index, flow.direction) == now_s;
  }
  uint32_t LastSeen(uint32_t index, FlowDirection direction) const {
    return arrays_.entries[index]
        .last_seen_s[static_cast<uint32_t>(direction)]
        .LoadRelaxed();
  }
  DirectionCounts Counts(uint32_t index, FlowDirection direction) const {
    const Half& half = arrays_.halves[static_cast<uint32_t>(direction)][index];
    return {ReadCount(half.packets, half.packets_high),
            ReadCount(half.bytes, half.bytes_high), LastSeen(index, direction)};
  }

  // Whether the entry still is the connection that `view` shows.
  bool IsCurrent(const ConnectionView& view) const {
    return IsSameLife(State(view.index), view);
  }

 protected:
  static bool IsSameLife(const EntryState& state, const ConnectionView& view) {
    return state.life == EntryLife::kLive &&
           state.incarnation == view.incarnation;
  }

  // The judgement's words may be torn.
  ConnectionRecord LoadRecord(uint32_t index) const {
    return UnpackRecord(LoadWords(index));
  }

  // Acquire on each word: if one is new, a later look at the version sees at
  // least the odd number that was stored before it.
  PackedRecord LoadWords(uint32_t index) const {
    PackedRecord words;
    for (uint32_t i = 0; i < kEntryWords; ++i) {
      words[i] = arrays_.entries[index].words[i].LoadAcquire();
    }
    words[kEndpointWord] = arrays_.rests[index].LoadAcquire();
    LoadHighAddresses(index, words);
    return words;
  }
  // Loads what the protocol's word says that there is.
  void LoadHighAddresses(uint32_t index, PackedRecord& words) const {
    if (IsStoredIpv4(words)) {
      std::copy(kIpv4HighAddresses.begin(), kIpv4HighAddresses.end(),
                words.begin() + kHighAddressWord);
      return;
    }
    for (uint32_t i = 0; i < kHighAddressWords; ++i) {
      words[kHighAddressWord + i] =
          arrays_.high_addresses[index].words[i].LoadAcquire();
    }
  }

  Arrays arrays_;
  Hasher hasher_;

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
    HighBytes own_high, other_high;
    if ((protocol >> 8 & kStoredIpv4) == 0) {
      own_high = ReadHighBytes(slot.index, reply);
      other_high = ReadHighBytes(slot.index, 1 - reply);
    }
    const bool equal =
        ((own ^ lows) | ((own_ports | rest) ^ wanted[4]) |
         (own_high.source ^ wanted[0]) | (own_high.destination ^ wanted[2]) |
         (own_high.source_next ^ static_cast<uint32_t>(wanted[1])) |
         (own_high.destination_next ^ static_cast<uint32_t>(wanted[3]))) == 0;
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
    // What leaves has the other direction's key reversed.
    flow.leaving = FlowKey::FromWords(
        {other_high.destination,
         other_high.destination_next | other >> 32 << 32, other_high.source,
         other_high.source_next | other << 32,
         std::rotl(other_ports, 16) | rest});
    return true;
  }

  // The first twelve bytes of both addresses of a key, of which the last four
  // are the lower half of a key's word; of an IPv4 key by default.
  struct HighBytes {
    uint64_t source = 0;
    uint64_t source_next = kIpv4HighAddresses[1];
    uint64_t destination = 0;
    uint64_t destination_next = kIpv4HighAddresses[1];
  };
  HighBytes ReadHighBytes(uint32_t index, uint32_t side) const {
    const auto& words = arrays_.high_addresses[index].words;
    const uint64_t first = words[3 * side].LoadAcquire();
    const uint64_t middle = words[3 * side + 1].LoadAcquire();
    const uint64_t last = words[3 * side + 2].LoadAcquire();
    return {first, static_cast<uint32_t>(middle), middle >> 32 | last << 32,
            last >> 32};
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
  [[gnu::always_inline]] bool VisitBucket(uint32_t number, uint16_t tag,
                                          const Visit& visit) const {
    const Bucket& bucket = arrays_.buckets[number];
    uint32_t lanes = MatchingLanes(bucket, tag);
    for (; lanes != 0; lanes &= lanes - 1) {
      const auto lane = static_cast<uint32_t>(std::countr_zero(lanes));
      const Slot slot = Slot::Unpack(bucket.slots[lane].LoadAcquire());
      if (slot.index < arrays_.capacity && visit(slot)) return true;
    }
    return false;
  }
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_CONNTRACK_CONNECTION_LOOKUP_H_
