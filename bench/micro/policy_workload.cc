// Regular rules, random questions.

#include "bench/micro/policy_workload.h"

#include <random>

#include "dataplane/base/address.h"

namespace vswitch {
namespace {

constexpr uint32_t kQuestionCount = 16384;
constexpr uint32_t kMaskEntries = 7;

uint16_t PortOf(uint32_t entry) {
  return static_cast<uint16_t>(1000 + entry * 7);
}

IdentityId PeerOf(uint32_t set, uint32_t number) {
  return IdentityId{256 + (set * 31 + number * 3) % 4000000};
}

// The address that every CIDR of MaskRules() contains, with `set` in it.
IpAddress Inside(uint32_t set, bool ipv4) {
  uint8_t bytes[16] = {0xfd};
  const int first = ipv4 ? 0 : 1;
  if (ipv4) bytes[0] = 10;
  bytes[first + 1] = static_cast<uint8_t>(set >> 8);
  bytes[first + 2] = static_cast<uint8_t>(set);
  bytes[first + 3] = 0x55;
  return ipv4 ? IpAddress::FromIpv4(bytes) : IpAddress::FromIpv6(bytes);
}

IpPrefix PrefixAround(IpAddress address, uint8_t bits) {
  IpPrefix prefix{address, bits};
  for (uint32_t bit = prefix.MappedBits(); bit < 128; ++bit) {
    prefix.address.bytes[bit / 8] &= static_cast<uint8_t>(~(0x80 >> bit % 8));
  }
  return prefix;
}

}  // namespace

PolicyWorkload ExactRules(uint32_t set_count, uint32_t entry_count,
                          uint32_t identity_count) {
  PolicyWorkload workload;
  workload.rule_count = uint64_t{set_count} * entry_count * identity_count;
  uint32_t rule = 0;
  for (uint32_t set = 0; set < set_count; ++set) {
    PolicySetSpec spec;
    for (uint32_t entry = 0; entry < entry_count; ++entry) {
      PolicyEntry& added = spec.entries.emplace_back();
      added.rule = RuleId{rule++};
      added.traffic = {{IpProtocol::kTcp, PortOf(entry), PortOf(entry)}};
      for (uint32_t i = 0; i < identity_count; ++i) {
        added.identities.push_back(PeerOf(set, i));
      }
    }
    workload.sets.push_back(std::move(spec));
  }
  std::minstd_rand random(1);
  uint8_t address[4] = {10};
  for (uint32_t i = 0; i < kQuestionCount; ++i) {
    const uint32_t set = random() % set_count;
    PolicyQuery query{.peer = PeerOf(set, random() % identity_count),
                      .peer_address = IpAddress::FromIpv4(address),
                      .destination_port = PortOf(random() % entry_count)};
    if (i % 4 == 0) query.peer = IdentityId{ToInt(query.peer) + 1};
    if (i % 4 == 2) ++query.destination_port;
    workload.questions.push_back({PolicySetId{set}, query});
  }
  return workload;
}

PolicyWorkload MaskRules(uint32_t set_count) {
  PolicyWorkload workload;
  workload.rule_count = uint64_t{set_count} * kMaskEntries * 4;
  for (uint32_t set = 0; set < set_count; ++set) {
    PolicySetSpec spec;
    for (uint32_t i = 0; i < kMaskEntries; ++i) {
      PolicyEntry& entry = spec.entries.emplace_back();
      entry.rule = RuleId{set * kMaskEntries + i};
      entry.precedence =
          Precedence(PolicyTier::kAdmin, static_cast<uint16_t>(100 + i),
                     i % 2 == 0 ? kVerdictAllow : kVerdictDeny);
      const auto bits = static_cast<uint8_t>(8 + 3 * i + set % 3);
      entry.cidrs = {{.cidr = PrefixAround(Inside(set, true), bits)},
                     {.cidr = PrefixAround(Inside(set, false), bits)}};
      const auto first = static_cast<uint16_t>(3 + 8000 * i + set % 7);
      const auto last = static_cast<uint16_t>(first + 5000 + i);
      entry.traffic = {{IpProtocol::kTcp, first, last},
                       {IpProtocol::kUdp, first, last}};
    }
    workload.sets.push_back(std::move(spec));
  }
  std::minstd_rand random(2);
  for (uint32_t i = 0; i < kQuestionCount; ++i) {
    const uint32_t set = random() % set_count;
    IpAddress address = Inside(set, i % 2 == 0);
    // Leave the blocks at a random depth.
    const uint32_t bit = (i % 2 == 0 ? 96 : 0) + 8 + random() % 24;
    address.bytes[bit / 8] ^= static_cast<uint8_t>(0x80 >> bit % 8);
    workload.questions.push_back(
        {PolicySetId{set},
         {.peer = kIdentityWorld,
          .peer_address = address,
          .protocol = random() % 2 == 0 ? IpProtocol::kTcp : IpProtocol::kUdp,
          .destination_port = static_cast<uint16_t>(random())}});
  }
  return workload;
}

}  // namespace vswitch
