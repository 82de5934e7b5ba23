// dataplane/pipeline/datagram_ids.h
//
// DatagramIds: identifications of the datagrams that several senders send from
// one address.  Behind source NAT two pods may use the same one at the same
// time, and their fragments would be put together by whoever receives them (RFC
// 7857 section 10, RFC 6864 section 5.3.1).
//
//   DatagramIds ids(worker, key);
//   SetDatagramId(packet, meta, ids.NextOf(meta));
//
// Each worker counts through its own share of the numbers, so none comes twice
// before all of the share came, whichever sender and receiver it is for.  The
// count is not what goes out: a permutation that only the switch knows hides
// from a receiver how much the others send (RFC 7739).
//
// Worker thread only.

#ifndef VSWITCH_DATAPLANE_PIPELINE_DATAGRAM_IDS_H_
#define VSWITCH_DATAPLANE_PIPELINE_DATAGRAM_IDS_H_

#include <cstdint>

#include "dataplane/base/ids.h"
#include "dataplane/packet/packet_meta.h"

namespace vswitch {

class DatagramIds {
 public:
  // `key` is the same for all workers, and secret.
  DatagramIds(WorkerId worker, uint64_t key) : worker_(worker), key_(key) {}

  // Returns the next number for a datagram of the packet's family: 16 bits of
  // IPv4, 32 of IPv6.
  uint32_t NextOf(const PacketMeta& meta) {
    return meta.l3 == L3Kind::kIpv4 ? Next<8>(ipv4_) : Next<16>(ipv6_);
  }

 private:
  template <uint32_t kHalfBits>
  uint32_t Next(uint32_t& count) {
    constexpr uint64_t kShare = (uint64_t{1} << 2 * kHalfBits) / kMaxWorkers;
    count = static_cast<uint32_t>((count + 1) % kShare);
    return Permute<kHalfBits>(
        static_cast<uint32_t>(ToInt(worker_) * kShare + count));
  }

  // Four rounds of a Feistel network: whatever is mixed in, no two numbers
  // become one.
  template <uint32_t kHalfBits>
  uint32_t Permute(uint32_t number) const {
    constexpr uint64_t kOdd = 0x9e3779b97f4a7c15;
    uint32_t left = number >> kHalfBits;
    uint32_t right = number & ((1u << kHalfBits) - 1);
    for (uint32_t round = 0; round < 4; ++round) {
      uint64_t mixed = (key_ ^ (uint64_t{right} << 2 | round)) * kOdd;
      mixed = (mixed ^ mixed >> 29) * kOdd;
      const uint32_t next =
          left ^ static_cast<uint32_t>(mixed >> (64 - kHalfBits));
      left = right;
      right = next;
    }
    return left << kHalfBits | right;
  }

  const WorkerId worker_;
  const uint64_t key_;
  uint32_t ipv4_ = 0;
  uint32_t ipv6_ = 0;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_PIPELINE_DATAGRAM_IDS_H_
