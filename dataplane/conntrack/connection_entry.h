// dataplane/conntrack/connection_entry.h
//
// What lies in the connection table's memory: buckets of tags and slots,
// entries, their rest, and the counts and TCP window of each direction;
// connection_store.h says how they work together.  All are templates over the
// atomics (tables/atomics.h), and zeroed memory is an empty table.
//
//   BucketPlaces places = BucketPlaces::Of(hash, bucket_count);
//   Slot slot =
//   Slot::Unpack(buckets[places.buckets[0]].slots[0].LoadAcquire());
//
// Thread rules are connection_store.h's.

#ifndef VSWITCH_DATAPLANE_CONNTRACK_CONNECTION_ENTRY_H_
#define VSWITCH_DATAPLANE_CONNTRACK_CONNECTION_ENTRY_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "dataplane/conntrack/connection.h"
#include "dataplane/conntrack/packed_record.h"

namespace vswitch {

inline constexpr uint32_t kBucketSlots = 10;
inline constexpr uint32_t kEntryWords = kEndpointWord;  // beside version, state
inline constexpr uint32_t kEmptySlot = 0;  // zeroed memory is an empty table

// A slot as it lies in a bucket: an entry's index and a direction.
struct Slot {
  uint32_t index;
  FlowDirection direction;

  static Slot Unpack(uint32_t value) {
    // The empty slot becomes the largest index, which no table has.
    return {(value >> 1) - 1, static_cast<FlowDirection>(value & 1)};
  }
  uint32_t Pack() const {
    return (index + 1) << 1 | static_cast<uint32_t>(direction);
  }
};

template <typename Atomics>
struct alignas(64) ConnectionBucket {
  template <typename T>
  using Atomic = typename Atomics::template Atomic<T>;

  Atomic<uint32_t> writer;               // 1 while a writer holds the bucket
  Atomic<uint32_t> tags_8_9;             // tags of slots 8 and 9
  Atomic<uint64_t> tags_0_7[2];          // tags of slots 0 to 7
  Atomic<uint32_t> slots[kBucketSlots];  // Slot::Pack(), or kEmptySlot
};

// What packets of an IPv4 connection read, and what says when it is over: one
// line.
template <typename Atomics>
struct alignas(64) ConnectionEntry {
  template <typename T>
  using Atomic = typename Atomics::template Atomic<T>;

  Atomic<uint32_t> version;             // odd while somebody writes the words
  Atomic<uint32_t> state;               // EntryState
  Atomic<uint64_t> words[kEntryWords];  // the first ones of a PackedRecord
  // When each direction's last packet came in, in seconds; written at most once
  // a second, so that the line stays with all its readers.
  Atomic<uint32_t> last_seen_s[2];
};

// The words kHighAddressWord and following of an IPv6 connection.
template <typename Atomics>
struct alignas(16) ConnectionHighAddresses {
  typename Atomics::template Atomic<uint64_t> words[kHighAddressWords];
};

// The counts and the TCP window of one direction.  One writer, the worker that
// the direction's packets come in by (if they move from one to another, a count
// may be lost); the other direction's changes the window at rare times.  Two
// workers may do so at once: each number is whole, but may be the one of a
// moment ago.  That moment is over before an answer to the packet that changed
// the number can come in.
template <typename Atomics>
struct alignas(32) ConnectionHalf {
  template <typename T>
  using Atomic = typename Atomics::template Atomic<T>;

  // Counts, each in two numbers; AddToCount().
  Atomic<uint32_t> packets;
  Atomic<uint32_t> bytes;
  Atomic<uint8_t> packets_high;
  Atomic<uint8_t> ignored;  // PackIgnored()
  Atomic<uint16_t> bytes_high;
  Atomic<uint32_t> window;  // PackWindow(): its rest
  Atomic<uint32_t> end;     // from here on as in TcpWindow
  Atomic<uint32_t> granted;
  Atomic<uint32_t> highest_ack;
  Atomic<uint32_t> last_end;
};

// A count lies in memory as its lower 32 bits and, in `high`, the bits from the
// 31st on: they have one bit in common, by which a reader sees that `high` is
// not up to date yet.  One writer.
template <typename Low, typename High>
void AddToCount(Low& low, High& high, uint32_t delta) {
  const uint32_t before = low.LoadRelaxed();
  const uint32_t after = before + delta;
  low.StoreRelaxed(after);
  if (((before ^ after) >> 31) != 0) high.AddSingleWriter(1);
}
template <typename Low, typename High>
uint64_t ReadCount(const Low& low, const High& high) {
  // `high` first: it may be too old, never too new.
  uint64_t upper = high.LoadAcquire();
  const uint32_t lower = low.LoadRelaxed();
  if ((upper & 1) != lower >> 31) ++upper;
  return upper >> 1 << 32 | lower;
}

enum class EntryLife : uint8_t { kFree = 0, kLive = 1, kDead = 2 };

// ConnectionEntry::state, unpacked.
struct EntryState {
  ConnectionState state = ConnectionState::kNone;
  EntryLife life = EntryLife::kFree;
  uint16_t incarnation = 0;
  // Which of its two buckets each direction's slot is in, a bit for each; the
  // same all life long.
  uint8_t second_buckets = 0;

  static EntryState Unpack(uint32_t value) {
    return {static_cast<ConnectionState>(value & 0xff),
            static_cast<EntryLife>(value >> 8 & 0xf),
            static_cast<uint16_t>(value >> 16),
            static_cast<uint8_t>(value >> 12 & 0x3)};
  }
  uint32_t Pack() const {
    return static_cast<uint32_t>(state) | static_cast<uint32_t>(life) << 8 |
           static_cast<uint32_t>(second_buckets) << 12 |
           static_cast<uint32_t>(incarnation) << 16;
  }
  // Returns the number of the bucket that has the direction's slot.
  template <typename Places>
  uint32_t BucketOf(const Places& places, FlowDirection direction) const {
    return places
        .buckets[second_buckets >> static_cast<uint32_t>(direction) & 1];
  }
};

// Where a hash leads: two buckets (possibly the same) and a tag.
struct BucketPlaces {
  std::array<uint32_t, 2> buckets;
  uint16_t tag;

  static BucketPlaces Of(uint64_t hash, uint32_t bucket_count) {
    // Multiply-high takes the upper bits of each half; the tag has the lower.
    const auto low = static_cast<uint32_t>(hash);
    const auto high = static_cast<uint32_t>(hash >> 32);
    const auto scale = [bucket_count](uint32_t half) {
      return static_cast<uint32_t>(
          (static_cast<uint64_t>(half) * bucket_count) >> 32);
    };
    return {{scale(low), scale(high)},
            static_cast<uint16_t>((low & 0xff) << 8 | (high & 0xff))};
  }
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_CONNTRACK_CONNECTION_ENTRY_H_
