// Random policy sets: the table must agree with reading them entry by entry.

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "dataplane/policy/naive_policy.h"
#include "dataplane/policy/policy_table.h"
#include "dataplane/policy/policy_table_builder.h"
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

IpProtocol AnyProtocolWithPorts() {
  return *rc::gen::element(IpProtocol::kTcp, IpProtocol::kUdp,
                           IpProtocol::kSctp);
}

PolicyEntry AnyEntry(uint32_t rule) {
  PolicyEntry entry{.rule = RuleId{rule}};
  entry.precedence = Precedence(
      *rc::gen::element(PolicyTier::kBaseline, PolicyTier::kNetworkPolicy,
                        PolicyTier::kAdmin),
      *rc::gen::inRange<uint16_t>(0, 3),
      *rc::gen::element(kVerdictAllow, kVerdictDeny));
  entry.any_peer = *rc::gen::inRange(0, 8) == 0;
  for (int i = *rc::gen::inRange(0, 4); i > 0; --i) {
    entry.identities.push_back(AnyIdentity());
  }
  for (int i = *rc::gen::inRange(0, 3); i > 0; --i) {
    CidrMatch match{.cidr = AnyPrefix()};
    for (int j = *rc::gen::inRange(0, 3); j > 0; --j) {
      IpPrefix except = AnyPrefix();
      if (except.prefix_bits >= match.cidr.prefix_bits &&
          match.cidr.Contains(except.address)) {
        match.except.push_back(except);
      }
    }
    entry.cidrs.push_back(match);
  }
  for (int i = *rc::gen::inRange(0, 12); i > 0; --i) {
    uint16_t a = AnyPort();
    uint16_t b = AnyPort();
    entry.traffic.push_back(
        {AnyProtocolWithPorts(), std::min(a, b), std::max(a, b)});
  }
  return entry;
}

PolicySetSpec AnySpec() {
  PolicySetSpec spec;
  spec.default_precedence =
      *rc::gen::element(kDefaultDeny, kDefaultDeny, kDefaultAllow);
  uint32_t count = *rc::gen::inRange(0, 8);
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

// A rule naming port 0 cannot be told from "port unknown" (no rule can name it
// in Kubernetes), so ranges that begin at 0 begin at 1, or are whole.
void AvoidPortZero(PolicySetSpec& spec) {
  for (PolicyEntry& entry : spec.entries) {
    for (TrafficMatch& match : entry.traffic) {
      if (match.last != 65535 && match.first == 0) match.first = 1;
      match.last = std::max(match.last, match.first);
    }
  }
}

TEST(PolicyTablePropertyTest, AgreesWithTheNaiveEvaluator) {
  ASSERT_TRUE(rc::check([] {
    std::vector<PolicySetSpec> specs;
    for (int i = *rc::gen::inRange(1, 4); i > 0; --i) {
      specs.push_back(AnySpec());
      AvoidPortZero(specs.back());
    }
    PolicyTableBuilder builder;
    std::vector<PolicySetId> ids;
    ids.reserve(specs.size());
    for (const PolicySetSpec& spec : specs) ids.push_back(*builder.Add(spec));
    std::string blob = *std::move(builder).Build();
    struct alignas(64) Line {
      char bytes[64];
    };
    std::vector<Line> memory((blob.size() + 63) / 64);
    std::memcpy(memory.data(), blob.data(), blob.size());
    PolicyTable table = *PolicyTable::Open(
        {reinterpret_cast<const std::byte*>(memory.data()), blob.size()});
    std::minstd_rand random(*rc::gen::inRange<uint32_t>(1, 1u << 20));
    for (int i = 0; i < 500; ++i) {
      PolicyQuery query = AnyQuery(random);
      for (size_t set = 0; set < specs.size(); ++set) {
        PolicyVerdict expected = NaiveVerdict(specs[set], query);
        PolicyVerdict found = table.Lookup(ids[set], query);
        RC_ASSERT(found.allowed == expected.allowed);
        RC_ASSERT(found.precedence == expected.precedence);
        RC_ASSERT((found.rule == kNoRule) == (expected.rule == kNoRule));
      }
    }
  }));
}

}  // namespace
}  // namespace vswitch
