// dataplane/tables/neighbor_table.h
//
// NeighborTable: the MAC addresses of the routers on the uplinks, as ARP and
// neighbour discovery told them.  All workers share it: whichever of them
// receives an answer, all of them can send.
//
//   Neighbor router = table.Read(slot, tag, now_ns);
//   if (router.state != NeighborState::kUnknown) SendTo(router.mac);
//   table.Update(slot, tag, now_ns, [&](const Neighbor& before) {
//     return AfterAdvertisement(before, advertisement);
//   });
//
// A MAC address and the router that has it (base/router_tag.h) are one word, so
// that no address is ever taken for another router's.  When it was confirmed is
// a second word of the same cache line: of two messages about two addresses
// that come at once, at two workers, one may say where the router is and the
// other that it was just heard, for half a minute.
//
// A template over its atomics (atomics.h) for the model checker.  Times are
// those of the workers' clock, of which one may be behind another.  Any thread.

#ifndef VSWITCH_DATAPLANE_TABLES_NEIGHBOR_TABLE_H_
#define VSWITCH_DATAPLANE_TABLES_NEIGHBOR_TABLE_H_

#include <cstdint>
#include <cstring>
#include <optional>

#include "dataplane/base/address.h"
#include "dataplane/base/ids.h"
#include "dataplane/base/router_tag.h"
#include "dataplane/tables/atomics.h"

namespace vswitch {

// RFC 4861 7.3.2, as far as it is everybody's; DELAY and PROBE are what one
// worker does about a stale neighbour.
enum class NeighborState : uint8_t {
  kUnknown,    // INCOMPLETE, or never asked for
  kReachable,  // confirmed in the last kReachableNs
  kStale,      // was so once, or never
};

// RFC 4861 10: REACHABLE_TIME, RETRANS_TIMER.
inline constexpr uint64_t kReachableNs = 30'000'000'000;
inline constexpr uint64_t kRetransmitNs = 1'000'000'000;
// RFC 4861 10: MAX_MULTICAST_SOLICIT and MAX_UNICAST_SOLICIT; RFC 1122 2.3.2.1
// leaves ARP's to us.
inline constexpr uint32_t kNeighborTries = 3;

struct Neighbor {
  MacAddress mac;
  NeighborState state = NeighborState::kUnknown;

  friend bool operator==(const Neighbor&, const Neighbor&) = default;
};

// What a message says about its sender; an ARP reply is a solicited one that
// overrides.
struct NeighborAnnouncement {
  std::optional<MacAddress> mac;
  bool is_solicited = false;
  bool overrides = false;
};

struct NeighborChange {
  MacAddress mac;
  bool is_reachable = false;  // from this moment on; else stale
};

// Returns what an advertisement makes of a neighbour (RFC 4861 7.2.5 and
// appendix C); nothing if it stays as it is.
inline std::optional<NeighborChange> AfterAdvertisement(
    const Neighbor& before, const NeighborAnnouncement& said) {
  if (before.state == NeighborState::kUnknown) {
    if (!said.mac.has_value()) return std::nullopt;
    return NeighborChange{*said.mac, said.is_solicited};
  }
  const bool is_other = said.mac.has_value() && *said.mac != before.mac;
  if (is_other && !said.overrides) {
    if (before.state != NeighborState::kReachable) return std::nullopt;
    return NeighborChange{before.mac, false};
  }
  if (!is_other && !said.is_solicited) return std::nullopt;
  return NeighborChange{is_other ? *said.mac : before.mac, said.is_solicited};
}

// Returns what a question of its own makes of a neighbour (RFC 4861 7.2.3, RFC
// 826): it says where it is, but not that it hears us.
inline std::optional<NeighborChange> AfterQuestion(const Neighbor& before,
                                                   const MacAddress& mac) {
  if (before.state != NeighborState::kUnknown && before.mac == mac) {
    return std::nullopt;
  }
  return NeighborChange{mac, false};
}

template <typename Atomics, uint32_t kSlots>
class BasicNeighborTable {
 public:
  // Returns what is known of the router with `tag`; nothing of a slot outside
  // of the table.  One cache line.
  Neighbor Read(uint32_t slot, RouterTag tag, uint64_t now_ns) const {
    if (slot >= kSlots) return {};
    return Unpack(slots_[slot], slots_[slot].known.LoadAcquire(), tag, now_ns);
  }

