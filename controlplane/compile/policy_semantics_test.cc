// The numbered rules of Kubernetes' NetworkPolicy (policy.md 2.1), each in both
// families, through the compiled tables.

#include <string>

#include "controlplane/compile/test_cluster.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

NetworkPolicyPeer Pods(const Labels& labels) {
  return {.pod_selector = Select(labels)};
}
NetworkPolicyPeer Namespaces(const Labels& labels) {
  return {.namespace_selector = Select(labels)};
}
NetworkPolicyPeer Block(const std::string& cidr,
                        const std::vector<std::string>& except = {}) {
  IpBlock block{.cidr = TestPrefix(cidr)};
  for (const std::string& prefix : except) {
    block.except.push_back(TestPrefix(prefix));
  }
  return {.ip_block = block};
}
NetworkPolicyPort Tcp(uint16_t port) { return {.port = port}; }
NetworkPolicyPort Named(const char* name) { return {.port_name = name}; }

// Pods "demo/a" (role=a), "demo/b" (role=b), "other/a" (role=a), each of which
// names its port 8080, 9090 and 7070 "http".
class PolicySemanticsTest : public testing::TestWithParam<IpFamily> {
 protected:
  PolicySemanticsTest() {
    cluster_.AddNamespace("demo", {{"team", "red"}});
    cluster_.AddNamespace("other", {{"team", "blue"}});
    cluster_.AddPod("demo", "a", {{"role", "a"}}, {"10.0.0.10", "fd00::10"},
                    {{"http", IpProtocol::kTcp, 8080}});
    cluster_.AddPod("demo", "b", {{"role", "b"}}, {"10.0.0.11", "fd00::11"},
                    {{"http", IpProtocol::kTcp, 9090}});
    cluster_.AddPod("other", "a", {{"role", "a"}}, {"10.0.0.12", "fd00::12"},
                    {{"http", IpProtocol::kTcp, 7070}});
  }

  bool IsIpv4() const { return GetParam() == IpFamily::kIpv4; }
  std::string A() const { return IsIpv4() ? "10.0.0.10" : "fd00::10"; }
  std::string B() const { return IsIpv4() ? "10.0.0.11" : "fd00::11"; }
  std::string OtherA() const { return IsIpv4() ? "10.0.0.12" : "fd00::12"; }
  std::string World() const { return IsIpv4() ? "8.8.8.8" : "2001:db8::8"; }
  std::string Node() const { return IsIpv4() ? "192.168.0.1" : "fd01::1"; }
  std::string HostPrefix(const std::string& address) const {
    return address + (IsIpv4() ? "/32" : "/128");
  }
  std::string Around() const { return IsIpv4() ? "10.0.0.0/8" : "fd00::/16"; }

  // Isolates demo/b on ingress by these rules.
  void IngressOfB(std::vector<NetworkPolicyRule> rules) {
    cluster_.AddPolicy(
        "demo", "in",
        {.pod_selector = Select({{"role", "b"}}), .ingress = std::move(rules)});
  }
  // Isolates demo/a on egress by these rules.
  void EgressOfA(std::vector<NetworkPolicyRule> rules) {
    cluster_.AddPolicy("demo", "out",
                       {.pod_selector = Select({{"role", "a"}}),
                        .isolates_ingress = false,
                        .isolates_egress = true,
                        .egress = std::move(rules)});
  }
  bool Allowed(const TestFlow& flow) {
    absl::StatusOr<CompiledTables> tables = cluster_.Compile();
    EXPECT_TRUE(tables.ok()) << tables.status();
    return tables.ok() && tables->Judge(flow).allowed;
  }
  bool Allowed(const std::string& from, const std::string& to,
               uint16_t port = 80) {
    return Allowed({.source = from, .destination = to, .port = port});
  }

  TestCluster cluster_;
};

TEST_P(PolicySemanticsTest, Np1PodsWithoutPolicyAreOpenPerDirection) {
  EXPECT_TRUE(Allowed(World(), B()));
  IngressOfB({});
  EXPECT_FALSE(Allowed(World(), B()));
  EXPECT_TRUE(Allowed(B(), World()));
  EXPECT_TRUE(Allowed(B(), A()));
  EXPECT_TRUE(Allowed(World(), A()));
}

