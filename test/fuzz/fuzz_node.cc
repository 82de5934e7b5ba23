// The node of the fuzz target.

#include "test/fuzz/fuzz_node.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/conntrack/timeouts.h"
#include "dataplane/packet/packet.h"

namespace vswitch {
namespace {

constexpr WorkerId kWorker{0};
constexpr uint16_t kPortCount = 16;  // as many as the node has, at least
// What fits every link is not cut (RFC 791).
constexpr size_t kLeastCutBytes = 68;

// The node's own addresses and two of nobody.
constexpr const char* kPool[] = {"192.168.0.1", "198.51.100.7", "fd01::1",
                                 "2001:db8:ffff::7"};

// Services for clients outside, too: IPv4, IPv6.
constexpr const char* kSticky[] = {"10.96.0.14", "fd02::14"};
constexpr const char* kPublic[] = {"198.51.100.80", "2001:db8:80::1"};

IpAddress Address(const char* text) { return *IpAddress::Parse(text); }

void CheckOk(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "fuzz_node: %s\n", status.ToString().c_str());
  std::abort();
}

void UseNat(NatChoice choice, NatSettings& nat) {
  if (choice == NatChoice::kOff) return;
  nat.first_port = kFirstNatPort;
  nat.last_port = choice == NatChoice::kWide ? kLastNatPort : kFirstNatPort + 1;
  for (const char* address : kPool) {
    nat.addresses[nat.address_count++] = Address(address);
  }
}

// The address of a pod of the node, or of a host outside.
IpAddress HostAddress(int number, bool is_ipv4) {
  return Address(absl::StrCat(is_ipv4 ? (number < 10 ? "10.0.0." : "203.0.113.")
                                      : (number < 10 ? "fd00::" : "2001:db8::"),
                              number)
                     .c_str());
}

// Services that remember a client's backend, of two pods, or of `guarded` and
// `client` once the backends have moved.
void AddAffinity(bool has_moved, TestNode& node) {
  for (const IpProtocol protocol : {IpProtocol::kTcp, IpProtocol::kUdp}) {
    for (const bool is_ipv4 : {true, false}) {
      ServiceSpec spec{.address = Address(kSticky[is_ipv4 ? 0 : 1]),
                       .protocol = protocol,
                       .port = 53,
                       .service = 92,
                       .flags = kServiceFromInside | kServiceFromOutside,
                       .affinity_s = 60};
      spec.backends = {
          {.address = HostAddress(2, is_ipv4), .port = 8080},
          {.address = HostAddress(has_moved ? 4 : 3, is_ipv4), .port = 8080}};
      spec.outside_backends = spec.backends;
      node.services.push_back(spec);
    }
  }
}

// Services for clients outside: for one of them, and for all but not for pods.
void AddOutside(TestNode& node) {
  for (const bool is_ipv4 : {true, false}) {
    ServiceSpec spec{.address = Address(kPublic[is_ipv4 ? 0 : 1]),
                     .protocol = IpProtocol::kUdp,
                     .port = 53,
                     .service = 93,
                     .flags = kServiceFromInside | kServiceFromOutside};
    spec.backends = {{.address = HostAddress(3, is_ipv4), .port = 53}};
    spec.outside_backends = spec.backends;
    spec.source_ranges = {
        *IpPrefix::Parse(is_ipv4 ? "203.0.113.8/30" : "2001:db8::8/126")};
    node.services.push_back(spec);
    spec.port = 80;
    spec.service = 94;
    spec.flags = kServiceFromOutside;
    spec.source_ranges.clear();
    node.services.push_back(spec);
  }
}

// Ports of the node as services, before `server` and before a backend outside.
void AddNodePorts(TestNode& node) {
  for (const IpProtocol protocol : {IpProtocol::kTcp, IpProtocol::kUdp}) {
    for (const bool is_ipv4 : {true, false}) {
      ServiceSpec spec{.address = Address(is_ipv4 ? "192.168.0.1" : "fd01::1"),
                       .protocol = protocol,
                       .port = kNodePort,
                       .service = 90,
                       .flags = kServiceFromInside | kServiceFromOutside,
                       .shares_address = true};
      spec.backends = {
          {.address = Address(is_ipv4 ? "10.0.0.3" : "fd00::3"), .port = 8080}};
      spec.outside_backends = spec.backends;
      node.services.push_back(spec);
      spec.port = kOtherNodePort;
      spec.service = 91;
      spec.backends = {
          {.address = Address(is_ipv4 ? "203.0.113.50" : "2001:db8::50"),
           .port = 8080}};
      spec.outside_backends = spec.backends;
      node.services.push_back(spec);
    }
  }
}

PolicySetSpec& SetOf(TestNode& node, absl::string_view name) {
  const EndpointRecord& endpoint =
      node.endpoints[ToInt(TestWorld::PortNamed(name))];
  return node.policy_sets[ToInt(name == "guarded" ? endpoint.ingress
                                                  : endpoint.egress)];
}

// What `server` and `client` would be denied by, were it not a trial.
void AddShadow(TestNode& node) {
  const EndpointRecord& guarded =
      node.endpoints[ToInt(TestWorld::PortNamed("guarded"))];
  const EndpointRecord& jailed =
      node.endpoints[ToInt(TestWorld::PortNamed("jailed"))];
  node.endpoints[ToInt(TestWorld::PortNamed("server"))].shadow_ingress =
      guarded.ingress;
  node.endpoints[ToInt(TestWorld::PortNamed("client"))].shadow_egress =
      jailed.egress;
}

OfflineTables Compile(const NodeChoices& choices) {
  TestNode node = MakeTestNode();
  node.ports[ToInt(kUplink)].mtu = kUplinkMtu;
  UseNat(choices.nat, node.settings.nat);
  AddNodePorts(node);
  AddAffinity(choices.is_other, node);
  AddOutside(node);
  AddShadow(node);
  SetOf(node, "guarded")
      .entries[0]
      .traffic.push_back({IpProtocol::kUdp, 53, 53});
  if (choices.shuts_client_out) {
    SetOf(node, "guarded").entries[0].identities = {IdentityId{999}};
  }
  if (choices.cuts_with_resets || choices.is_other) {
    const EstablishedAction action = choices.cuts_with_resets
                                         ? EstablishedAction::kReset
                                         : EstablishedAction::kKeep;
    for (const char* name : {"guarded", "jailed"}) {
      SetOf(node, name).default_precedence =
          Precedence(PolicyTier::kNetworkPolicy, 0,
                     DenyVerdict(action, DenyResponse::kReset));
    }
  }
  node.settings.tcp_needs_syn = choices.needs_syn ? 1 : 0;
  if (choices.client_is_new) {
    const auto client = ToInt(TestWorld::PortNamed("client"));
    for (auto& [address, binding] : node.bindings) {
      if (ToInt(binding.endpoint) == client) ++binding.epoch;
    }
  }
  if (choices.is_crowded) {
    node.settings.limits = {.half_open = 4,
                            .pod_connections = 12,
                            .pod_half_open = 3,
                            .pod_nat_ports = 2};
  }
  if (choices.has_linux_timeouts) {
    node.settings.timeouts = DefaultTimeouts(TimeoutProfile::kLinux);
  }
  return node.Compile();
}

// Tables take longer to make than a whole run, so each set is made once.
OfflineTables& TablesFor(const NodeChoices& choices) {
  static auto& made = *new std::map<uint8_t, OfflineTables>();
  const auto [at, is_new] = made.try_emplace(choices.ToByte());
  if (is_new) at->second = Compile(choices);
  return at->second;
}

}  // namespace

