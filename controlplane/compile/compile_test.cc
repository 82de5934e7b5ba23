// What compilation refuses, what it makes of ports, services and routes, and
// that it is deterministic.

#include "controlplane/compile/compile.h"

#include <string>

#include "controlplane/compile/test_cluster.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

std::vector<std::string> BytesOfSets(const CompiledState& state) {
  std::vector<std::string> bytes;
  for (const auto& set : state.policy_sets) bytes.push_back(*set);
  return bytes;
}

using ::testing::HasSubstr;

Port PodPort(const std::string& ns, const std::string& name) {
  return {.pod_namespace = ns,
          .pod_name = name,
          .netns = "/run/netns/x",
          .interface_name = "eth0"};
}

class CompileTest : public testing::Test {
 protected:
  // The error of compiling the cluster, "" if there is none.
  std::string Error() {
    absl::StatusOr<CompiledTables> tables = cluster_.Compile();
    return tables.ok() ? "" : std::string(tables.status().message());
  }

  TestCluster cluster_;
};

TEST_F(CompileTest, NothingCompilesToNothing) {
  IdentityAllocator identities;
  absl::StatusOr<CompiledState> state =
      Compile({}, {.node_name = "n1"}, {}, identities, nullptr);
  ASSERT_TRUE(state.ok()) << state.status();
  CompiledTables tables(*std::move(state));
  EXPECT_EQ(tables.forwarding().ports().size(), 0u);
  EXPECT_EQ(tables.forwarding().endpoints().size(), 1u);  // the host
  EXPECT_EQ(tables.forwarding().settings().host_port, kNoPort);
  EXPECT_TRUE(tables.state().bindings.empty());
}

TEST_F(CompileTest, EqualStatesGiveEqualBytesAndNumbers) {
  auto build = [](TestCluster& cluster) {
    cluster.AddPod("demo", "a", {{"role", "a"}}, {"10.0.0.10", "fd00::10"});
    cluster.AddPod("demo", "b", {{"role", "b"}}, {"10.0.0.11", "fd00::11"});
    cluster.AddPolicy(
        "demo", "p",
        {.ingress = {{.peers = {{.pod_selector = Select({{"role", "a"}})}},
                      .ports = {{.port = 80}}}}});
    return *cluster.Compile();
  };
  TestCluster one, two;
  CompiledTables first = build(one);
  CompiledTables second = build(two);
  EXPECT_EQ(first.state().blobs, second.state().blobs);
  EXPECT_EQ(BytesOfSets(first.state()), BytesOfSets(second.state()));
  EXPECT_EQ(BytesOfSets(first.state()).size(), 1u);
  EXPECT_EQ(first.state().bindings, second.state().bindings);
}

TEST_F(CompileTest, PodsAreBoundWithTheirPortAndIdentity) {
  cluster_.AddPod("demo", "a", {{"role", "a"}}, {"10.0.0.10", "fd00::10"});
  cluster_.AddPod("demo", "a2", {{"role", "a"}}, {"10.0.0.11"});
  cluster_.AddPod("demo", "far", {{"role", "a"}}, {"10.1.0.1"}, {},
                  TestCluster::Where::kRemote);
  CompiledTables tables = *cluster_.Compile();
  HostBinding ipv4 = tables.BindingOf(TestAddress("10.0.0.10"));
  EXPECT_EQ(ipv4, tables.BindingOf(TestAddress("fd00::10")));
  const EndpointRecord* endpoint = tables.forwarding().endpoint(ipv4.endpoint);
  ASSERT_NE(endpoint, nullptr);
  EXPECT_EQ(endpoint->identity, ipv4.identity);
  const PortRecord* port = tables.forwarding().port(endpoint->port);
  ASSERT_NE(port, nullptr);
  EXPECT_STREQ(port->name, "demo/a");
  EXPECT_EQ(port->endpoint, ipv4.endpoint);
  EXPECT_EQ(port->mtu, 1500u);
  EXPECT_EQ(port->address_count, 2);
  EXPECT_EQ(port->peer_mac, *MacAddress::Parse("0a:58:0a:00:00:0a"));
  HostBinding twin = tables.BindingOf(TestAddress("10.0.0.11"));
  EXPECT_EQ(twin.identity, ipv4.identity);
  EXPECT_NE(twin.endpoint, ipv4.endpoint);
  HostBinding far = tables.BindingOf(TestAddress("10.1.0.1"));
  EXPECT_EQ(far.identity, ipv4.identity);
  EXPECT_EQ(far.endpoint, kNoEndpoint);
}

