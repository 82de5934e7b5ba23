// dataplane/policy/address_ranges.h
//
// FindAddressRanges(): the ranges of addresses that the CIDRs of a policy set
// tell apart, each with the entries that match in it.
//
// Part of the builder; control thread only.

#ifndef VSWITCH_DATAPLANE_POLICY_ADDRESS_RANGES_H_
#define VSWITCH_DATAPLANE_POLICY_ADDRESS_RANGES_H_

#include <cstdint>
#include <vector>

#include "dataplane/base/address.h"
#include "dataplane/policy/policy_set.h"
#include "dataplane/policy/policy_signature.h"

namespace vswitch {

// An address as a number, in the family's own terms: 32 or 128 bits.
__extension__ using AddressNumber = unsigned __int128;
AddressNumber NumberOf(const IpAddress& address);

struct AddressRange {
  AddressNumber last = 0;  // the range begins behind the one before
  Signature world;         // entries that match a peer of kIdentityWorld here
  Signature others;        // and any other peer: without outside_only
};

// A CIDR match and the rank of its entry.
struct RankedCidr {
  uint32_t rank;
  const CidrMatch* match;
};

// Returns ranges that cover all of `family`, ascending, no two neighbours
// alike; empty if no CIDR of the family is named.
std::vector<AddressRange> FindAddressRanges(
    IpFamily family, const std::vector<RankedCidr>& cidrs);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_POLICY_ADDRESS_RANGES_H_
