// Random policy sets: the table must agree with reading them entry by entry.

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "dataplane/base/piece_copies.h"
#include "dataplane/policy/naive_policy.h"
#include "dataplane/policy/policy_set_builder.h"
#include "dataplane/policy/policy_table.h"
#include "gtest/gtest.h"
#include "rapidcheck.h"

namespace vswitch {
namespace {

// Small ranges, so that rules and queries meet often.
IdentityId AnyIdentity() {
  return IdentityId{*rc::gen::inRange<uint32_t>(256, 266)};
}

IpAddress AnyAddress() {
  uint8_t bytes[16] = {0xfd};
  bool ipv4 = *rc::gen::arbitrary<bool>();
  int first = ipv4 ? 0 : 12;
  bytes[first] = ipv4 ? 10 : 0;
  bytes[first + 1] = *rc::gen::inRange<uint8_t>(0, 2);
  bytes[first + 2] = *rc::gen::inRange<uint8_t>(0, 2);
  bytes[first + 3] = *rc::gen::inRange<uint8_t>(0, 8);
  return ipv4 ? IpAddress::FromIpv4(bytes) : IpAddress::FromIpv6(bytes);
}

IpPrefix AnyPrefix() {
  IpAddress address = AnyAddress();
  int host_bits = *rc::gen::element(0, 1, 2, 8, 16, 24, 32);
  for (int i = 0; i < host_bits; ++i) {
    address.bytes[15 - i / 8] &= static_cast<uint8_t>(~(1 << (i % 8)));
  }
  int bits = (address.IsIpv4() ? 32 : 128) - host_bits;
  return {address, static_cast<uint8_t>(bits)};
}

uint16_t AnyPort() {
  return *rc::gen::oneOf(rc::gen::inRange<uint16_t>(0, 30),
                         rc::gen::just<uint16_t>(65535),
                         rc::gen::just<uint16_t>(65534));
}

uint32_t AnyDenial() {
  return DenyVerdict(
      *rc::gen::element(EstablishedAction::kReEvaluate,
                        EstablishedAction::kKeep, EstablishedAction::kReset),
      *rc::gen::element(DenyResponse::kSilent, DenyResponse::kReset,
                        DenyResponse::kIcmp));
}

uint32_t AnyPrecedence() {
  const PolicyTier tier =
      *rc::gen::element(PolicyTier::kNetworkPolicy, PolicyTier::kBaseline,
                        PolicyTier::kAdmin, PolicyTier::kLocalNode);
  const uint16_t priority = *rc::gen::inRange<uint16_t>(0, 3);
  switch (*rc::gen::inRange(0, 3)) {
    case 0:
      return Precedence(tier, priority, kVerdictAllow);
    case 1:
      return Precedence(tier, priority, kVerdictPass);
    default:
      return Precedence(tier, priority, AnyDenial());
  }
}

CidrMatch AnyCidr() {
  CidrMatch match{.cidr = AnyPrefix(),
                  .outside_only = *rc::gen::arbitrary<bool>()};
  for (int i = *rc::gen::inRange(0, 3); i > 0; --i) {
    IpPrefix except = AnyPrefix();
    if (except.prefix_bits >= match.cidr.prefix_bits &&
        match.cidr.Contains(except.address)) {
      match.except.push_back(except);
    }
  }
  return match;
}

// A port range, an ICMP type, or a whole protocol.
TrafficMatch AnyTraffic() {
  TrafficMatch match{.protocol = *rc::gen::element(
                         IpProtocol::kTcp, IpProtocol::kUdp, IpProtocol::kSctp,
                         IpProtocol::kIcmp, IpProtocol::kIcmpv6)};
  if (*rc::gen::inRange(0, 6) == 0) return match;
  const uint16_t a = AnyPort();
  const uint16_t b = AnyPort();
  match.first = std::min(a, b);
  match.last = std::max(a, b);
  return match;
}

PolicyEntry AnyEntry(uint32_t rule) {
  PolicyEntry entry{.rule = RuleId{rule}, .precedence = AnyPrecedence()};
  entry.any_peer = *rc::gen::inRange(0, 5) == 0;
  for (int i = *rc::gen::inRange(0, 3); i > 0 && entry.any_peer; --i) {
    entry.excluded.push_back(*rc::gen::oneOf(
        rc::gen::just(kIdentityUnknown), rc::gen::just(kIdentityWorld),
        rc::gen::map(rc::gen::inRange<uint32_t>(256, 266),
                     [](uint32_t id) { return IdentityId{id}; })));
  }
  for (int i = *rc::gen::inRange(0, 4); i > 0; --i) {
    entry.identities.push_back(AnyIdentity());
  }
  for (int i = *rc::gen::inRange(0, 3); i > 0; --i) {
    entry.cidrs.push_back(AnyCidr());
  }
  for (int i = *rc::gen::inRange(0, 12); i > 0; --i) {
    entry.traffic.push_back(AnyTraffic());
  }
  return entry;
}

PolicySetSpec AnySpec() {
  PolicySetSpec spec;
  spec.default_precedence =
      *rc::gen::element(kDefaultDeny, kDefaultAllow, kIsolationDeny);
  const uint32_t count = *rc::gen::inRange(0, 8);
  for (uint32_t rule = 0; rule < count; ++rule) {
    spec.entries.push_back(AnyEntry(rule));
  }
  return spec;
}

// Queries come from a generator of their own, so that a failing example is
// short enough to read.
PolicyQuery AnyQuery(std::minstd_rand& random) {
  auto below = [&random](uint32_t bound) {
    return static_cast<uint8_t>(random() % bound);
  };
  constexpr IpProtocol kProtocols[] = {IpProtocol::kTcp,    IpProtocol::kUdp,
                                       IpProtocol::kSctp,   IpProtocol::kIcmp,
                                       IpProtocol::kIcmpv6, IpProtocol::kEsp};
  constexpr uint16_t kHighPorts[] = {65534, 65535};
  uint8_t ipv4[4] = {10, below(2), below(2), below(8)};
  uint8_t ipv6[16] = {0xfd};
  std::memcpy(ipv6 + 12, ipv4, 4);
  ipv6[12] = 0;
  return {
      .peer = below(10) == 0 ? kIdentityWorld : IdentityId{256u + below(10)},
      .peer_address =
          below(2) == 0 ? IpAddress::FromIpv4(ipv4) : IpAddress::FromIpv6(ipv6),
      .protocol = kProtocols[below(6)],
      .destination_port =
          below(5) == 0 ? kHighPorts[below(2)] : uint16_t{below(30)},
      .has_port = below(10) != 0};
}

std::string Set(const PolicySetSpec& spec) {
  return BuildPolicySet(spec).value();
}

TEST(PolicyTablePropertyTest, AgreesWithTheNaiveEvaluator) {
  ASSERT_TRUE(rc::check([] {
    const PolicySetSpec spec = AnySpec();
    const PieceCopies copies({std::make_shared<const std::string>(Set(spec))});
    const PolicyTable table = PolicyTable::Open(copies.list());
    std::minstd_rand random(*rc::gen::inRange<uint32_t>(1, 1u << 20));
    for (int i = 0; i < 500; ++i) {
      const PolicyQuery query = AnyQuery(random);
      const PolicyVerdict expected = NaiveVerdict(spec, query);
      const PolicyVerdict found = table.Lookup(PolicySetId{0}, query);
      RC_ASSERT(found.allowed == expected.allowed);
      RC_ASSERT(found.precedence == expected.precedence);
      RC_ASSERT(found.rule == expected.rule);
      RC_ASSERT(found.established == expected.established);
      RC_ASSERT(found.deny_response == expected.deny_response);
    }
  }));
}

TEST(PolicyTablePropertyTest, TheOrderOfListsDoesNotMatter) {
  ASSERT_TRUE(rc::check([] {
    PolicySetSpec spec = AnySpec();
    const std::string bytes = Set(spec);
    for (PolicyEntry& entry : spec.entries) {
      std::reverse(entry.identities.begin(), entry.identities.end());
      std::reverse(entry.excluded.begin(), entry.excluded.end());
      std::reverse(entry.cidrs.begin(), entry.cidrs.end());
      std::reverse(entry.traffic.begin(), entry.traffic.end());
    }
    RC_ASSERT(Set(spec) == bytes);
  }));
}

}  // namespace
}  // namespace vswitch
