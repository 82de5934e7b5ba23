// HeldFragments: a short list, looked through when fragments come out of order.

#include "dataplane/pipeline/held_fragments.h"

#include <algorithm>

namespace vswitch {

// As FragmentTable names a datagram: for IPv6 a later fragment's protocol may
// be anything (RFC 8200 4.5).
bool HeldFragments::Matches(const Place& place, const PacketMeta& first) const {
  return place.id == first.fragment_id && place.in_port == first.in_port &&
         place.source == first.key.source &&
         place.destination == first.key.destination &&
         (first.l3 == L3Kind::kIpv6 || place.protocol == first.key.protocol);
}

bool HeldFragments::Hold(rte_mbuf& packet, const PacketMeta& meta,
                         uint64_t now_ns) {
  if (count_ == kPlaces || CountOf(meta.in_port) >= kPerPort) return false;
  places_[count_++] = {.packet = &packet,
                       .source = meta.key.source,
                       .destination = meta.key.destination,
                       .id = meta.fragment_id,
                       .offset = meta.fragment_offset,
                       .protocol = meta.key.protocol,
                       .in_port = meta.in_port,
                       .since_ns = now_ns};
  return true;
}

uint32_t HeldFragments::TakeDatagram(const PacketMeta& first,
                                     std::span<rte_mbuf*> room) {
  // In order, since FragmentTable tracks few gaps.
  std::array<uint16_t, kPerPort> offsets;
  uint32_t taken = 0;
  for (uint32_t i = 0; i < count_ && taken < kPerPort;) {
    if (!Matches(places_[i], first)) {
      ++i;
      continue;
    }
    uint32_t at = taken++;
    for (; at > 0 && offsets[at - 1] > places_[i].offset; --at) {
      offsets[at] = offsets[at - 1];
      room[at] = room[at - 1];
    }
    offsets[at] = places_[i].offset;
    room[at] = places_[i].packet;
    places_[i] = places_[--count_];
  }
  return taken;
}

uint32_t HeldFragments::TakeExpired(uint64_t now_ns, PortId& in_port,
                                    std::span<rte_mbuf*> room) {
  uint32_t taken = 0;
  for (uint32_t i = 0; i < count_ && taken < room.size();) {
    const Place& place = places_[i];
    if (now_ns - place.since_ns < kWaitNs ||
        (taken > 0 && place.in_port != in_port)) {
      ++i;
      continue;
    }
    in_port = place.in_port;
    room[taken++] = place.packet;
    places_[i] = places_[--count_];
  }
  return taken;
}

uint32_t HeldFragments::TakeAny(std::span<rte_mbuf*> room) {
  uint32_t taken = 0;
  while (count_ > 0 && taken < room.size()) {
    room[taken++] = places_[--count_].packet;
  }
  return taken;
}

uint32_t HeldFragments::CountOf(PortId port) const {
  return static_cast<uint32_t>(std::count_if(
      places_.begin(), places_.begin() + count_,
      [port](const Place& place) { return place.in_port == port; }));
}

}  // namespace vswitch
