// Every row of ClusterNetworkPolicy's meaning (policy.md 2.2), in both
// families. The status and what is refused are not policy's meaning; nor are
// replies, which are conntrack's.

#include <string>
#include <utility>
#include <vector>

#include "controlplane/compile/semantics_test.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr ClusterPolicyTier kAdmin = ClusterPolicyTier::kAdmin;
constexpr ClusterPolicyTier kBaseline = ClusterPolicyTier::kBaseline;

ClusterPolicyPeer Pods(const Labels& namespaces, const Labels& pods) {
  return {.pods = ClusterPodSelector{Select(namespaces), Select(pods)}};
}
ClusterPolicyPeer Namespaces(const Labels& labels) {
  return {.pods = ClusterPodSelector{Select(labels), {}, true}};
}
ClusterPolicyPeer Network(const std::string& prefix) {
  return {.networks = {TestPrefix(prefix)}};
}
ClusterPolicyProtocol Port(IpProtocol protocol, uint16_t first, uint16_t last) {
  return {.protocol = protocol, .first = first, .last = last};
}
ClusterPolicyRule Rule(RuleAction action, std::vector<ClusterPolicyPeer> peers,
                       std::vector<ClusterPolicyProtocol> protocols = {}) {
  return {.action = action,
          .peers = std::move(peers),
          .protocols = std::move(protocols)};
}
ClusterPolicyRule Accept(std::vector<ClusterPolicyPeer> peers) {
  return Rule(RuleAction::kAllow, std::move(peers));
}
ClusterPolicyRule Deny(std::vector<ClusterPolicyPeer> peers) {
  return Rule(RuleAction::kDeny, std::move(peers));
}
ClusterPolicyRule Pass(std::vector<ClusterPolicyPeer> peers) {
  return Rule(RuleAction::kPass, std::move(peers));
}
const ClusterPolicyPeer kEveryPod = Namespaces({});

class ClusterPolicySemanticsTest : public SemanticsTest {
 protected:
  // About demo/b, on ingress.
  void Ingress(const std::string& name, ClusterPolicyTier tier,
               uint16_t priority, std::vector<ClusterPolicyRule> rules) {
    cluster_.Add("", name,
                 ClusterNetworkPolicy{.tier = tier,
                                      .priority = priority,
                                      .subject = {Select({{"team", "red"}}),
                                                  Select({{"role", "b"}})},
                                      .ingress = std::move(rules)});
  }
  // About demo/a, on egress.
  void Egress(const std::string& name, std::vector<ClusterPolicyRule> rules) {
    cluster_.Add("", name,
                 ClusterNetworkPolicy{.subject = {Select({{"team", "red"}}),
                                                  Select({{"role", "a"}})},
                                      .egress = std::move(rules)});
  }
  void IsolateDemo() { cluster_.AddPolicy("demo", "closed", {}); }
  std::vector<std::string> Warnings() {
    SourcePool pool;
    return EqualPriorityWarnings(*CollectSources(cluster_.state(), pool));
  }
};

TEST_P(ClusterPolicySemanticsTest, AdminComesBeforeNetworkPolicy) {
  IsolateDemo();
  EXPECT_FALSE(Allowed(A(), B()));
  Ingress("x", kAdmin, 10, {Accept({Pods({}, {{"role", "a"}})})});
  EXPECT_TRUE(Allowed(A(), B()));
  EXPECT_FALSE(Allowed(World(), B()));
  cluster_.AddPolicy("demo", "open", {.ingress = {{}}});
  Ingress("x", kAdmin, 10, {Deny({Pods({}, {{"role", "a"}})})});
  EXPECT_FALSE(Allowed(A(), B()));
  EXPECT_TRUE(Allowed(World(), B()));
}