TEST_F(CompileTest, IgnoredLabelsMakeNoIdentity) {
  auto identity = [](const CompiledTables& tables, const char* address) {
    return tables.BindingOf(TestAddress(address)).identity;
  };
  const SwitchSettings ignoring{
      .ignored_pod_labels = {"hash", "example.com/*"}};
  cluster_.AddPod("demo", "a", {{"role", "a"}, {"hash", "1"}}, {"10.0.0.10"});
  cluster_.AddPod("demo", "b",
                  {{"role", "a"}, {"hash", "2"}, {"example.com/x", "y"}},
                  {"fd00::11"});
  cluster_.AddPod("demo", "c", {{"role", "a"}, {"hash2", "1"}}, {"10.0.0.12"});
  cluster_.AddPolicy(
      "demo", "p",
      {.pod_selector = Select({{"role", "a"}}),
       .ingress = {{.peers = {{.pod_selector = Select({{"hash2", "1"}})}}}}});
  CompiledTables before = *cluster_.Compile();
  EXPECT_NE(identity(before, "10.0.0.10"), identity(before, "fd00::11"));

  cluster_.Add("", std::string(kSettingsName), ignoring);
  CompiledTables after = *cluster_.Compile();
  EXPECT_TRUE(after.state().all_changed);
  EXPECT_EQ(identity(after, "10.0.0.10"), identity(after, "fd00::11"));
  EXPECT_NE(identity(after, "10.0.0.10"), identity(after, "10.0.0.12"));
  EXPECT_TRUE(after.Judge({"10.0.0.12", "10.0.0.10"}).allowed);
  EXPECT_FALSE(after.Judge({"10.0.0.10", "10.0.0.12"}).allowed);

  // A pod that changes in an ignored label only stays who it is.
  cluster_.AddPod("demo", "a", {{"role", "a"}, {"hash", "3"}}, {"10.0.0.10"});
  EXPECT_EQ(identity(*cluster_.Compile(), "10.0.0.10"),
            identity(after, "10.0.0.10"));
}

TEST_F(CompileTest, APolicyThatSelectsByAnIgnoredLabelIsRefused) {
  const Labels ignored = {{"example.com/x", "y"}};
  cluster_.AddPolicy(
      "demo", "p",
      {.ingress = {{}, {.peers = {{.pod_selector = Select(ignored)}}}}});
  EXPECT_EQ(Error(), "");
  cluster_.Add("", std::string(kSettingsName),
               SwitchSettings{.ignored_pod_labels = {"example.com/*"}});
  EXPECT_EQ(Error(),
            "demo/p, ingress rule 2: selects pods by the label "
            "\"example.com/x\", which is among ignored_pod_labels of the "
            "Settings");
  cluster_.AddPolicy("demo", "p", {.pod_selector = Select(ignored)});
  EXPECT_THAT(Error(), HasSubstr("demo/p: selects pods by the label"));
  cluster_.AddPolicy(
      "demo", "p",
      {.ingress = {{.peers = {{.namespace_selector = Select(ignored)}}}}});
  EXPECT_EQ(Error(), "") << "namespaces' labels all count";
}

