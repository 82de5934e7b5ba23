// A packet's verdict is its own: the same alone, at any place in a burst, and
// in fragments (issue 3), for random policies, also while they change under
// connections, and with everything that is sent and counted besides.

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/headers.h"
#include "dataplane/pipeline/test_world.h"
#include "test/testing/packet_text.h"

namespace vswitch {
namespace {

using Random = std::minstd_rand;

template <typename T>
const T& OneOf(const std::vector<T>& values, Random& random) {
  return values[random() % values.size()];
}

uint32_t AnyVerdict(Random& random) {
  const uint32_t kind = random() % 4;
  if (kind == 0) return kVerdictAllow;
  return DenyVerdict(static_cast<EstablishedAction>(random() % 3),
                     static_cast<DenyResponse>(random() % 3));
}

PolicyEntry AnyEntry(const TestNode& node, uint32_t rule, Random& random) {
  PolicyEntry entry;
  entry.rule = RuleId{rule};
  entry.precedence = Precedence(
      random() % 2 == 0 ? PolicyTier::kNetworkPolicy : PolicyTier::kAdmin, 1,
      random() % 2 == 0 ? kVerdictAllow : AnyVerdict(random));
  if (random() % 3 == 0) {
    entry.any_peer = true;
  } else {
    entry.identities = {OneOf(node.endpoints, random).identity};
  }
  const auto port = static_cast<uint16_t>(80 + random() % 3);
  switch (random() % 4) {
    case 0:
      entry.traffic = {{IpProtocol::kTcp, port, port},
                       {IpProtocol::kTcp, 8080, 8080}};
      break;
    case 1:
      entry.traffic = {{IpProtocol::kUdp, 53, port}};
      break;
    case 2:
      entry.traffic = {{IpProtocol::kSctp, 0, 65535}};
      break;
    default:
      break;  // any protocol at all
  }
  return entry;
}

PolicySetSpec AnySet(const TestNode& node, uint32_t number, Random& random) {
  PolicySetSpec spec;
  const uint32_t count = random() % 4;
  for (uint32_t i = 0; i < count; ++i) {
    spec.entries.push_back(AnyEntry(node, number * 10 + i, random));
  }
  // Distinct, so that no two sets are equal.
  spec.default_precedence = Precedence(
      PolicyTier::kDefault, static_cast<uint16_t>(number), AnyVerdict(random));
  return spec;
}

// Gives every endpoint policies of all kinds, or none.
void SetPolicies(TestNode& node, uint32_t seed) {
  Random random(seed);
  node.policy_sets.clear();
  for (EndpointRecord& endpoint : node.endpoints) {
    for (PolicySetId* id :
         {&endpoint.ingress, &endpoint.egress, &endpoint.shadow_ingress,
          &endpoint.shadow_egress}) {
      *id = kNoPolicySet;
      if (random() % 3 == 0) continue;
      const auto number = static_cast<uint32_t>(node.policy_sets.size());
      node.policy_sets.push_back(AnySet(node, number, random));
      *id = PolicySetId{number};
    }
  }
}

// The addresses of packets in one family.
struct Family {
  bool is_ipv4;
  std::string Ip() const { return is_ipv4 ? "ip4" : "ip6"; }
  std::string Icmp() const { return is_ipv4 ? "icmp" : "icmp6"; }
  std::vector<std::string> Destinations() const {
    if (is_ipv4) {
      return {"10.0.0.3",   "10.0.0.4",   "10.0.0.5",   "192.168.0.1",
              "10.96.0.10", "10.96.0.11", "10.96.0.13", "203.0.113.9"};
    }
    return {"fd00::3",  "fd00::4",  "fd00::5",  "fd01::1",
            "fd02::10", "fd02::11", "fd02::13", "2001:db8::9"};
  }
};

// What stands behind the IP header of a packet from `client` with `bytes` of
// data: few flows, so that they meet again.
std::string AnyPayload(const Family& family, int bytes, Random& random) {
  const std::string ports = absl::StrCat("sport=", 1000 + random() % 2,
                                         " dport=", 80 + random() % 2, " ");
  const std::string data = absl::StrCat(" / data ", bytes);
  switch (random() % 5) {
    case 0:
      return absl::StrCat("udp sport=", 1000 + random() % 2, " dport=53", data);
    case 1:  // one chunk, COOKIE ECHO
      return absl::StrCat("sctp ", ports, "/ hex 0a00",
                          absl::Hex(4 + bytes, absl::kZeroPad4), data);
    case 2:
      return absl::StrCat(family.Icmp(), " id=", random() % 2, data);
    default:
      return absl::StrCat("tcp ", ports,
                          "seq=7 ack=9 flags=", random() % 2 == 0 ? "S" : "A",
                          data);
  }
}

std::string AnyPacket(const Family& family, int bytes, Random& random) {
  return absl::StrCat("eth / ", family.Ip(),
                      " dst=", OneOf(family.Destinations(), random), " / ",
                      AnyPayload(family, bytes, random));
}

// All that a switch did so far.
struct Outcome {
  std::vector<std::string> sent;  // sorted
  std::map<std::string, uint64_t> counts;

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  for (const std::string& one : outcome.sent) out << one << "\n";
  for (const auto& [name, count] : outcome.counts) {
    out << name << "=" << count << " ";
  }
  return out;
}

// A world and what it has sent.
class Switch {
 public:
  explicit Switch(uint32_t policy_seed) {
    // Limits would make the order matter.
    world_.node().settings.icmp_errors_per_second = 1'000'000;
    world_.node().settings.icmp_errors_per_second_port = 1'000'000;
    ChangePolicies(policy_seed);
  }