TEST_P(PolicySemanticsTest, Np3EmptyRuleListDeniesAllEmptyRuleAllowsAll) {
  IngressOfB({});
  EXPECT_FALSE(Allowed(A(), B()));
  IngressOfB({{}});
  EXPECT_TRUE(Allowed(A(), B()));
  EXPECT_TRUE(Allowed(World(), B()));
}

TEST_P(PolicySemanticsTest, Np4PoliciesAreAdditive) {
  IngressOfB({{.peers = {Pods({{"role", "a"}})}, .ports = {Tcp(80)}}});
  EXPECT_FALSE(Allowed(A(), B(), 81));
  cluster_.AddPolicy(
      "demo", "more",
      {.ingress = {{.peers = {Pods({{"role", "a"}})}, .ports = {Tcp(81)}}}});
  EXPECT_TRUE(Allowed(A(), B(), 80));
  EXPECT_TRUE(Allowed(A(), B(), 81));
  EXPECT_FALSE(Allowed(A(), B(), 82));
}

TEST_P(PolicySemanticsTest, Np5BothEndsMustAllow) {
  IngressOfB({{.peers = {Pods({{"role", "a"}})}}});
  EXPECT_TRUE(Allowed(A(), B()));
  EgressOfA({});
  EXPECT_FALSE(Allowed(A(), B()));
  EgressOfA({{.peers = {Pods({{"role", "b"}})}}});
  EXPECT_TRUE(Allowed(A(), B()));
  EXPECT_FALSE(Allowed(A(), World()));
}

TEST_P(PolicySemanticsTest, Np8PeersAndPortsMustBothMatch) {
  IngressOfB({{.peers = {Pods({{"role", "a"}})}, .ports = {Tcp(80)}}});
  EXPECT_TRUE(Allowed(A(), B(), 80));
  EXPECT_FALSE(Allowed(A(), B(), 81));
  EXPECT_FALSE(Allowed(World(), B(), 80));
}

TEST_P(PolicySemanticsTest, Np9PodSelectorMeansThePolicysNamespace) {
  IngressOfB({{.peers = {Pods({{"role", "a"}})}}});
  EXPECT_TRUE(Allowed(A(), B()));
  EXPECT_FALSE(Allowed(OtherA(), B()));
}

TEST_P(PolicySemanticsTest, Np9NamespaceSelectorMeansAllItsPods) {
  IngressOfB({{.peers = {Namespaces({{"team", "blue"}})}}});
  EXPECT_TRUE(Allowed(OtherA(), B()));
  EXPECT_FALSE(Allowed(A(), B()));
}

TEST_P(PolicySemanticsTest, Np9BothSelectorsInOnePeerAreAnd) {
  NetworkPolicyPeer both = Namespaces({{"team", "blue"}});
  both.pod_selector = Select({{"role", "c"}});
  IngressOfB({{.peers = {both}}});
  EXPECT_FALSE(Allowed(OtherA(), B()));
  both.pod_selector = Select({{"role", "a"}});
  IngressOfB({{.peers = {both}}});
  EXPECT_TRUE(Allowed(OtherA(), B()));
  EXPECT_FALSE(Allowed(A(), B()));
}

TEST_P(PolicySemanticsTest, Np9TwoPeersAreOr) {
  IngressOfB(
      {{.peers = {Namespaces({{"team", "blue"}}), Pods({{"role", "a"}})}}});
  EXPECT_TRUE(Allowed(OtherA(), B()));
  EXPECT_TRUE(Allowed(A(), B()));
}

TEST_P(PolicySemanticsTest, Np10ExceptSubtractsFromItsBlockOnly) {
  IngressOfB({{.peers = {Block(Around(), {HostPrefix(A())})}}});
  EXPECT_FALSE(Allowed(A(), B()));
  EXPECT_TRUE(Allowed(OtherA(), B()));
  IngressOfB(
      {{.peers = {Block(Around(), {HostPrefix(A())}), Pods({{"role", "a"}})}}});
  EXPECT_TRUE(Allowed(A(), B()));
}

TEST_P(PolicySemanticsTest, Np11BlocksMatchPodAddresses) {
  EgressOfA({{.peers = {Block(HostPrefix(B()))}}});
  EXPECT_TRUE(Allowed(A(), B()));
  EXPECT_FALSE(Allowed(A(), OtherA()));
  EXPECT_FALSE(Allowed(A(), World()));
}