TEST_F(CompileTest, TheNodeIsTheHost) {
  cluster_.AddPort(
      "host", {.kind = PortResourceKind::kHost, .interface_name = "vswitch0"});
  CompiledTables tables = *cluster_.Compile();
  HostBinding host = tables.BindingOf(TestAddress("192.168.0.1"));
  EXPECT_EQ(host, (HostBinding{kIdentityHost, kHostEndpoint}));
  const EndpointRecord* endpoint = tables.forwarding().endpoint(kHostEndpoint);
  ASSERT_NE(endpoint, nullptr);
  EXPECT_EQ(endpoint->is_host, 1);
  EXPECT_EQ(endpoint->port, tables.forwarding().settings().host_port);
  EXPECT_EQ(tables.forwarding().settings().node_address_count, 2u);
}

TEST_F(CompileTest, PodsSpeakToTheWorldAsTheNode) {
  const NatSettings nat = cluster_.Compile()->forwarding().settings().nat;
  ASSERT_EQ(nat.address_count, 2u);
  EXPECT_TRUE(IsNatAddress(nat, TestAddress("192.168.0.1")));
  EXPECT_TRUE(IsNatAddress(nat, TestAddress("fd01::1")));
  EXPECT_EQ(nat.first_port, kDefaultFirstNatPort);
  EXPECT_EQ(nat.last_port, kDefaultLastNatPort);
}

TEST_F(CompileTest, SourceNatTakesItsPoolOrNothing) {
  SourceNat wanted{.addresses = {TestAddress("203.0.113.7")},
                   .first_port = 2000,
                   .last_port = 3000,
                   .tcp_endpoint_independent = true};
  cluster_.Add("", std::string(kSettingsName),
               SwitchSettings{.source_nat = wanted});
  NatSettings nat = cluster_.Compile()->forwarding().settings().nat;
  ASSERT_EQ(nat.address_count, 1u);
  EXPECT_TRUE(IsNatAddress(nat, TestAddress("203.0.113.7")));
  EXPECT_EQ(nat.first_port, 2000);
  EXPECT_EQ(nat.last_port, 3000);
  EXPECT_EQ(nat.tcp_endpoint_independent, 1u);
  wanted.disabled = true;
  cluster_.Add("", std::string(kSettingsName),
               SwitchSettings{.source_nat = wanted});
  EXPECT_EQ(cluster_.Compile()->forwarding().settings().nat.address_count, 0u);
}

TEST_F(CompileTest, SettingsKeepTheirLimits) {
  cluster_.Add("", std::string(kSettingsName),
               SwitchSettings{.limits = {1, 2, kNoLimit, 4}});
  const ConnectionLimits limits =
      cluster_.Compile()->forwarding().settings().limits;
  EXPECT_EQ(limits.half_open, 1u);
  EXPECT_EQ(limits.pod_connections, 2u);
  EXPECT_EQ(limits.pod_half_open, kNoLimit);
  EXPECT_EQ(limits.pod_nat_ports, 4u);
}

// U-07, RFC 4787 REQ-7.
TEST_F(CompileTest, PoolOfSourceNatIsNoPods) {
  cluster_.Add("", "n2",
               Node{.pod_cidrs = {TestPrefix("10.1.0.0/16"),
                                  TestPrefix("fd00:1::/64")}});
  for (const char* address : {"10.1.0.9", "fd00:1::9"}) {
    cluster_.Add(
        "", std::string(kSettingsName),
        SwitchSettings{.source_nat = {.addresses = {TestAddress(address)}}});
    const absl::Status status = cluster_.Compile().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr(address));
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr("Node n2"));
  }
}

