// dataplane/conntrack/connection_buckets.h
//
// What is done with the buckets of the connection table: find the slots whose
// tag fits, hold the writer bits, fill and clear a slot.  connection_store.h
// says how buckets and entries work together.
//
//   BucketGuard<Atomics> guard(buckets, {1, 7, 7, 2});
//   if (!guard.held()) ...
//   const BucketLane<Atomics> lane = FreeLane(buckets, places, {});
//   if (lane.valid()) StoreSlot(lane, places.tag, slot);
//
// Threads: MatchingLanes() any; the rest whoever holds the buckets.

#ifndef VSWITCH_DATAPLANE_CONNTRACK_CONNECTION_BUCKETS_H_
#define VSWITCH_DATAPLANE_CONNTRACK_CONNECTION_BUCKETS_H_

#include <emmintrin.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "dataplane/conntrack/connection_entry.h"

namespace vswitch {

// How often a bucket or an entry that somebody writes is tried again: longer
// than any writer takes that runs, far shorter than a preempted one is away.
inline constexpr uint32_t kAttempts = 256;

// One slot of one bucket.
template <typename Atomics>
struct BucketLane {
  ConnectionBucket<Atomics>* bucket = nullptr;
  uint32_t number = 0;
  bool valid() const { return bucket != nullptr; }
};

// Holds the writer bits of up to four buckets.
template <typename Atomics>
class BucketGuard {
 public:
  using Bucket = ConnectionBucket<Atomics>;

  // Buckets may be named twice.
  BucketGuard(Bucket* buckets, const std::array<uint32_t, 4>& wanted)
      : buckets_(buckets), wanted_(wanted) {
    // In ascending order, by a network of exchanges: nothing to predict.
    Order(0, 1);
    Order(2, 3);
    Order(0, 2);
    Order(1, 3);
    Order(1, 2);
    while (looked_at_ < wanted_.size() &&
           (IsRepeated(looked_at_) || Hold(wanted_[looked_at_]))) {
      ++looked_at_;
    }
  }
  ~BucketGuard() {
    while (looked_at_ > 0) {
      // Release: the next writer sees our slots.
      if (!IsRepeated(--looked_at_)) {
        buckets_[wanted_[looked_at_]].writer.StoreRelease(0);
      }
    }
  }
  BucketGuard(const BucketGuard&) = delete;
  BucketGuard& operator=(const BucketGuard&) = delete;

  bool held() const { return looked_at_ == wanted_.size(); }

 private:
  void Order(uint32_t a, uint32_t b) {
    const uint32_t lower = std::min(wanted_[a], wanted_[b]);
    wanted_[b] = std::max(wanted_[a], wanted_[b]);
    wanted_[a] = lower;
  }
  bool IsRepeated(uint32_t number) const {
    return number > 0 && wanted_[number] == wanted_[number - 1];
  }
  bool Hold(uint32_t bucket) {
    for (uint32_t attempt = 0; attempt < kAttempts; ++attempt) {
      uint32_t expected = 0;
      if (buckets_[bucket].writer.CompareExchange(expected, 1)) {
        return true;
      }
      Atomics::Pause();
    }
    return false;
  }

  Bucket* buckets_;
  std::array<uint32_t, 4> wanted_;
  uint32_t looked_at_ = 0;  // of `wanted_`, all held
};

// Returns a word with bit n set for each lane n whose tag is `tag`.
template <typename Atomics>
[[gnu::always_inline]] inline uint32_t MatchingLanes(
    const ConnectionBucket<Atomics>& bucket, uint16_t tag) {
  const uint64_t tags_0_3 = bucket.tags_0_7[0].LoadAcquire();
  const uint64_t tags_4_7 = bucket.tags_0_7[1].LoadAcquire();
  const uint32_t tags_8_9 = bucket.tags_8_9.LoadAcquire();
  const __m128i tags = _mm_set_epi64x(static_cast<int64_t>(tags_4_7),
                                      static_cast<int64_t>(tags_0_3));
  const __m128i equal =
      _mm_cmpeq_epi16(tags, _mm_set1_epi16(static_cast<int16_t>(tag)));
  // Eight lanes of two bytes become eight of one, and one bit each.
  const auto mask = static_cast<uint32_t>(
      _mm_movemask_epi8(_mm_packs_epi16(equal, _mm_setzero_si128())));
  return mask | uint32_t{static_cast<uint16_t>(tags_8_9) == tag} << 8 |
         uint32_t{static_cast<uint16_t>(tags_8_9 >> 16) == tag} << 9;
}

// Returns a word with bit n set for each lane n that holds `slot`.
template <typename Atomics>
[[gnu::always_inline]] inline uint32_t LanesOf(
    const ConnectionBucket<Atomics>& bucket, uint32_t slot) {
  uint32_t lanes = 0;
#pragma GCC unroll 10
  for (uint32_t i = 0; i < kBucketSlots; ++i) {
    lanes |= uint32_t{bucket.slots[i].LoadRelaxed() == slot} << i;
  }
  return lanes;
}

// A first bucket with fewer slots in use than this is taken, however empty the
// second one is.
inline constexpr uint32_t kPreferredSlots = 6;

// Returns a free lane in the first bucket, or in the emptier one if the first
// is rather full; other than `taken`.
template <typename Atomics>
BucketLane<Atomics> FreeLane(ConnectionBucket<Atomics>* buckets,
                             const BucketPlaces& places,
                             const BucketLane<Atomics>& taken) {
  BucketLane<Atomics> best;
  uint32_t best_count = 0;
  for (uint32_t number : places.buckets) {
    ConnectionBucket<Atomics>* bucket = &buckets[number];
    uint32_t lanes = LanesOf(*bucket, kEmptySlot);
    if (bucket == taken.bucket) lanes &= ~(1u << taken.number);
    const auto count = static_cast<uint32_t>(std::popcount(lanes));
    if (count > best_count) {
      best = {bucket, static_cast<uint32_t>(std::countr_zero(lanes))};
      best_count = count;
    }
    if (best_count > kBucketSlots - kPreferredSlots) break;
  }
  return best;
}

// Lets `lane`, which must be free, lead to `slot`.
template <typename Atomics>
void StoreSlot(const BucketLane<Atomics>& lane, uint16_t tag, Slot slot) {
  ConnectionBucket<Atomics>& bucket = *lane.bucket;
  // The slot before the tag: a reader that matches the new tag finds the new
  // slot, and through its acquire the entry.
  bucket.slots[lane.number].StoreRelease(slot.Pack());
  const uint32_t shift = lane.number % 4 * 16;
  if (lane.number < 8) {
    auto& tags = bucket.tags_0_7[lane.number / 4];
    const uint64_t cleared = tags.LoadRelaxed() & ~(uint64_t{0xffff} << shift);
    tags.StoreRelease(cleared | static_cast<uint64_t>(tag) << shift);
  } else {
    const uint32_t cleared =
        bucket.tags_8_9.LoadRelaxed() & ~(uint32_t{0xffff} << shift);
    bucket.tags_8_9.StoreRelease(cleared | static_cast<uint32_t>(tag) << shift);
  }
}

// Frees the lane that leads to `slot`.
template <typename Atomics>
void ClearSlot(ConnectionBucket<Atomics>& bucket, Slot slot) {
  const uint32_t lanes = LanesOf(bucket, slot.Pack());
  if (lanes != 0) {
    bucket.slots[std::countr_zero(lanes)].StoreRelease(kEmptySlot);
  }
}

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_CONNTRACK_CONNECTION_BUCKETS_H_
