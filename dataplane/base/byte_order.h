// dataplane/base/byte_order.h
//
// Be16 and Be32: numbers in network byte order, as types of their own, so that
// a port or an address read from the wire cannot be compared with, or stored
// as, a host number by accident.  There is no implicit conversion.
//
//   Be16 port = Be16::FromHost(80);
//   if (udp->destination_port == port) ...
//
// Safe to use from any thread: plain values.

#ifndef VSWITCH_DATAPLANE_BASE_BYTE_ORDER_H_
#define VSWITCH_DATAPLANE_BASE_BYTE_ORDER_H_

#include <compare>
#include <cstdint>

namespace vswitch {

// A 16-bit number in network byte order.
struct Be16 {
  uint16_t raw = 0;  // as it lies in memory

  static constexpr Be16 FromHost(uint16_t host) {
    return Be16{__builtin_bswap16(host)};
  }
  constexpr uint16_t ToHost() const { return __builtin_bswap16(raw); }
  friend constexpr bool operator==(Be16, Be16) = default;
};

// A 32-bit number in network byte order.
struct Be32 {
  uint32_t raw = 0;  // as it lies in memory

  static constexpr Be32 FromHost(uint32_t host) {
    return Be32{__builtin_bswap32(host)};
  }
  constexpr uint32_t ToHost() const { return __builtin_bswap32(raw); }
  friend constexpr bool operator==(Be32, Be32) = default;
};

static_assert(sizeof(Be16) == 2 && sizeof(Be32) == 4);
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "FromHost and ToHost swap on little-endian machines only");

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_BASE_BYTE_ORDER_H_
