// dataplane/base/router_tag.h
//
// RouterTag: sixteen bits that tell the router of a port from the one that the
// port had before.  What is known of a router is kept with its tag
// (tables/neighbor_table.h), so that a changed Port never makes packets go to
// the MAC address of the router that it no longer names.
//
//   record.router_tags[FamilyIndex(router.family())] =
//       TagOfRouter(router, record.epoch);
//
// Plain values; any thread.

#ifndef VSWITCH_DATAPLANE_BASE_ROUTER_TAG_H_
#define VSWITCH_DATAPLANE_BASE_ROUTER_TAG_H_

#include <cstdint>

#include "dataplane/base/address.h"

namespace vswitch {

enum class RouterTag : uint16_t { kNone = 0 };  // kNone: no router is named

inline constexpr uint32_t kFamilyCount = 2;

// Returns the index of what a port has for each family.
constexpr uint32_t FamilyIndex(IpFamily family) {
  return family == IpFamily::kIpv4 ? 0 : 1;
}

// Returns the tag of `router` on the port of `port_epoch`, never kNone; the
// same in every process.
inline RouterTag TagOfRouter(const IpAddress& router, uint32_t port_epoch) {
  constexpr uint64_t kOdd = 0x9e3779b97f4a7c15;  // 2^64 by the golden ratio
  uint64_t hash = port_epoch;
  for (const uint64_t word : router.Words()) hash = (hash ^ word) * kOdd;
  const auto tag = static_cast<uint16_t>((hash ^ hash >> 32) >> 16);
  return tag == 0 ? RouterTag{1} : RouterTag{tag};
}

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_BASE_ROUTER_TAG_H_
