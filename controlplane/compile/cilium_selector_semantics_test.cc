// Cilium's selectors (policy.md 1.1, 1.2), the clusterwide kind and host
// policies, in both families.

#include <string>
#include <utility>
#include <vector>

#include "controlplane/compile/semantics_test.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

using ::testing::HasSubstr;

using Selectors = std::vector<LabelSelector>;
using Op = SelectorOperator;

class CiliumSelectorSemanticsTest : public SemanticsTest {
 protected:
  CiliumSelectorSemanticsTest() {
    vswitch::Pod runner{
        .service_account = "runner",
        .addresses = {TestAddress("10.0.0.13"), TestAddress("fd00::13")}};
    cluster_.Add("demo", "runner", runner, {{"role", "c"}});
  }
  std::string Runner() const { return Of("10.0.0.13", "fd00::13"); }

  // Who may reach demo/b when a policy of its namespace says so.
  std::string Reach(LabelSelector peers) {
    cluster_.Add(
        "demo", "in",
        CiliumNetworkPolicy{
            .specs = {
                {.endpoint_selector = Select({{"role", "b"}}),
                 .ingress = {{.endpoints = Selectors{std::move(peers)}}}}}});
    return Who();
  }
  // The same of a clusterwide one.
  std::string ReachClusterwide(LabelSelector peers) {
    cluster_.Add(
        "", "in",
        CiliumClusterwideNetworkPolicy{
            .specs = {
                {.endpoint_selector = Select({{"role", "b"}}),
                 .ingress = {{.endpoints = Selectors{std::move(peers)}}}}}});
    return Who();
  }
  std::string Who() {
    std::string who;
    if (Allowed(A(), B())) who += "a ";
    if (Allowed(OtherA(), B())) who += "other-a ";
    if (Allowed(Runner(), B())) who += "runner ";
    if (Allowed(Node2(), B())) who += "node ";
    if (Allowed(World(), B())) who += "world";
    return who;
  }
  void HostPolicy(CiliumPolicySpec spec) {
    spec.node_selector = Select({{"zone", "west"}});
    cluster_.Add("", "host",
                 CiliumClusterwideNetworkPolicy{.specs = {std::move(spec)}});
  }
  void LabelLocalNode(const Labels& labels) {
    cluster_.Add(
        "", "n1",
        vswitch::Node{
            .pod_cidrs = {TestPrefix("10.0.0.0/16"), TestPrefix("fd00::/64")},
            .addresses = {TestAddress("192.168.0.1"), TestAddress("fd01::1")}},
        labels);
  }
};

TEST_P(CiliumSelectorSemanticsTest, PeersAreOfTheSameNamespaceUnlessSaid) {
  EXPECT_EQ(Reach(Select({{"role", "a"}})), "a ");
  EXPECT_EQ(Reach(Select({})), "a runner ");
  EXPECT_EQ(Reach(Select({{"io.kubernetes.pod.namespace", "other"}})),
            "other-a ");
  EXPECT_EQ(Reach(Select(
                {{"k8s:io.kubernetes.pod.namespace", "other"}, {"role", "x"}})),
            "");
  EXPECT_EQ(Reach(With({}, "k8s:io.kubernetes.pod.namespace", Op::kExists)),
            "a other-a runner ");
}

TEST_P(CiliumSelectorSemanticsTest, NamespaceLabelsAreFoldedIn) {
  EXPECT_EQ(Reach(Select({{"io.cilium.k8s.namespace.labels.team", "blue"}})),
            "other-a ");
  EXPECT_EQ(Reach(Select({{"k8s:io.cilium.k8s.namespace.labels.team", "red"},
                          {"k8s:role", "a"}})),
            "a ");
  EXPECT_EQ(Reach(Select({{"io.cilium.k8s.namespace.labels.kubernetes.io/"
                           "metadata.name",
                           "other"}})),
            "other-a ");
}

TEST_P(CiliumSelectorSemanticsTest, ServiceAccountAndClusterAreLabels) {
  EXPECT_EQ(Reach(Select({{"io.cilium.k8s.policy.serviceaccount", "runner"}})),
            "runner ");
  EXPECT_EQ(Reach(Select({{"io.cilium.k8s.policy.serviceaccount", "default"}})),
            "a ");
  EXPECT_EQ(Reach(Select({{"io.cilium.k8s.policy.cluster", "default"}})),
            "a runner ");
  EXPECT_EQ(Reach(Select({{"io.cilium.k8s.policy.cluster", "west"}})), "");
}

TEST_P(CiliumSelectorSemanticsTest, SourcesAreTakenOff) {
  for (const char* key :
       {"role", "k8s:role", "any:role", "container:role", "unspec:role"}) {
    EXPECT_EQ(Reach(Select({{key, "c"}})), "runner ");
  }
}

