// The numbered rules of Kubernetes' NetworkPolicy (policy.md 2.1), each in both
// families.  Not here: NP-6 (replies) is conntrack's, NP-22 (other nodes) is
// nobody's promise, NP-29 is what no NetworkPolicy can say.

#include <string>

#include "controlplane/compile/semantics_test.h"
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

class NetworkPolicySemanticsTest : public SemanticsTest {
 protected:
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
};

TEST_P(NetworkPolicySemanticsTest, Np1PodsWithoutPolicyAreOpenPerDirection) {
  EXPECT_TRUE(Allowed(World(), B()));
  IngressOfB({});
  EXPECT_FALSE(Allowed(World(), B()));
  EXPECT_TRUE(Allowed(B(), World()));
  EXPECT_TRUE(Allowed(B(), A()));
  EXPECT_TRUE(Allowed(World(), A()));
}

TEST_P(NetworkPolicySemanticsTest, Np2OnlyTheNamedPolicyTypesCount) {
  // The sections are there, but policyTypes names one of them only.
  cluster_.AddPolicy("demo", "in",
                     {.pod_selector = Select({{"role", "b"}}),
                      .isolates_ingress = false,
                      .isolates_egress = true,
                      .ingress = {{}},
                      .egress = {{.ports = {Tcp(80)}}}});
  EXPECT_TRUE(Allowed(World(), B(), 81));
  EXPECT_FALSE(Judge({.source = A(), .destination = B()}).ingress.has_set);
  EXPECT_TRUE(Allowed(B(), A(), 80));
  EXPECT_FALSE(Allowed(B(), A(), 81));
}

TEST_P(NetworkPolicySemanticsTest,
       Np3EmptyRuleListDeniesAllEmptyRuleAllowsAll) {
  IngressOfB({});
  EXPECT_FALSE(Allowed(A(), B()));
  IngressOfB({{}});
  EXPECT_TRUE(Allowed(A(), B()));
  EXPECT_TRUE(Allowed(World(), B()));
}

TEST_P(NetworkPolicySemanticsTest, Np4PoliciesAreAdditive) {
  IngressOfB({{.peers = {Pods({{"role", "a"}})}, .ports = {Tcp(80)}}});
  EXPECT_FALSE(Allowed(A(), B(), 81));
  cluster_.AddPolicy(
      "demo", "more",
      {.ingress = {{.peers = {Pods({{"role", "a"}})}, .ports = {Tcp(81)}}}});
  EXPECT_TRUE(Allowed(A(), B(), 80));
  EXPECT_TRUE(Allowed(A(), B(), 81));
  EXPECT_FALSE(Allowed(A(), B(), 82));
}

TEST_P(NetworkPolicySemanticsTest, Np5BothEndsMustAllow) {
  IngressOfB({{.peers = {Pods({{"role", "a"}})}}});
  EXPECT_TRUE(Allowed(A(), B()));
  EgressOfA({});
  EXPECT_FALSE(Allowed(A(), B()));
  EgressOfA({{.peers = {Pods({{"role", "b"}})}}});
  EXPECT_TRUE(Allowed(A(), B()));
  EXPECT_FALSE(Allowed(A(), World()));
}

TEST_P(NetworkPolicySemanticsTest, Np6AnAllowedConnectionOpensOneWayOnly) {
  cluster_.AddPolicy("demo", "all", {.isolates_egress = true});
  IngressOfB({{.peers = {Pods({{"role", "a"}})}}});
  EgressOfA({{.peers = {Pods({{"role", "b"}})}}});
  EXPECT_TRUE(Allowed(A(), B()));
  EXPECT_FALSE(Allowed(B(), A()));
}

TEST_P(NetworkPolicySemanticsTest, Np7AnEmptySelectorMeansTheNamespace) {
  cluster_.AddPolicy("demo", "all", {});
  EXPECT_FALSE(Allowed(World(), A()));
  EXPECT_FALSE(Allowed(World(), B()));
  EXPECT_TRUE(Allowed(World(), OtherA()));
}

TEST_P(NetworkPolicySemanticsTest, Np8PeersAndPortsMustBothMatch) {
  IngressOfB({{.peers = {Pods({{"role", "a"}})}, .ports = {Tcp(80)}}});
  EXPECT_TRUE(Allowed(A(), B(), 80));
  EXPECT_FALSE(Allowed(A(), B(), 81));
  EXPECT_FALSE(Allowed(World(), B(), 80));
}

TEST_P(NetworkPolicySemanticsTest, Np9PodSelectorMeansThePolicysNamespace) {
  IngressOfB({{.peers = {Pods({{"role", "a"}})}}});
  EXPECT_TRUE(Allowed(A(), B()));
  EXPECT_FALSE(Allowed(OtherA(), B()));
}

