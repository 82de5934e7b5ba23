// Every row of Cilium's policy language (policy.md 1.2, 2.3) that the switch
// has, in both families: enforcement, peers and traffic.  Selectors and the
// clusterwide kind: cilium_selector_semantics_test.cc.

#include <string>
#include <utility>
#include <vector>

#include "controlplane/compile/semantics_test.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

using ::testing::HasSubstr;

using Entities = std::vector<CiliumEntity>;
using Selectors = std::vector<LabelSelector>;

CiliumRule FromPods(const Labels& labels) {
  return {.endpoints = Selectors{Select(labels)}};
}
CiliumRule FromEntity(CiliumEntity entity) {
  return {.entities = Entities{entity}};
}
CiliumRule FromBlock(const std::string& cidr,
                     const std::vector<std::string>& except = {}) {
  IpBlock block{.cidr = TestPrefix(cidr)};
  for (const std::string& prefix : except) {
    block.except.push_back(TestPrefix(prefix));
  }
  return {.cidrs = std::vector<IpBlock>{block}};
}
CiliumPort Tcp(uint16_t first, uint16_t last = 0) {
  return {.protocol = IpProtocol::kTcp,
          .first = first,
          .last = last == 0 ? first : last};
}

class CiliumPolicySemanticsTest : public SemanticsTest {
 protected:
  // About demo/b.
  void Add(const std::string& name, CiliumPolicySpec spec) {
    spec.endpoint_selector = Select({{"role", "b"}});
    cluster_.Add("demo", name, CiliumNetworkPolicy{.specs = {std::move(spec)}});
  }
  void Ingress(std::vector<CiliumRule> rules) {
    Add("in", {.ingress = std::move(rules)});
  }
  void Egress(std::vector<CiliumRule> rules) {
    Add("out", {.egress = std::move(rules)});
  }
  std::string Error() {
    SourcePool pool;
    return std::string(
        CollectSources(cluster_.state(), pool).status().message());
  }
};

TEST_P(CiliumPolicySemanticsTest, EndpointsAreOpenUntilARuleSelectsThem) {
  EXPECT_TRUE(Allowed(A(), B()));
  Ingress({FromPods({{"role", "a"}})});
  EXPECT_TRUE(Allowed(A(), B()));
  EXPECT_FALSE(Allowed(World(), B()));
  EXPECT_FALSE(Allowed(OtherA(), B()));
  EXPECT_TRUE(Allowed(B(), World()));
}

TEST_P(CiliumPolicySemanticsTest, ASectionIsolatesItsDirectionOnly) {
  Egress({FromPods({{"role", "a"}})});
  EXPECT_TRUE(Allowed(B(), A()));
  EXPECT_FALSE(Allowed(B(), World()));
  EXPECT_TRUE(Allowed(World(), B()));
}

TEST_P(CiliumPolicySemanticsTest, ARuleThatSaysNothingIsolates) {
  Ingress({CiliumRule{}});
  EXPECT_FALSE(Allowed(A(), B()));
  EXPECT_FALSE(Allowed(World(), B()));
}

TEST_P(CiliumPolicySemanticsTest, ADenyOnlyPolicyIsolatesToo) {
  Add("in", {.ingress_deny = {FromPods({{"role", "x"}})}});
  EXPECT_FALSE(Allowed(A(), B()));
}

TEST_P(CiliumPolicySemanticsTest, DefaultDenyCanBeSwitchedOff) {
  Add("in", {.default_deny_ingress = false,
             .ingress_deny = {FromPods({{"role", "a"}})}});
  EXPECT_FALSE(Allowed(A(), B()));
  EXPECT_TRUE(Allowed(World(), B()));
  // If any policy asks for it, it wins; the rules of the other count on.
  Add("more", {.ingress = {FromPods({{"role", "a"}, {"x", "y"}})}});
  EXPECT_FALSE(Allowed(World(), B()));
  Add("in",
      {.default_deny_ingress = false, .ingress = {FromPods({{"role", "a"}})}});
  EXPECT_TRUE(Allowed(A(), B()));
}

