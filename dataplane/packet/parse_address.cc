// CheckAddresses(): addresses that never belong on a wire.

#include <cstring>

#include "dataplane/packet/headers.h"
#include "dataplane/packet/parse.h"

namespace vswitch {
namespace {

bool IsPrivateOrSpecialIpv4(const uint8_t* ip) {
  return ip[0] == 0 || ip[0] == 10 || ip[0] == 127 || ip[0] >= 224 ||
         (ip[0] == 169 && ip[1] == 254) ||
         (ip[0] == 172 && (ip[1] & 0xf0) == 16) ||
         (ip[0] == 192 && ip[1] == 168);
}

// RFC 1812 5.3.7 and RFC 6890: 0/8 is "this network", 240/4 is reserved.
bool IsInvalidIpv4(const IpAddress& address) {
  uint8_t first = address.bytes[12];
  return first == 0 || first == 127 || first >= 240;
}

bool IsBroadcast(const IpAddress& address) {
  return address.IsIpv4() && address.ToIpv4() == Be32{0xffffffff};
}

// RFC 4291 2.5.5.1: the deprecated IPv4-compatible form, ::/96.  "::" and
// "::1" are in it, too.
bool IsIpv4Compatible(const IpAddress& address) {
  static constexpr uint8_t kZeros[12] = {};
  return std::memcmp(address.bytes.data(), kZeros, sizeof(kZeros)) == 0;
}

// 6to4 (RFC 3056 9) and Teredo (RFC 4380 5.2.4) addresses that hide an IPv4
// address which may not be reached that way.
bool HidesPrivateIpv4(const IpAddress& address) {
  const uint8_t* bytes = address.bytes.data();
  if (bytes[0] == 0x20 && bytes[1] == 0x02) {
    return IsPrivateOrSpecialIpv4(bytes + 2);
  }
  if (bytes[0] == 0x20 && bytes[1] == 0x01 && bytes[2] == 0 && bytes[3] == 0) {
    const uint8_t client[4] = {uint8_t(~bytes[12]), uint8_t(~bytes[13]),
                               uint8_t(~bytes[14]), uint8_t(~bytes[15])};
    return IsPrivateOrSpecialIpv4(bytes + 4) || IsPrivateOrSpecialIpv4(client);
  }
  return false;
}

// RFC 4291 2.7 and RFC 7346 2: scopes 0 and F are reserved, 1 stays inside the
// node.
bool IsInvalidIpv6Group(const IpAddress& address) {
  uint8_t scope = address.bytes[1] & 0x0f;
  return address.bytes[0] == 0xff && (scope <= 1 || scope == 0x0f);
}

// A host that has no address yet: DHCP (RFC 2131 4.1), duplicate address
// detection (RFC 4862 5.4.2), and MLD reports meanwhile (RFC 3590).
bool MayComeFromNowhere(const PacketMeta& meta) {
  if (meta.l3 == L3Kind::kIpv4) {
    return meta.key.protocol == IpProtocol::kUdp &&
           meta.key.source_port == Be16::FromHost(68) &&
           meta.key.destination_port == Be16::FromHost(67) &&
           IsBroadcast(meta.key.destination);
  }
  return meta.icmp == IcmpKind::kMulticastListener ||
         (meta.icmp == IcmpKind::kNeighborDiscovery &&
          (meta.icmp_type == kIcmpv6NeighborSolicitation ||
           meta.icmp_type == kIcmpv6RouterSolicitation));
}

bool SourceIsMartian(const PacketMeta& meta) {
  const IpAddress& source = meta.key.source;
  if (source.IsUnspecified()) return !MayComeFromNowhere(meta);
  if (source.IsMulticast() || source.IsLoopback()) return true;
  if (source.IsIpv4()) return IsInvalidIpv4(source);
  return IsIpv4Compatible(source) || HidesPrivateIpv4(source);
}

bool DestinationIsMartian(const PacketMeta& meta) {
  const IpAddress& destination = meta.key.destination;
  if (destination.IsIpv4()) {
    return IsInvalidIpv4(destination) && !IsBroadcast(destination);
  }
  return IsIpv4Compatible(destination) || IsInvalidIpv6Group(destination);
}

}  // namespace

DropReason CheckAddresses(const PacketMeta& meta) {
  if (meta.l3 != L3Kind::kIpv4 && meta.l3 != L3Kind::kIpv6) {
    return DropReason::kNone;
  }
  if (SourceIsMartian(meta)) return DropReason::kMartianSrc;
  if (DestinationIsMartian(meta)) return DropReason::kMartianDst;
  return meta.key.source == meta.key.destination ? DropReason::kLand
                                                 : DropReason::kNone;
}

}  // namespace vswitch
