// The node of TestWorld, and how it becomes tables.

#include <cstdlib>
#include <cstring>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "dataplane/conntrack/timeouts.h"
#include "dataplane/pipeline/test_world.h"
#include "dataplane/policy/policy_set_builder.h"
#include "dataplane/tables/route_table.h"

namespace vswitch {
namespace {

constexpr std::array<absl::string_view, 8> kPortNames = {
    "host",   "client", "server", "guarded",
    "jailed", "init",   "closed", "uplink"};

template <typename T>
T ValueOrDie(absl::StatusOr<T> value) {
  if (!value.ok()) {
    std::cerr << value.status() << "\n";
    std::abort();
  }
  return *std::move(value);
}

void CheckOk(const absl::Status& status) {
  if (status.ok()) return;
  std::cerr << status << "\n";
  std::abort();
}

IpAddress Address(const std::string& text) {
  return ValueOrDie(IpAddress::Parse(text));
}

MacAddress Mac(uint8_t last) { return MacAddress{{2, 0, 0, 0, 0, last}}; }

template <typename Record>
std::string BytesOfRecords(const std::vector<Record>& records) {
  if (records.empty()) return {};
  return std::string(reinterpret_cast<const char*>(records.data()),
                     records.size() * sizeof(Record));
}

// The identity of the pod behind `port`.
IdentityId IdentityOf(PortId port) {
  return IdentityId{kFirstLabelIdentity + ToInt(port)};
}

void AddPort(TestNode& node, PortKind kind, uint8_t mac) {
  PortRecord port{};
  port.epoch = 1;
  port.kind = kind;
  port.driver =
      kind == PortKind::kUplink ? PortDriver::kDpdk : PortDriver::kTap;
  port.ready = 1;
  port.endpoint = kNoEndpoint;
  port.mtu = 1500;
  port.peer_mac = Mac(mac);
  const absl::string_view name = kPortNames[node.ports.size()];
  std::memcpy(port.name, name.data(), name.size());
  node.ports.push_back(port);
}

// Gives the last port an endpoint with two addresses.
void AddEndpoint(TestNode& node, IdentityId identity, const IpAddress& ipv4,
                 const IpAddress& ipv6) {
  PortRecord& port = node.ports.back();
  port.endpoint = EndpointId{static_cast<uint32_t>(node.endpoints.size())};
  EndpointRecord endpoint{};
  endpoint.port = PortId{static_cast<uint16_t>(node.ports.size() - 1)};
  endpoint.is_host = port.kind == PortKind::kHost;
  endpoint.identity = identity;
  endpoint.ingress = kNoPolicySet;
  endpoint.egress = kNoPolicySet;
  endpoint.shadow_ingress = kNoPolicySet;
  endpoint.shadow_egress = kNoPolicySet;
  endpoint.mac = port.peer_mac;
  node.endpoints.push_back(endpoint);
  for (const IpAddress& address : {ipv4, ipv6}) {
    port.addresses[port.address_count++] = address;
    node.bindings[address] = {identity, port.endpoint};
  }
}

void AddPods(TestNode& node) {
  for (uint8_t i = 2; i <= 7; ++i) {
    AddPort(node, PortKind::kPod, i);
    const PortId port{static_cast<uint16_t>(node.ports.size() - 1)};
    AddEndpoint(node, IdentityOf(port), Address(absl::StrCat("10.0.0.", i)),
                Address(absl::StrCat("fd00::", i)));
  }
}

void AddPolicy(TestNode& node) {
  const PortId client = TestWorld::PortNamed("client");
  const PortId server = TestWorld::PortNamed("server");
  PolicyEntry to_guarded;
  to_guarded.rule = RuleId{7};
  to_guarded.identities = {IdentityOf(client)};
  to_guarded.traffic = {{IpProtocol::kTcp, 80, 80},
                        {IpProtocol::kTcp, 8080, 8080}};
  PolicyEntry from_jailed;
  from_jailed.rule = RuleId{9};
  from_jailed.identities = {IdentityOf(server)};
  from_jailed.traffic = {{IpProtocol::kUdp, 53, 53}};
  node.policy_sets = {{.entries = {to_guarded}}, {.entries = {from_jailed}}};
  node.endpoints[ToInt(TestWorld::PortNamed("guarded"))].ingress =
      PolicySetId{0};
  node.endpoints[ToInt(TestWorld::PortNamed("jailed"))].egress = PolicySetId{1};
}

// What a service offers, and on which port its backend takes it.
struct Offer {
  IpProtocol protocol;
  uint16_t port;
  uint16_t backend_port;
};
constexpr Offer kHttp{IpProtocol::kTcp, 80, 8080};
constexpr Offer kDns{IpProtocol::kUdp, 53, 53};

// Adds service `number`, at 10.96.0.`last` and fd02::`last`, before the pod
// behind `port`; kNoPort: nobody.
void AddService(TestNode& node, uint32_t number, int last, const Offer& offer,
                PortId port) {
  for (bool is_ipv4 : {true, false}) {
    ServiceSpec service;
    service.address =
        Address(absl::StrCat(is_ipv4 ? "10.96.0." : "fd02::", last));
    service.protocol = offer.protocol;
    service.port = offer.port;
    service.service = number;
    if (port != kNoPort) {
      service.backends.push_back(
          {.address = node.ports[ToInt(port)].addresses[is_ipv4 ? 0 : 1],
           .port = offer.backend_port});
    }
    node.services.push_back(service);
  }
}

void AddSettings(TestNode& node) {
  Settings& settings = node.settings;
  settings.gateway_mac = Mac(1);
  settings.host_port = PortId{0};
  settings.gateway_ipv4 = Address("10.0.0.1");
  settings.gateway_ipv6 = Address("fd00::1");
  settings.gateway_link_local = LinkLocalFromMac(settings.gateway_mac);
  settings.node_address_count = 2;
  settings.node_addresses[0] = Address("192.168.0.1");
  settings.node_addresses[1] = Address("fd01::1");
  settings.timeouts = DefaultTimeouts(TimeoutProfile::kRfc);
  settings.icmp_errors_per_second = 1000;
  settings.icmp_errors_per_second_port = 100;
  settings.maglev_seed = 1;
}

}  // namespace

PortId TestWorld::PortNamed(absl::string_view name) {
  for (size_t i = 0; i < kPortNames.size(); ++i) {
    if (kPortNames[i] == name) return PortId{static_cast<uint16_t>(i)};
  }
  return kNoPort;
}

absl::string_view TestWorld::NameOf(PortId port) {
  return ToInt(port) < kPortNames.size() ? kPortNames[ToInt(port)] : "none";
}

MacAddress TestWorld::PeerMac(PortId port) {
  const uint8_t last = port == PortNamed("host")     ? 0x10
                       : port == PortNamed("uplink") ? 0x20
                                                     : ToInt(port) + 1;
  return Mac(last);
}

TestNode MakeTestNode() {
  TestNode node;
  AddSettings(node);
  AddPort(node, PortKind::kHost, 0x10);
  AddEndpoint(node, kIdentityHost, Address("192.168.0.1"), Address("fd01::1"));
  AddPods(node);
  AddPort(node, PortKind::kUplink, 0x20);
  node.ports[ToInt(TestWorld::PortNamed("closed"))].ready = 0;
  node.endpoints[ToInt(TestWorld::PortNamed("init"))].is_init = 1;
  AddPolicy(node);
  AddService(node, 1, 10, kHttp, TestWorld::PortNamed("server"));
  AddService(node, 2, 11, kHttp, TestWorld::PortNamed("guarded"));
  AddService(node, 3, 12, kHttp, kNoPort);
  AddService(node, 4, 13, kDns, TestWorld::PortNamed("guarded"));

  const RouteTarget nobody{.kind = RouteKind::kUnreachable, .port = kNoPort};
  const RouteTarget outside{.kind = RouteKind::kPort,
                            .port = TestWorld::PortNamed("uplink")};
  for (const char* range : {"10.0.0.0/24", "fd00::/64"}) {
    node.routes[ValueOrDie(IpPrefix::Parse(range))] = nobody;
  }
  node.routes[ValueOrDie(IpPrefix::Parse("10.0.0.255/32"))] = {
      .kind = RouteKind::kBroadcast, .port = kNoPort};
  for (const char* range : {"203.0.113.0/24", "2001:db8::/32"}) {
    node.routes[ValueOrDie(IpPrefix::Parse(range))] = outside;
  }
  return node;
}

OfflineTables TestNode::Compile() const {
  OfflineTables tables;
  auto blob = [&](BlobKind kind) -> std::string& {
    return tables.blobs[static_cast<size_t>(kind)];
  };
  blob(BlobKind::kSettings) = BytesOfRecords<Settings>({settings});
  blob(BlobKind::kPorts) = BytesOfRecords(ports);
  blob(BlobKind::kEndpoints) = BytesOfRecords(endpoints);

  RouteTableBuilder route_builder;
  for (const auto& [prefix, target] : routes) {
    CheckOk(route_builder.Insert(prefix, PackRouteTarget(target)));
  }
  blob(BlobKind::kRoutes) = route_builder.Build();

  PolicyTableBuilder policy_builder;
  for (uint32_t i = 0; i < policy_sets.size(); ++i) {
    const PolicySetId id = ValueOrDie(policy_builder.Add(policy_sets[i]));
    CheckOk(ToInt(id) == i ? absl::OkStatus()
                           : absl::InternalError("two equal policy sets"));
  }
  tables.policy_sets = std::move(policy_builder).Build();

  const auto build = [this](const std::vector<ServiceSpec>& specs) {
    ServiceTableBuilder builder(settings.maglev_seed);
    for (const ServiceSpec& spec : specs) CheckOk(builder.Insert(spec));
    return ValueOrDie(builder.Build());
  };
  blob(BlobKind::kServices) = build(services);
  blob(BlobKind::kEarlierServices) = build(earlier_services);
  tables.bindings.assign(bindings.begin(), bindings.end());
  return tables;
}

}  // namespace vswitch
