// dataplane/policy/policy_set.h
//
// PolicySetSpec: one endpoint's policy in one direction, normalised: which
// peers may use which protocols and ports, by which rule.  This is what the
// control plane's compiler makes of Kubernetes' policies, and the input of
// PolicyTableBuilder.  Selectors and port names are resolved; tiers, priorities
// and verdicts are one number, the precedence.
//
//   PolicySetSpec spec;
//   spec.entries.push_back({.rule = RuleId{7},
//                           .precedence = kNetworkPolicyAllow,
//                           .identities = {frontend},
//                           .traffic = {{IpProtocol::kTcp, 80, 80}}});
//
// Plain values; control thread only.

#ifndef VSWITCH_DATAPLANE_POLICY_POLICY_SET_H_
#define VSWITCH_DATAPLANE_POLICY_POLICY_SET_H_

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/base/address.h"
#include "dataplane/base/flow_key.h"
#include "dataplane/base/ids.h"

namespace vswitch {

// A verdict's rank: tier in bits 31-24, priority within the tier in bits 23-8,
// and the verdict in bits 7-0, so that deny beats allow at one priority.  The
// highest of all that match wins; 0 is "no match".
inline constexpr uint32_t kVerdictMask = 0xff;
inline constexpr uint32_t kVerdictAllow = 1;
inline constexpr uint32_t kVerdictDeny = 255;

enum class PolicyTier : uint8_t {
  kNone = 0,
  kDefault = 1,
  kBaseline = 2,
  kNetworkPolicy = 3,
  kAdmin = 4,
  kLocalNode = 5,  // the pod's own node is always let in
};

// `priority` is 0 to 65535, the greater the stronger.
constexpr uint32_t Precedence(PolicyTier tier, uint16_t priority,
                              uint32_t verdict) {
  return static_cast<uint32_t>(tier) << 24 |
         static_cast<uint32_t>(priority) << 8 | verdict;
}
inline constexpr uint32_t kNetworkPolicyAllow =
    Precedence(PolicyTier::kNetworkPolicy, 0, kVerdictAllow);
inline constexpr uint32_t kLocalNodeAllow =
    Precedence(PolicyTier::kLocalNode, 0, kVerdictAllow);
// What happens when nothing matched: an isolated endpoint is closed.
inline constexpr uint32_t kDefaultDeny =
    Precedence(PolicyTier::kDefault, 0, kVerdictDeny);
inline constexpr uint32_t kDefaultAllow =
    Precedence(PolicyTier::kDefault, 0, kVerdictAllow);

// Ports `first` to `last` of one of TCP, UDP and SCTP; 0 to 65535 is the whole
// protocol.  Packets whose port is not known (port 0) match only that.
struct TrafficMatch {
  IpProtocol protocol = IpProtocol::kTcp;
  uint16_t first = 0;
  uint16_t last = 65535;
  friend auto operator<=>(const TrafficMatch&, const TrafficMatch&) = default;
};

// Addresses inside `cidr` but in none of `except`, each of which is inside
// `cidr`; of managed pods too.
struct CidrMatch {
  IpPrefix cidr;
  std::vector<IpPrefix> except;
  friend auto operator<=>(const CidrMatch&, const CidrMatch&) = default;
};

// Matches when the peer matches (any_peer, or its identity is one of
// `identities`, or its address is in one of `cidrs`) and the traffic does
// (`traffic` is empty: any protocol at all, or one of it does).
struct PolicyEntry {
  RuleId rule = kNoRule;
  uint32_t precedence = kNetworkPolicyAllow;
  bool any_peer = false;
  std::vector<IdentityId> identities;
  std::vector<CidrMatch> cidrs;
  std::vector<TrafficMatch> traffic;
  friend auto operator<=>(const PolicyEntry&, const PolicyEntry&) = default;
};

// Of entries with one precedence that all match, the first one is named.
struct PolicySetSpec {
  std::vector<PolicyEntry> entries;
  uint32_t default_precedence = kDefaultDeny;
  friend auto operator<=>(const PolicySetSpec&, const PolicySetSpec&) = default;
};

// Sorts the lists inside the entries and removes repetitions, so that equal
// policies have equal specs.  The order of the entries is kept.
void Normalize(PolicySetSpec& spec);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_POLICY_POLICY_SET_H_
