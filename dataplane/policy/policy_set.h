// dataplane/policy/policy_set.h
//
// PolicySetSpec: one endpoint's policy in one direction, normalised: which
// peers may use which protocols and ports, by which rule.  This is what the
// control plane's compiler makes of Kubernetes' policies, and the input of
// BuildPolicySet().  Selectors and port names are resolved; tiers, priorities
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
#include "dataplane/base/denial.h"
#include "dataplane/base/flow_key.h"
#include "dataplane/base/ids.h"

namespace vswitch {

// A verdict's rank: tier in bits 31-24, priority within the tier in bits 23-8,
// and the verdict in bits 7-0, so that deny beats allow at one priority.  The
// highest of all that match wins, the set's default among them; 0 is "no
// match".  If the winner says pass, the highest one of the tiers below its own
// decides instead, and so on.
inline constexpr uint32_t kVerdictMask = 0xff;
inline constexpr uint32_t kVerdictAllow = 1;
inline constexpr uint32_t kVerdictPass = 2;
// Every verdict with this bit is a denial; bits 1-0 are its EstablishedAction,
// bits 3-2 its DenyResponse.
inline constexpr uint32_t kVerdictDenyBit = 0x80;
constexpr uint32_t DenyVerdict(EstablishedAction established,
                               DenyResponse response) {
  return kVerdictDenyBit | static_cast<uint32_t>(established) |
         static_cast<uint32_t>(response) << 2;
}
// The way back.  A number that is none, from damaged memory, is the strongest
// action and the most harmless response.
constexpr EstablishedAction EstablishedActionOf(uint32_t verdict) {
  const uint32_t bits = verdict & 3;
  constexpr auto kLast = EstablishedAction::kReset;
  return bits > static_cast<uint32_t>(kLast)
             ? kLast
             : static_cast<EstablishedAction>(bits);
}
constexpr DenyResponse DenyResponseOf(uint32_t verdict) {
  const uint32_t bits = verdict >> 2 & 3;
  return bits > static_cast<uint32_t>(DenyResponse::kIcmp)
             ? DenyResponse::kSilent
             : static_cast<DenyResponse>(bits);
}
inline constexpr uint32_t kVerdictDeny =
    DenyVerdict(EstablishedAction::kReEvaluate, DenyResponse::kSilent);

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
// NetworkPolicy and Cilium policies are of one tier: an isolated endpoint is
// closed, an allow opens it, a (Cilium) deny beats every allow.
inline constexpr uint32_t kIsolationDeny =
    Precedence(PolicyTier::kNetworkPolicy, 0, kVerdictDeny);
inline constexpr uint32_t kNetworkPolicyAllow =
    Precedence(PolicyTier::kNetworkPolicy, 1, kVerdictAllow);
inline constexpr uint32_t kNetworkPolicyDeny =
    Precedence(PolicyTier::kNetworkPolicy, 1, kVerdictDeny);
inline constexpr uint32_t kLocalNodeAllow =
    Precedence(PolicyTier::kLocalNode, 0, kVerdictAllow);
// What happens when nothing matched and nothing isolates.
inline constexpr uint32_t kDefaultDeny =
    Precedence(PolicyTier::kDefault, 0, kVerdictDeny);
inline constexpr uint32_t kDefaultAllow =
    Precedence(PolicyTier::kDefault, 0, kVerdictAllow);

// Destination ports `first` to `last` of TCP, UDP or SCTP, or types `first` to
// `last` of ICMP or ICMPv6; 0 to 65535 is the whole protocol.  Packets whose
// port is not known match only that.
struct TrafficMatch {
  IpProtocol protocol = IpProtocol::kTcp;
  uint16_t first = 0;
  uint16_t last = 65535;
  friend auto operator<=>(const TrafficMatch&, const TrafficMatch&) = default;
};

// Addresses inside `cidr` but in none of `except`, each of which is inside
// `cidr`; of pods and nodes too, unless `outside_only`: then only of peers
// whose identity is kIdentityWorld.
struct CidrMatch {
  IpPrefix cidr;
  std::vector<IpPrefix> except;
  bool outside_only = false;
  friend auto operator<=>(const CidrMatch&, const CidrMatch&) = default;
};

// Matches when the peer matches (any_peer and its identity is not one of
// `excluded`, or its identity is one of `identities`, or its address is in one
// of `cidrs`) and the traffic does (`traffic` is empty: any protocol at all, or
// one of it does).
struct PolicyEntry {
  RuleId rule = kNoRule;
  uint32_t precedence = kNetworkPolicyAllow;
  bool any_peer = false;
  std::vector<IdentityId> excluded;  // only with any_peer
  std::vector<IdentityId> identities;
  std::vector<CidrMatch> cidrs;
  std::vector<TrafficMatch> traffic;
  friend auto operator<=>(const PolicyEntry&, const PolicyEntry&) = default;
};

// Of entries with one precedence that all match, the first one is named.
struct PolicySetSpec {
  std::vector<PolicyEntry> entries;
  uint32_t default_precedence = kIsolationDeny;
  friend auto operator<=>(const PolicySetSpec&, const PolicySetSpec&) = default;
};

// Sorts the lists inside the entries and removes repetitions, so that equal
// policies have equal specs.  The order of the entries is kept.
void Normalize(PolicySetSpec& spec);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_POLICY_POLICY_SET_H_
