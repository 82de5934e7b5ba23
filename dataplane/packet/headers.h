// dataplane/packet/headers.h
//
// The headers of the protocols that the switch reads or writes, as they stand
// on the wire, and the numbers in them.
//
// A field of more than one byte is a WireBe16 or WireBe32: a Be16 or Be32 at
// any address.  They convert to and from Be16 and Be32, never to numbers:
//
//   if (udp->destination_port == Be16::FromHost(53)) ...
//   uint16_t bytes = udp->length.ToHost();
//
// Plain values of alignment 1.

#ifndef VSWITCH_DATAPLANE_PACKET_HEADERS_H_
#define VSWITCH_DATAPLANE_PACKET_HEADERS_H_

#include <cstdint>
#include <cstring>

#include "dataplane/base/address.h"
#include "dataplane/base/byte_order.h"

namespace vswitch {

// A Be16 at any address.
struct WireBe16 {
  uint8_t bytes[2];

  WireBe16& operator=(Be16 value) {
    std::memcpy(bytes, &value.raw, 2);
    return *this;
  }
  operator Be16() const {
    Be16 value;
    std::memcpy(&value.raw, bytes, 2);
    return value;
  }
  uint16_t ToHost() const { return Be16(*this).ToHost(); }
};

// A Be32 at any address.
struct WireBe32 {
  uint8_t bytes[4];

  WireBe32& operator=(Be32 value) {
    std::memcpy(bytes, &value.raw, 4);
    return *this;
  }
  operator Be32() const {
    Be32 value;
    std::memcpy(&value.raw, bytes, 4);
    return value;
  }
  uint32_t ToHost() const { return Be32(*this).ToHost(); }
};

// --- Ethernet ---

inline constexpr uint16_t kEtherTypeIpv4 = 0x0800;
inline constexpr uint16_t kEtherTypeArp = 0x0806;
inline constexpr uint16_t kEtherTypeVlan = 0x8100;
inline constexpr uint16_t kEtherTypeQinQ = 0x88a8;
inline constexpr uint16_t kEtherTypeOldQinQ = 0x9100;
inline constexpr uint16_t kEtherTypeIpv6 = 0x86dd;

struct EthernetHeader {
  MacAddress destination;
  MacAddress source;
  WireBe16 type;
};
static_assert(sizeof(EthernetHeader) == 14 && alignof(EthernetHeader) == 1);

struct VlanTag {
  WireBe16 control;  // 3 bits priority, 1 bit, 12 bits VLAN id
  WireBe16 type;
};
static_assert(sizeof(VlanTag) == 4 && alignof(VlanTag) == 1);

// --- ARP, RFC 826, for IPv4 over Ethernet ---

inline constexpr uint16_t kArpHardwareEthernet = 1;
inline constexpr uint16_t kArpRequest = 1;
inline constexpr uint16_t kArpReply = 2;

struct ArpHeader {
  WireBe16 hardware;
  WireBe16 protocol;
  uint8_t hardware_bytes;
  uint8_t protocol_bytes;
  WireBe16 operation;
  MacAddress sender_mac;
  WireBe32 sender_ip;
  MacAddress target_mac;
  WireBe32 target_ip;
};
static_assert(sizeof(ArpHeader) == 28 && alignof(ArpHeader) == 1);

// --- IPv4, RFC 791 ---

inline constexpr uint16_t kIpv4DontFragment = 0x4000;
inline constexpr uint16_t kIpv4MoreFragments = 0x2000;
inline constexpr uint16_t kIpv4OffsetMask = 0x1fff;  // in units of 8 bytes

struct Ipv4Header {
  uint8_t version_ihl;
  uint8_t tos;
  WireBe16 total_length;
  WireBe16 identification;
  WireBe16 flags_offset;
  uint8_t ttl;
  uint8_t protocol;
  WireBe16 checksum;
  WireBe32 source;
  WireBe32 destination;

  uint8_t Version() const { return version_ihl >> 4; }
  uint32_t HeaderBytes() const { return (version_ihl & 15u) * 4u; }
};
static_assert(sizeof(Ipv4Header) == 20 && alignof(Ipv4Header) == 1);

// --- IPv6, RFC 8200 ---

struct Ipv6Header {
  uint8_t version_class;  // 4 bits version, 4 bits of the traffic class
  uint8_t class_flow;     // 4 bits of the traffic class, 4 of the flow label
  WireBe16 flow;
  WireBe16 payload_length;
  uint8_t next_header;
  uint8_t hop_limit;
  uint8_t source[16];
  uint8_t destination[16];

  uint8_t Version() const { return version_class >> 4; }
  uint8_t TrafficClass() const {
    return static_cast<uint8_t>((version_class << 4) | (class_flow >> 4));
  }
};
static_assert(sizeof(Ipv6Header) == 40 && alignof(Ipv6Header) == 1);

// What hop-by-hop, destination options and routing headers begin with.
struct Ipv6ExtensionHeader {
  uint8_t next_header;
  uint8_t length;  // in units of 8 bytes, not counting the first 8

  uint32_t HeaderBytes() const { return (length + 1u) * 8u; }
};
static_assert(sizeof(Ipv6ExtensionHeader) == 2);

struct Ipv6RoutingHeader {
  uint8_t next_header;
  uint8_t length;
  uint8_t type;
  uint8_t segments_left;
};
static_assert(sizeof(Ipv6RoutingHeader) == 4);

struct Ipv6FragmentHeader {
  uint8_t next_header;
  uint8_t reserved;
  WireBe16 offset_flags;  // 13 bits offset in units of 8 bytes, 2 bits, M
  WireBe32 identification;