TEST_P(ClusterPolicySemanticsTest, BaselineIsForPodsThatNoPolicySelects) {
  Ingress("x", kBaseline, 10, {Deny({kEveryPod})});
  EXPECT_FALSE(Allowed(A(), B()));
  EXPECT_TRUE(Allowed(World(), B()));
  cluster_.AddPolicy("demo", "open", {.ingress = {{.ports = {{.port = 80}}}}});
  EXPECT_TRUE(Allowed(A(), B(), 80));
  Ingress("x", kBaseline, 10, {Accept({kEveryPod})});
  // A NetworkPolicy that selects the pod has the last word.
  EXPECT_FALSE(Allowed(A(), B(), 81));
}

TEST_P(ClusterPolicySemanticsTest, BaselineIsReachedPerDirection) {
  cluster_.AddPolicy(
      "demo", "egress",
      {.isolates_ingress = false, .isolates_egress = true, .egress = {{}}});
  Ingress("x", kBaseline, 10, {Deny({kEveryPod})});
  EXPECT_FALSE(Allowed(A(), B()));
}

TEST_P(ClusterPolicySemanticsTest, LowerPriorityGoesFirst) {
  Ingress("z", kAdmin, 1, {Accept({kEveryPod})});
  Ingress("a", kAdmin, 2, {Deny({kEveryPod})});
  EXPECT_TRUE(Allowed(A(), B()));
  Ingress("a", kAdmin, 0, {Deny({kEveryPod})});
  EXPECT_FALSE(Allowed(A(), B()));
}

TEST_P(ClusterPolicySemanticsTest, PriorityCountsWithinTheTierOnly) {
  Ingress("base", kBaseline, 0, {Deny({kEveryPod})});
  Ingress("admin", kAdmin, 1000, {Accept({kEveryPod})});
  EXPECT_TRUE(Allowed(A(), B()));
}

TEST_P(ClusterPolicySemanticsTest, EqualPrioritiesGoByNameAndWarn) {
  Ingress("b", kAdmin, 5, {Accept({kEveryPod})});
  EXPECT_THAT(Warnings(), IsEmpty());
  Ingress("a", kAdmin, 5, {Deny({kEveryPod})});
  EXPECT_FALSE(Allowed(A(), B()));
  EXPECT_THAT(
      Warnings(),
      ElementsAre("ClusterNetworkPolicy b spec.priority: 5 is that of "
                  "ClusterNetworkPolicy a of the same tier, and both can be "
                  "about one pod; a goes first, by its name"));
}

TEST_P(ClusterPolicySemanticsTest, NoWarningWherePoliciesCannotMeet) {
  Ingress("a", kAdmin, 5, {Deny({kEveryPod})});
  Ingress("base", kBaseline, 5, {Deny({kEveryPod})});
  cluster_.Add("", "other",
               ClusterNetworkPolicy{.priority = 5,
                                    .subject = {Select({{"team", "blue"}}), {}},
                                    .ingress = {Accept({kEveryPod})}});
  cluster_.Add("", "egress",
               ClusterNetworkPolicy{.priority = 5,
                                    .subject = {{}, {}, true},
                                    .egress = {Accept({kEveryPod})}});
  EXPECT_THAT(Warnings(), IsEmpty());
}

TEST_P(ClusterPolicySemanticsTest, TheFirstRuleThatMatchesDecides) {
  Ingress(
      "x", kAdmin, 0,
      {Rule(RuleAction::kAllow, {kEveryPod}, {Port(IpProtocol::kTcp, 80, 80)}),
       Deny({kEveryPod}), Accept({kEveryPod})});
  EXPECT_TRUE(Allowed(A(), B(), 80));
  EXPECT_FALSE(Allowed(A(), B(), 81));
}

TEST_P(ClusterPolicySemanticsTest, ThereIsNoImplicitIsolation) {
  Ingress("x", kAdmin, 0, {Accept({Pods({}, {{"role", "none"}})})});
  EXPECT_TRUE(Allowed(A(), B()));
  EXPECT_TRUE(Allowed(World(), B()));
  Ingress("x", kAdmin, 0, {});
  EXPECT_FALSE(Judge({.source = A(), .destination = B()}).ingress.has_set);
}

