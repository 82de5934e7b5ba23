// Services and EndpointSlices as a service table: which addresses, whom they
// serve, and by which backends.

#include "controlplane/compile/service_compiler.h"

#include <string>
#include <utility>
#include <vector>

#include "controlplane/compile/rule_catalog.h"
#include "controlplane/compile/test_cluster.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr auto kInside = ClientSide::kInside;
constexpr auto kOutside = ClientSide::kOutside;

// The node "n1" has the addresses 192.168.0.1 and fd01::1.
class ServiceCompilerTest : public testing::Test {
 protected:
  ServiceCompilerTest() {
    cluster_.AddPod("demo", "b1", {}, {"10.0.0.11", "fd00::11"});
    AddService(Web());
  }
  static Service Web() {
    return {.cluster_ips = {TestAddress("10.96.0.1"), TestAddress("fd96::1")},
            .ports = {{.name = "http", .port = 80}}};
  }
  static Service NodePort() {
    Service service = Web();
    service.type = ServiceType::kNodePort;
    service.ports[0].node_port = 30080;
    return service;
  }
  void AddService(Service service, const std::string& name = "web") {
    cluster_.Add("demo", name, std::move(service));
  }
  void AddSlice(std::vector<Endpoint> endpoints,
                IpFamily family = IpFamily::kIpv4) {
    cluster_.Add("demo", "web-1",
                 EndpointSlice{.address_type = family,
                               .endpoints = std::move(endpoints),
                               .ports = {{.name = "http", .port = 8080}}},
                 {{"kubernetes.io/service-name", "web"}});
  }
  // One backend here and one on another node.
  void AddHereAndThere() {
    AddSlice({{.addresses = {TestAddress("10.0.0.11")}, .node_name = "n1"},
              {.addresses = {TestAddress("10.1.0.12")}, .node_name = "n2"}});
  }
  std::string Error() {
    const auto compiled = cluster_.Compile();
    return compiled.ok() ? "" : std::string(compiled.status().message());
  }
  ServiceLookupKind Kind(const char* address, uint16_t port, ClientSide side,
                         const char* client = "203.0.113.9") {
    CompiledTables tables = *cluster_.Compile();
    return tables.forwarding()
        .services()
        .Lookup(Key(address, port, client), side)
        .kind;
  }
  // The backends that clients of `side` have behind an address and port.
  std::vector<std::string> Backends(const char* address, uint16_t port = 80,
                                    ClientSide side = kInside) {
    CompiledTables tables = *cluster_.Compile();
    const ServiceTable& services = tables.forwarding().services();
    const ServiceLookup found =
        services.Lookup(Key(address, port, "203.0.113.9"), side);
    EXPECT_EQ(found.kind, ServiceLookupKind::kFound);
    std::vector<std::string> backends;
    if (found.service == nullptr) return backends;
    EXPECT_EQ(tables.state().catalog->ServiceText(found.service->service),
              "demo/web:80");
    for (const BackendRecord& backend :
         services.backends(*found.service, side)) {
      backends.push_back(backend.address.ToString());
      EXPECT_EQ(backend.port.ToHost(), 8080);
      EXPECT_EQ(backend.endpoint, tables.BindingOf(backend.address).endpoint);
    }
    return backends;
  }
  static FlowKey Key(const char* address, uint16_t port, const char* client) {
    FlowKey key;
    key.source = TestAddress(client);
    key.destination = TestAddress(address);
    key.destination_port = Be16::FromHost(port);
    key.protocol = IpProtocol::kTcp;
    return key;
  }

  TestCluster cluster_;
};

TEST_F(ServiceCompilerTest, BackendsAreTheReadyEndpointsOfTheFamily) {
  AddSlice({{.addresses = {TestAddress("10.0.0.11")}},
            {.addresses = {TestAddress("10.1.0.12")}},
            {.addresses = {TestAddress("10.1.0.13")}, .ready = false}});
  EXPECT_THAT(Backends("10.96.0.1"),
              UnorderedElementsAre("10.0.0.11", "10.1.0.12"));
  EXPECT_THAT(Backends("fd96::1"), IsEmpty());
  AddSlice({{.addresses = {TestAddress("fd00::11")}}}, IpFamily::kIpv6);
  EXPECT_THAT(Backends("fd96::1"), ElementsAre("fd00::11"));
}

TEST_F(ServiceCompilerTest, TerminatingEndpointsServeWhenNoneIsReady) {
  AddSlice({{.addresses = {TestAddress("10.1.0.13")},
             .ready = false,
             .serving = true,
             .terminating = true}});
  EXPECT_THAT(Backends("10.96.0.1"), ElementsAre("10.1.0.13"));
}

TEST_F(ServiceCompilerTest, RefusesTwoServicesOfOneAddress) {
  cluster_.Add("demo", "web2",
               Service{.cluster_ips = {TestAddress("fd96::1")},
                       .ports = {{.port = 80}}});
  EXPECT_EQ(Error(),
            "Service demo/web2 spec.clusterIPs: fd96::1 is already the address "
            "of Service demo/web");
}

TEST_F(ServiceCompilerTest, RefusesOnePortTwice) {
  cluster_.Add("demo", "web", Service{.ports = {{.port = 80}, {.port = 80}}});
  EXPECT_EQ(Error(),
            "Service demo/web spec.ports[1].port: TCP 80 is in the list twice");
}

TEST_F(ServiceCompilerTest, ClusterIpIsNotServedToTheOutside) {
  AddHereAndThere();
  EXPECT_EQ(Kind("10.96.0.1", 80, kInside), ServiceLookupKind::kFound);
  EXPECT_EQ(Kind("10.96.0.1", 80, kOutside), ServiceLookupKind::kInsideOnly);
}

