// What is asked of every entry.

#include "dataplane/policy/policy_set_check.h"

#include "absl/strings/str_cat.h"
#include "dataplane/base/status_macros.h"
#include "dataplane/policy/policy_layout.h"
#include "dataplane/policy/policy_set_builder.h"

namespace vswitch {
namespace {

absl::Status CheckPrefix(const IpPrefix& prefix) {
  if (prefix.prefix_bits > (prefix.address.IsIpv4() ? 32 : 128)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "prefix length ", prefix.prefix_bits, " is too long for the family of ",
        prefix.address.ToString()));
  }
  for (uint32_t bit = prefix.MappedBits(); bit < 128; ++bit) {
    if ((prefix.address.bytes[bit / 8] & (0x80 >> bit % 8)) != 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "prefix ", prefix.ToString(), " has bits set behind its length"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckPrecedence(uint32_t precedence, bool may_pass) {
  const uint32_t tier = precedence >> 24;
  if (tier < static_cast<uint32_t>(PolicyTier::kDefault) ||
      tier > static_cast<uint32_t>(PolicyTier::kLocalNode)) {
    return absl::InvalidArgumentError(
        absl::StrCat("precedence ", absl::Hex(precedence), " is of tier ", tier,
                     "; tiers are 1 to 5"));
  }
  const uint32_t verdict = precedence & kVerdictMask;
  const bool denies = (verdict & ~0xfu) == kVerdictDenyBit &&
                      (verdict & 3) <= 2 && (verdict >> 2 & 3) <= 2;
  if (verdict != kVerdictAllow && !denies &&
      !(may_pass && verdict == kVerdictPass)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "precedence ", absl::Hex(precedence), " has verdict ", verdict,
        "; allow, a denial", may_pass ? " and pass" : "", " are known"));
  }
  return absl::OkStatus();
}

absl::Status CheckTraffic(const TrafficMatch& match) {
  if (PortMapIndex(match.protocol) == kPortMapCount) {
    return absl::InvalidArgumentError(
        absl::StrCat("protocol ", static_cast<int>(match.protocol),
                     " has no ports; TCP, UDP, SCTP, ICMP and ICMPv6 have"));
  }
  if (match.first > match.last) {
    return absl::InvalidArgumentError(absl::StrCat(
        "port range ", match.first, "-", match.last, " ends before it begins"));
  }
  return absl::OkStatus();
}

absl::Status CheckCidr(const CidrMatch& match) {
  RETURN_IF_ERROR(CheckPrefix(match.cidr));
  for (const IpPrefix& except : match.except) {
    RETURN_IF_ERROR(CheckPrefix(except));
    if (except.prefix_bits < match.cidr.prefix_bits ||
        !match.cidr.Contains(except.address)) {
      return absl::InvalidArgumentError(
          absl::StrCat("except ", except.ToString(), " is not inside ",
                       match.cidr.ToString()));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckIdentity(IdentityId id, uint32_t lowest) {
  if (ToInt(id) < lowest || ToInt(id) > kMaxIdentity) {
    return absl::InvalidArgumentError(absl::StrCat("identity ", ToInt(id),
                                                   " is not one of ", lowest,
                                                   " to ", kMaxIdentity));
  }
  return absl::OkStatus();
}

absl::Status CheckEntry(const PolicyEntry& entry) {
  RETURN_IF_ERROR(CheckPrecedence(entry.precedence, /*may_pass=*/true));
  if (entry.rule != kNoRule && ToInt(entry.rule) >= kMaxRules) {
    return absl::ResourceExhaustedError(
        absl::StrCat("rule number ", ToInt(entry.rule), "; at most ", kMaxRules,
                     " rules fit"));
  }
  for (const CidrMatch& match : entry.cidrs) RETURN_IF_ERROR(CheckCidr(match));
  for (const TrafficMatch& match : entry.traffic) {
    RETURN_IF_ERROR(CheckTraffic(match));
  }
  for (IdentityId id : entry.identities) RETURN_IF_ERROR(CheckIdentity(id, 1));
  for (IdentityId id : entry.excluded) RETURN_IF_ERROR(CheckIdentity(id, 0));
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckPolicySet(const PolicySetSpec& spec) {
  RETURN_IF_ERROR(CheckPrecedence(spec.default_precedence, /*may_pass=*/false));
  for (const PolicyEntry& entry : spec.entries) {
    RETURN_IF_ERROR(CheckEntry(entry));
  }
  return absl::OkStatus();
}

}  // namespace vswitch