TEST_P(NetworkPolicySemanticsTest, Np9NamespaceSelectorMeansAllItsPods) {
  IngressOfB({{.peers = {Namespaces({{"team", "blue"}})}}});
  EXPECT_TRUE(Allowed(OtherA(), B()));
  EXPECT_FALSE(Allowed(A(), B()));
}

TEST_P(NetworkPolicySemanticsTest, Np9EveryPodIsNotTheWorldNorANode) {
  IngressOfB({{.peers = {Namespaces({})}}});
  EXPECT_TRUE(Allowed(A(), B()));
  EXPECT_TRUE(Allowed(OtherA(), B()));
  EXPECT_FALSE(Allowed(World(), B()));
  EXPECT_FALSE(Allowed(Node2(), B()));
}

TEST_P(NetworkPolicySemanticsTest, Np9BothSelectorsInOnePeerAreAnd) {
  NetworkPolicyPeer both = Namespaces({{"team", "blue"}});
  both.pod_selector = Select({{"role", "c"}});
  IngressOfB({{.peers = {both}}});
  EXPECT_FALSE(Allowed(OtherA(), B()));
  both.pod_selector = Select({{"role", "a"}});
  IngressOfB({{.peers = {both}}});
  EXPECT_TRUE(Allowed(OtherA(), B()));
  EXPECT_FALSE(Allowed(A(), B()));
}

TEST_P(NetworkPolicySemanticsTest, Np9TwoPeersAreOr) {
  IngressOfB(
      {{.peers = {Namespaces({{"team", "blue"}}), Pods({{"role", "a"}})}}});
  EXPECT_TRUE(Allowed(OtherA(), B()));
  EXPECT_TRUE(Allowed(A(), B()));
}

TEST_P(NetworkPolicySemanticsTest, Np10ExceptSubtractsFromItsBlockOnly) {
  IngressOfB({{.peers = {Block(Around(), {HostPrefix(A())})}}});
  EXPECT_FALSE(Allowed(A(), B()));
  EXPECT_TRUE(Allowed(OtherA(), B()));
  IngressOfB(
      {{.peers = {Block(Around(), {HostPrefix(A())}), Pods({{"role", "a"}})}}});
  EXPECT_TRUE(Allowed(A(), B()));
}

TEST_P(NetworkPolicySemanticsTest, Np11BlocksMatchPodAddresses) {
  EgressOfA({{.peers = {Block(HostPrefix(B()))}}});
  EXPECT_TRUE(Allowed(A(), B()));
  EXPECT_FALSE(Allowed(A(), OtherA()));
  EXPECT_FALSE(Allowed(A(), World()));
}

TEST_P(NetworkPolicySemanticsTest, Np12EgressIsAboutTheBackend) {
  // The flow that policy is asked about has the backend's address and port; a
  // block with the service's address opens nothing.
  EgressOfA({{.peers = {Block(Of("10.96.0.10/32", "fd96::10/128"))}}});
  EXPECT_FALSE(Allowed(A(), B(), 9090));
  EgressOfA({{.peers = {Block(HostPrefix(B()))}, .ports = {Tcp(9090)}}});
  EXPECT_TRUE(Allowed(A(), B(), 9090));
}

TEST_P(NetworkPolicySemanticsTest, Np13MissingPortMeansTheWholeProtocol) {
  IngressOfB({{.ports = {{.protocol = IpProtocol::kUdp}}}});
  TestFlow flow{.source = A(), .destination = B(), .port = 5353};
  EXPECT_FALSE(Allowed(flow));
  flow.protocol = IpProtocol::kUdp;
  EXPECT_TRUE(Allowed(flow));
}

TEST_P(NetworkPolicySemanticsTest, Np14EndPortIsIncluded) {
  IngressOfB({{.ports = {{.port = 8000, .end_port = 8010}}}});
  EXPECT_FALSE(Allowed(A(), B(), 7999));
  EXPECT_TRUE(Allowed(A(), B(), 8000));
  EXPECT_TRUE(Allowed(A(), B(), 8010));
  EXPECT_FALSE(Allowed(A(), B(), 8011));
}

TEST_P(NetworkPolicySemanticsTest, Np15NamedPortOnIngressIsThePodsOwn) {
  IngressOfB({{.ports = {Named("http")}}});
  EXPECT_TRUE(Allowed(A(), B(), 9090));
  EXPECT_TRUE(Allowed(World(), B(), 9090));
  EXPECT_FALSE(Allowed(A(), B(), 8080));
}