TEST_P(ClusterPolicySemanticsTest, AcceptEndsThisDirectionOnly) {
  Ingress("x", kAdmin, 0, {Accept({kEveryPod})});
  Egress("y", {Deny({kEveryPod})});
  EXPECT_FALSE(Allowed(A(), B()));
  EXPECT_TRUE(Judge({.source = A(), .destination = B()}).ingress.allowed);
}

TEST_P(ClusterPolicySemanticsTest, PassSkipsTheRestOfTheTier) {
  Ingress("first", kAdmin, 1, {Pass({Pods({}, {{"role", "a"}})})});
  Ingress("second", kAdmin, 2, {Deny({kEveryPod})});
  EXPECT_TRUE(Allowed(A(), B()));
  EXPECT_FALSE(Allowed(B(), B()));
  IsolateDemo();
  EXPECT_FALSE(Allowed(A(), B()));
  cluster_.AddPolicy("demo", "open", {.ingress = {{.ports = {{.port = 80}}}}});
  EXPECT_TRUE(Allowed(A(), B(), 80));
  EXPECT_FALSE(Allowed(A(), B(), 81));
}

TEST_P(ClusterPolicySemanticsTest, PassLeadsOnToBaselineAndOutOfIt) {
  Ingress("admin", kAdmin, 1, {Pass({kEveryPod})});
  Ingress("base1", kBaseline, 1, {Pass({Pods({}, {{"role", "a"}})})});
  Ingress("base2", kBaseline, 2, {Deny({kEveryPod})});
  EXPECT_TRUE(Allowed(A(), B()));
  EXPECT_FALSE(Allowed(B(), B()));
}

TEST_P(ClusterPolicySemanticsTest, SubjectsAreNamespacesOrPods) {
  auto about = [this](ClusterPodSelector subject) {
    cluster_.Add("", "x",
                 ClusterNetworkPolicy{.subject = std::move(subject),
                                      .ingress = {Deny({kEveryPod})}});
  };
  about({Select({{"team", "red"}}), {}, true});
  EXPECT_FALSE(Allowed(B(), A()));
  EXPECT_FALSE(Allowed(A(), B()));
  EXPECT_TRUE(Allowed(A(), OtherA()));
  about({Select({{"team", "red"}}), Select({{"role", "a"}})});
  EXPECT_FALSE(Allowed(B(), A()));
  EXPECT_TRUE(Allowed(A(), B()));
  about({{}, Select({{"role", "a"}})});
  EXPECT_FALSE(Allowed(B(), A()));
  EXPECT_FALSE(Allowed(A(), OtherA()));
}

TEST_P(ClusterPolicySemanticsTest, PeersArePodsOrNamespacesNeverNodes) {
  Ingress("x", kAdmin, 0, {Deny({kEveryPod})});
  EXPECT_FALSE(Allowed(OtherA(), B()));
  EXPECT_TRUE(Allowed(World(), B()));
  EXPECT_TRUE(Allowed(Node2(), B()));
  Ingress("x", kAdmin, 0, {Deny({Pods({{"team", "blue"}}, {{"role", "a"}})})});
  EXPECT_FALSE(Allowed(OtherA(), B()));
  EXPECT_TRUE(Allowed(A(), B()));
}

TEST_P(ClusterPolicySemanticsTest, HostNetworkPodsAreNeitherSubjectNorPeer) {
  vswitch::Pod agent{
      .addresses = {TestAddress("192.168.0.2"), TestAddress("fd01::2")},
      .host_network = true};
  cluster_.Add("demo", "agent", agent, {{"role", "b"}});
  Ingress("x", kAdmin, 0, {Deny({Pods({}, {{"role", "b"}})})});
  EXPECT_TRUE(Allowed(Node2(), B()));
  EXPECT_FALSE(Allowed(B(), B()));
}

