// Ports of the node that lead to a pod, and ports where it is asked for the
// health of a service: where they are, and what is refused.

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controlplane/compile/service_test.h"
#include "gmock/gmock.h"

namespace vswitch {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class HostPortsTest : public ServiceCompilerTest {
 protected:
  HostPortsTest() { AddPodWith({Http()}); }

  static ContainerPort Http(uint16_t host_port = 8080) {
    return {.port = 80, .host_port = host_port};
  }
  void AddPodWith(std::vector<ContainerPort> ports,
                  const std::string& name = "p", int last = 21) {
    cluster_.AddPod(
        "demo", name, {},
        {absl::StrCat("10.0.0.", last), absl::StrCat("fd00::", last)},
        std::move(ports));
  }
  // The backends of a host port, as "address:port".
  std::vector<std::string> Leads(const char* address, uint16_t port,
                                 IpProtocol protocol = IpProtocol::kTcp,
                                 ClientSide side = kOutside) {
    CompiledTables tables = *cluster_.Compile();
    const ServiceTable& services = tables.forwarding().services();
    FlowKey key = Key(address, port, "203.0.113.9");
    key.protocol = protocol;
    const ServiceLookup found = services.Lookup(key, side);
    std::vector<std::string> ends;
    if (found.kind != ServiceLookupKind::kFound) return ends;
    for (const BackendRecord& backend :
         services.backends(*found.service, side)) {
      ends.push_back(
          absl::StrCat(backend.address.ToString(), " ", backend.port.ToHost()));
      EXPECT_EQ(backend.endpoint, tables.BindingOf(backend.address).endpoint);
    }
    return ends;
  }
};

TEST_F(HostPortsTest, EveryAddressOfTheNodeLeadsToThePod) {
  for (const ClientSide side : {kInside, kOutside}) {
    EXPECT_THAT(Leads("192.168.0.1", 8080, IpProtocol::kTcp, side),
                ElementsAre("10.0.0.21 80"));
    EXPECT_THAT(Leads("fd01::1", 8080, IpProtocol::kTcp, side),
                ElementsAre("fd00::21 80"));
    // All else is the node's own.
    EXPECT_EQ(Kind("192.168.0.1", 80, side), ServiceLookupKind::kNotService);
  }
  EXPECT_THAT(Leads("192.168.0.1", 8080, IpProtocol::kUdp), IsEmpty());
}

TEST_F(HostPortsTest, EveryProtocolHasItsPort) {
  AddPodWith({{.protocol = IpProtocol::kUdp, .port = 53, .host_port = 53},
              {.protocol = IpProtocol::kSctp, .port = 9, .host_port = 53}});
  for (const char* address : {"192.168.0.1", "fd01::1"}) {
    EXPECT_EQ(Leads(address, 53, IpProtocol::kUdp).size(), 1u);
    EXPECT_EQ(Leads(address, 53, IpProtocol::kSctp).size(), 1u);
    EXPECT_THAT(Leads(address, 53, IpProtocol::kTcp), IsEmpty());
    EXPECT_THAT(Leads(address, 8080), IsEmpty());
  }
}

TEST_F(HostPortsTest, HostIpChoosesTheAddresses) {
  const auto leads = [this](const char* host_ip) {
    ContainerPort port = Http();
    port.host_ip = TestAddress(host_ip);
    AddPodWith({port});
    return std::pair(Leads("192.168.0.1", 8080).size(),
                     Leads("fd01::1", 8080).size());
  };
  EXPECT_EQ(leads("192.168.0.1"), std::pair(size_t{1}, size_t{0}));
  EXPECT_EQ(leads("fd01::1"), std::pair(size_t{0}, size_t{1}));
  EXPECT_EQ(leads("0.0.0.0"), std::pair(size_t{1}, size_t{0}));
  EXPECT_EQ(leads("::"), std::pair(size_t{0}, size_t{1}));
}

TEST_F(HostPortsTest, RefusesAHostIpThatIsNotTheNodes) {
  ContainerPort port = Http();
  port.host_ip = TestAddress("192.168.0.2");
  AddPodWith({{.port = 1}, port});
  EXPECT_EQ(Error(),
            "Pod demo/p spec.containerPorts[1].hostIP: 192.168.0.2 is not an "
            "address of Node n1");
}

TEST_F(HostPortsTest, RefusesNodePorts) {
  for (const uint16_t port : {30000, 32767}) {
    AddPodWith({Http(port)});
    EXPECT_EQ(Error(), absl::StrCat("Pod demo/p spec.containerPorts[0]."
                                    "hostPort: ",
                                    port,
                                    " may be a Service's; from 30000 to 32767 "
                                    "are NodePorts"));
  }
  for (const uint16_t port : {29999, 32768}) {
    AddPodWith({Http(port)});
    EXPECT_EQ(Error(), "");
  }
}

TEST_F(HostPortsTest, RefusesAPortThatIsTaken) {
  AddPodWith({Http()}, "q", 22);
  EXPECT_EQ(Error(),
            "Pod demo/q spec.containerPorts[0].hostPort: TCP 8080 of "
            "192.168.0.1 is taken by Pod demo/p");
  // Of two addresses each has its ports.
  ContainerPort ipv4 = Http(), ipv6 = Http();
  ipv4.host_ip = TestAddress("0.0.0.0");
  ipv6.host_ip = TestAddress("fd01::1");
  AddPodWith({ipv4}, "p");
  AddPodWith({ipv6}, "q", 22);
  EXPECT_EQ(Error(), "");
  EXPECT_THAT(Leads("192.168.0.1", 8080), ElementsAre("10.0.0.21 80"));
  EXPECT_THAT(Leads("fd01::1", 8080), ElementsAre("fd00::22 80"));
  // A service at the node's address comes before pods.
  Service service = Web();
  service.external_ips = {TestAddress("fd01::1")};
  service.ports[0].port = 8080;
  AddService(service);
  EXPECT_EQ(Error(),
            "Pod demo/q spec.containerPorts[0].hostPort: TCP 8080 of fd01::1 "
            "is taken by demo/web:8080");
}

TEST_F(HostPortsTest, FollowsThePod) {
  EXPECT_THAT(Leads("192.168.0.1", 8080), ElementsAre("10.0.0.21 80"));
  // It moves to another port of the node.
  AddPodWith({Http(9090)});
  EXPECT_THAT(Leads("192.168.0.1", 8080), IsEmpty());
  EXPECT_THAT(Leads("192.168.0.1", 9090), ElementsAre("10.0.0.21 80"));
  // It has no port of the switch any more.
  cluster_.state().Erase({ObjectKind::kPort, "", "demo/p"});
  EXPECT_THAT(Leads("192.168.0.1", 9090), IsEmpty());
  EXPECT_EQ(Kind("192.168.0.1", 9090, kOutside),
            ServiceLookupKind::kNotService);
  cluster_.AddPort("demo/p", {.pod_namespace = "demo",
                              .pod_name = "p",
                              .netns = "/run/netns/p",
                              .interface_name = "eth0"});
  EXPECT_THAT(Leads("192.168.0.1", 9090), ElementsAre("10.0.0.21 80"));
  cluster_.state().Erase({ObjectKind::kPort, "", "demo/p"});
  cluster_.state().Erase({ObjectKind::kPod, "demo", "p"});
  EXPECT_THAT(Leads("192.168.0.1", 9090), IsEmpty());
}

TEST_F(HostPortsTest, PodsOfOtherNodesEndedAndHostPodsHaveNone) {
  Pod pod{.node_name = "n2",
          .addresses = {TestAddress("10.1.0.9")},
          .ports = {Http()}};
  cluster_.Add("demo", "far", pod);
  pod.node_name = "n1";
  pod.addresses = {};
  pod.phase = PodPhase::kFailed;
  cluster_.Add("demo", "failed", pod);
  pod.phase = PodPhase::kSucceeded;
  cluster_.Add("demo", "done", pod);
  pod.phase = PodPhase::kRunning;
  pod.host_network = true;
  cluster_.Add("demo", "host", pod);
  EXPECT_EQ(Error(), "");
  EXPECT_THAT(Leads("192.168.0.1", 8080), ElementsAre("10.0.0.21 80"));
}

class HealthCheckTest : public ServiceCompilerTest {
 protected:
  HealthCheckTest() { AddService(Balancer()); }