TEST_P(CiliumPolicySemanticsTest, DefaultDenyCanBeAskedForWithoutRules) {
  Add("in", {.default_deny_ingress = true, .default_deny_egress = true});
  EXPECT_FALSE(Allowed(A(), B()));
  EXPECT_FALSE(Allowed(B(), A()));
}

TEST_P(CiliumPolicySemanticsTest, DenyBeatsEveryAllow) {
  Add("in", {.ingress = {FromEntity(CiliumEntity::kAll)}});
  cluster_.AddPolicy("demo", "open", {.ingress = {{}}});
  EXPECT_TRUE(Allowed(A(), B()));
  Add("no", {.ingress_deny = {FromPods({{"role", "a"}})}});
  EXPECT_FALSE(Allowed(A(), B()));
  EXPECT_TRUE(Allowed(World(), B()));
  Add("no", {.egress_deny = {FromPods({{"role", "a"}})}});
  EXPECT_FALSE(Allowed(B(), A()));
}

TEST_P(CiliumPolicySemanticsTest, DenyCanBeAboutAPort) {
  CiliumRule deny = FromEntity(CiliumEntity::kAll);
  deny.ports = {Tcp(22)};
  Add("in",
      {.ingress = {FromEntity(CiliumEntity::kAll)}, .ingress_deny = {deny}});
  EXPECT_FALSE(Allowed(A(), B(), 22));
  EXPECT_TRUE(Allowed(A(), B(), 23));
}

TEST_P(CiliumPolicySemanticsTest, OneTierWithNetworkPolicy) {
  cluster_.AddPolicy("demo", "closed", {});
  EXPECT_FALSE(Allowed(A(), B()));
  Ingress({FromPods({{"role", "a"}})});
  EXPECT_TRUE(Allowed(A(), B()));
  EXPECT_FALSE(Allowed(World(), B()));
}

TEST_P(CiliumPolicySemanticsTest, EmptyListSelectsNobodyNoListEverybody) {
  Ingress({{.endpoints = Selectors{}, .ports = {Tcp(80)}}});
  EXPECT_FALSE(Allowed(A(), B()));
  Ingress({{.ports = {Tcp(80)}}});
  EXPECT_TRUE(Allowed(A(), B()));
  EXPECT_TRUE(Allowed(World(), B()));
  EXPECT_FALSE(Allowed(A(), B(), 81));
  // One selector that asks nothing: every pod of the namespace.
  Ingress({{.endpoints = Selectors{LabelSelector{}}}});
  EXPECT_TRUE(Allowed(A(), B()));
  EXPECT_FALSE(Allowed(OtherA(), B()));
  EXPECT_FALSE(Allowed(World(), B()));
  for (CiliumRule rule : {CiliumRule{.entities = Entities{}},
                          CiliumRule{.cidrs = std::vector<IpBlock>{}},
                          CiliumRule{.nodes = Selectors{}}}) {
    Ingress({rule});
    EXPECT_FALSE(Allowed(A(), B()));
    EXPECT_FALSE(Allowed(World(), B()));
  }
}

TEST_P(CiliumPolicySemanticsTest, EntriesAreOrMembersAreAnd) {
  CiliumRule rule = FromPods({{"role", "a"}});
  rule.ports = {Tcp(80)};
  Ingress({rule, FromEntity(CiliumEntity::kWorld)});
  EXPECT_TRUE(Allowed(A(), B(), 80));
  EXPECT_FALSE(Allowed(A(), B(), 81));
  EXPECT_TRUE(Allowed(World(), B(), 81));
}

