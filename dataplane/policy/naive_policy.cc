// The definition of a policy set's meaning, as plainly as possible.

#include "dataplane/policy/naive_policy.h"

namespace vswitch {
namespace {

bool InPrefix(const IpPrefix& prefix, const IpAddress& address) {
  if (prefix.address.IsIpv4() != address.IsIpv4()) return false;
  for (int bit = 0; bit < prefix.prefix_bits; ++bit) {
    int mask = 0x80 >> (bit % 8);
    if ((prefix.address.WireBytes()[bit / 8] & mask) !=
        (address.WireBytes()[bit / 8] & mask)) {
      return false;
    }
  }
  return true;
}

bool InCidr(const CidrMatch& match, const IpAddress& address) {
  if (!InPrefix(match.cidr, address)) return false;
  for (const IpPrefix& except : match.except) {
    if (InPrefix(except, address)) return false;
  }
  return true;
}

bool PeerMatches(const PolicyEntry& entry, const PolicyQuery& query) {
  if (entry.any_peer) {
    bool excluded = false;
    for (IdentityId id : entry.excluded) excluded |= id == query.peer;
    if (!excluded) return true;
  }
  for (IdentityId id : entry.identities) {
    if (id == query.peer) return true;
  }
  for (const CidrMatch& match : entry.cidrs) {
    if (match.outside_only && query.peer != kIdentityWorld) continue;
    if (InCidr(match, query.peer_address)) return true;
  }
  return false;
}

bool TrafficMatches(const PolicyEntry& entry, const PolicyQuery& query) {
  if (entry.traffic.empty()) return true;
  for (const TrafficMatch& match : entry.traffic) {
    if (match.protocol != query.protocol) continue;
    if (match.first == 0 && match.last == 65535) return true;
    if (query.has_port && query.destination_port >= match.first &&
        query.destination_port <= match.last) {
      return true;
    }
  }
  return false;
}

}  // namespace

PolicyVerdict NaiveVerdict(const PolicySetSpec& spec,
                           const PolicyQuery& query) {
  uint32_t below = 0x10000;  // only tiers under this one count
  while (true) {
    PolicyVerdict best{.precedence = 0};
    for (const PolicyEntry& entry : spec.entries) {
      if (entry.precedence >> 24 < below &&
          entry.precedence > best.precedence && PeerMatches(entry, query) &&
          TrafficMatches(entry, query)) {
        best.precedence = entry.precedence;
        best.rule = entry.rule;
      }
    }
    if (spec.default_precedence >> 24 < below &&
        spec.default_precedence > best.precedence) {
      best.precedence = spec.default_precedence;
      best.rule = kNoRule;
    }
    const uint32_t verdict = best.precedence % 256;
    if (verdict == 2) {
      below = best.precedence >> 24;
      continue;
    }
    best.allowed = verdict == 1;
    if (verdict >= 128) {
      best.established = static_cast<EstablishedAction>(verdict % 4);
      best.deny_response = static_cast<DenyResponse>(verdict / 4 % 4);
    }
    return best;
  }
}

}  // namespace vswitch
