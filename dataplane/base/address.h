// dataplane/base/address.h
//
// MacAddress and IpAddress.  An IpAddress is 16 bytes for both families: IPv4
// is kept in the IPv4-mapped form of RFC 4291 section 2.5.5.2 (::ffff:a.b.c.d),
// so that one table, one key and one comparison serve both.  No confusion can
// arise: the parser drops an IPv4-mapped address that comes in an IPv6 header.
//
//   IpAddress address = IpAddress::FromIpv4(wire_bytes);
//   if (address.IsIpv4()) ...
//   absl::StatusOr<IpAddress> parsed = IpAddress::Parse("fd00::1");
//
// Plain values; bytes are in network order.

#ifndef VSWITCH_DATAPLANE_BASE_ADDRESS_H_
#define VSWITCH_DATAPLANE_BASE_ADDRESS_H_

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "dataplane/base/byte_order.h"

namespace vswitch {

struct MacAddress {
  std::array<uint8_t, 6> bytes{};

  // Returns the address written as "02:00:00:00:00:01".
  static absl::StatusOr<MacAddress> Parse(absl::string_view text);
  std::string ToString() const;

  constexpr bool IsMulticast() const { return (bytes[0] & 1) != 0; }
  constexpr bool IsZero() const { return bytes == decltype(bytes){}; }
  // Whether it may be one interface's.
  constexpr bool IsUnicast() const { return !IsMulticast() && !IsZero(); }
  constexpr bool IsBroadcast() const {
    for (uint8_t byte : bytes) {
      if (byte != 0xff) return false;
    }
    return true;
  }
  friend bool operator==(const MacAddress& a, const MacAddress& b) {
    return a.Word() == b.Word();
  }
  friend auto operator<=>(const MacAddress& a, const MacAddress& b) {
    return a.bytes <=> b.bytes;
  }

 private:
  // The bytes in one word; no library call compares six bytes.
  uint64_t Word() const {
    uint32_t first;
    uint16_t last;
    std::memcpy(&first, bytes.data(), 4);
    std::memcpy(&last, bytes.data() + 4, 2);
    return uint64_t{last} << 32 | first;
  }
};
static_assert(sizeof(MacAddress) == 6);

enum class IpFamily : uint8_t { kIpv4 = 4, kIpv6 = 6 };

struct alignas(8) IpAddress {
  std::array<uint8_t, 16> bytes{};  // the default is "::"

  // `wire` points to 4 bytes in network order.
  static IpAddress FromIpv4(const void* wire) {
    IpAddress result;
    result.bytes[10] = 0xff;
    result.bytes[11] = 0xff;
    std::memcpy(result.bytes.data() + 12, wire, 4);
    return result;
  }
  static IpAddress FromIpv4(Be32 wire) { return FromIpv4(&wire.raw); }
  // `wire` points to 16 bytes in network order.
  static IpAddress FromIpv6(const void* wire) {
    IpAddress result;
    std::memcpy(result.bytes.data(), wire, 16);
    return result;
  }
  // Returns the address written as "10.0.0.1" or "fd00::1".
  static absl::StatusOr<IpAddress> Parse(absl::string_view text);
  std::string ToString() const;

  // Returns the bytes as two words, in memory order.
  std::array<uint64_t, 2> Words() const {
    std::array<uint64_t, 2> words;
    std::memcpy(words.data(), bytes.data(), sizeof(words));
    return words;
  }
  bool IsIpv4() const {
    const std::array<uint64_t, 2> words = Words();
    return words[0] == 0 &&
           (words[1] & 0xffffffffu) == 0xffff0000u;  // bytes 8..11: 00 00 ff ff
  }
  IpFamily family() const {
    return IsIpv4() ? IpFamily::kIpv4 : IpFamily::kIpv6;
  }
  // Returns the last four bytes: the IPv4 address.  REQUIRES: IsIpv4().
  Be32 ToIpv4() const {
    Be32 result;
    std::memcpy(&result.raw, bytes.data() + 12, 4);
    return result;
  }
  // Returns the bytes as they stand in a header: 4 or 16 of them.
  const uint8_t* WireBytes() const {
    return IsIpv4() ? bytes.data() + 12 : bytes.data();
  }
  size_t WireByteCount() const { return IsIpv4() ? 4 : 16; }
  // 0.0.0.0 or ::
  bool IsUnspecified() const {
    const std::array<uint64_t, 2> words = Words();
    return words[0] == 0 && (words[1] == 0 || words[1] == 0xffff0000u);
  }
  // 127.0.0.0/8 or ::1
  bool IsLoopback() const {
    const std::array<uint64_t, 2> words = Words();
    return words[0] == 0 &&
           (words[1] == uint64_t{1} << 56 ||
            (words[1] & 0xffffffffffu) == (uint64_t{127} << 32 | 0xffff0000u));
  }
  // 224.0.0.0/4 or ff00::/8
  bool IsMulticast() const {
    return bytes[0] == 0xff || (IsIpv4() && (bytes[12] & 0xf0) == 0xe0);
  }
  // 169.254.0.0/16 or fe80::/10
  bool IsLinkLocal() const {
    return (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80) ||
           (IsIpv4() && bytes[12] == 169 && bytes[13] == 254);
  }

  friend bool operator==(const IpAddress& a, const IpAddress& b) {
    const std::array<uint64_t, 2> x = a.Words();
    const std::array<uint64_t, 2> y = b.Words();
    return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
  }
  friend auto operator<=>(const IpAddress& a, const IpAddress& b) {
    return a.bytes <=> b.bytes;
  }
  template <typename H>
  friend H AbslHashValue(H state, const IpAddress& address) {
    return H::combine(std::move(state), address.bytes);
  }
};
static_assert(sizeof(IpAddress) == 16);

// Returns the link-local address that EUI-64 (RFC 4291 appendix A) derives
// from `mac`.
IpAddress LinkLocalFromMac(const MacAddress& mac);

// A prefix: an address and how many of its leading bits count, 0 to 32 for
// IPv4 and 0 to 128 for IPv6.
struct IpPrefix {
  IpAddress address;
  uint8_t prefix_bits = 0;  // in the family's own terms

  // Returns the prefix written as "10.0.0.0/8" or "fd00::/64".  Bits behind
  // the prefix must be zero (as Kubernetes' ipBlock validation asks).
  static absl::StatusOr<IpPrefix> Parse(absl::string_view text);
  // The same, but bits behind the prefix may be set: an interface address.
  static absl::StatusOr<IpPrefix> ParseInterface(absl::string_view text);
  std::string ToString() const;

  // Returns how many bits of the 16-byte form count: 96 more for IPv4.
  uint8_t MappedBits() const {
    return static_cast<uint8_t>(prefix_bits + (address.IsIpv4() ? 96 : 0));
  }
  bool Contains(const IpAddress& other) const;
  friend auto operator<=>(const IpPrefix&, const IpPrefix&) = default;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_BASE_ADDRESS_H_