TEST_P(CiliumPolicySemanticsTest, EntitiesAreWhatTheySay) {
  auto reach = [this](CiliumEntity entity) {
    Ingress({FromEntity(entity)});
    std::string who;
    if (Allowed(A(), B())) who += "pod ";
    if (Allowed(Node2(), B())) who += "node ";
    if (Allowed(World(), B())) who += "world";
    return who;
  };
  EXPECT_EQ(reach(CiliumEntity::kAll), "pod node world");
  EXPECT_EQ(reach(CiliumEntity::kCluster), "pod node ");
  EXPECT_EQ(reach(CiliumEntity::kWorld), "world");
  EXPECT_EQ(reach(CiliumEntity::kRemoteNode), "node ");
  EXPECT_EQ(reach(CiliumEntity::kHost), "");
  EXPECT_EQ(reach(CiliumEntity::kWorldIpv4), IsIpv4() ? "world" : "");
  EXPECT_EQ(reach(CiliumEntity::kWorldIpv6), IsIpv4() ? "" : "world");
  for (CiliumEntity entity :
       {CiliumEntity::kInit, CiliumEntity::kIngress, CiliumEntity::kHealth,
        CiliumEntity::kUnmanaged, CiliumEntity::kNone}) {
    EXPECT_EQ(reach(entity), "");
  }
}

TEST_P(CiliumPolicySemanticsTest, TheHostIsAnEntityOnEgress) {
  Egress({FromEntity(CiliumEntity::kHost)});
  EXPECT_TRUE(Allowed(B(), Node()));
  EXPECT_FALSE(Allowed(B(), Node2()));
}

TEST_P(CiliumPolicySemanticsTest, InitAndClusterHaveEndpointsOfUnknownLabels) {
  cluster_.AddPort("demo/new", {.pod_namespace = "demo",
                                .pod_name = "new",
                                .netns = "/run/netns/new",
                                .interface_name = "eth0",
                                .addresses = {TestAddress("10.0.0.30"),
                                              TestAddress("fd00::30")}});
  TestFlow flow{.source = Of("10.0.0.30", "fd00::30"), .destination = B()};
  Ingress({FromEntity(CiliumEntity::kInit)});
  EXPECT_TRUE(Judge(flow).ingress.allowed);
  Ingress({FromEntity(CiliumEntity::kCluster)});
  EXPECT_TRUE(Judge(flow).ingress.allowed);
  Ingress({FromEntity(CiliumEntity::kHealth)});
  EXPECT_FALSE(Judge(flow).ingress.allowed);
}

TEST_P(CiliumPolicySemanticsTest, TheApiserverIsItsEndpoints) {
  EndpointSlice slice{.address_type = GetParam(),
                      .endpoints = {{.addresses = {TestAddress(Node2())}}}};
  cluster_.Add("default", "kubernetes", slice,
               {{"kubernetes.io/service-name", "kubernetes"}});
  Egress({FromEntity(CiliumEntity::kKubeApiserver)});
  EXPECT_TRUE(Allowed(B(), Node2()));
  EXPECT_FALSE(Allowed(B(), Node()));
  EXPECT_FALSE(Allowed(B(), World()));
}

TEST_P(CiliumPolicySemanticsTest, BlocksMatchNeitherPodsNorNodes) {
  Ingress({FromBlock(Of("0.0.0.0/0", "::/0"))});
  EXPECT_TRUE(Allowed(World(), B()));
  EXPECT_FALSE(Allowed(A(), B()));
  EXPECT_FALSE(Allowed(Node2(), B()));
}

TEST_P(CiliumPolicySemanticsTest, ExceptSubtractsFromItsBlock) {
  Ingress({FromBlock(Of("8.0.0.0/8", "2001:db8::/32"), {HostPrefix(World())})});
  EXPECT_FALSE(Allowed(World(), B()));
  EXPECT_TRUE(Allowed(Of("8.8.8.9", "2001:db8::9"), B()));
  EXPECT_FALSE(Allowed(Of("9.8.8.9", "2001:db9::9"), B()));
}

TEST_P(CiliumPolicySemanticsTest, NodesAreSelectedByTheirLabels) {
  Ingress({{.nodes = Selectors{Select({{"zone", "east"}})}}});
  EXPECT_TRUE(Allowed(Node2(), B()));
  EXPECT_FALSE(Allowed(A(), B()));
  Ingress({{.nodes = Selectors{Select({{"k8s:zone", "west"}})}}});
  EXPECT_FALSE(Allowed(Node2(), B()));
  Egress({{.nodes = Selectors{LabelSelector{}}}});
  EXPECT_TRUE(Allowed(B(), Node2()));
  EXPECT_TRUE(Allowed(B(), Node()));
  EXPECT_FALSE(Allowed(B(), World()));
}

