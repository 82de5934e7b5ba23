// Services and EndpointSlices as a service table: which addresses, whom they
// serve, and by which backends.

#include <string>
#include <vector>

#include "controlplane/compile/service_test.h"
#include "gmock/gmock.h"

namespace vswitch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

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

TEST_F(ServiceCompilerTest, HeadlessExternalAndOthersServicesAreLeftAlone) {
  AddHereAndThere();
  AddService(NodePort());
  const auto kinds = [this] {
    return std::vector<ServiceLookupKind>{
        Kind("10.96.0.1", 80, kInside), Kind("fd96::1", 80, kInside),
        Kind("192.168.0.1", 30080, kOutside), Kind("fd01::1", 30080, kOutside)};
  };
  EXPECT_THAT(kinds(), testing::Each(ServiceLookupKind::kFound));
  Service headless = Web();
  headless.cluster_ips.clear();
  AddService(headless);
  EXPECT_THAT(kinds(), testing::Each(ServiceLookupKind::kNotService));
  Service external{.type = ServiceType::kExternalName,
                   .external_ips = {TestAddress("198.51.100.53")}};
  AddService(external);
  EXPECT_THAT(kinds(), testing::Each(ServiceLookupKind::kNotService));
  EXPECT_EQ(Kind("198.51.100.53", 80, kOutside),
            ServiceLookupKind::kNotService);
  cluster_.Add("demo", "web", NodePort(),
               {{"service.kubernetes.io/service-proxy-name", "mesh"}});
  EXPECT_THAT(kinds(), testing::Each(ServiceLookupKind::kNotService));
}

TEST_F(ServiceCompilerTest, ARefusalChangesNothing) {
  AddHereAndThere();
  AddService(NodePort());
  const auto before = cluster_.Compile()->state().blobs;
  Service bad = NodePort();
  bad.ports[0].node_port = 80;
  bad.cluster_ips = {TestAddress("10.96.0.9")};
  AddService(bad);
  EXPECT_NE(Error(), "");
  AddService(NodePort());
  const CompiledTables after = *cluster_.Compile();
  const auto services = static_cast<size_t>(BlobKind::kServices);
  EXPECT_EQ(after.state().blobs[services].view(), before[services].view());
  EXPECT_THAT(after.state().changed_addresses, IsEmpty());
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
            "Service demo/zeb spec.ports[0].nodePort: TCP 30080 of 192.168.0.1 "
            "is taken by demo/web:80");
}

}  // namespace
}  // namespace vswitch