TEST_F(CompileTest, SourceStaysOnTheWayToOtherNodesAndExcludedPrefixes) {
  cluster_.AddPort("up",
                   {.kind = PortResourceKind::kUplink,
                    .driver = PortResourceDriver::kDpdk,
                    .device = "net_null0",
                    .routes = {TestPrefix("0.0.0.0/0"), TestPrefix("::/0"),
                               TestPrefix("172.16.5.0/24")}});
  auto keeps = [&](const char* address) {
    const auto route =
        cluster_.Compile()->forwarding().route(TestAddress(address));
    EXPECT_TRUE(route.has_value() && route->kind == RouteKind::kPort)
        << address;
    return route.has_value() && route->keeps_source != 0;
  };
  EXPECT_FALSE(keeps("10.1.0.9"));
  EXPECT_FALSE(keeps("fd00:1::9"));
  // Compiled from what changed, not from nothing.
  cluster_.Add("", "n2",
               Node{.pod_cidrs = {TestPrefix("10.1.0.0/16"),
                                  TestPrefix("fd00:1::/64")}});
  EXPECT_TRUE(keeps("10.1.0.9"));
  EXPECT_TRUE(keeps("fd00:1::9"));
  EXPECT_FALSE(keeps("10.2.0.9"));
  cluster_.Add("", std::string(kSettingsName),
               SwitchSettings{.source_nat = {.excluded_cidrs = {
                                                 TestPrefix("172.16.0.0/12"),
                                                 TestPrefix("fd10::/16")}}});
  EXPECT_TRUE(keeps("172.16.5.1"));  // a route of its own, inside
  EXPECT_TRUE(keeps("172.17.0.1"));
  EXPECT_TRUE(keeps("fd10::1"));
  EXPECT_FALSE(keeps("8.8.8.8"));
}

// RFC 1812 5.3.5.2.
TEST_F(CompileTest, AllHostsOfAPodRangeAreABroadcast) {
  const auto route = [this](const char* address) {
    return cluster_.Compile()->forwarding().route(TestAddress(address));
  };
  ASSERT_TRUE(route("10.0.255.255").has_value());
  EXPECT_EQ(route("10.0.255.255")->kind, RouteKind::kBroadcast);
  EXPECT_EQ(route("10.0.255.254")->kind, RouteKind::kUnreachable);
  EXPECT_EQ(route("10.0.0.255")->kind, RouteKind::kUnreachable);
  EXPECT_EQ(route("fd00::ffff:ffff:ffff:ffff")->kind, RouteKind::kUnreachable);
}

TEST_F(CompileTest, TimersAreTheProfilesUnlessGiven) {
  cluster_.Add("", std::string(kSettingsName),
               SwitchSettings{.timeout_profile = TimeoutProfile::kLinux,
                              .timeouts = {.udp_s = 77},
                              .tcp_needs_syn = true});
  const Settings settings = cluster_.Compile()->forwarding().settings();
  EXPECT_EQ(settings.timeouts.tcp_established_s, 432000u);
  EXPECT_EQ(settings.timeouts.udp_s, 77u);
  EXPECT_EQ(settings.tcp_needs_syn, 1u);
}

TEST_F(CompileTest, GatewaysAreTheFirstHostsOfThePodCidrs) {
  const Settings settings = cluster_.Compile()->forwarding().settings();
  EXPECT_EQ(settings.gateway_ipv4, TestAddress("10.0.0.1"));
  EXPECT_EQ(settings.gateway_ipv6, TestAddress("fd00::1"));
  EXPECT_EQ(settings.gateway_link_local,
            LinkLocalFromMac(settings.gateway_mac));
}

TEST_F(CompileTest, RoutesGoToTheUplinkElseToTheHost) {
  Port host{.kind = PortResourceKind::kHost, .interface_name = "vswitch0"};
  cluster_.AddPort("host", host);
  CompiledTables tables = *cluster_.Compile();
  PortId host_port = tables.forwarding().settings().host_port;
  for (const char* outside : {"8.8.8.8", "2001:db8::8"}) {
    auto route = tables.forwarding().route(TestAddress(outside));
    ASSERT_TRUE(route.has_value());
    EXPECT_EQ(route->port, host_port);
  }
  for (const char* pod : {"10.0.7.7", "fd00::77"}) {
    auto route = tables.forwarding().route(TestAddress(pod));
    ASSERT_TRUE(route.has_value());
    EXPECT_EQ(route->kind, RouteKind::kUnreachable);
  }
  cluster_.AddPort("up", {.kind = PortResourceKind::kUplink,
                          .driver = PortResourceDriver::kDpdk,
                          .device = "net_af_packet0,iface=eth0"});
  tables = *cluster_.Compile();
  auto route = tables.forwarding().route(TestAddress("8.8.8.8"));
  ASSERT_TRUE(route.has_value());
  EXPECT_STREQ(tables.forwarding().port(route->port)->name, "up");
}