TEST_P(PolicySemanticsTest, Np13MissingPortMeansTheWholeProtocol) {
  IngressOfB({{.ports = {{.protocol = IpProtocol::kUdp}}}});
  TestFlow flow{.source = A(), .destination = B(), .port = 5353};
  EXPECT_FALSE(Allowed(flow));
  flow.protocol = IpProtocol::kUdp;
  EXPECT_TRUE(Allowed(flow));
}

TEST_P(PolicySemanticsTest, Np14EndPortIsIncluded) {
  IngressOfB({{.ports = {{.port = 8000, .end_port = 8010}}}});
  EXPECT_FALSE(Allowed(A(), B(), 7999));
  EXPECT_TRUE(Allowed(A(), B(), 8000));
  EXPECT_TRUE(Allowed(A(), B(), 8010));
  EXPECT_FALSE(Allowed(A(), B(), 8011));
}

TEST_P(PolicySemanticsTest, Np15NamedPortOnIngressIsThePodsOwn) {
  IngressOfB({{.ports = {Named("http")}}});
  EXPECT_TRUE(Allowed(A(), B(), 9090));
  EXPECT_TRUE(Allowed(World(), B(), 9090));
  EXPECT_FALSE(Allowed(A(), B(), 8080));
}

TEST_P(PolicySemanticsTest, Np15NamedPortOnEgressIsThatOfEachPeer) {
  EgressOfA({{.ports = {Named("http")}}});
  EXPECT_TRUE(Allowed(A(), B(), 9090));
  EXPECT_FALSE(Allowed(A(), B(), 7070));
  EXPECT_TRUE(Allowed(A(), OtherA(), 7070));
  EXPECT_FALSE(Allowed(A(), OtherA(), 9090));
  EXPECT_FALSE(Allowed(A(), World(), 9090));
}

TEST_P(PolicySemanticsTest, Np15NamedPortOfABlockOnEgressMatchesNothing) {
  EgressOfA({{.peers = {Block(HostPrefix(B()))}, .ports = {Named("http")}}});
  EXPECT_FALSE(Allowed(A(), B(), 9090));
}

TEST_P(PolicySemanticsTest, Np15UnknownNameOrOtherProtocolMatchesNothing) {
  IngressOfB({{.ports = {Named("metrics")}}});
  EXPECT_FALSE(Allowed(A(), B(), 9090));
  IngressOfB(
      {{.ports = {{.protocol = IpProtocol::kUdp, .port_name = "http"}}}});
  EXPECT_FALSE(Allowed({.source = A(),
                        .destination = B(),
                        .protocol = IpProtocol::kUdp,
                        .port = 9090}));
}

TEST_P(PolicySemanticsTest, Np16OtherProtocolsNeedARuleWithoutPorts) {
  TestFlow ping{.source = A(),
                .destination = B(),
                .protocol = IsIpv4() ? IpProtocol::kIcmp : IpProtocol::kIcmpv6,
                .port = 0};
  IngressOfB({{.peers = {Pods({{"role", "a"}})}, .ports = {Tcp(80)}}});
  EXPECT_FALSE(Allowed(ping));
  IngressOfB({{.peers = {Pods({{"role", "a"}})}}});
  EXPECT_TRUE(Allowed(ping));
  ping.source = World();
  EXPECT_FALSE(Allowed(ping));
}

TEST_P(PolicySemanticsTest, Np17SctpRulesAreNotTcpRules) {
  IngressOfB({{.ports = {{.protocol = IpProtocol::kSctp, .port = 80}}}});
  EXPECT_FALSE(Allowed(A(), B(), 80));
  EXPECT_TRUE(Allowed({.source = A(),
                       .destination = B(),
                       .protocol = IpProtocol::kSctp,
                       .port = 80}));
}

TEST_P(PolicySemanticsTest, Np18TheLocalNodeAlwaysReachesItsPods) {
  IngressOfB({});
  for (IpProtocol protocol :
       {IpProtocol::kTcp, IpProtocol::kUdp, IpProtocol::kSctp,
        IpProtocol::kIcmp, IpProtocol::kIcmpv6}) {
    EXPECT_TRUE(
        Allowed({.source = Node(), .destination = B(), .protocol = protocol}));
  }
  EgressOfA({});
  EXPECT_FALSE(Allowed(A(), Node()));
}

