// FragmentTable: a set-associative table of datagrams under way.

#include "dataplane/pipeline/fragment_table.h"

#include <algorithm>
#include <cstring>

#include "dataplane/base/planted_bug.h"

namespace vswitch {
namespace {

uint64_t Word(const IpAddress& address, size_t index) {
  uint64_t word;
  std::memcpy(&word, address.bytes.data() + 8 * index, 8);
  return word;
}

// Which set a datagram belongs to.  A sender can only crowd out datagrams in
// the sets that it chooses, which costs those datagrams, not the switch; the
// addresses are mixed in by multiplication so that neighbours do not share
// sets.
uint32_t SetOf(const PacketMeta& meta) {
  constexpr uint64_t kOdd = 0x9e3779b97f4a7c15;
  uint64_t mixed = Word(meta.key.source, 0);
  mixed = (mixed ^ Word(meta.key.source, 1)) * kOdd;
  mixed = (mixed ^ (mixed >> 29) ^ Word(meta.key.destination, 0)) * kOdd;
  mixed = (mixed ^ (mixed >> 29) ^ Word(meta.key.destination, 1)) * kOdd;
  mixed ^= meta.fragment_id;
  mixed = (mixed ^ (mixed >> 29)) * kOdd;
  constexpr uint32_t kSets = FragmentTable::kDatagrams / FragmentTable::kWays;
  return static_cast<uint32_t>(mixed >> 40) % kSets;
}

}  // namespace

FragmentTable::FragmentTable() : datagrams_(kDatagrams) {}

// The port is part of a datagram's name: no port can add to another's.  The
// protocol is, too, for IPv4 (RFC 791 2.3), but not for IPv6, where a later
// fragment may say anything (RFC 8200 4.5).
bool FragmentTable::Datagram::Holds(const PacketMeta& meta) const {
  return used && id == meta.fragment_id && in_port == meta.in_port &&
         source == meta.key.source && destination == meta.key.destination &&
         (protocol == meta.key.protocol || meta.l3 == L3Kind::kIpv6);
}

DropReason FragmentTable::Datagram::Add(Range range) {
  uint32_t at = 0;
  while (at < range_count && ranges[at].end < range.begin) ++at;
  // ranges[at] is the first one that ends at or behind range.begin.
  const bool joins_left = at < range_count && ranges[at].end == range.begin;
  const uint32_t next = at + (joins_left ? 1 : 0);
  if (next < range_count && ranges[next].begin < range.end &&
      kPlantedBug != PlantedBug::kOverlapPasses) {
    return DropReason::kFragOverlap;
  }
  const bool joins_right =
      next < range_count && ranges[next].begin == range.end;
  if (joins_left && joins_right) {
    ranges[at].end = ranges[next].end;
    std::copy(ranges.begin() + next + 1, ranges.begin() + range_count,
              ranges.begin() + next);
    --range_count;
  } else if (joins_left) {
    ranges[at].end = range.end;
  } else if (joins_right) {
    ranges[next].begin = range.begin;
  } else {
    if (range_count == kRanges) return DropReason::kFragQuota;
    std::copy_backward(ranges.begin() + at, ranges.begin() + range_count,
                       ranges.begin() + range_count + 1);
    ranges[at] = range;
    ++range_count;
  }
  return DropReason::kNone;
}

FragmentTable::Datagram* FragmentTable::Find(const PacketMeta& meta,
                                             uint64_t now_ns) {
  Datagram* set = &datagrams_[size_t{SetOf(meta)} * kWays];
  for (uint32_t way = 0; way < kWays; ++way) {
    if (!set[way].Holds(meta)) continue;
    if (now_ns - set[way].first_seen_ns < kTimeoutNs) return &set[way];
    set[way].used = false;
  }
  return nullptr;
}

FragmentTable::Datagram& FragmentTable::Place(const PacketMeta& meta,
                                              uint64_t now_ns) {
  Datagram* set = &datagrams_[size_t{SetOf(meta)} * kWays];
  Datagram* chosen = set;
  for (uint32_t way = 0; way < kWays && chosen->used; ++way) {
    if (!set[way].used || set[way].first_seen_ns < chosen->first_seen_ns) {
      chosen = &set[way];
    }
  }
  *chosen = Datagram{};
  chosen->source = meta.key.source;
  chosen->destination = meta.key.destination;
  chosen->id = meta.fragment_id;
  chosen->leaving_id = meta.leaving_id;
  chosen->protocol = meta.key.protocol;
  chosen->icmp = meta.icmp;
  chosen->icmp_type = meta.icmp_type;
  chosen->used = true;
  chosen->in_port = meta.in_port;
  chosen->source_port = meta.key.source_port;
  chosen->destination_port = meta.key.destination_port;
  chosen->first_seen_ns = now_ns;
  return *chosen;
}

DropReason FragmentTable::Track(PacketMeta& meta, uint32_t bytes,
                                uint64_t now_ns) {
  Datagram* datagram = Find(meta, now_ns);
  if (datagram == nullptr) {
    if (meta.fragment == FragmentKind::kLater) return DropReason::kFragNoFirst;
    datagram = &Place(meta, now_ns);
  }
  if (datagram->refusal != DropReason::kNone) return datagram->refusal;

  const Range range{meta.fragment_offset, meta.fragment_offset + bytes};
  DropReason reason = datagram->Add(range);
  const bool is_last = !meta.more_fragments;
  const uint32_t known_end =
      datagram
          ->ranges[datagram->range_count > 0 ? datagram->range_count - 1 : 0]
          .end;
  // Two ends, or bytes behind the end, are an overlap as well: only one of
  // them can be part of the datagram.
  const bool contradicts =
      (is_last && datagram->total_bytes != 0) ||
      (is_last && known_end > range.end) ||
      (datagram->total_bytes != 0 && range.end > datagram->total_bytes);
  if (reason == DropReason::kNone && contradicts) {
    reason = DropReason::kFragOverlap;
  }
  if (reason != DropReason::kNone) {
    datagram->refusal = reason;
    return reason;
  }
  if (is_last) datagram->total_bytes = range.end;
  if (meta.fragment == FragmentKind::kLater) {
    meta.icmp = datagram->icmp;
    meta.icmp_type = datagram->icmp_type;
    meta.leaving_id = datagram->leaving_id;
    meta.key.protocol = datagram->protocol;
    meta.key.source_port = datagram->source_port;
    meta.key.destination_port = datagram->destination_port;
  }
  const bool complete = datagram->range_count == 1 &&
                        datagram->ranges[0].begin == 0 &&
                        datagram->ranges[0].end == datagram->total_bytes;
  // A complete datagram's identification may be used again at once.
  if (complete) datagram->used = false;
  return DropReason::kNone;
}

void FragmentTable::Refuse(const PacketMeta& first, DropReason reason,
                           uint64_t now_ns) {
  Datagram* datagram = Find(first, now_ns);
  if (datagram != nullptr) datagram->refusal = reason;
}

uint32_t FragmentTable::DatagramCount() const {
  return static_cast<uint32_t>(
      std::count_if(datagrams_.begin(), datagrams_.end(),
                    [](const Datagram& datagram) { return datagram.used; }));
}

}  // namespace vswitch