  // Makes of the neighbour what change(before) returns.  Returns whether that
  // was anything.
  template <typename Change>
  bool Update(uint32_t slot, RouterTag tag, uint64_t now_ns, Change&& change) {
    if (slot >= kSlots) return false;
    Slot& place = slots_[slot];
    uint64_t word = place.known.LoadAcquire();
    while (true) {
      const std::optional<NeighborChange> after =
          change(Unpack(place, word, tag, now_ns));
      if (!after.has_value()) return false;
      // Before the address changes: that of the new one is not known to be
      // reachable because the old one was.
      if (!after->is_reachable) place.confirmed_ns.StoreRelease(0);
      const uint64_t next = Pack(after->mac, tag);
      if (next != word && !place.known.CompareExchange(word, next)) continue;
      if (after->is_reachable) place.confirmed_ns.StoreRelease(now_ns);
      return true;
    }
  }

  // Forgets the router with `tag`, if it is still at `mac`.
  void Forget(uint32_t slot, RouterTag tag, const MacAddress& mac) {
    if (slot >= kSlots) return;
    uint64_t word = Pack(mac, tag);
    slots_[slot].known.CompareExchange(word, 0);
  }

  // Returns whether to ask now, and notes it: one of all workers asks, once in
  // kRetransmitNs (RFC 4861 7.2.2, RFC 1122 2.3.2.1).
  bool MayAsk(uint32_t slot, uint64_t now_ns) {
    if (slot >= kSlots) return false;
    uint64_t asked_ns = slots_[slot].asked_ns.LoadAcquire();
    if (asked_ns != 0 && now_ns < asked_ns + kRetransmitNs) return false;
    return slots_[slot].asked_ns.CompareExchange(asked_ns, now_ns);
  }

  // Whether an answer may be on its way.
  bool WasAsked(uint32_t slot, uint64_t now_ns) const {
    if (slot >= kSlots) return false;
    const uint64_t asked_ns = slots_[slot].asked_ns.LoadAcquire();
    return asked_ns != 0 && now_ns <= asked_ns + kNeighborTries * kRetransmitNs;
  }

 private:
  struct alignas(32) Slot {
    // 48 bits of MAC address, in memory order from the lowest, and the tag; 0:
    // nothing is known.
    typename Atomics::template Atomic<uint64_t> known;
    typename Atomics::template Atomic<uint64_t> confirmed_ns;  // 0: stale
    typename Atomics::template Atomic<uint64_t> asked_ns;      // 0: never
  };

  static Neighbor Unpack(const Slot& slot, uint64_t word, RouterTag tag,
                         uint64_t now_ns) {
    if (tag == RouterTag::kNone || word >> 48 != ToInt(tag)) return {};
    Neighbor neighbor;
    std::memcpy(neighbor.mac.bytes.data(), &word, neighbor.mac.bytes.size());
    const uint64_t confirmed_ns = slot.confirmed_ns.LoadAcquire();
    neighbor.state = confirmed_ns != 0 && now_ns < confirmed_ns + kReachableNs
                         ? NeighborState::kReachable
                         : NeighborState::kStale;
    return neighbor;
  }
  static uint64_t Pack(const MacAddress& mac, RouterTag tag) {
    uint64_t word = 0;
    std::memcpy(&word, mac.bytes.data(), mac.bytes.size());
    return word | uint64_t{ToInt(tag)} << 48;
  }

  Slot slots_[kSlots] = {};
};

// A slot for each port and family.
using NeighborTable = BasicNeighborTable<StdAtomics, kFamilyCount * kMaxPorts>;
inline uint32_t NeighborSlot(PortId port, IpFamily family) {
  return kFamilyCount * ToInt(port) + FamilyIndex(family);
}

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_TABLES_NEIGHBOR_TABLE_H_
