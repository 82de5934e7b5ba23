// dataplane/conntrack/connection_entry.h
//
// What lies in the connection table's memory: buckets of tags and slots,
// entries, and the counts and TCP window of each direction; connection_store.h
// says how they work together.  All are templates over the atomics
// (tables/atomics.h), and zeroed memory is an empty table.
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
#include "dataplane/conntrack/tcp_window.h"

namespace vswitch {

inline constexpr uint32_t kBucketSlots = 10;
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

template <typename Atomics>
struct alignas(64) ConnectionEntry {
  template <typename T>
  using Atomic = typename Atomics::template Atomic<T>;

  Atomic<uint32_t> version;              // odd while somebody writes `words`
  Atomic<uint32_t> state;                // EntryState
  Atomic<uint64_t> words[kRecordWords];  // a PackedRecord
};

// The counts of one direction, and what of its TCP window the other direction
// seldom asks for.  One writer, the worker that the direction's packets come in
// by (if they move from one to another, a count may be lost).
template <typename Atomics>
struct alignas(32) ConnectionHalf {
  template <typename T>
  using Atomic = typename Atomics::template Atomic<T>;

  Atomic<uint64_t> packets;
  Atomic<uint64_t> bytes;
  Atomic<uint32_t> last_seen_s;  // written at most once a second
  Atomic<uint32_t> highest_ack;  // from here on as in TcpWindow
  Atomic<uint32_t> last_end;
  Atomic<uint32_t> last;  // PackLast()
};

// The rest of the TCP windows of both directions: one line, for a packet of
// either looks at both, and writes its own (the other's at rare times).  Two
// workers may do so at once: each number is whole, but may be the one of a
// moment ago.  That moment is over before an answer to the packet that changed
// the number can come in.
template <typename Atomics>
struct alignas(32) ConnectionWindows {
  template <typename T>
  using Atomic = typename Atomics::template Atomic<T>;

  struct Window {
    Atomic<uint32_t> end;
    Atomic<uint32_t> granted;
    Atomic<uint32_t> max_window;
    Atomic<uint32_t> notes;  // changed bit by bit: both directions write it
  };
  Window of[2];  // by FlowDirection
};

// The small fields of a TcpWindow in one word.
inline uint32_t PackLast(const TcpWindow& window) {
  return window.last_window | static_cast<uint32_t>(window.last_notes) << 16 |
         static_cast<uint32_t>(window.repetitions) << 24;
}

enum class EntryLife : uint8_t { kFree = 0, kLive = 1, kDead = 2 };

// ConnectionEntry::state, unpacked.
struct EntryState {
  ConnectionState state = ConnectionState::kNone;
  EntryLife life = EntryLife::kFree;
  uint16_t incarnation = 0;

  static EntryState Unpack(uint32_t value) {
    return {static_cast<ConnectionState>(value & 0xff),
            static_cast<EntryLife>(value >> 8 & 0xff),
            static_cast<uint16_t>(value >> 16)};
  }
  uint32_t Pack() const {
    return static_cast<uint32_t>(state) | static_cast<uint32_t>(life) << 8 |
           static_cast<uint32_t>(incarnation) << 16;
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
