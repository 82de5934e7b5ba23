// The words that users see; the first two are those of the quickstart.

#include "controlplane/compile/explain.h"

#include <string>

#include "controlplane/compile/test_cluster.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ExplainTest : public testing::TestWithParam<bool> {
 protected:
  ExplainTest() {
    AddPod("frontend", 10);
    AddPod("backend", 11);
    AddPod("intruder", 12);
  }

  std::string Address(int last) const {
    return (GetParam() ? "10.0.0." : "fd00::") + std::to_string(last);
  }
  void AddPod(const std::string& role, int last) {
    cluster_.AddPod(
        "demo", role, {{"role", role}},
        {"10.0.0." + std::to_string(last), "fd00::" + std::to_string(last)});
  }
  void BackendFromFrontend() {
    cluster_.AddPolicy(
        "demo", "backend-from-frontend",
        {.pod_selector = Select({{"role", "backend"}}),
         .ingress = {
             {.peers = {{.pod_selector = Select({{"role", "frontend"}})}},
              .ports = {{.port = 80}}}}});
  }

  // Judges the flow by the compiled tables, then explains that.
  Explanation Explain(int from, int to, uint16_t port) {
    CompiledTables tables = *cluster_.Compile();
    TestFlow flow{
        .source = Address(from), .destination = Address(to), .port = port};
    JudgedFlow judged;
    judged.flow.source = TestAddress(flow.source);
    judged.flow.destination = TestAddress(flow.destination);
    judged.flow.protocol = flow.protocol;
    judged.flow.destination_port = Be16::FromHost(port);
    judged.source = tables.BindingOf(judged.flow.source).identity;
    judged.destination = tables.BindingOf(judged.flow.destination).identity;
    const auto verdict = tables.Judge(flow);
    if (!verdict.allowed) {
      const PolicyVerdict& denial =
          verdict.egress.allowed ? verdict.ingress : verdict.egress;
      judged.drop = denial.rule == kNoRule ? DropReason::kPolicyDenied
                                           : DropReason::kPolicyDenyRule;
    }
    return ExplainVerdict(tables.state(), cluster_.state(), judged);
  }

  TestCluster cluster_;
};

TEST_P(ExplainTest, NamesTheRuleThatAllows) {
  BackendFromFrontend();
  Explanation explanation = Explain(10, 11, 80);
  EXPECT_EQ(explanation.summary, "allowed by demo/backend-from-frontend");
  EXPECT_TRUE(explanation.ingress.isolated);
  EXPECT_FALSE(explanation.egress.isolated);
  EXPECT_EQ(explanation.ingress.rule_text, "from role=frontend on TCP 80");
}

TEST_P(ExplainTest, NamesThePolicyThatIsolatesAndTheNearestRule) {
  BackendFromFrontend();
  EXPECT_EQ(Explain(12, 11, 80).summary,
            "denied: POLICY_DENIED, isolated by demo/backend-from-frontend; "
            "nearest rule wants role=frontend");
}

TEST_P(ExplainTest, NamesThePortThatWouldHaveMatched) {
  BackendFromFrontend();
  EXPECT_EQ(Explain(10, 11, 81).summary,
            "denied: POLICY_DENIED, isolated by demo/backend-from-frontend; "
            "rule 1 of demo/backend-from-frontend would have matched on "
            "TCP 80");
  EXPECT_THAT(Explain(12, 11, 81).summary,
              HasSubstr("nearest rule wants role=frontend on TCP 80"));
}

TEST_P(ExplainTest, TheNearestMissIsFirst) {
  BackendFromFrontend();
  cluster_.AddPolicy(
      "demo", "also",
      {.pod_selector = Select({{"role", "backend"}}),
       .ingress = {
           {.peers = {{.pod_selector = Select({{"a", "1"}, {"b", "2"}})}}}}});
  DirectionExplanation ingress = Explain(12, 11, 80).ingress;
  EXPECT_THAT(ingress.isolating,
              ElementsAre("demo/also", "demo/backend-from-frontend"));
  EXPECT_THAT(ingress.nearest_misses,
              ElementsAre("nearest rule wants role=frontend",
                          "rule 1 of demo/also wants a=1,b=2"));
}

TEST_P(ExplainTest, SaysWhenNoPolicyIsolates) {
  EXPECT_EQ(Explain(12, 11, 80).summary,
            "allowed: no policy isolates either side");
}

TEST_P(ExplainTest, SaysWhenNoRuleExists) {
  cluster_.AddPolicy("demo", "deny-all", {});
  EXPECT_EQ(Explain(12, 11, 80).summary,
            "denied: POLICY_DENIED, isolated by demo/deny-all; no rule allows "
            "anything");
}

TEST_P(ExplainTest, EgressComesFirst) {
  cluster_.AddPolicy("demo", "out",
                     {.pod_selector = Select({{"role", "intruder"}}),
                      .isolates_ingress = false,
                      .isolates_egress = true,
                      .egress = {{.ports = {{.port = 443}}}}});
  EXPECT_EQ(Explain(12, 11, 80).summary,
            "denied: POLICY_DENIED, egress isolated by demo/out; rule 1 of "
            "demo/out would have matched on TCP 443");
  EXPECT_EQ(Explain(12, 11, 443).summary, "allowed by demo/out");
}