TEST_P(ClusterPolicySemanticsTest, TheLocalNodeAlwaysReachesItsPods) {
  Ingress("x", kAdmin, 0, {Deny({{}})});
  EXPECT_TRUE(Allowed(Node(), B()));
  EXPECT_FALSE(Allowed(Node2(), B()));
}

TEST_P(ClusterPolicySemanticsTest, NetworksMatchPodsToo) {
  Egress("x", {Deny({Network(HostPrefix(B()))})});
  EXPECT_FALSE(Allowed(A(), B()));
  EXPECT_FALSE(Allowed(A(), B(), Ping(), 8));
  EXPECT_TRUE(Allowed(A(), OtherA()));
  Egress("x", {Accept({Network(Around())}),
               Deny({Network(Of("0.0.0.0/0", "::/0"))})});
  EXPECT_TRUE(Allowed(A(), B()));
  EXPECT_FALSE(Allowed(A(), World()));
}

TEST_P(ClusterPolicySemanticsTest, NodesAreAllTheirAddresses) {
  Egress("x", {Deny({{.nodes = Select({{"zone", "east"}})}})});
  EXPECT_FALSE(Allowed(A(), "192.168.0.2"));
  EXPECT_FALSE(Allowed(A(), "fd01::2"));
  EXPECT_TRUE(Allowed(A(), Node()));
  EXPECT_TRUE(Allowed(A(), World()));
}

TEST_P(ClusterPolicySemanticsTest, ProtocolsHaveNumbersOrRanges) {
  auto deny = [this](ClusterPolicyProtocol protocol) {
    Ingress("x", kAdmin, 0,
            {Rule(RuleAction::kDeny, {kEveryPod}, {std::move(protocol)})});
  };
  deny(Port(IpProtocol::kUdp, 53, 53));
  EXPECT_FALSE(Allowed(A(), B(), IpProtocol::kUdp, 53));
  EXPECT_TRUE(Allowed(A(), B(), IpProtocol::kUdp, 54));
  EXPECT_TRUE(Allowed(A(), B(), IpProtocol::kTcp, 53));
  deny(Port(IpProtocol::kSctp, 100, 110));
  EXPECT_TRUE(Allowed(A(), B(), IpProtocol::kSctp, 99));
  EXPECT_FALSE(Allowed(A(), B(), IpProtocol::kSctp, 100));
  EXPECT_FALSE(Allowed(A(), B(), IpProtocol::kSctp, 110));
  EXPECT_TRUE(Allowed(A(), B(), IpProtocol::kSctp, 111));
  deny({.protocol = IpProtocol::kTcp});
  EXPECT_FALSE(Allowed(A(), B(), IpProtocol::kTcp, 1));
  EXPECT_TRUE(Allowed(A(), B(), IpProtocol::kUdp, 1));
  EXPECT_TRUE(Allowed(A(), B(), Ping(), 8));
}

TEST_P(ClusterPolicySemanticsTest, WithoutProtocolsEverythingIsMeant) {
  Ingress("x", kAdmin, 0, {Deny({kEveryPod})});
  EXPECT_FALSE(Allowed(A(), B(), IpProtocol::kSctp));
  EXPECT_FALSE(Allowed(A(), B(), Ping(), 8));
}

TEST_P(ClusterPolicySemanticsTest, NamedPortsAreThoseOfTheDestination) {
  Ingress("x", kAdmin, 0,
          {Rule(RuleAction::kDeny, {kEveryPod}, {{.port_name = "http"}})});
  EXPECT_FALSE(Allowed(A(), B(), 9090));
  EXPECT_TRUE(Allowed(A(), B(), 8080));
  EXPECT_TRUE(Allowed(A(), B(), IpProtocol::kUdp, 9090));
  Ingress("x", kAdmin, 0, {});
  Egress("y", {Rule(RuleAction::kDeny, {kEveryPod}, {{.port_name = "http"}})});
  EXPECT_FALSE(Allowed(A(), B(), 9090));
  EXPECT_FALSE(Allowed(A(), OtherA(), 7070));
  EXPECT_TRUE(Allowed(A(), OtherA(), 9090));
}