TEST_P(CiliumPolicySemanticsTest, ServicesAreTheirReadyBackends) {
  cluster_.Add("demo", "web", Service{}, {{"tier", "front"}});
  EndpointSlice slice{
      .address_type = GetParam(),
      .endpoints = {{.addresses = {TestAddress(A())}},
                    {.addresses = {TestAddress(OtherA())}, .ready = false}}};
  cluster_.Add("demo", "web-1", slice, {{"kubernetes.io/service-name", "web"}});
  using Services = std::vector<CiliumServiceReference>;
  for (const Services& services :
       {Services{{.name = "web"}}, Services{{.name = "web", .ns = "demo"}},
        Services{{.selector = Select({{"tier", "front"}})}}}) {
    Egress({{.services = services, .ports = {Tcp(80)}}});
    EXPECT_TRUE(Allowed(B(), A()));
    EXPECT_FALSE(Allowed(B(), A(), 81));
    EXPECT_FALSE(Allowed(B(), OtherA()));
  }
  for (const Services& services :
       {Services{{.name = "web", .ns = "other"}},
        Services{{.ns = "other", .selector = Select({{"tier", "front"}})}},
        Services{}}) {
    Egress({{.services = services}});
    EXPECT_FALSE(Allowed(B(), A()));
  }
}

TEST_P(CiliumPolicySemanticsTest, NoProtocolIsTcpUdpAndSctp) {
  Ingress({{.ports = {{.first = 53, .last = 53}}}});
  for (IpProtocol protocol :
       {IpProtocol::kTcp, IpProtocol::kUdp, IpProtocol::kSctp}) {
    EXPECT_TRUE(Allowed(A(), B(), protocol, 53));
    EXPECT_FALSE(Allowed(A(), B(), protocol, 54));
  }
  EXPECT_FALSE(Allowed(A(), B(), Ping(), 53));
}

TEST_P(CiliumPolicySemanticsTest, PortRangesAndWholeProtocols) {
  Ingress({{.ports = {Tcp(8000, 8010)}}});
  EXPECT_FALSE(Allowed(A(), B(), 7999));
  EXPECT_TRUE(Allowed(A(), B(), 8000));
  EXPECT_TRUE(Allowed(A(), B(), 8010));
  EXPECT_FALSE(Allowed(A(), B(), 8011));
  Ingress({{.ports = {{.protocol = IpProtocol::kUdp}}}});
  EXPECT_TRUE(Allowed(A(), B(), IpProtocol::kUdp, 65535));
  EXPECT_FALSE(Allowed(A(), B(), IpProtocol::kTcp, 80));
}

TEST_P(CiliumPolicySemanticsTest, NamedPortsAreThoseOfTheDestination) {
  // The numbers beside a name are ignored.
  CiliumPort http{.first = 1, .last = 2, .port_name = "http"};
  Ingress({{.ports = {http}}});
  EXPECT_TRUE(Allowed(A(), B(), 9090));
  EXPECT_FALSE(Allowed(A(), B(), 8080));
  EXPECT_FALSE(Allowed(A(), B(), 1));
  CiliumRule rule = FromPods({{"role", "a"}});
  rule.ports = {http};
  Egress({rule});
  EXPECT_TRUE(Allowed(B(), A(), 8080));
  EXPECT_FALSE(Allowed(B(), A(), 9090));
}

TEST_P(CiliumPolicySemanticsTest, IcmpRulesAreByType) {
  IpFamily other = IsIpv4() ? IpFamily::kIpv6 : IpFamily::kIpv4;
  Ingress({{.icmps = {{GetParam(), 8}}}});
  EXPECT_TRUE(Allowed(A(), B(), Ping(), 8));
  EXPECT_TRUE(Allowed(World(), B(), Ping(), 8));
  EXPECT_FALSE(Allowed(A(), B(), Ping(), 13));
  EXPECT_FALSE(Allowed(A(), B(), IpProtocol::kTcp, 8));
  Ingress({{.icmps = {{other, 8}}}});
  EXPECT_FALSE(Allowed(A(), B(), Ping(), 8));
}