TEST_F(CompileTest, RefusesOverlappingPodAddresses) {
  cluster_.AddPod("demo", "a", {}, {"10.0.0.10", "fd00::10"});
  cluster_.AddPod("demo", "b", {}, {"10.0.0.11", "fd00::10"}, {},
                  TestCluster::Where::kRemote);
  EXPECT_EQ(Error(),
            "Pod demo/b status.podIPs: fd00::10 is already the address of Pod "
            "demo/a");
}

TEST_F(CompileTest, RefusesTheGatewayAsAPodsAddress) {
  cluster_.AddPod("demo", "a", {}, {"10.0.0.1"});
  EXPECT_EQ(Error(),
            "Pod demo/a status.podIPs: 10.0.0.1 is already the address of the "
            "switch's gateway");
}

TEST_F(CompileTest, RefusesAddressesThatNoHostCanHave) {
  for (const char* address : {"0.0.0.0", "224.0.0.1", "ff02::1", "127.0.0.1"}) {
    cluster_.AddPod("demo", "a", {}, {address});
    EXPECT_THAT(Error(), HasSubstr("is not a unicast address")) << address;
  }
}

TEST_F(CompileTest, RefusesPortsAgainstTheirPod) {
  cluster_.AddPod("demo", "a", {}, {"10.0.0.10"});
  Port port = PodPort("demo", "a");
  cluster_.AddPort("second", port);
  EXPECT_EQ(Error(),
            "Port second spec.pod: Pod demo/a has Port demo/a already");
  cluster_.state().Erase({ObjectKind::kPort, "", "second"});
  port.addresses = {TestAddress("10.0.0.99")};
  cluster_.AddPort("demo/a", port);
  EXPECT_EQ(Error(),
            "Port demo/a spec.addresses: 10.0.0.99 is not an address of Pod "
            "demo/a");
}

TEST_F(CompileTest, RefusesDevicesThatCannotBe) {
  Port port = PodPort("demo", "a");
  port.addresses = {TestAddress("10.0.0.10")};
  port.interface_name = "a-name-of-sixteen";
  cluster_.AddPort("p", port);
  EXPECT_THAT(Error(), HasSubstr("Port p spec.interfaceName: "));
  port = PodPort("demo", "a");
  port.netns = "";
  cluster_.AddPort("p", port);
  EXPECT_THAT(Error(), HasSubstr("Port p spec.netns: "));
  port = PodPort("demo", "a");
  port.mtu = 60;
  cluster_.AddPort("p", port);
  EXPECT_EQ(Error(), "Port p spec.mtu: 60 is not from 68 to 65535");
  port.addresses = {TestAddress("fd00::10")};
  port.mtu = 1279;
  cluster_.AddPort("p", port);
  EXPECT_EQ(Error(), "Port p spec.mtu: 1279 is not from 1280 to 65535");
  port.mtu = 1500;
  port.mac = *MacAddress::Parse("01:00:5e:00:00:01");
  cluster_.AddPort("p", port);
  EXPECT_THAT(Error(), HasSubstr("Port p spec.mac: "));
}

TEST_F(CompileTest, RefusesAFamilyWithoutGateway) {
  cluster_.Add("", "n1", Node{.pod_cidrs = {TestPrefix("10.0.0.0/16")}});
  cluster_.AddPod("demo", "a", {}, {"fd00::10"});
  EXPECT_EQ(Error(),
            "Port demo/a spec.addresses: the switch has no IPv6 gateway: Node "
            "n1 needs an IPv6 podCIDR, or Settings default a gateway");
}