  uint16_t OffsetBytes() const { return offset_flags.ToHost() & 0xfff8; }
  bool MoreFragments() const { return (offset_flags.bytes[1] & 1) != 0; }
};
static_assert(sizeof(Ipv6FragmentHeader) == 8);

// --- TCP, RFC 9293 ---

inline constexpr uint8_t kTcpFin = 0x01;
inline constexpr uint8_t kTcpSyn = 0x02;
inline constexpr uint8_t kTcpRst = 0x04;
inline constexpr uint8_t kTcpPsh = 0x08;
inline constexpr uint8_t kTcpAck = 0x10;
inline constexpr uint8_t kTcpUrg = 0x20;
inline constexpr uint8_t kTcpEce = 0x40;
inline constexpr uint8_t kTcpCwr = 0x80;

// Kinds of options; RFC 9293, 7323 and 2018.
inline constexpr uint8_t kTcpOptionEnd = 0;
inline constexpr uint8_t kTcpOptionNop = 1;
inline constexpr uint8_t kTcpOptionMss = 2;
inline constexpr uint8_t kTcpOptionWindowScale = 3;
inline constexpr uint8_t kTcpOptionSackPermitted = 4;
inline constexpr uint8_t kTcpOptionSack = 5;
inline constexpr uint8_t kTcpOptionTimestamps = 8;

struct TcpHeader {
  WireBe16 source_port;
  WireBe16 destination_port;
  WireBe32 sequence;
  WireBe32 acknowledgment;
  uint8_t data_offset;  // 4 bits in units of 4 bytes, 4 bits reserved
  uint8_t flags;
  WireBe16 window;
  WireBe16 checksum;
  WireBe16 urgent_pointer;

  uint32_t HeaderBytes() const { return (data_offset >> 4) * 4u; }
};
static_assert(sizeof(TcpHeader) == 20 && alignof(TcpHeader) == 1);

// --- UDP, RFC 768; UDP-Lite, RFC 3828, has its coverage in `length` ---

struct UdpHeader {
  WireBe16 source_port;
  WireBe16 destination_port;
  WireBe16 length;
  WireBe16 checksum;
};
static_assert(sizeof(UdpHeader) == 8 && alignof(UdpHeader) == 1);

// --- SCTP, RFC 9260 ---

struct SctpHeader {
  WireBe16 source_port;
  WireBe16 destination_port;
  WireBe32 verification_tag;
  uint8_t crc32c[4];  // little-endian
};
static_assert(sizeof(SctpHeader) == 12 && alignof(SctpHeader) == 1);

// --- ICMP, RFC 792, and ICMPv6, RFC 4443 ---

inline constexpr uint8_t kIcmpEchoReply = 0;
inline constexpr uint8_t kIcmpUnreachable = 3;
inline constexpr uint8_t kIcmpFragNeeded = 4;  // a code of kIcmpUnreachable
inline constexpr uint8_t kIcmpSourceQuench = 4;
inline constexpr uint8_t kIcmpRedirect = 5;
inline constexpr uint8_t kIcmpEcho = 8;
inline constexpr uint8_t kIcmpTimeExceeded = 11;
inline constexpr uint8_t kIcmpParameterProblem = 12;
inline constexpr uint8_t kIcmpTimestamp = 13;
inline constexpr uint8_t kIcmpTimestampReply = 14;

inline constexpr uint8_t kIcmpv6Unreachable = 1;
inline constexpr uint8_t kIcmpv6PacketTooBig = 2;
inline constexpr uint8_t kIcmpv6TimeExceeded = 3;
inline constexpr uint8_t kIcmpv6ParameterProblem = 4;
inline constexpr uint8_t kIcmpv6Echo = 128;
inline constexpr uint8_t kIcmpv6EchoReply = 129;
inline constexpr uint8_t kIcmpv6MldQuery = 130;
inline constexpr uint8_t kIcmpv6MldReport = 131;
inline constexpr uint8_t kIcmpv6MldDone = 132;
inline constexpr uint8_t kIcmpv6RouterSolicitation = 133;
inline constexpr uint8_t kIcmpv6RouterAdvertisement = 134;
inline constexpr uint8_t kIcmpv6NeighborSolicitation = 135;
inline constexpr uint8_t kIcmpv6NeighborAdvertisement = 136;
inline constexpr uint8_t kIcmpv6Redirect = 137;
inline constexpr uint8_t kIcmpv6Mld2Report = 143;

struct IcmpHeader {
  uint8_t type;
  uint8_t code;
  WireBe16 checksum;
  WireBe16
      identifier;     // of queries; the MTU of ICMPv6 PacketTooBig begins here
  WireBe16 sequence;  // of queries; the MTU of ICMP 3/4
};
static_assert(sizeof(IcmpHeader) == 8 && alignof(IcmpHeader) == 1);

// Neighbour solicitation and advertisement, RFC 4861 4.3 and 4.4.
struct NeighborHeader {
  uint8_t type;
  uint8_t code;
  WireBe16 checksum;
  uint8_t flags;  // of an advertisement
  uint8_t reserved[3];
  uint8_t target[16];
};
static_assert(sizeof(NeighborHeader) == 24 && alignof(NeighborHeader) == 1);

inline constexpr uint8_t kNeighborRouter = 0x80;
inline constexpr uint8_t kNeighborSolicited = 0x40;
inline constexpr uint8_t kNeighborOverride = 0x20;

inline constexpr uint8_t kNdSourceLinkLayer = 1;
inline constexpr uint8_t kNdTargetLinkLayer = 2;

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_PACKET_HEADERS_H_
