// test/fuzz/plain_packet.h
//
// PlainPacket: an IP packet in an Ethernet frame, made and read in the plainest
// way and on purpose not by dataplane/packet, which is what the fuzz target of
// the pipeline checks against it.
//
//   PlainPacket packet{.source = client, .destination = server};
//   packet.payload = UdpPayload(1000, 53, data);
//   CompleteChecksum(packet);
//   std::vector<uint8_t> frame = ToFrame(packet);
//   std::optional<PlainPacket> again = FromFrame(frame);
//
// Ports and identifiers are numbers in host byte order.  Tests only;
// thread-compatible.

#ifndef VSWITCH_TEST_FUZZ_PLAIN_PACKET_H_
#define VSWITCH_TEST_FUZZ_PLAIN_PACKET_H_

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "dataplane/base/address.h"
#include "dataplane/base/flow_key.h"

namespace vswitch {

using Bytes = std::vector<uint8_t>;

struct PlainPacket {
  MacAddress source_mac;
  MacAddress destination_mac;
  IpAddress source;
  IpAddress destination;
  uint8_t ttl = 64;
  uint8_t traffic_class = 0;
  bool dont_fragment = false;
  bool has_fragment_header = false;  // IPv6
  uint32_t id = 0;                   // of the datagram
  uint32_t fragment_offset = 0;      // bytes, a multiple of 8
  bool more_fragments = false;
  IpProtocol protocol = IpProtocol::kUdp;  // of `payload`
  // IPv4: the options.  IPv6: the extension headers before the fragment header,
  // the first of which is a `first_header`.
  Bytes options;
  IpProtocol first_header = IpProtocol::kHopByHop;
  Bytes payload;  // L4 header and data, or a part of both
  // Read from a frame: bytes of the datagram that the packet carries, which are
  // more than `payload` if extension headers follow the fragment header.
  size_t datagram_bytes = 0;

  bool IsIpv4() const { return source.IsIpv4(); }
  bool IsWhole() const { return fragment_offset == 0 && !more_fragments; }
  bool HasL4Header() const { return fragment_offset == 0; }
};

// Who speaks to whom; an ICMP query has its identifier in both ports.
struct Tuple {
  IpAddress source;
  IpAddress destination;
  IpProtocol protocol = IpProtocol::kUdp;
  uint16_t source_port = 0;
  uint16_t destination_port = 0;

  Tuple Reversed() const {
    return {destination, source, protocol, destination_port, source_port};
  }
  friend auto operator<=>(const Tuple&, const Tuple&) = default;
};

Bytes ToFrame(const PlainPacket& packet);

// Returns nothing if `frame` holds no IP packet whose lengths and IPv4 header
// checksum are right.  Padding is left out.
std::optional<PlainPacket> FromFrame(std::span<const uint8_t> frame);

// The same for an IP packet alone.  `is_cut`: the end may be missing, as in the
// quotation of an ICMP error.
enum class Extent : uint8_t { kWhole, kCut };
std::optional<PlainPacket> FromIp(std::span<const uint8_t> ip, Extent extent);

// The headers of L4, each before `data`, without a checksum.
struct TcpFields {
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
  uint32_t sequence = 0;
  uint32_t acknowledgment = 0;
  uint8_t flags = 0;
  uint16_t window = 65535;
  Bytes options;  // a multiple of 4 bytes
};
Bytes TcpPayload(const TcpFields& fields, const Bytes& data);
Bytes UdpPayload(uint16_t source_port, uint16_t destination_port,
                 const Bytes& data);
Bytes SctpPayload(uint16_t source_port, uint16_t destination_port,
                  const Bytes& data);
Bytes IcmpPayload(uint8_t type, uint8_t code, uint32_t word, const Bytes& data);

// Whether the payload is a query or an error of ICMP or ICMPv6.
bool IsIcmpQuery(const PlainPacket& packet);
bool IsIcmpError(const PlainPacket& packet);

// REQUIRES: packet.HasL4Header().
Tuple TupleOf(const PlainPacket& packet);

// Writes the checksum of a whole packet.
void CompleteChecksum(PlainPacket& packet);

// The sum that the L4 checksum is about, with the checksum: 0xffff if it is
// right, and the same before and behind a translation whether it is right or
// not, of a first fragment, too.  Nothing if there is no checksum.  SCTP:
// 0xffff if its CRC is right, else 0.
std::optional<uint16_t> ChecksumSumOf(const PlainPacket& packet);
// The sum of the pseudo-header alone, as a partial checksum has it.
uint16_t PseudoHeaderSumOf(const PlainPacket& packet);
// Reads the checksum field.  REQUIRES: there is one.
uint16_t ChecksumFieldOf(const PlainPacket& packet);

// Returns the payload with ports, identifier and checksum 0: what a translation
// leaves as it is.
Bytes UntranslatedPart(const PlainPacket& packet);

// Returns the sum of 16-bit words (RFC 1071) and `sum`, folded.
uint16_t FoldedSum(std::span<const uint8_t> bytes, uint32_t sum = 0);

uint16_t ReadBe16(std::span<const uint8_t> bytes, size_t at);
void WriteBe16(Bytes& bytes, size_t at, uint16_t value);
void WriteBe32(Bytes& bytes, size_t at, uint32_t value);

}  // namespace vswitch

#endif  // VSWITCH_TEST_FUZZ_PLAIN_PACKET_H_
