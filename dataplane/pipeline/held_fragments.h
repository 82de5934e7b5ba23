// dataplane/pipeline/held_fragments.h
//
// HeldFragments: fragments that came before the first one of their datagram,
// kept back until that comes (RFC 4787 REQ-14): only it says to which flow they
// belong.
//
//   if (!held.Hold(packet, meta, now_ns)) ...drop: too many wait already
//   uint32_t count = held.TakeDatagram(first_meta, room);  // to go behind it
//   uint32_t count = held.TakeExpired(now_ns, port, room);  // to be dropped
//
// Bounded: of one port at most kPerPort packets wait, so no pod takes another's
// share of the places nor of the packet pool, and none for longer than kWaitNs.
// Owns the packets that it holds.  Worker thread only.

#ifndef VSWITCH_DATAPLANE_PIPELINE_HELD_FRAGMENTS_H_
#define VSWITCH_DATAPLANE_PIPELINE_HELD_FRAGMENTS_H_

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/base/ids.h"
#include "dataplane/packet/packet_meta.h"

struct rte_mbuf;

namespace vswitch {

class HeldFragments {
 public:
  // A datagram of 64 KB has 45 fragments on an Ethernet link.
  static constexpr uint32_t kPerPort = 48;
  static constexpr uint32_t kPlaces = 256;
  // RFC 6146 4: FRAGMENT_MIN.  What was only overtaken comes much sooner.
  static constexpr uint64_t kWaitNs = 2'000'000'000;

  // Keeps a later fragment.  Returns false, taking nothing, if there is no
  // place for it.  REQUIRES: meta.fragment is kLater.
  bool Hold(rte_mbuf& packet, const PacketMeta& meta, uint64_t now_ns);

  // Takes out the fragments of the datagram that `first` is the first one of,
  // in the order of their offsets; returns how many.  REQUIRES: `room` is for
  // kPerPort.
  uint32_t TakeDatagram(const PacketMeta& first, std::span<rte_mbuf*> room);

  // Takes out fragments of one port that have waited for too long; returns how
  // many, 0 if there are none.  They came in by `in_port`.
  uint32_t TakeExpired(uint64_t now_ns, PortId& in_port,
                       std::span<rte_mbuf*> room);

  // Takes out any.
  uint32_t TakeAny(std::span<rte_mbuf*> room);

  // How many of a port wait.
  uint32_t CountOf(PortId port) const;

 private:
  struct Place {
    rte_mbuf* packet = nullptr;
    IpAddress source;
    IpAddress destination;
    uint32_t id = 0;
    uint16_t offset = 0;
    IpProtocol protocol{};
    PortId in_port = kNoPort;
    uint64_t since_ns = 0;
  };

  bool Matches(const Place& place, const PacketMeta& first) const;

  // The first `count_` are in use, in no order.
  std::array<Place, kPlaces> places_;
  uint32_t count_ = 0;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_PIPELINE_HELD_FRAGMENTS_H_