TEST_F(CompileTest, RefusesTwoHostPorts) {
  Port host{.kind = PortResourceKind::kHost, .interface_name = "vswitch0"};
  cluster_.AddPort("h1", host);
  cluster_.AddPort("h2", host);
  EXPECT_EQ(Error(), "Port h2 spec.kind: Port h1 is the host's port already");
}

TEST_F(CompileTest, RefusesOneRouteByTwoPorts) {
  for (const char* name : {"u1", "u2"}) {
    cluster_.AddPort(name, {.kind = PortResourceKind::kUplink,
                            .driver = PortResourceDriver::kDpdk,
                            .device = "net_null0",
                            .routes = {TestPrefix("2001:db8::/32")}});
  }
  EXPECT_EQ(Error(),
            "Port u2 spec.routes: 2001:db8::/32 is already the route of Port "
            "u1 spec.routes");
}

TEST_F(CompileTest, RefusesPoliciesWithoutMeaning) {
  auto ingress_error = [this](NetworkPolicyRule rule) {
    cluster_.AddPolicy("demo", "p", {.ingress = {{}, std::move(rule)}});
    return Error();
  };
  EXPECT_EQ(ingress_error({.ports = {{.port = 80, .end_port = 79}}}),
            "NetworkPolicy demo/p spec.ingress[1].ports[0].endPort: 79 is less "
            "than port 80");
  EXPECT_EQ(ingress_error({.ports = {{.port_name = "x", .end_port = 79}}}),
            "NetworkPolicy demo/p spec.ingress[1].ports[0].endPort: needs a "
            "number in `port`");
  EXPECT_EQ(ingress_error({.peers = {{}}}),
            "NetworkPolicy demo/p spec.ingress[1].from[0]: needs podSelector, "
            "namespaceSelector or ipBlock");
  IpBlock block{TestPrefix("10.0.0.0/8"), {TestPrefix("11.0.0.0/16")}};
  EXPECT_EQ(ingress_error({.peers = {{.ip_block = block}}}),
            "NetworkPolicy demo/p spec.ingress[1].from[0].ipBlock.except[0]: "
            "11.0.0.0/16 is not inside 10.0.0.0/8");
  EXPECT_THAT(
      ingress_error(
          {.peers = {{.pod_selector = LabelSelector{},
                      .ip_block = IpBlock{TestPrefix("10.0.0.0/8"), {}}}}}),
      HasSubstr("from[0].ipBlock: cannot stand beside podSelector"));
  EXPECT_THAT(ingress_error({.ports = {{.protocol = IpProtocol::kIcmp}}}),
              HasSubstr("ports[0].protocol: ICMP is not TCP, UDP or SCTP"));
}

TEST_F(CompileTest, RefusesMorePortsThanTheSwitchHas) {
  for (uint32_t i = 0; i <= kMaxPorts; ++i) {
    cluster_.AddPort("p" + std::to_string(i),
                     PodPort("demo", "p" + std::to_string(i)));
  }
  EXPECT_EQ(Error(), "1025 ports are wanted, the switch has 1024");
}

TEST_F(CompileTest, AFailedCompilationChangesNothing) {
  cluster_.AddPod("demo", "a", {}, {"10.0.0.10"});
  CompiledTables before = *cluster_.Compile();
  DesiredState good = cluster_.state();
  cluster_.AddPod("demo", "b", {}, {"10.0.0.10"});
  EXPECT_NE(Error(), "");
  cluster_.state() = good;
  CompiledTables after = *cluster_.Compile();
  EXPECT_FALSE(after.state().all_changed);
  EXPECT_TRUE(after.state().changed_addresses.empty());
  EXPECT_EQ(before.state().blobs, after.state().blobs);
  EXPECT_EQ(BytesOfSets(before.state()), BytesOfSets(after.state()));
}

}  // namespace
}  // namespace vswitch
