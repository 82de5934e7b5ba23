// dataplane/tables/identity_table.h
//
// The identity table: which identity and local endpoint an address belongs to.
// It is changed in place, one slot per change, while workers read it.
//
// One generation per packet holds all the same.  A slot keeps two bindings,
// `before` and `after`, and the generation `since` that the second belongs to:
// a reader of generation g takes `after` only if since <= g.  Two rules keep
// that true, with G = a generation that every reader has reached (quiescence):
//   * a slot's binding is changed again only if since <= G: then no reader
//     needs `before`, which takes the value of `after`;
//   * a slot's key is changed only in two steps: its tag is cleared once every
//     reader sees the address as absent (since <= G), and the key is rewritten
//     once every reader has reached a generation published after that: then no
//     reader can hold the old tag.
// The writer stores before, since, after (release); the reader loads after
// (acquire), since, before: whichever mixture it sees gives a binding that is
// right for its generation (model-checked:
// dataplane/memory/publish_relacy_test.cc).
//
// An address may lie in one of two groups of eight slots; 16-bit tags, four to
// a word, find the slot: one line of tags and one slot in the common case.
//
//   std::optional<HostBinding> binding = table.Lookup(address, generation);
//
// Any readers; the one writer is in identity_table_writer.h.

#ifndef VSWITCH_DATAPLANE_TABLES_IDENTITY_TABLE_H_
#define VSWITCH_DATAPLANE_TABLES_IDENTITY_TABLE_H_

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>

#include "dataplane/base/address.h"
#include "dataplane/base/ids.h"
#include "dataplane/tables/atomics.h"
#include "dataplane/tables/hash.h"

namespace vswitch {

// Whose an address is.  `epoch` (24 bits) tells one owner of the address from
// the next, even if both have one identity: what was allowed to the first one
// is no right of the second.
struct HostBinding {
  IdentityId identity = kIdentityUnknown;  // at most kMaxIdentity
  EndpointId endpoint = kNoEndpoint;       // kNoEndpoint: not on this node
  uint32_t epoch = 0;                      // at most kMaxBindingEpoch

  friend bool operator==(const HostBinding&, const HostBinding&) = default;
};

inline constexpr uint32_t kMaxBindingEpoch = 0xffffff;
// Endpoints up to this one fit; ports are fewer (base/ids.h, kMaxPorts).
inline constexpr uint32_t kMaxBindingEndpoint = 0xfffe;

inline constexpr uint32_t kSlotsPerIdentityGroup = 8;

// One slot: a line of its own.
template <typename Atomics>
struct alignas(64) IdentitySlot {
  template <typename T>
  using Atomic = typename Atomics::template Atomic<T>;
  Atomic<uint64_t> key[2];  // the address
  Atomic<uint64_t> after;   // packed HostBinding; 0: absent
  Atomic<uint64_t> since;   // generation of `after`
  Atomic<uint64_t> before;
};

// The tags of a group of eight slots, four to a word; odd: in use.
template <typename Atomics>
struct IdentityTags {
  typename Atomics::template Atomic<uint64_t> words[2];
};

// Where both lie.  group_count is a power of two.
template <typename Atomics>
struct IdentityTableMemory {
  IdentityTags<Atomics>* tags = nullptr;   // [group_count]
  IdentitySlot<Atomics>* slots = nullptr;  // [group_count * 8]
  uint32_t group_count = 0;
};

// A binding as a slot holds it: identity in bits 63-40, endpoint in bits 39-24
// (all ones: kNoEndpoint), epoch in bits 23-0.  0 is "absent": no binding has
// identity 0.  REQUIRES: each fits.
inline uint64_t PackHostBinding(const HostBinding& binding) {
  return uint64_t{ToInt(binding.identity) & kMaxIdentity} << 40 |
         uint64_t{ToInt(binding.endpoint) & 0xffff} << 24 |
         (binding.epoch & kMaxBindingEpoch);
}
inline std::optional<HostBinding> UnpackHostBinding(uint64_t packed) {
  if (packed == 0) return std::nullopt;
  const uint32_t endpoint = static_cast<uint32_t>(packed >> 24) & 0xffff;
  return HostBinding{
      .identity = IdentityId{static_cast<uint32_t>(packed >> 40)},
      .endpoint =
          endpoint > kMaxBindingEndpoint ? kNoEndpoint : EndpointId{endpoint},
      .epoch = static_cast<uint32_t>(packed) & kMaxBindingEpoch};
}

// The readers' side.
template <typename Atomics = StdAtomics>
class BasicIdentityTable {
 public:
  using Memory = IdentityTableMemory<Atomics>;
  using Slot = IdentitySlot<Atomics>;