  void ChangePolicies(uint32_t seed) {
    SetPolicies(world_.node(), seed);
    if (seed % 4 == 0) {
      for (auto& [address, binding] : world_.node().bindings) {
        if (ToInt(binding.endpoint) % 3 == seed / 4 % 3) ++binding.epoch;
      }
    }
    world_.Publish();
  }

  // Takes `packets` as one burst.
  void Receive(std::span<const std::string> packets) {
    std::vector<PacketBytesVector> burst;
    for (const std::string& text : packets) {
      burst.push_back(*PacketFromText(text));
    }
    Receive(burst);
  }
  void Receive(std::span<const PacketBytesVector> packets) {
    std::vector<rte_mbuf*> burst;
    for (const PacketBytesVector& bytes : packets) {
      burst.push_back(world_.pool().Make(bytes));
    }
    for (const Sent& sent :
         world_.ReceiveBurst(TestWorld::PortNamed("client"), burst)) {
      sent_.push_back(
          absl::StrCat(TestWorld::NameOf(sent.port), ": ", sent.Text()));
    }
  }

  Outcome Result() {
    Outcome outcome{.sent = sent_};
    std::sort(outcome.sent.begin(), outcome.sent.end());
    const PortCounters& port = world_.offline().counters().port(
        WorkerId{0}, TestWorld::PortNamed("client"));
    for (uint32_t i = 1; i < kDropReasonCount; ++i) {
      const uint64_t count = port.drops[i].value();
      if (count == 0) continue;
      outcome.counts[std::string(DropReasonName(static_cast<DropReason>(i)))] =
          count;
    }
    const WorkerCounters& counters = world_.worker_counters();
    outcome.counts["lookups"] = counters.policy_lookups.value();
    outcome.counts["denied"] = counters.policy_denied.value();
    outcome.counts["kept"] = counters.policy_kept.value();
    outcome.counts["shadow"] = counters.policy_shadow_denied.value();
    outcome.counts["resets"] = counters.resets_sent.value();
    outcome.counts["icmp"] = counters.icmp_sent.value();
    outcome.counts["inserted"] = counters.connections_inserted.value();
    outcome.counts["active"] = world_.offline().connections().CountActive();
    return outcome;
  }