TEST_P(ClusterPolicySemanticsTest, UnknownPeersFailClosed) {
  Ingress("x", kAdmin, 0, {Accept({{}}), Deny({kEveryPod})});
  EXPECT_FALSE(Allowed(A(), B()));
  EXPECT_TRUE(Allowed(World(), B()));
  for (RuleAction action : {RuleAction::kDeny, RuleAction::kPass}) {
    Ingress("x", kAdmin, 0,
            {Rule(action, {{}}, {Port(IpProtocol::kTcp, 443, 443)})});
    EXPECT_FALSE(Allowed(A(), B()));
    EXPECT_FALSE(Allowed(World(), B(), Ping(), 8));
  }
  // What else an Accept rule lists counts.
  Ingress("x", kAdmin, 0, {Accept({{}, kEveryPod}), Deny({kEveryPod})});
  EXPECT_TRUE(Allowed(A(), B()));
}

TEST_P(ClusterPolicySemanticsTest, AServiceThatLeadsBackIsPoliced) {
  Ingress("x", kAdmin, 0, {Deny({Pods({}, {{"role", "b"}})})});
  EXPECT_FALSE(Allowed(B(), B()));
}

TEST_P(ClusterPolicySemanticsTest, DenialsCarryTheirAttributes) {
  cluster_.state().Upsert(
      {.metadata = {.name = "x",
                    .annotations = {{kEstablishedAnnotation, "reset"},
                                    {kDenyResponseAnnotation, "reset"}}},
       .spec = ClusterNetworkPolicy{.subject = {{}, {}, true},
                                    .ingress = {Deny({kEveryPod})}}});
  SpecVerdict verdict = Judge({.source = A(), .destination = B()}).ingress;
  EXPECT_EQ(verdict.precedence & kVerdictMask,
            DenyVerdict(EstablishedAction::kReset, DenyResponse::kReset));
  EXPECT_EQ(verdict.policy, "ClusterNetworkPolicy/x");
}

TEST_P(ClusterPolicySemanticsTest, ErrorsNameObjectAndField) {
  auto error = [this] {
    SourcePool pool;
    return std::string(
        CollectSources(cluster_.state(), pool).status().message());
  };
  Ingress("x", kAdmin, 1001, {});
  EXPECT_EQ(error(),
            "ClusterNetworkPolicy x spec.priority: 1001 is not from 0 to 1000");
  Ingress("x", kAdmin, 0, {Deny({kEveryPod}), Deny({})});
  EXPECT_EQ(error(),
            "ClusterNetworkPolicy x spec.ingress[1].from: needs at least one "
            "peer");
  Ingress("x", kAdmin, 0, {Deny({Network("10.0.0.0/8")})});
  EXPECT_THAT(error(),
              HasSubstr("ClusterNetworkPolicy x spec.ingress[0].from[0]: "));
  Ingress("x", kAdmin, 0, {});
  Egress("x", {Rule(RuleAction::kDeny, {Network("10.0.0.0/8")},
                    {{.port_name = "http"}})});
  EXPECT_THAT(error(),
              HasSubstr("spec.egress[0].protocols[0].destinationNamedPort: "));
  Egress("x", {Rule(RuleAction::kDeny, {kEveryPod},
                    {Port(IpProtocol::kTcp, 90, 80)})});
  EXPECT_THAT(error(), HasSubstr("end 80 is less than start 90"));
  Egress("x", {Rule(RuleAction::kDeny, {kEveryPod},
                    {Port(IpProtocol::kIcmp, 0, 0)})});
  EXPECT_THAT(error(), HasSubstr("ICMP is not TCP, UDP or SCTP"));
}

INSTANTIATE_TEST_SUITE_P(Families, ClusterPolicySemanticsTest,
                         testing::Values(IpFamily::kIpv4, IpFamily::kIpv6),
                         FamilyName);

}  // namespace
}  // namespace vswitch
