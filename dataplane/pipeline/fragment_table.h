// dataplane/pipeline/fragment_table.h
//
// FragmentTable: which ports the datagrams have that come in fragments.  Only
// the first fragment of a datagram holds its L4 header; the later ones follow
// the verdict and the translation of their first one.  Nothing is reassembled;
// one that comes before its first one has to wait (held_fragments.h).
// Fragments that overlap are refused (RFC 5722; for IPv4, too, since nobody but
// an attacker sends them), with all that follow; so are those whose first one
// its connection did not take.
//
//   // Sets the protocol and the ports of meta.key.
//   DropReason reason = table.Track(meta, fragment_bytes, now_ns);
//   table.Refuse(first_meta, DropReason::kConnectionInvalid, now_ns);
//
// Bounded: a datagram takes one of the few places that its hash gives it; when
// they are full the oldest one is forgotten.  Worker thread only.

#ifndef VSWITCH_DATAPLANE_PIPELINE_FRAGMENT_TABLE_H_
#define VSWITCH_DATAPLANE_PIPELINE_FRAGMENT_TABLE_H_

#include <array>
#include <cstdint>
#include <vector>

#include "dataplane/base/drop_reason.h"
#include "dataplane/packet/packet_meta.h"

namespace vswitch {

class FragmentTable {
 public:
  // RFC 8200 4.5: sixty seconds; Linux takes thirty for IPv4.  The sender's
  // identifications come around sooner the longer this is.
  static constexpr uint64_t kTimeoutNs = 30'000'000'000;
  // Datagrams under way per worker; OVS's default is 1000.
  static constexpr uint32_t kDatagrams = 4096;
  static constexpr uint32_t kWays = 8;  // places of one hash
  // Gaps between the fragments of one datagram that came out of order.
  static constexpr uint32_t kRanges = 4;

  FragmentTable();

  // Notes a first fragment, or gives a later one its protocol, its ports, its
  // leaving_id and what kind of ICMP message it is of.
  // `bytes` is how much of the datagram it carries.  Returns kNone,
  // kFragNoFirst, kFragOverlap, kFragQuota for a datagram with more gaps than
  // are tracked, or why the datagram is refused.  REQUIRES: meta.fragment is
  // not kWhole.
  DropReason Track(PacketMeta& meta, uint32_t bytes, uint64_t now_ns);

  // Lets Track() return `reason` for all that follows of the datagram that
  // `first` begins.  Does nothing if there is no more of it to come.
  void Refuse(const PacketMeta& first, DropReason reason, uint64_t now_ns);

  // Returns how many datagrams are under way, timed out ones included.
  uint32_t DatagramCount() const;

 private:
  // Bytes of a datagram that were seen: [begin, end).
  struct Range {
    uint32_t begin = 0;
    uint32_t end = 0;
  };
  struct Datagram {
    IpAddress source;
    IpAddress destination;
    uint32_t id = 0;
    uint32_t leaving_id = 0;
    IpProtocol protocol{};  // of the first fragment's L4 header
    IcmpKind icmp{};
    uint8_t icmp_type = 0;
    bool used = false;
    DropReason refusal = DropReason::kNone;
    uint8_t range_count = 0;  // sorted, disjoint, not touching
    PortId in_port = kNoPort;
    Be16 source_port;
    Be16 destination_port;
    uint32_t total_bytes = 0;  // known once the last one was seen
    uint64_t first_seen_ns = 0;
    std::array<Range, kRanges> ranges;

    bool Holds(const PacketMeta& meta) const;
    DropReason Add(Range range);
  };

  Datagram* Find(const PacketMeta& meta, uint64_t now_ns);
  Datagram& Place(const PacketMeta& meta, uint64_t now_ns);

  std::vector<Datagram> datagrams_;  // kDatagrams of them, in sets of kWays
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_PIPELINE_FRAGMENT_TABLE_H_
