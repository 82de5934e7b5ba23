// dataplane/packet/checksum.h
//
// The internet checksum (RFC 1071), its incremental update (RFC 1624) and
// SCTP's CRC32c (RFC 9260 appendix A).
//
// A ChecksumSum is the sum of 16-bit words in memory order: RFC 1071 section
// 2(B) shows that the byte order does not matter, so nothing is swapped.  It is
// wide enough for 2^32 words; Fold() brings it to 16 bits.
//
//   ChecksumSum sum = PseudoHeaderSum(source, destination, protocol, bytes);
//   sum += PacketSum(packet, l4_offset, bytes);
//   Be16 checksum = ChecksumOf(sum);
//
// Pure functions: any thread.

#ifndef VSWITCH_DATAPLANE_PACKET_CHECKSUM_H_
#define VSWITCH_DATAPLANE_PACKET_CHECKSUM_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dataplane/base/address.h"
#include "dataplane/base/byte_order.h"
#include "dataplane/base/flow_key.h"

struct rte_mbuf;

namespace vswitch {

using ChecksumSum = uint64_t;

// Returns the sum of `bytes` bytes at `data`; an odd last byte counts as if a
// zero byte followed.
inline ChecksumSum SumBytes(const void* data, size_t bytes) {
  // RFC 1071 2(C): wider words may be added as well, with the carry added at
  // the end; the fold is the same.
  const auto* at = static_cast<const uint8_t*>(data);
  uint64_t sum = 0;
  for (; bytes >= 8; at += 8, bytes -= 8) {
    uint64_t word;
    std::memcpy(&word, at, 8);
    sum += word;
    sum += sum < word ? 1 : 0;
  }
  sum = (sum & 0xffffffff) + (sum >> 32);
  if ((bytes & 4) != 0) {
    uint32_t word;
    std::memcpy(&word, at, 4);
    sum += word;
    at += 4;
  }
  if ((bytes & 2) != 0) {
    uint16_t word;
    std::memcpy(&word, at, 2);
    sum += word;
    at += 2;
  }
  return (bytes & 1) != 0 ? sum + *at : sum;
}

// Returns `sum` folded to 16 bits with end-around carry.
inline uint16_t Fold(ChecksumSum sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

// Returns the checksum field for what sums to `sum`: the complement.
inline Be16 ChecksumOf(ChecksumSum sum) {
  return Be16{static_cast<uint16_t>(~Fold(sum))};
}

// Returns whether a sum that includes the checksum field is right.
inline bool SumIsGood(ChecksumSum sum) { return Fold(sum) == 0xffff; }

// Returns the sum of the pseudo-header of RFC 9293 3.1 or RFC 8200 8.1.
inline ChecksumSum PseudoHeaderSum(const IpAddress& source,
                                   const IpAddress& destination,
                                   IpProtocol protocol, uint32_t l4_bytes) {
  // Both families' pseudo-headers have the same words but for the size of the
  // addresses: the length never exceeds 16 bits, and zeros add nothing.  The
  // mapped form of an IPv4 address has a word of ones before the address, which
  // is zero as well (RFC 1071 1).
  return SumBytes(source.bytes.data(), sizeof(source.bytes)) +
         SumBytes(destination.bytes.data(), sizeof(destination.bytes)) +
         Be32::FromHost(static_cast<uint32_t>(protocol)).raw +
         Be32::FromHost(l4_bytes).raw;
}

// Returns the sum of `bytes` bytes of the frame from `offset` on, across
// segments.  REQUIRES: they are in the packet.
ChecksumSum PacketSum(const rte_mbuf& packet, uint32_t offset, uint32_t bytes);

// Returns `checksum` after `bytes` bytes it covers changed from `before` to
// `after` (RFC 1624 equation 3).  `bytes` is even, and so is the distance of
// the bytes from the start of what the checksum covers.
Be16 UpdateChecksum(Be16 checksum, const void* before, const void* after,
                    size_t bytes);
inline Be16 UpdateChecksum(Be16 checksum, Be16 before, Be16 after) {
  return ChecksumOf(ChecksumSum{static_cast<uint16_t>(~checksum.raw)} +
                    static_cast<uint16_t>(~before.raw) + after.raw);
}

// Returns the CRC32c of `bytes` bytes of the frame from `offset` on, across
// segments, with the four bytes at `zero_offset` (from the first byte of the
// frame) taken as 0.  REQUIRES: they are in the packet.
uint32_t PacketCrc32c(const rte_mbuf& packet, uint32_t offset, uint32_t bytes,
                      uint32_t zero_offset);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_PACKET_CHECKSUM_H_