TEST_P(NetworkPolicySemanticsTest, Np15NamedPortOnEgressIsThatOfEachPeer) {
  EgressOfA({{.ports = {Named("http")}}});
  EXPECT_TRUE(Allowed(A(), B(), 9090));
  EXPECT_FALSE(Allowed(A(), B(), 7070));
  EXPECT_TRUE(Allowed(A(), OtherA(), 7070));
  EXPECT_FALSE(Allowed(A(), OtherA(), 9090));
  EXPECT_FALSE(Allowed(A(), World(), 9090));
}

TEST_P(NetworkPolicySemanticsTest,
       Np15NamedPortOfABlockOnEgressMatchesNothing) {
  EgressOfA({{.peers = {Block(HostPrefix(B()))}, .ports = {Named("http")}}});
  EXPECT_FALSE(Allowed(A(), B(), 9090));
}

TEST_P(NetworkPolicySemanticsTest,
       Np15UnknownNameOrOtherProtocolMatchesNothing) {
  IngressOfB({{.ports = {Named("metrics")}}});
  EXPECT_FALSE(Allowed(A(), B(), 9090));
  IngressOfB(
      {{.ports = {{.protocol = IpProtocol::kUdp, .port_name = "http"}}}});
  EXPECT_FALSE(Allowed({.source = A(),
                        .destination = B(),
                        .protocol = IpProtocol::kUdp,
                        .port = 9090}));
}

