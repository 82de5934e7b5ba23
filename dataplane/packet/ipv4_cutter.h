// dataplane/packet/ipv4_cutter.h
//
// Ipv4Cutter: cuts an IPv4 packet into fragments that fit a link (RFC 791 3.2).
//
//   if (Ipv4Cutter::MayCut(packet, meta, mtu)) {
//     for (Ipv4Cutter cutter(packet, meta, mtu); !cutter.done();) {
//       cutter.WriteNext(*fragment);  // fresh from a PacketPool
//     }
//   }
//
// The packet itself stays as it is; its L4 checksum must be complete before.  A
// fragment can be cut again.  IPv6 packets are never cut on the way (RFC 8200
// 5).  Worker thread only.

#ifndef VSWITCH_DATAPLANE_PACKET_IPV4_CUTTER_H_
#define VSWITCH_DATAPLANE_PACKET_IPV4_CUTTER_H_

#include <array>
#include <cstdint>

#include "dataplane/packet/packet_meta.h"

struct rte_mbuf;

namespace vswitch {

class Ipv4Cutter {
 public:
  // Whether `packet` may be cut to `mtu` bytes: IPv4, without DF, and no
  // segment that a port cuts in its own way; and a fragment has room for the
  // eight bytes that are its unit.
  static bool MayCut(const rte_mbuf& packet, const PacketMeta& meta,
                     uint32_t mtu);

  // `packet` must outlive the cutter.  REQUIRES: MayCut(); `meta` is what
  // Parse() said about the packet.
  Ipv4Cutter(const rte_mbuf& packet, const PacketMeta& meta, uint32_t mtu);

  bool done() const { return position_ == payload_bytes_; }

  // Writes the next fragment, a whole frame, into `out`.  REQUIRES: !done().
  void WriteNext(rte_mbuf& out);

 private:
  void KeepCopiedOptions(const uint8_t* options, uint32_t bytes);

  const rte_mbuf& packet_;
  const uint32_t l3_offset_;
  const uint32_t l4_offset_;
  const uint32_t payload_bytes_;
  const uint32_t largest_bytes_;  // of a fragment, from the IP header on
  uint32_t position_ = 0;         // payload bytes that were written
  // What fragments but the first have as options.
  std::array<uint8_t, 40> later_options_{};
  uint32_t later_option_bytes_ = 0;  // a multiple of 4
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_PACKET_IPV4_CUTTER_H_
