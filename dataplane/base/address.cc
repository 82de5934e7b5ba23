// Parses and prints MAC and IP addresses.

#include "dataplane/base/address.h"

#include <arpa/inet.h>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace vswitch {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Clears every bit of `address` behind the first `bits` of the 16-byte form.
IpAddress Masked(IpAddress address, int bits) {
  for (int i = 0; i < 16; ++i) {
    const int kept = bits - 8 * i;
    if (kept >= 8) continue;
    const uint8_t mask =
        kept <= 0 ? 0 : static_cast<uint8_t>(0xff << (8 - kept));
    address.bytes[i] &= mask;
  }
  return address;
}

}  // namespace

absl::StatusOr<MacAddress> MacAddress::Parse(absl::string_view text) {
  MacAddress result;
  bool valid = text.size() == 17;
  for (size_t i = 0; valid && i < 6; ++i) {
    const int high = HexDigit(text[3 * i]);
    const int low = HexDigit(text[3 * i + 1]);
    valid = high >= 0 && low >= 0 && (i == 5 || text[3 * i + 2] == ':');
    result.bytes[i] = static_cast<uint8_t>(high << 4 | low);
  }
  if (!valid) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text,
                     "\" is not a MAC address; it should look like "
                     "02:00:00:00:00:01"));
  }
  return result;
}

std::string MacAddress::ToString() const {
  return absl::StrFormat("%02x:%02x:%02x:%02x:%02x:%02x", bytes[0], bytes[1],
                         bytes[2], bytes[3], bytes[4], bytes[5]);
}

absl::StatusOr<IpAddress> IpAddress::Parse(absl::string_view text) {
  const std::string copy(text);
  in_addr v4;
  if (inet_pton(AF_INET, copy.c_str(), &v4) == 1) return FromIpv4(&v4);
  in6_addr v6;
  if (copy.size() == text.find('\0') || text.find('\0') == text.npos) {
    if (inet_pton(AF_INET6, copy.c_str(), &v6) == 1) {
      IpAddress result = FromIpv6(&v6);
      // One spelling for one address: IPv4 is written as IPv4.
      if (!result.IsIpv4()) return result;
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text,
                   "\" is not an IP address; it should look like "
                   "10.0.0.1 or fd00::1"));
}

std::string IpAddress::ToString() const {
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(IsIpv4() ? AF_INET : AF_INET6, WireBytes(), text, sizeof(text));
  return text;
}

IpAddress LinkLocalFromMac(const MacAddress& mac) {
  IpAddress result;
  result.bytes = {0xfe,
                  0x80,
                  0,
                  0,
                  0,
                  0,
                  0,
                  0,
                  static_cast<uint8_t>(mac.bytes[0] ^ 2),
                  mac.bytes[1],
                  mac.bytes[2],
                  0xff,
                  0xfe,
                  mac.bytes[3],
                  mac.bytes[4],
                  mac.bytes[5]};
  return result;
}

absl::StatusOr<IpPrefix> IpPrefix::ParseInterface(absl::string_view text) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits('/', 1));
  absl::StatusOr<IpAddress> address = IpAddress::Parse(parts.first);
  int bits = -1;
  const bool digits =
      !parts.second.empty() &&
      parts.second.find_first_not_of("0123456789") == absl::string_view::npos;
  if (!address.ok() || !digits || !absl::SimpleAtoi(parts.second, &bits) ||
      bits > (address->IsIpv4() ? 32 : 128)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text,
                     "\" is not an IP prefix; it should look like "
                     "10.0.0.0/8 or fd00::/64"));
  }
  return IpPrefix{*address, static_cast<uint8_t>(bits)};
}

absl::StatusOr<IpPrefix> IpPrefix::Parse(absl::string_view text) {
  absl::StatusOr<IpPrefix> result = ParseInterface(text);
  if (!result.ok()) return result;
  const IpAddress masked = Masked(result->address, result->MappedBits());
  if (masked != result->address) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", text, "\" has bits set behind its prefix; it should be ",
        IpPrefix{masked, result->prefix_bits}.ToString()));
  }
  return result;
}

std::string IpPrefix::ToString() const {
  return absl::StrCat(address.ToString(), "/", prefix_bits);
}

bool IpPrefix::Contains(const IpAddress& other) const {
  return address.IsIpv4() == other.IsIpv4() &&
         Masked(other, MappedBits()) == Masked(address, MappedBits());
}

}  // namespace vswitch