  BasicIdentityTable() = default;
  BasicIdentityTable(const Memory& memory, const HashSecret& secret)
      : memory_(memory), secret_(secret) {}

  // Returns the binding of `address` as of `generation`, or nothing.
  [[gnu::always_inline]] std::optional<HostBinding> Lookup(
      const IpAddress& address, Generation generation) const {
    if (memory_.group_count == 0) return std::nullopt;
    const Place place = PlaceOf(address);
    for (uint32_t group : place.groups) {
      const std::optional<uint32_t> index = FindInGroup(place, group);
      if (index.has_value()) {
        return UnpackHostBinding(BindingOf(memory_.slots[*index], generation));
      }
    }
    return std::nullopt;
  }

  // Where an address may lie.
  struct Place {
    uint64_t key[2];
    uint32_t groups[2];
    uint16_t tag;
  };
  Place PlaceOf(const IpAddress& address) const {
    Place place;
    std::memcpy(place.key, address.bytes.data(), sizeof(place.key));
    const uint64_t hash = HashIpAddress(secret_, address);
    const uint32_t mask = memory_.group_count - 1;
    place.groups[0] = static_cast<uint32_t>(hash) & mask;
    place.groups[1] = static_cast<uint32_t>(hash >> 24) & mask;
    place.tag = static_cast<uint16_t>((hash >> 48) | 1);  // odd: in use
    return place;
  }

  // Returns the index of the slot that holds the place's key in `group`.
  std::optional<uint32_t> FindInGroup(const Place& place,
                                      uint32_t group) const {
    for (uint32_t word_index = 0; word_index < 2; ++word_index) {
      // Acquire: pairs with the writer's release of the tag behind the key.
      uint64_t matches = MatchingTags(
          memory_.tags[group].words[word_index].LoadAcquire(), place.tag);
      while (matches != 0) {
        const uint32_t lane =
            static_cast<uint32_t>(std::countr_zero(matches)) / 16;
        const uint32_t index =
            group * kSlotsPerIdentityGroup + word_index * 4 + lane;
        const Slot& slot = memory_.slots[index];
        if (slot.key[0].LoadRelaxed() == place.key[0] &&
            slot.key[1].LoadRelaxed() == place.key[1]) {
          return index;
        }
        matches &= matches - 1;
      }
    }
    return std::nullopt;
  }

  // The packed binding of a slot as of `generation`.
  static uint64_t BindingOf(const Slot& slot, Generation generation) {
    const uint64_t after = slot.after.LoadAcquire();
    if (slot.since.LoadAcquire() <= generation) return after;
    return slot.before.LoadRelaxed();
  }

 private:
  // Returns a word whose bit 16 * n + 15 is set where lane n may equal `tag`:
  // exact for the lowest set bit, and a false one above it costs only a key
  // comparison.
  static uint64_t MatchingTags(uint64_t word, uint16_t tag) {
    constexpr uint64_t kOnes = 0x0001000100010001u;
    const uint64_t difference = word ^ (kOnes * tag);
    return (difference - kOnes) & ~difference & (kOnes << 15);
  }

  Memory memory_;
  HashSecret secret_;
};

using IdentityTable = BasicIdentityTable<StdAtomics>;

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_TABLES_IDENTITY_TABLE_H_