TEST_P(PolicySemanticsTest, Np18OtherNodesDoNot) {
  cluster_.Add("", "n2",
               vswitch::Node{.addresses = {TestAddress("192.168.0.2"),
                                           TestAddress("fd01::2")}});
  IngressOfB({});
  EXPECT_FALSE(Allowed(IsIpv4() ? "192.168.0.2" : "fd01::2", B()));
}

TEST_P(PolicySemanticsTest, Np19HostNetworkPodsAreNoPeers) {
  Pod pod{.addresses = {TestAddress("192.168.0.1"), TestAddress("fd01::1")},
          .host_network = true};
  cluster_.Add("demo", "agent", pod, {{"role", "a"}});
  EgressOfA({{.peers = {Pods({{"role", "a"}})}}});
  EXPECT_FALSE(Allowed(A(), Node()));
  EgressOfA({{.peers = {Block(HostPrefix(Node()))}}});
  EXPECT_TRUE(Allowed(A(), Node()));
}

TEST_P(PolicySemanticsTest, Np24LabelAndNamespaceChangesTakeEffect) {
  IngressOfB({{.peers = {Namespaces({{"team", "blue"}})}}});
  EXPECT_TRUE(Allowed(OtherA(), B()));
  cluster_.AddNamespace("other", {{"team", "green"}});
  EXPECT_FALSE(Allowed(OtherA(), B()));
  cluster_.AddNamespace("other", {{"team", "blue"}});
  EXPECT_TRUE(Allowed(OtherA(), B()));
  cluster_.state().Erase({ObjectKind::kNetworkPolicy, "demo", "in"});
  EXPECT_TRUE(Allowed(World(), B()));
}

TEST_P(PolicySemanticsTest, Np25NamespacesCanBeNamed) {
  IngressOfB(
      {{.peers = {Namespaces({{"kubernetes.io/metadata.name", "other"}})}}});
  EXPECT_TRUE(Allowed(OtherA(), B()));
  EXPECT_FALSE(Allowed(A(), B()));
}

TEST_P(PolicySemanticsTest, Np27TerminatedPodsAreNoPeers) {
  IngressOfB({{.peers = {Pods({{"role", "done"}})}}});
  cluster_.AddPod("demo", "job", {{"role", "done"}}, {"10.0.0.20", "fd00::20"},
                  {}, TestCluster::Where::kRemote);
  std::string job = IsIpv4() ? "10.0.0.20" : "fd00::20";
  EXPECT_TRUE(Allowed(job, B()));
  for (PodPhase phase : {PodPhase::kSucceeded, PodPhase::kFailed}) {
    Pod pod{.addresses = {TestAddress("10.0.0.20"), TestAddress("fd00::20")},
            .phase = phase};
    cluster_.Add("demo", "job", pod, {{"role", "done"}});
    EXPECT_FALSE(Allowed(job, B()));
  }
  // Its address may belong to another pod at once (NP-28).
  cluster_.AddPod("demo", "next", {{"role", "b"}}, {"10.0.0.20", "fd00::20"},
                  {}, TestCluster::Where::kRemote);
  EXPECT_FALSE(Allowed(job, B()));
}

TEST_P(PolicySemanticsTest, APodWhoseLabelsAreNotKnownIsClosedBothWays) {
  cluster_.AddPort("demo/new", {.pod_namespace = "demo",
                                .pod_name = "new",
                                .netns = "/run/netns/new",
                                .interface_name = "eth0",
                                .addresses = {TestAddress("10.0.0.30"),
                                              TestAddress("fd00::30")}});
  std::string fresh = IsIpv4() ? "10.0.0.30" : "fd00::30";
  EXPECT_FALSE(Allowed(fresh, B()));
  EXPECT_FALSE(Allowed(A(), fresh));
  cluster_.Add("demo", "new", Pod{});
  EXPECT_TRUE(Allowed(fresh, B()));
  EXPECT_TRUE(Allowed(A(), fresh));
}

INSTANTIATE_TEST_SUITE_P(Families, PolicySemanticsTest,
                         testing::Values(IpFamily::kIpv4, IpFamily::kIpv6),
                         [](const auto& info) {
                           return info.param == IpFamily::kIpv4 ? "Ipv4"
                                                                : "Ipv6";
                         });

}  // namespace
}  // namespace vswitch