void Require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "pipeline_fuzz: broken rule: %s\n", what);
  std::abort();
}

NodeChoices NodeChoices::FromByte(uint8_t byte) {
  NodeChoices choices;
  choices.nat = static_cast<NatChoice>((byte & 3) % 3);
  choices.is_crowded = (byte & 3) == 3;
  choices.shuts_client_out = (byte & 4) != 0;
  choices.cuts_with_resets = (byte & 8) != 0;
  choices.needs_syn = (byte & 16) != 0;
  choices.client_is_new = (byte & 32) != 0;
  choices.has_linux_timeouts = (byte & 64) != 0;
  choices.is_other = (byte & 128) != 0;
  return choices;
}

uint8_t NodeChoices::ToByte() const {
  return static_cast<uint8_t>(
      (is_crowded ? 3 : static_cast<uint8_t>(nat)) |
      (shuts_client_out ? 4 : 0) | (cuts_with_resets ? 8 : 0) |
      (needs_syn ? 16 : 0) | (client_is_new ? 32 : 0) |
      (has_linux_timeouts ? 64 : 0) | (is_other ? 128 : 0));
}

// Keeps what leaves, and counts as the daemon's transmitter does.
class FuzzNode::Capture : public Transmitter {
 public:
  explicit Capture(FakePacketPool& pool) : pool_(pool) {}

  void Transmit(PortId out, std::span<rte_mbuf* const> packets) override {
    PortCounters& counters = counters_.port(kWorker, out);
    for (const rte_mbuf* packet : packets) {
      counters.tx_try.Add(1);
      counters.tx_ok.Add(1);
      outputs_.push_back({out, BytesOf(*packet), packet->ol_flags});
    }
    pool_.Free(packets);
  }

  void set_counters(const CounterTable& counters) { counters_ = counters; }
  std::vector<FuzzOutput> Take() { return std::exchange(outputs_, {}); }

 private:
  FakePacketPool& pool_;
  CounterTable counters_;
  std::vector<FuzzOutput> outputs_;
};

