// Shadow policies: they change nothing that is enforced, and a second set says
// what they would have made of it.

#include <string>
#include <utility>
#include <vector>

#include "controlplane/compile/semantics_test.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ShadowPolicyTest : public SemanticsTest {
 protected:
  template <typename Policy>
  void AddShadow(const std::string& ns, const std::string& name,
                 Policy policy) {
    cluster_.state().Upsert(
        {.metadata = {.name = name,
                      .ns = ns,
                      .annotations = {{kModeAnnotation, "shadow"}}},
         .spec = std::move(policy)});
  }
  // An Ingress of demo/b that only role=a of demo may use.
  static NetworkPolicy OnlyFromA() {
    return {
        .pod_selector = Select({{"role", "b"}}),
        .ingress = {{.peers = {{.pod_selector = Select({{"role", "a"}})}}}}};
  }
  SpecVerdict Shadow(const std::string& from, const std::string& to) {
    return Judge({.source = from, .destination = to}, SetKind::kShadow).ingress;
  }
  const EndpointRecord& Endpoint(const CompiledTables& tables,
                                 const std::string& address) {
    return *tables.forwarding().endpoint(
        tables.BindingOf(TestAddress(address)).endpoint);
  }
};

TEST_P(ShadowPolicyTest, TakesNoPartInWhatIsEnforced) {
  AddShadow("demo", "p", OnlyFromA());
  EXPECT_TRUE(Allowed(World(), B()));
  EXPECT_FALSE(Judge({.source = A(), .destination = B()}).ingress.has_set);
}

TEST_P(ShadowPolicyTest, ItsSetSaysWhatItWouldDeny) {
  AddShadow("demo", "p", OnlyFromA());
  EXPECT_TRUE(Shadow(A(), B()).allowed);
  EXPECT_FALSE(Shadow(World(), B()).allowed);
  EXPECT_TRUE(Shadow(Node(), B()).allowed);
}

TEST_P(ShadowPolicyTest, ItsSetHasTheEnforcedPoliciesToo) {
  cluster_.AddPolicy("demo", "open", {.ingress = {{.ports = {{.port = 80}}}}});
  AddShadow("demo", "p", OnlyFromA());
  EXPECT_TRUE(Shadow(World(), B()).allowed);
  AddShadow("", "x",
            ClusterNetworkPolicy{
                .subject = {{}, {}, true},
                .ingress = {{.action = RuleAction::kDeny, .peers = {{}}}}});
  EXPECT_FALSE(Shadow(World(), B()).allowed);
  EXPECT_EQ(Shadow(World(), B()).policy, "ClusterNetworkPolicy/x");
  EXPECT_TRUE(Allowed(World(), B()));
}

TEST_P(ShadowPolicyTest, ThereIsNoSetWhereNoShadowPolicyHasASay) {
  cluster_.AddPolicy("demo", "closed", {});
  AddShadow("demo", "p", OnlyFromA());
  EXPECT_FALSE(Shadow(B(), A()).has_set);
  EXPECT_FALSE(Judge({.source = B(), .destination = World()}, SetKind::kShadow)
                   .egress.has_set);
}

TEST_P(ShadowPolicyTest, EndpointsHaveBothSets) {
  cluster_.AddPolicy("demo", "closed", {});
  AddShadow("demo", "p", OnlyFromA());
  CompiledTables tables = *cluster_.Compile();
  const EndpointRecord& b = Endpoint(tables, B());
  EXPECT_NE(b.ingress, kNoPolicySet);
  EXPECT_NE(b.shadow_ingress, kNoPolicySet);
  EXPECT_NE(b.shadow_ingress, b.ingress);
  EXPECT_EQ(b.shadow_egress, kNoPolicySet);
  const EndpointRecord& a = Endpoint(tables, A());
  EXPECT_NE(a.ingress, kNoPolicySet);
  EXPECT_EQ(a.shadow_ingress, kNoPolicySet);
}

TEST_P(ShadowPolicyTest, TheHostHasASetOfItsOwn) {
  AddShadow("", "host",
            CiliumClusterwideNetworkPolicy{
                .specs = {{.node_selector = LabelSelector{},
                           .ingress = {CiliumRule{}}}}});
  CompiledTables tables = *cluster_.Compile();
  const EndpointRecord& host = *tables.forwarding().endpoint(kHostEndpoint);
  EXPECT_EQ(host.ingress, kNoPolicySet);
  EXPECT_NE(host.shadow_ingress, kNoPolicySet);
}

TEST_P(ShadowPolicyTest, TheCatalogKnowsThemApart) {
  cluster_.AddPolicy("demo", "closed", {});
  AddShadow("demo", "p", OnlyFromA());
  CompiledTables tables = *cluster_.Compile();
  const IdentityInfo& info = *tables.state().catalog->FindIdentity(
      tables.BindingOf(TestAddress(B())).identity);
  constexpr PolicyDirection kIn = PolicyDirection::kIngress;
  EXPECT_THAT(info.Of(kIn, SetKind::kEnforced).Isolating(kIn),
              ElementsAre("demo/closed"));
  EXPECT_THAT(info.Of(kIn, SetKind::kShadow).Names(),
              ElementsAre("demo/closed", "demo/p"));
  EXPECT_THAT(info.Of(PolicyDirection::kEgress, SetKind::kShadow).Names(),
              IsEmpty());
  const RuleNumbering& numbering = tables.state().catalog->numbering();
  for (const auto& source : *info.Of(kIn, SetKind::kShadow).sources) {
    for (const SourceRule& rule : source->ingress.rules) {
      auto found =
          tables.state().catalog->FindRule(numbering.NumberOf(*source, rule));
      ASSERT_TRUE(found.has_value());
      EXPECT_EQ(found->policy, "demo/p");
      EXPECT_EQ(found->attributes.mode, PolicyMode::kShadow);
      EXPECT_EQ(found->text, "from role=a on every port");
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Families, ShadowPolicyTest,
                         testing::Values(IpFamily::kIpv4, IpFamily::kIpv6),
                         FamilyName);

}  // namespace
}  // namespace vswitch