  static Service Balancer(uint16_t port = 31000) {
    Service service = NodePort();
    service.type = ServiceType::kLoadBalancer;
    service.external_traffic_policy = TrafficPolicy::kLocal;
    service.health_check_node_port = port;
    return service;
  }
  std::vector<HealthCheck> Checks() {
    return *cluster_.Compile()->state().health_checks;
  }
};

TEST_F(HealthCheckTest, CountsTheReadyEndpointsOfThisNode) {
  EXPECT_THAT(Checks(), ElementsAre(HealthCheck{31000, "demo", "web", 0}));
  AddSlice({{.addresses = {TestAddress("10.0.0.11")}, .node_name = "n1"},
            {.addresses = {TestAddress("10.0.0.12")}, .node_name = "n1"},
            {.addresses = {TestAddress("10.0.0.13")},
             .ready = false,
             .serving = true,
             .terminating = true,
             .node_name = "n1"},
            {.addresses = {TestAddress("10.1.0.12")}, .node_name = "n2"}});
  // Those of the other family are the same pods.
  cluster_.Add(
      "demo", "web-2",
      EndpointSlice{.address_type = IpFamily::kIpv6,
                    .endpoints = {{.addresses = {TestAddress("fd00::11")},
                                   .node_name = "n1"}},
                    .ports = {{.name = "http", .port = 8080}}},
      {{"kubernetes.io/service-name", "web"}});
  EXPECT_THAT(Checks(), ElementsAre(HealthCheck{31000, "demo", "web", 2}));
}

TEST_F(HealthCheckTest, ThePortIsTheNodesOwn) {
  for (const char* address : {"192.168.0.1", "fd01::1"}) {
    for (const ClientSide side : {kInside, kOutside}) {
      EXPECT_EQ(Kind(address, 31000, side), ServiceLookupKind::kNotService);
    }
  }
}

TEST_F(HealthCheckTest, IsOnlyOfBalancersWithPolicyLocal) {
  Service service = Balancer();
  service.external_traffic_policy = TrafficPolicy::kCluster;
  AddService(service);
  const char* kWanted =
      "Service demo/web spec.healthCheckNodePort: only type LoadBalancer with "
      "externalTrafficPolicy Local has one";
  EXPECT_EQ(Error(), kWanted);
  service = Balancer();
  service.type = ServiceType::kNodePort;
  AddService(service);
  EXPECT_EQ(Error(), kWanted);
}

TEST_F(HealthCheckTest, RefusesAPortThatIsNoneOrTaken) {
  AddService(Balancer(8080));
  EXPECT_EQ(Error(),
            "Service demo/web spec.healthCheckNodePort: 8080 is not from 30000 "
            "to 32767");
  AddService(Balancer(30080));  // its own node port
  EXPECT_EQ(Error(),
            "Service demo/web spec.healthCheckNodePort: TCP 30080 of "
            "192.168.0.1 is taken by demo/web:80");
  AddService(Balancer());
  Service other = Balancer();
  other.cluster_ips = {TestAddress("fd96::2")};
  other.ports[0].node_port = 30081;
  AddService(other, "zeb");
  EXPECT_EQ(Error(),
            "Service demo/zeb spec.healthCheckNodePort: TCP 31000 of "
            "192.168.0.1 is taken by the health check of demo/web");
  other.health_check_node_port = 31001;
  other.ports[0].node_port = 31000;
  AddService(other, "zeb");
  EXPECT_EQ(Error(),
            "Service demo/zeb spec.ports[0].nodePort: TCP 31000 of fd01::1 is "
            "taken by the health check of demo/web");
}

}  // namespace
}  // namespace vswitch