TEST_P(CiliumPolicySemanticsTest, IcmpIsClosedOnceTrafficIsNamed) {
  Ingress({FromPods({{"role", "a"}})});
  EXPECT_TRUE(Allowed(A(), B(), Ping(), 8));
  CiliumRule rule = FromPods({{"role", "a"}});
  rule.ports = {{}};
  Ingress({rule});
  EXPECT_FALSE(Allowed(A(), B(), Ping(), 8));
  EXPECT_TRUE(Allowed(A(), B()));
}

TEST_P(CiliumPolicySemanticsTest, TheLocalNodeAlwaysReachesItsPods) {
  Add("in", {.ingress_deny = {FromEntity(CiliumEntity::kAll)}});
  EXPECT_TRUE(Allowed(Node(), B()));
  EXPECT_FALSE(Allowed(Node2(), B()));
}

TEST_P(CiliumPolicySemanticsTest, EverySpecCounts) {
  CiliumPolicySpec one{.endpoint_selector = Select({{"role", "a"}}),
                       .ingress = {CiliumRule{}}};
  CiliumPolicySpec two{.endpoint_selector = Select({{"role", "b"}}),
                       .egress = {FromPods({{"role", "b"}})}};
  cluster_.Add("demo", "x", CiliumNetworkPolicy{.specs = {one, two}});
  EXPECT_FALSE(Allowed(World(), A()));
  EXPECT_FALSE(Allowed(B(), World()));
  EXPECT_TRUE(Allowed(World(), B()));
}

TEST_P(CiliumPolicySemanticsTest, ErrorsNameObjectAndField) {
  cluster_.Add("demo", "in", CiliumNetworkPolicy{.specs = {{}}});
  EXPECT_EQ(Error(),
            "CiliumNetworkPolicy demo/in spec: needs either endpointSelector "
            "or nodeSelector");
  cluster_.Add("demo", "in",
               CiliumNetworkPolicy{.specs = {{.node_selector = Select({})}}});
  EXPECT_THAT(Error(), HasSubstr("CiliumNetworkPolicy demo/in "
                                 "spec.nodeSelector: only a"));
  cluster_.Add("demo", "in", CiliumNetworkPolicy{});
  EXPECT_EQ(Error(), "CiliumNetworkPolicy demo/in: needs spec or specs");
  CiliumRule two_kinds = FromPods({});
  two_kinds.entities = Entities{CiliumEntity::kAll};
  Ingress({CiliumRule{}, two_kinds});
  EXPECT_EQ(Error(),
            "CiliumNetworkPolicy demo/in spec.ingress[1]: has 2 kinds of "
            "peers; each needs a rule of its own");
  Add("in", {.egress_deny = {{.ports = {Tcp(90, 80)}}}});
  EXPECT_EQ(Error(),
            "CiliumNetworkPolicy demo/in spec.egressDeny[0].toPorts[0]"
            ".endPort: 80 is less than port 90");
  Ingress({FromBlock("10.0.0.0/8", {"11.0.0.0/16"})});
  EXPECT_EQ(Error(),
            "CiliumNetworkPolicy demo/in spec.ingress[0].fromCIDRSet[0]"
            ".except[0]: 11.0.0.0/16 is not inside 10.0.0.0/8");
  Ingress({FromPods({{"gce:role", "a"}})});
  EXPECT_THAT(Error(), HasSubstr("spec.ingress[0].fromEndpoints[0]: gce:role "
                                 "has a source that is not known"));
}

INSTANTIATE_TEST_SUITE_P(Families, CiliumPolicySemanticsTest,
                         testing::Values(IpFamily::kIpv4, IpFamily::kIpv6),
                         FamilyName);

}  // namespace
}  // namespace vswitch
