// dataplane/base/flow_key.h
//
// FlowKey: what names one direction of one flow, in both families: addresses,
// protocol, ports and zone.
//
// For ICMP and ICMPv6 queries both ports hold the query's identifier; for
// protocols without ports both are 0.  Plain value; no padding bytes, so that
// it may be hashed and compared as memory.

#ifndef VSWITCH_DATAPLANE_BASE_FLOW_KEY_H_
#define VSWITCH_DATAPLANE_BASE_FLOW_KEY_H_

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "dataplane/base/address.h"
#include "dataplane/base/byte_order.h"

namespace vswitch {

// IANA protocol numbers that the switch treats by name.
enum class IpProtocol : uint8_t {
  kHopByHop = 0,
  kIcmp = 1,
  kIpv4 = 4,
  kTcp = 6,
  kUdp = 17,
  kIpv6 = 41,
  kRouting = 43,
  kFragment = 44,
  kGre = 47,
  kEsp = 50,
  kAh = 51,
  kIcmpv6 = 58,
  kNoNext = 59,
  kDestinationOptions = 60,
  kSctp = 132,
  kMobility = 135,
  kUdpLite = 136,
  kHip = 139,
  kShim6 = 140,
};

struct FlowKey {
  IpAddress source;
  IpAddress destination;
  Be16 source_port;
  Be16 destination_port;
  IpProtocol protocol{};
  uint8_t reserved = 0;  // always 0
  uint16_t zone = 0;     // tenants with overlapping addresses; 0 by default

  // Returns the key whose memory `words` are.  Who makes a key that is hashed
  // or compared at once makes it so: a processor waits long for a word that was
  // written in parts.
  static FlowKey FromWords(const std::array<uint64_t, 5>& words) {
    FlowKey key;
    std::memcpy(static_cast<void*>(&key), words.data(), sizeof(key));
    return key;
  }
  // Returns the key's memory as words.
  std::array<uint64_t, 5> Words() const {
    std::array<uint64_t, 5> words;
    std::memcpy(words.data(), this, sizeof(words));
    return words;
  }
  // Returns the key of the packets that come back.
  FlowKey Reversed() const {
    const std::array<uint64_t, 5> words = Words();
    const auto ports = std::rotl(static_cast<uint32_t>(words[4]), 16);
    return FromWords(
        {words[2], words[3], words[0], words[1], words[4] >> 32 << 32 | ports});
  }
  friend bool operator==(const FlowKey& a, const FlowKey& b) {
    // One test for all words: most comparisons hold.
    const std::array<uint64_t, 5> x = a.Words();
    const std::array<uint64_t, 5> y = b.Words();
    return ((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]) |
            (x[4] ^ y[4])) == 0;
  }
};
static_assert(sizeof(FlowKey) == 40, "FlowKey must have no padding");

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_BASE_FLOW_KEY_H_