TEST_P(ExplainTest, NamesNamespacesAndBlocks) {
  cluster_.AddNamespace("other", {{"team", "blue"}});
  cluster_.AddPolicy(
      "demo", "p",
      {.pod_selector = Select({{"role", "backend"}}),
       .ingress = {
           {.peers = {{.namespace_selector = Select({{"team", "red"}})}}}}});
  EXPECT_THAT(Explain(12, 11, 80).summary,
              HasSubstr("wants a pod in namespace team=red"));
  const char* block = GetParam() ? "10.9.0.0/16" : "fd09::/16";
  cluster_.AddPolicy(
      "demo", "p",
      {.pod_selector = Select({{"role", "backend"}}),
       .ingress = {{.peers = {{.ip_block = IpBlock{TestPrefix(block), {}}}}}}});
  EXPECT_THAT(Explain(12, 11, 80).summary,
              HasSubstr(std::string("wants an address in ") + block));
}

TEST_P(ExplainTest, NamesTheRuleThatDeniesAndItsTier) {
  ClusterPolicyPeer every_pod{.pods = ClusterPodSelector{.all_pods = true}};
  cluster_.Add(
      "", "x",
      ClusterNetworkPolicy{
          .subject = {{}, Select({{"role", "backend"}})},
          .ingress = {{.action = RuleAction::kAllow,
                       .peers = {every_pod},
                       .protocols = {{.protocol = IpProtocol::kTcp,
                                      .first = 8443,
                                      .last = 8443}}},
                      {.action = RuleAction::kDeny, .peers = {every_pod}},
                      {.action = RuleAction::kAllow, .peers = {every_pod}}}});
  EXPECT_EQ(Explain(12, 11, 80).summary,
            "denied: POLICY_DENY_RULE, denied by ClusterNetworkPolicy/x rule 2 "
            "(Deny) in tier Admin; rule 1 of ClusterNetworkPolicy/x would have "
            "matched on TCP 8443");
  Explanation allowed = Explain(12, 11, 8443);
  EXPECT_EQ(allowed.summary, "allowed by ClusterNetworkPolicy/x");
  EXPECT_EQ(allowed.ingress.decided_by,
            "ClusterNetworkPolicy/x rule 1 (Accept) in tier Admin");
  EXPECT_FALSE(allowed.ingress.isolated);
}

TEST_P(ExplainTest, NamesTheSectionOfACiliumRule) {
  BackendFromFrontend();
  cluster_.Add(
      "demo", "no",
      CiliumNetworkPolicy{
          .specs = {{.endpoint_selector = Select({{"role", "backend"}}),
                     .ingress_deny = {{.entities = std::vector<CiliumEntity>{
                                           CiliumEntity::kCluster}}}}}});
  Explanation denied = Explain(10, 11, 80);
  EXPECT_EQ(denied.summary,
            "denied: POLICY_DENY_RULE, denied by CiliumNetworkPolicy/demo/no "
            "ingressDeny rule 1 (Deny) in tier NetworkPolicy");
  EXPECT_THAT(
      denied.ingress.isolating,
      ElementsAre("CiliumNetworkPolicy/demo/no", "demo/backend-from-frontend"));
  EXPECT_EQ(denied.ingress.rule_text, "from the cluster on every port");
}

TEST_P(ExplainTest, ListsAllPoliciesThatHaveASay) {
  BackendFromFrontend();
  cluster_.Add("", "x",
               ClusterNetworkPolicy{
                   .tier = ClusterPolicyTier::kBaseline,
                   .subject = {{}, {}, true},
                   .ingress = {{.action = RuleAction::kDeny, .peers = {{}}}}});
  DirectionExplanation ingress = Explain(10, 11, 80).ingress;
  EXPECT_THAT(ingress.policies, ElementsAre("ClusterNetworkPolicy/x",
                                            "demo/backend-from-frontend"));
  EXPECT_THAT(ingress.isolating, ElementsAre("demo/backend-from-frontend"));
  EXPECT_EQ(Explain(10, 12, 80).summary,
            "denied: POLICY_DENY_RULE, denied by ClusterNetworkPolicy/x rule 1 "
            "(Deny) in tier Baseline");
}

TEST_P(ExplainTest, SaysWhenNothingDenies) {
  cluster_.Add(
      "demo", "open",
      CiliumNetworkPolicy{.specs = {{.endpoint_selector = LabelSelector{},
                                     .default_deny_ingress = false,
                                     .ingress = {CiliumRule{}}}}});
  EXPECT_EQ(Explain(12, 11, 80).summary,
            "allowed: no policy isolates either side");
}

TEST_P(ExplainTest, OtherDropsSayWhatTheyMean) {
  CompiledTables tables = *cluster_.Compile();
  JudgedFlow judged{.drop = DropReason::kServiceNoBackend};
  EXPECT_EQ(ExplainVerdict(tables.state(), cluster_.state(), judged).summary,
            "denied: SERVICE_NO_BACKEND, service has no ready endpoint");
}

INSTANTIATE_TEST_SUITE_P(Families, ExplainTest, testing::Bool(),
                         [](const auto& info) {
                           return info.param ? "Ipv4" : "Ipv6";
                         });

}  // namespace
}  // namespace vswitch