 private:
  TestWorld world_;
  std::vector<std::string> sent_;
};

TEST(PolicyPropertyTest, VerdictDoesNotDependOnThePlaceInTheBurst) {
  ASSERT_TRUE(rc::check([] {
    const uint32_t seed = *rc::gen::inRange<uint32_t>(1, 1u << 20);
    const Family family{*rc::gen::arbitrary<bool>()};
    Random random(seed);
    std::vector<std::string> before;
    std::vector<std::string> after;
    for (uint32_t i = random() % 30; i > 0; --i) {
      before.push_back(AnyPacket(family, 8, random));
    }
    for (uint32_t i = 1 + random() % 60; i > 0; --i) {
      after.push_back(random() % 2 == 0 && !before.empty()
                          ? OneOf(before, random)
                          : AnyPacket(family, 8, random));
    }
    Switch alone(seed);
    Switch together(seed);
    for (Switch* run : {&alone, &together}) {
      for (const std::string& packet : before) run->Receive({&packet, 1});
      run->ChangePolicies(seed + 1);
    }
    for (const std::string& packet : after) alone.Receive({&packet, 1});
    std::span<const std::string> rest = after;
    while (!rest.empty()) {
      const auto burst = rest.first(1 + random() % rest.size());
      together.Receive(burst);
      rest = rest.subspan(burst.size());
    }
    RC_ASSERT(together.Result() == alone.Result());
  }));
}

// --- fragments ---

constexpr size_t kEthernetBytes = sizeof(EthernetHeader);

PacketBytesVector Ipv4Fragment(const PacketBytesVector& frame, size_t begin,
                               size_t end) {
  const size_t payload = kEthernetBytes + sizeof(Ipv4Header);
  PacketBytesVector fragment(frame.begin(), frame.begin() + payload);
  fragment.insert(fragment.end(), frame.begin() + payload + begin,
                  frame.begin() + payload + end);
  auto* header = reinterpret_cast<Ipv4Header*>(&fragment[kEthernetBytes]);
  header->total_length =
      Be16::FromHost(static_cast<uint16_t>(sizeof(Ipv4Header) + end - begin));
  const bool more = payload + end < frame.size();
  header->flags_offset = Be16::FromHost(
      static_cast<uint16_t>((more ? kIpv4MoreFragments : 0) | begin / 8));
  header->checksum = Be16{0};
  header->checksum = ChecksumOf(SumBytes(header, sizeof(Ipv4Header)));
  return fragment;
}

PacketBytesVector Ipv6Fragment(const PacketBytesVector& frame, size_t begin,
                               size_t end) {
  const size_t payload = kEthernetBytes + sizeof(Ipv6Header);
  PacketBytesVector fragment(frame.begin(), frame.begin() + payload);
  auto* header = reinterpret_cast<Ipv6Header*>(&fragment[kEthernetBytes]);
  Ipv6FragmentHeader extension{};
  extension.next_header = header->next_header;
  const bool more = payload + end < frame.size();
  extension.offset_flags =
      Be16::FromHost(static_cast<uint16_t>(begin | (more ? 1 : 0)));
  extension.identification = Be32::FromHost(5);
  header->next_header = static_cast<uint8_t>(IpProtocol::kFragment);
  header->payload_length =
      Be16::FromHost(static_cast<uint16_t>(sizeof(extension) + end - begin));
  const auto* bytes = reinterpret_cast<const uint8_t*>(&extension);
  fragment.insert(fragment.end(), bytes, bytes + sizeof(extension));
  fragment.insert(fragment.end(), frame.begin() + payload + begin,
                  frame.begin() + payload + end);
  return fragment;
}

// Cuts the packet into fragments of at least 40 bytes.
std::vector<PacketBytesVector> Fragments(const PacketBytesVector& frame,
                                         bool is_ipv4, Random& random) {
  const size_t header = is_ipv4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header);
  const size_t total = frame.size() - kEthernetBytes - header;
  std::vector<PacketBytesVector> fragments;
  for (size_t begin = 0; begin < total;) {
    const size_t end = std::min(total, begin + 40 + random() % 8 * 8);
    fragments.push_back(is_ipv4 ? Ipv4Fragment(frame, begin, end)
                                : Ipv6Fragment(frame, begin, end));
    begin = end;
  }
  return fragments;
}

// What becomes of the packets that `run` takes: the port that each leaves by,
// or the reason of its drop, as counts.
std::map<std::string, uint64_t> Fates(Switch& run) {
  std::map<std::string, uint64_t> fates;
  const Outcome outcome = run.Result();
  for (const std::string& sent : outcome.sent) {
    // What goes back to the sender is an answer.
    const std::string port = sent.substr(0, sent.find(':'));
    if (port != "client") ++fates[port];
  }
  for (const auto& [name, count] : outcome.counts) {
    const bool is_reason = name[0] >= 'A' && name[0] <= 'Z';
    if (is_reason) fates[name] = count;
  }
  return fates;
}

TEST(PolicyPropertyTest, FragmentsHaveTheVerdictOfTheWhole) {
  ASSERT_TRUE(rc::check([] {
    const uint32_t seed = *rc::gen::inRange<uint32_t>(1, 1u << 20);
    const Family family{*rc::gen::arbitrary<bool>()};
    Random random(seed);
    const PacketBytesVector frame =
        *PacketFromText(AnyPacket(family, 200, random));
    const std::vector<PacketBytesVector> fragments =
        Fragments(frame, family.is_ipv4, random);
    Switch whole(seed);
    Switch alone(seed);
    Switch together(seed);
    whole.Receive({&frame, 1});
    for (const PacketBytesVector& fragment : fragments) {
      alone.Receive({&fragment, 1});
    }
    together.Receive(fragments);
    RC_ASSERT(together.Result() == alone.Result());
    std::map<std::string, uint64_t> expected = Fates(whole);
    RC_ASSERT(expected.size() == 1u);
    expected.begin()->second = fragments.size();
    RC_ASSERT(Fates(alone) == expected);
  }));
}

}  // namespace
}  // namespace vswitch
