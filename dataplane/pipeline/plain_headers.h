// dataplane/pipeline/plain_headers.h
//
// Reads the headers of plain packets: one segment, TCP or UDP behind headers
// without options, all checksums good.  It is what parse.cc does for such a
// packet, and no more; for any other it says no.
//
//   PlainHeaders headers;
//   KeyWords key;
//   if (ReadIp(packet, frame, packet.data_len, headers, key) &&
//       ReadL4(packet, frame, headers, key)) ...
//
// Pure functions: any thread.

#ifndef VSWITCH_DATAPLANE_PIPELINE_PLAIN_HEADERS_H_
#define VSWITCH_DATAPLANE_PIPELINE_PLAIN_HEADERS_H_

#include <rte_mbuf.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dataplane/base/address.h"
#include "dataplane/base/byte_order.h"
#include "dataplane/base/flow_key.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/headers.h"

namespace vswitch {

inline constexpr uint16_t kTypeIpv4 = Be16::FromHost(kEtherTypeIpv4).raw;
inline constexpr uint16_t kTypeIpv6 = Be16::FromHost(kEtherTypeIpv6).raw;
inline constexpr uint32_t kL3Offset = sizeof(EthernetHeader);
inline constexpr uint8_t kPlainIpv4 = 0x45;  // version 4, no options
inline constexpr uint32_t kTimestampBytes = 12;

// A FlowKey's memory.  Nothing of it is written in parts, nor read in wider
// pieces than it was written: a processor would wait each time.
using KeyWords = std::array<uint64_t, 5>;
inline constexpr uint64_t kMappedWord = 0xffff0000;  // before an IPv4 address
inline constexpr uint32_t kProtocolShift = 32;       // in the last word

inline bool IsIpv4Address(uint64_t first, uint64_t second) {
  return first == 0 && static_cast<uint32_t>(second) == kMappedWord;
}

// What a frame's headers say, if it is plain.
struct PlainHeaders {
  uint8_t slot;  // of the burst; the caller's
  bool is_tcp;
  bool is_plain;  // else its TCP header says something about the connection
  IpFamily family;
  bool is_atomic;  // cannot be in fragments (RFC 6864)
  uint8_t l4_offset;
  uint8_t l4_header_bytes;
  uint16_t packet_bytes;    // without padding
  ChecksumSum address_sum;  // of both addresses, for the pseudo-header
};

// Flags that say something about the connection itself; URG is left to the
// stages behind.
inline constexpr uint8_t kTellingFlags =
    kTcpFin | kTcpSyn | kTcpRst | kTcpAck | kTcpUrg;

inline bool IsChecked(const rte_mbuf& packet, uint64_t mask, uint64_t good) {
  return (packet.ol_flags & mask) == good;
}

// Reads the IP header of a frame of `frame_bytes`: addresses and protocol of
// its key.  Returns false if the packet is not plain.
inline bool ReadIp(const rte_mbuf& packet, const uint8_t* frame,
                   uint32_t frame_bytes, PlainHeaders& headers, KeyWords& key) {
  uint16_t type;
  std::memcpy(&type, frame + offsetof(EthernetHeader, type), sizeof(type));
  if (type == kTypeIpv4) {
    const auto* ip = reinterpret_cast<const Ipv4Header*>(frame + kL3Offset);
    const uint32_t bytes = kL3Offset + ip->total_length.ToHost();
    const uint16_t not_plain = Be16(ip->flags_offset).raw &
                               Be16::FromHost(0xffff & ~kIpv4DontFragment).raw;
    if (ip->version_ihl != kPlainIpv4 || not_plain != 0 || ip->ttl <= 1 ||
        bytes > frame_bytes) {
      return false;
    }
    if (!IsChecked(packet, RTE_MBUF_F_RX_IP_CKSUM_MASK,
                   RTE_MBUF_F_RX_IP_CKSUM_GOOD) &&
        !SumIsGood(SumBytes(ip, sizeof(*ip)))) {
      return false;
    }
    headers.family = IpFamily::kIpv4;
    headers.is_atomic = Be16(ip->flags_offset) != Be16{0};
    headers.l4_offset = kL3Offset + sizeof(Ipv4Header);
    headers.packet_bytes = static_cast<uint16_t>(bytes);
    uint64_t addresses;
    std::memcpy(&addresses, ip->source.bytes, sizeof(addresses));
    key = {0, kMappedWord | addresses << 32, 0,
           kMappedWord | addresses >> 32 << 32,
           uint64_t{ip->protocol} << kProtocolShift};
    headers.address_sum = SumBytes(ip->source.bytes, sizeof(addresses));
    return true;
  }
  if (type != kTypeIpv6 || frame_bytes < kL3Offset + sizeof(Ipv6Header)) {
    return false;
  }
  const auto* ip = reinterpret_cast<const Ipv6Header*>(frame + kL3Offset);
  const uint32_t bytes =
      kL3Offset + sizeof(Ipv6Header) + ip->payload_length.ToHost();
  constexpr uint32_t kAddressesBytes = 32;
  std::memcpy(key.data(), ip->source, kAddressesBytes);
  key[4] = uint64_t{ip->next_header} << kProtocolShift;
  if (ip->Version() != 6 || ip->hop_limit <= 1 || bytes > frame_bytes ||
      IsIpv4Address(key[0], key[1]) || IsIpv4Address(key[2], key[3])) {
    return false;
  }
  headers.address_sum = SumBytes(ip->source, kAddressesBytes);
  headers.family = IpFamily::kIpv6;
  headers.is_atomic = true;
  headers.l4_offset = kL3Offset + sizeof(Ipv6Header);
  headers.packet_bytes = static_cast<uint16_t>(bytes);
  return true;
}

inline bool IsPlainTcp(const TcpHeader& tcp) {
  if ((tcp.flags & kTellingFlags) != kTcpAck) return false;
  const uint32_t header_bytes = tcp.HeaderBytes();
  if (header_bytes == sizeof(TcpHeader)) return true;
  static constexpr uint8_t kTimestamps[4] = {kTcpOptionNop, kTcpOptionNop,
                                             kTcpOptionTimestamps, 10};
  return header_bytes == sizeof(TcpHeader) + kTimestampBytes &&
         std::memcmp(&tcp + 1, kTimestamps, sizeof(kTimestamps)) == 0;
}

// Reads the TCP or UDP header: the ports of the key.  Returns false if the
// packet is not plain.
inline bool ReadL4(const rte_mbuf& packet, const uint8_t* frame,
                   PlainHeaders& headers, KeyWords& key) {
  const uint8_t* l4 = frame + headers.l4_offset;
  const uint32_t l4_bytes = uint32_t{headers.packet_bytes} - headers.l4_offset;
  const auto protocol = static_cast<IpProtocol>(key[4] >> kProtocolShift);
  headers.is_tcp = protocol == IpProtocol::kTcp;
  uint32_t covered = l4_bytes;
  if (headers.is_tcp) {
    const auto* tcp = reinterpret_cast<const TcpHeader*>(l4);
    if (headers.packet_bytes < headers.l4_offset + sizeof(TcpHeader) ||
        tcp->HeaderBytes() > l4_bytes) {
      return false;
    }
    headers.is_plain = IsPlainTcp(*tcp);
    headers.l4_header_bytes = static_cast<uint8_t>(tcp->HeaderBytes());
  } else {
    const auto* udp = reinterpret_cast<const UdpHeader*>(l4);
    if (protocol != IpProtocol::kUdp ||
        headers.packet_bytes < headers.l4_offset + sizeof(UdpHeader) ||
        udp->checksum == Be16{0}) {
      return false;
    }
    covered = udp->length.ToHost();
    if (covered < sizeof(UdpHeader) || covered > l4_bytes) return false;
    headers.is_plain = true;
    headers.l4_header_bytes = sizeof(UdpHeader);
  }
  uint32_t ports;
  std::memcpy(&ports, l4, sizeof(ports));
  key[4] |= ports;
  // The pseudo-header: see PseudoHeaderSum().
  return IsChecked(packet, RTE_MBUF_F_RX_L4_CKSUM_MASK,
                   RTE_MBUF_F_RX_L4_CKSUM_GOOD) ||
         SumIsGood(headers.address_sum + SumBytes(l4, covered) +
                   Be32::FromHost(static_cast<uint32_t>(protocol)).raw +
                   Be32::FromHost(covered).raw);
}

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_PIPELINE_PLAIN_HEADERS_H_