TEST_P(NetworkPolicySemanticsTest, Np16OtherProtocolsNeedARuleWithoutPorts) {
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

TEST_P(NetworkPolicySemanticsTest, Np17SctpRulesAreNotTcpRules) {
  IngressOfB({{.ports = {{.protocol = IpProtocol::kSctp, .port = 80}}}});
  EXPECT_FALSE(Allowed(A(), B(), 80));
  EXPECT_TRUE(Allowed({.source = A(),
                       .destination = B(),
                       .protocol = IpProtocol::kSctp,
                       .port = 80}));
}

TEST_P(NetworkPolicySemanticsTest, Np18TheLocalNodeAlwaysReachesItsPods) {
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

TEST_P(NetworkPolicySemanticsTest, Np18OtherNodesDoNot) {
  IngressOfB({});
  EXPECT_FALSE(Allowed(Node2(), B()));
}

TEST_P(NetworkPolicySemanticsTest, Np19HostNetworkPodsAreNoPeers) {
  Pod pod{.addresses = {TestAddress("192.168.0.1"), TestAddress("fd01::1")},
          .host_network = true};
  cluster_.Add("demo", "agent", pod, {{"role", "a"}});
  EgressOfA({{.peers = {Pods({{"role", "a"}})}}});
  EXPECT_FALSE(Allowed(A(), Node()));
  EgressOfA({{.peers = {Block(HostPrefix(Node()))}}});
  EXPECT_TRUE(Allowed(A(), Node()));
}

TEST_P(NetworkPolicySemanticsTest, Np20AServiceThatLeadsBackIsPoliced) {
  IngressOfB({{.peers = {Pods({{"role", "a"}})}}});
  EXPECT_FALSE(Allowed(B(), B()));
  IngressOfB({{.peers = {Pods({{"role", "b"}})}}});
  EXPECT_TRUE(Allowed(B(), B()));
}

TEST_P(NetworkPolicySemanticsTest, Np21APodWithoutLabelsYetIsClosedBothWays) {
  cluster_.AddPort("demo/new", {.pod_namespace = "demo",
                                .pod_name = "new",
                                .netns = "/run/netns/new",
                                .interface_name = "eth0",
                                .addresses = {TestAddress("10.0.0.30"),
                                              TestAddress("fd00::30")}});
  std::string fresh = Of("10.0.0.30", "fd00::30");
  EXPECT_FALSE(Allowed(fresh, B()));
  EXPECT_FALSE(Allowed(A(), fresh));
  cluster_.Add("demo", "new", Pod{});
  EXPECT_TRUE(Allowed(fresh, B()));
  EXPECT_TRUE(Allowed(A(), fresh));
}

TEST_P(NetworkPolicySemanticsTest, Np23DenialsSayWhatBecomesOfConnections) {
  for (auto [text, action] :
       {std::pair("keep", EstablishedAction::kKeep),
        std::pair("re-evaluate", EstablishedAction::kReEvaluate),
        std::pair("reset", EstablishedAction::kReset)}) {
    cluster_.state().Upsert(
        {.metadata = {.name = "in",
                      .ns = "demo",
                      .annotations = {{kEstablishedAnnotation, text},
                                      {kDenyResponseAnnotation, "icmp"}}},
         .spec = NetworkPolicy{}});
    SpecVerdict verdict =
        Judge({.source = World(), .destination = B()}).ingress;
    EXPECT_FALSE(verdict.allowed);
    EXPECT_EQ(verdict.precedence,
              Precedence(PolicyTier::kNetworkPolicy, 0,
                         DenyVerdict(action, DenyResponse::kIcmp)));
  }
}

TEST_P(NetworkPolicySemanticsTest, Np23TheStrongestIsolatingPolicyDecides) {
  auto add = [this](const char* name, const char* established,
                    const char* response) {
    cluster_.state().Upsert(
        {.metadata = {.name = name,
                      .ns = "demo",
                      .annotations = {{kEstablishedAnnotation, established},
                                      {kDenyResponseAnnotation, response}}},
         .spec = NetworkPolicy{}});
  };
  add("one", "keep", "icmp");
  add("two", "reset", "silent");
  add("zero", "keep", "silent");
  EXPECT_EQ(
      Judge({.source = World(), .destination = B()}).ingress.precedence,
      Precedence(PolicyTier::kNetworkPolicy, 0,
                 DenyVerdict(EstablishedAction::kReset, DenyResponse::kIcmp)));
}

TEST_P(NetworkPolicySemanticsTest, Np24LabelAndNamespaceChangesTakeEffect) {
  IngressOfB({{.peers = {Namespaces({{"team", "blue"}})}}});
  EXPECT_TRUE(Allowed(OtherA(), B()));
  cluster_.AddNamespace("other", {{"team", "green"}});
  EXPECT_FALSE(Allowed(OtherA(), B()));
  cluster_.AddNamespace("other", {{"team", "blue"}});
  EXPECT_TRUE(Allowed(OtherA(), B()));
  cluster_.state().Erase({ObjectKind::kNetworkPolicy, "demo", "in"});
  EXPECT_TRUE(Allowed(World(), B()));
}

TEST_P(NetworkPolicySemanticsTest, Np25NamespacesCanBeNamed) {
  IngressOfB(
      {{.peers = {Namespaces({{"kubernetes.io/metadata.name", "other"}})}}});
  EXPECT_TRUE(Allowed(OtherA(), B()));
  EXPECT_FALSE(Allowed(A(), B()));
}

TEST_P(NetworkPolicySemanticsTest, Np25OperatorsMatchPodsWithoutTheKey) {
  auto reaches = [this](const char* key, SelectorOperator op,
                        std::vector<std::string> values,
                        const std::string& from) {
    IngressOfB(
        {{.peers = {{.pod_selector = With({}, key, op, std::move(values)),
                     .namespace_selector = LabelSelector{}}}}});
    return Allowed(from, B());
  };
  using Op = SelectorOperator;
  EXPECT_TRUE(reaches("role", Op::kIn, {"x", "a"}, A()));
  EXPECT_FALSE(reaches("role", Op::kIn, {"x"}, A()));
  EXPECT_TRUE(reaches("role", Op::kNotIn, {"b"}, A()));
  EXPECT_TRUE(reaches("missing", Op::kNotIn, {"b"}, A()));
  EXPECT_FALSE(reaches("role", Op::kNotIn, {"a"}, A()));
  EXPECT_TRUE(reaches("role", Op::kExists, {}, OtherA()));
  EXPECT_FALSE(reaches("missing", Op::kExists, {}, A()));
  EXPECT_TRUE(reaches("missing", Op::kDoesNotExist, {}, A()));
  EXPECT_FALSE(reaches("role", Op::kDoesNotExist, {}, A()));
  // Addresses outside have no labels; they are no pods.
  EXPECT_FALSE(reaches("missing", Op::kDoesNotExist, {}, World()));
  EXPECT_FALSE(reaches("missing", Op::kNotIn, {"b"}, Node2()));
}

TEST_P(NetworkPolicySemanticsTest, Np26BothFamiliesBelongToSelectors) {
  IngressOfB({{.peers = {Pods({{"role", "a"}})}}});
  EXPECT_TRUE(Allowed("10.0.0.10", "10.0.0.11"));
  EXPECT_TRUE(Allowed("fd00::10", "fd00::11"));
  // Blocks are of one family.
  IngressOfB({{.peers = {Block(Of("0.0.0.0/0", "::/0"))}}});
  EXPECT_EQ(Allowed("10.0.0.10", "10.0.0.11"), IsIpv4());
  EXPECT_EQ(Allowed("fd00::10", "fd00::11"), !IsIpv4());
}

TEST_P(NetworkPolicySemanticsTest, Np27TerminatedPodsAreNoPeers) {
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

INSTANTIATE_TEST_SUITE_P(Families, NetworkPolicySemanticsTest,
                         testing::Values(IpFamily::kIpv4, IpFamily::kIpv6),
                         FamilyName);

}  // namespace
}  // namespace vswitch