TEST_F(ServiceCompilerTest, InternalTrafficPolicyIsTheClusterIpsAlone) {
  AddHereAndThere();
  Service service = NodePort();
  service.internal_traffic_policy = TrafficPolicy::kLocal;
  AddService(service);
  EXPECT_THAT(Backends("10.96.0.1"), ElementsAre("10.0.0.11"));
  EXPECT_THAT(Backends("192.168.0.1", 30080),
              ElementsAre("10.0.0.11", "10.1.0.12"));
}

TEST_F(ServiceCompilerTest, NodePortIsOnEveryAddressOfTheNode) {
  AddHereAndThere();
  AddService(NodePort());
  for (const ClientSide side : {kInside, kOutside}) {
    EXPECT_THAT(Backends("192.168.0.1", 30080, side),
                ElementsAre("10.0.0.11", "10.1.0.12"));
    EXPECT_EQ(Kind("fd01::1", 30080, side), ServiceLookupKind::kFound);
    // The node's other ports are its own.
    EXPECT_EQ(Kind("192.168.0.1", 22, side), ServiceLookupKind::kNotService);
  }
}

TEST_F(ServiceCompilerTest, NodePortIsOfTheServicesFamiliesOnly) {
  Service service = NodePort();
  service.cluster_ips.pop_back();
  AddService(service);
  EXPECT_EQ(Kind("192.168.0.1", 30080, kInside), ServiceLookupKind::kFound);
  EXPECT_EQ(Kind("fd01::1", 30080, kInside), ServiceLookupKind::kNotService);
}

TEST_F(ServiceCompilerTest, ExternalTrafficPolicyIsForClientsFromOutside) {
  AddHereAndThere();
  Service service = NodePort();
  service.external_traffic_policy = TrafficPolicy::kLocal;
  AddService(service);
  EXPECT_THAT(Backends("192.168.0.1", 30080, kOutside),
              ElementsAre("10.0.0.11"));
  EXPECT_THAT(Backends("192.168.0.1", 30080, kInside),
              ElementsAre("10.0.0.11", "10.1.0.12"));
}

TEST_F(ServiceCompilerTest, LoadBalancerServesItsSourceRanges) {
  AddHereAndThere();
  Service service = NodePort();
  service.type = ServiceType::kLoadBalancer;
  service.load_balancer_ips = {TestAddress("203.0.113.80"),
                               TestAddress("2001:db8::80")};
  service.load_balancer_source_ranges = {TestPrefix("198.51.100.0/24"),
                                         TestPrefix("198.51.100.128/25"),
                                         TestPrefix("203.0.113.9/32")};
  AddService(service);
  auto kind = [&](const char* client) {
    return Kind("203.0.113.80", 80, kOutside, client);
  };
  EXPECT_EQ(kind("198.51.100.0"), ServiceLookupKind::kFound);
  EXPECT_EQ(kind("198.51.100.255"), ServiceLookupKind::kFound);
  EXPECT_EQ(kind("198.51.101.0"), ServiceLookupKind::kSourceRange);
  EXPECT_EQ(kind("198.51.99.255"), ServiceLookupKind::kSourceRange);
  EXPECT_EQ(kind("203.0.113.9"), ServiceLookupKind::kFound);
  EXPECT_EQ(kind("203.0.113.10"), ServiceLookupKind::kSourceRange);
  // The ranges of one family admit nobody of the other.
  EXPECT_EQ(Kind("2001:db8::80", 80, kOutside, "2001:db8::9"),
            ServiceLookupKind::kSourceRange);
  // They are not for the node port, nor for pods.
  EXPECT_EQ(Kind("192.168.0.1", 30080, kOutside, "192.0.2.1"),
            ServiceLookupKind::kFound);
  EXPECT_EQ(Kind("203.0.113.80", 80, kInside, "10.0.0.9"),
            ServiceLookupKind::kFound);
  EXPECT_EQ(Kind("203.0.113.80", 81, kOutside), ServiceLookupKind::kNoPort);
}

// CVE-2020-8554: whoever may write a Service could take any address away from
// the pods.
TEST_F(ServiceCompilerTest, ExternalIpIsForTheOutsideOnly) {
  AddHereAndThere();
  Service service = Web();
  service.external_ips = {TestAddress("198.51.100.53")};
  AddService(service);
  EXPECT_THAT(Backends("198.51.100.53", 80, kOutside),
              ElementsAre("10.0.0.11", "10.1.0.12"));
  EXPECT_EQ(Kind("198.51.100.53", 80, kInside), ServiceLookupKind::kNotService);
  EXPECT_EQ(Kind("198.51.100.53", 443, kInside),
            ServiceLookupKind::kNotService);
}

TEST_F(ServiceCompilerTest, RefusesNodePortsThatAreNone) {
  Service service = NodePort();
  service.ports[0].node_port = 8080;
  AddService(service);
  EXPECT_EQ(Error(),
            "Service demo/web spec.ports[0].nodePort: 8080 is not from 30000 "
            "to 32767");
  service = NodePort();
  service.type = ServiceType::kClusterIp;
  AddService(service);
  EXPECT_EQ(Error(),
            "Service demo/web spec.ports[0].nodePort: only type NodePort or "
            "LoadBalancer has one");
}

TEST_F(ServiceCompilerTest, RefusesANodePortThatIsTaken) {
  AddService(NodePort());
  Service other = NodePort();
  other.cluster_ips = {TestAddress("10.96.0.2")};
  AddService(other, "zeb");
  EXPECT_EQ(Error(),
            "Service demo/zeb:80: 192.168.0.1 port 30080 is taken by "
            "demo/web:80");
}

}  // namespace
}  // namespace vswitch