TEST_P(CiliumSelectorSemanticsTest, ExpressionsAreKubernetes) {
  EXPECT_EQ(Reach(With({}, "role", Op::kIn, {"a", "c"})), "a runner ");
  EXPECT_EQ(Reach(With({}, "any:role", Op::kNotIn, {"a"})), "runner ");
  EXPECT_EQ(Reach(With({}, "missing", Op::kNotIn, {"a"})), "a runner ");
  EXPECT_EQ(Reach(With({}, "k8s:role", Op::kExists)), "a runner ");
  EXPECT_EQ(Reach(With({}, "missing", Op::kExists)), "");
  EXPECT_EQ(Reach(With({}, "missing", Op::kDoesNotExist)), "a runner ");
}

TEST_P(CiliumSelectorSemanticsTest, ReservedIdentitiesHaveLabels) {
  EXPECT_EQ(Reach(Select({{"reserved:world", ""}})), "world");
  EXPECT_EQ(Reach(Select({{"reserved:remote-node", ""}})), "node ");
  EXPECT_EQ(Reach(With({}, "reserved:world", Op::kExists)), "world");
  EXPECT_EQ(Reach(Select({{"reserved:health", ""}})), "");
  EXPECT_EQ(Reach(Select({{"reserved:world", ""}, {"role", "a"}})), "");
}

TEST_P(CiliumSelectorSemanticsTest, ClusterwideMeansEveryPodNotTheWorld) {
  EXPECT_EQ(ReachClusterwide(Select({})), "a other-a runner ");
  EXPECT_EQ(ReachClusterwide(Select({{"role", "a"}})), "a other-a ");
  EXPECT_EQ(ReachClusterwide(With({}, "missing", Op::kDoesNotExist)),
            "a other-a runner ");
  EXPECT_EQ(
      ReachClusterwide(Select({{"k8s:io.kubernetes.pod.namespace", "demo"}})),
      "a runner ");
}

TEST_P(CiliumSelectorSemanticsTest, NamespacedSubjectsAreOfTheirNamespace) {
  cluster_.Add("demo", "in",
               CiliumNetworkPolicy{
                   .specs = {{.endpoint_selector = Select({{"role", "a"}}),
                              .ingress = {CiliumRule{}}}}});
  EXPECT_FALSE(Allowed(B(), A()));
  EXPECT_TRUE(Allowed(B(), OtherA()));
}

TEST_P(CiliumSelectorSemanticsTest, ClusterwideSubjectsAreAllThatMatch) {
  cluster_.Add("", "in",
               CiliumClusterwideNetworkPolicy{
                   .specs = {{.endpoint_selector = Select({{"role", "a"}}),
                              .ingress = {CiliumRule{}}}}});
  EXPECT_FALSE(Allowed(B(), A()));
  EXPECT_FALSE(Allowed(B(), OtherA()));
  EXPECT_TRUE(Allowed(A(), B()));
}

TEST_P(CiliumSelectorSemanticsTest, NodeSelectorIsForTheHostItself) {
  LabelLocalNode({{"zone", "west"}});
  HostPolicy({.ingress = {{.endpoints = Selectors{Select({{"role", "a"}})}}}});
  EXPECT_TRUE(Allowed(A(), Node()));
  EXPECT_FALSE(Allowed(Runner(), Node()));
  EXPECT_FALSE(Allowed(World(), Node()));
  // Not for pods' traffic, nor for other directions.
  EXPECT_TRUE(Allowed(World(), B()));
  EXPECT_TRUE(Allowed(Node(), World()));
  HostPolicy({.egress = {{.ports = {{.first = 443, .last = 443}}}}});
  EXPECT_TRUE(Allowed(Node(), World(), 443));
  EXPECT_FALSE(Allowed(Node(), World(), 80));
  EXPECT_TRUE(Allowed(World(), Node()));
}

TEST_P(CiliumSelectorSemanticsTest, OtherNodesHostPoliciesAreTheirs) {
  LabelLocalNode({{"zone", "north"}});
  HostPolicy({.ingress = {CiliumRule{}}});
  EXPECT_TRUE(Allowed(World(), Node()));
}

TEST_P(CiliumSelectorSemanticsTest, NobodyIsAlwaysLetIntoTheHost) {
  LabelLocalNode({{"zone", "west"}});
  HostPolicy({.ingress = {CiliumRule{}}});
  EXPECT_FALSE(Allowed(Node2(), Node()));
  EXPECT_FALSE(Allowed(A(), Node()));
}

TEST_P(CiliumSelectorSemanticsTest, ClusterwideServicesNeedANamespace) {
  cluster_.Add(
      "", "x",
      CiliumClusterwideNetworkPolicy{
          .specs = {
              {.endpoint_selector = Select({}),
               .egress = {{.services = std::vector<CiliumServiceReference>{
                               {.name = "web"}}}}}}});
  SourcePool pool;
  EXPECT_THAT(
      std::string(CollectSources(cluster_.state(), pool).status().message()),
      HasSubstr("CiliumClusterwideNetworkPolicy x spec.egress[0]"
                ".toServices[0].k8sService.namespace: "));
}

INSTANTIATE_TEST_SUITE_P(Families, CiliumSelectorSemanticsTest,
                         testing::Values(IpFamily::kIpv4, IpFamily::kIpv6),
                         FamilyName);

}  // namespace
}  // namespace vswitch
