// controlplane/compile/service_test.h
//
// ServiceCompilerTest: a cluster with one Service, for tests of what becomes of
// Services and host ports.
//
//   AddSlice({{.addresses = {TestAddress("10.0.0.11")}}});
//   EXPECT_THAT(Backends("10.96.0.1"), ElementsAre("10.0.0.11"));
//
// Tests only.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_SERVICE_TEST_H_
#define VSWITCH_CONTROLPLANE_COMPILE_SERVICE_TEST_H_

#include <string>
#include <utility>
#include <vector>

#include "controlplane/compile/rule_catalog.h"
#include "controlplane/compile/test_cluster.h"
#include "gtest/gtest.h"

namespace vswitch {

inline constexpr auto kInside = ClientSide::kInside;
inline constexpr auto kOutside = ClientSide::kOutside;

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
  // What an address and port are to clients of `side`.
  ServiceRecord Record(const char* address, uint16_t port, ClientSide side) {
    CompiledTables tables = *cluster_.Compile();
    const ServiceLookup found = tables.forwarding().services().Lookup(
        Key(address, port, "203.0.113.9"), side);
    EXPECT_NE(found.service, nullptr) << address << " " << port;
    return found.service == nullptr ? ServiceRecord{} : *found.service;
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

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_SERVICE_TEST_H_