FuzzNode::FuzzNode(const NodeChoices& choices)
    : capture_(std::make_unique<Capture>(pool_)),
      choices_(choices),
      was_crowded_(choices.is_crowded) {
  auto offline = OfflineSwitch::Create(
      {.max_connections = 512, .max_addresses = 64}, pool_, *capture_);
  CheckOk(offline.status());
  offline_ = *std::move(offline);
  capture_->set_counters(offline_->counters());
  // There is no connection yet to be judged again.
  OfflineTables& tables = TablesFor(choices);
  tables.changed.emplace();
  CheckOk(offline_->Publish(tables));
}

FuzzNode::~FuzzNode() = default;

rte_mbuf* FuzzNode::MakePacket(const FuzzInput& input) {
  rte_mbuf* packet =
      input.first_segment_bytes == 0
          ? pool_.Make(input.bytes)
          : pool_.Make(input.bytes, {input.first_segment_bytes, 7, 65535});
  packet->ol_flags = input.receive_flags;
  return packet;
}

FuzzResult FuzzNode::Run(PortId in, const FuzzInput& input) {
  const PortCounters& counters = offline_->counters().port(kWorker, in);
  std::array<uint64_t, kDropReasonCount> before;
  for (uint32_t i = 0; i < kDropReasonCount; ++i) {
    before[i] = counters.drops[i].value();
  }
  const uint64_t forwarded = counters.forwarded_in.value();
  const uint64_t local = counters.local_in.value();
  const uint64_t held = counters.held.value();
  rte_mbuf* packet = MakePacket(input);
  offline_->Run(in, {&packet, 1}, now_ns_);

  FuzzResult result{.outputs = capture_->Take()};
  uint64_t ends = counters.forwarded_in.value() - forwarded;
  result.forwarded = ends >= 1;
  ends += counters.local_in.value() - local;
  for (uint32_t i = 0; i < kDropReasonCount; ++i) {
    if (counters.drops[i].value() == before[i]) continue;
    ends += counters.drops[i].value() - before[i];
    result.drop = static_cast<DropReason>(i);
  }
  // A first fragment lets those go that waited for it; a fragment before its
  // first one begins to wait.
  const uint64_t held_after = counters.held.value();
  Require(ends + held_after == 1 + held, "a packet ends in one way, or waits");
  const bool lets_go = held_after < held;
  const bool is_cut = result.forwarded && !lets_go && result.outputs.size() > 1;
  Require(!is_cut || input.bytes.size() > kLeastCutBytes,
          "a packet that goes on causes no other");
  result.is_several = is_cut || lets_go;
  if (result.drop != DropReason::kNone) result.forwarded = false;
  CheckBuffers();
  return result;
}

std::vector<FuzzOutput> FuzzNode::RunBurst(
    PortId in, const std::vector<FuzzInput>& inputs) {
  std::vector<rte_mbuf*> packets;
  packets.reserve(inputs.size());
  for (const FuzzInput& input : inputs) packets.push_back(MakePacket(input));
  offline_->Run(in, packets, now_ns_);
  CheckBuffers();
  return capture_->Take();
}

void FuzzNode::Advance(uint64_t nanoseconds) {
  now_ns_ += nanoseconds;
  offline_->Housekeep(now_ns_);
}

void FuzzNode::Change(const NodeChoices& choices) {
  choices_ = choices;
  was_crowded_ |= choices.is_crowded;
  changed_ns_ = now_ns_;
  OfflineTables& tables = TablesFor(choices);
  tables.changed.reset();
  CheckOk(offline_->Publish(tables));
}

bool FuzzNode::IsPoolAddress(const IpAddress& address) {
  static const auto& pool =
      *new std::vector<IpAddress>({Address(kPool[0]), Address(kPool[1]),
                                   Address(kPool[2]), Address(kPool[3])});
  return std::find(pool.begin(), pool.end(), address) != pool.end();
}

bool FuzzNode::IsServiceOutside(const IpAddress& address) {
  static const auto& services =
      *new std::vector<IpAddress>({Address(kSticky[0]), Address(kSticky[1]),
                                   Address(kPublic[0]), Address(kPublic[1])});
  return std::find(services.begin(), services.end(), address) != services.end();
}

void FuzzNode::CheckBalance() const {
  for (const Equation& equation : offline_->Balance()) {
    if (equation.holds()) continue;
    std::fprintf(stderr, "pipeline_fuzz: %s: %llu and %llu\n",
                 std::string(equation.text).c_str(),
                 static_cast<unsigned long long>(equation.left),
                 static_cast<unsigned long long>(equation.right));
    Require(false, "the balance holds");
  }
  CheckBuffers();
}

void FuzzNode::CheckBuffers() const {
  uint64_t held = 0;
  for (uint16_t port = 0; port < kPortCount; ++port) {
    held += offline_->counters().port(kWorker, PortId{port}).held.value();
  }
  // A packet that waits may have more than one buffer.
  Require(held == 0 ? pool_.LiveCount() == 0 : pool_.LiveCount() >= held,
          "no buffer is lost");
}

}  // namespace vswitch
