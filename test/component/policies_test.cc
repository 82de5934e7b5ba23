// ObserveService's policies over its socket: listing them, waiting for them,
// and what shadow ones would have denied.

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "dataplane/base/piece_copies.h"
#include "dataplane/policy/policy_table.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/component/api_test.h"

namespace vswitch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// One more of each kind beside the demo cluster's NetworkPolicy.
constexpr char kOtherKinds[] = R"(
    upserts { metadata { name: "first" } cluster_network_policy {
      tier: CLUSTER_POLICY_TIER_ADMIN priority: 7
      subject { namespaces {} } } }
    upserts { metadata { name: "db-from-web" namespace: "demo" }
      cilium_network_policy { specs { endpoint_selector {}
        ingress { entities { entities: CILIUM_ENTITY_CLUSTER } } } } }
    upserts { metadata { name: "nodes" } cilium_clusterwide_network_policy {
      specs { node_selector {} egress {} } } })";

// Two shadow policies about db: one isolates it, one denies web.
constexpr char kShadows[] = R"(
    upserts { metadata { name: "closed" namespace: "demo"
        annotations { key: "vswitch.dev/mode" value: "shadow" } }
      network_policy {
        pod_selector { match_labels { key: "role" value: "db" } }
        policy_types: POLICY_TYPE_INGRESS } }
    upserts { metadata { name: "no-web" namespace: "demo"
        annotations { key: "vswitch.dev/mode" value: "shadow" } }
      cilium_network_policy { specs {
        endpoint_selector { match_labels { key: "role" value: "db" } }
        ingress_deny { endpoints { selectors {
          match_labels { key: "role" value: "web" } } } } } } })";

class PoliciesTest : public ApiTest,
                     public testing::WithParamInterface<FamilyCase> {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    ApplyDemoCluster();
    AddDemoPort("db");  // who has none here is judged elsewhere
  }

  grpc::Status ListPolicies(const std::string& name,
                            v1::ListPoliciesResponse* response) {
    grpc::ClientContext call;
    v1::ListPoliciesRequest request;
    request.set_name(name);
    response->Clear();
    return observe().ListPolicies(&call, request, response);
  }
  v1::ListPoliciesResponse MustList(const std::string& name = "") {
    v1::ListPoliciesResponse response;
    const grpc::Status status = ListPolicies(name, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  grpc::Status WaitPolicy(const std::string& name, uint32_t timeout_ms,
                          v1::PolicyStatus* policy) {
    grpc::ClientContext call;
    v1::WaitPolicyRequest request;
    request.set_name(name);
    request.set_timeout_ms(timeout_ms);
    v1::WaitPolicyResponse response;
    const grpc::Status status = observe().WaitPolicy(&call, request, &response);
    *policy = response.policy();
    return status;
  }
  grpc::Status GetShadowDenials(const std::string& policy,
                                v1::GetShadowDenialsResponse* response) {
    grpc::ClientContext call;
    v1::GetShadowDenialsRequest request;
    request.set_policy(policy);
    response->Clear();
    return observe().GetShadowDenials(&call, request, response);
  }
  // Events arrive by a thread of the server's own.
  v1::GetShadowDenialsResponse AwaitConnections(const std::string& policy,
                                                uint64_t count) {
    const absl::Time deadline = absl::Now() + absl::Seconds(5);
    v1::GetShadowDenialsResponse response;
    uint64_t found = 0;
    do {
      EXPECT_TRUE(GetShadowDenials(policy, &response).ok());
      found = 0;
      for (const auto& denial : response.denials()) {
        found += denial.connections();
      }
    } while (found < count && absl::Now() < deadline);
    EXPECT_EQ(found, count);
    return response;
  }

  // A connection of web to a port of db that a shadow rule would deny.
  void PushShadow(RuleId rule, uint16_t port) {
    Event event{};
    event.time_ns = MonotonicNs();
    event.generation = tables().CurrentGeneration();
    event.kind = EventKind::kShadow;
    event.rule = rule;
    event.direction = PolicyDirection::kIngress;
    event.key = TcpFlow(GetParam().web, GetParam().db, port);
    event.source_identity = BindingOf(GetParam().web).identity;
    event.destination_identity = BindingOf(GetParam().db).identity;
    ASSERT_TRUE(events().Push(event));
  }
  // The rule by which shadow policies would deny web's connections to db.
  RuleId ShadowRule() {
    const auto snapshot = plane().snapshot();
    const CompiledState& state = snapshot->compiled;
    const PolicySetId set =
        state.catalog->FindIdentity(BindingOf(GetParam().db).identity)
            ->Of(PolicyDirection::kIngress, SetKind::kShadow)
            .set;
    const PieceCopies copy({state.policy_sets[ToInt(set)]});
    return PolicyTable::Open(copy.list())
        .Lookup(PolicySetId{0},
                {.peer = BindingOf(GetParam().web).identity,
                 .peer_address = *IpAddress::Parse(GetParam().web),
                 .destination_port = 5432})
        .rule;
  }
};

INSTANTIATE_TEST_SUITE_P(Families, PoliciesTest,
                         testing::ValuesIn(BothFamilies()), FamilyName);

TEST_P(PoliciesTest, ListsEveryKindInOrder) {
  MustApply(kOtherKinds);
  const v1::ListPoliciesResponse response = MustList();
  std::vector<std::string> names;
  for (const auto& policy : response.policies()) {
    names.push_back(policy.name());
    EXPECT_TRUE(policy.enforced()) << policy.name();
    EXPECT_GT(policy.version(), 0u) << policy.name();
    EXPECT_GE(response.enforced_generation(), policy.generation());
    EXPECT_TRUE(policy.has_accepted_time()) << policy.name();
    EXPECT_TRUE(policy.has_enforced_time()) << policy.name();
    EXPECT_THAT(policy.rules(), IsEmpty()) << "none was asked for by name";
  }
  EXPECT_THAT(names,
              ElementsAre("demo/db-from-web", "ClusterNetworkPolicy/first",
                          "CiliumNetworkPolicy/demo/db-from-web",
                          "CiliumClusterwideNetworkPolicy/nodes"));
  EXPECT_EQ(response.policies(0).selected_pods(), 1u);
  EXPECT_EQ(response.policies(0).tier(), "NetworkPolicy");
  EXPECT_EQ(response.policies(1).selected_pods(), 2u);
  EXPECT_EQ(response.policies(1).tier(), "Admin");
  EXPECT_EQ(response.policies(1).priority(), 7u);
  EXPECT_EQ(response.policies(2).selected_pods(), 2u);
  EXPECT_EQ(response.policies(3).selected_pods(), 0u) << "about nodes";
}

TEST_P(PoliciesTest, OnePolicyComesWithItsRules) {
  const v1::ListPoliciesResponse response = MustList("demo/db-from-web");
  ASSERT_THAT(response.policies(), SizeIs(1));
  const v1::PolicyStatus& policy = response.policies(0);
  EXPECT_EQ(policy.key().kind(), v1::RESOURCE_KIND_NETWORK_POLICY);
  EXPECT_EQ(policy.key().namespace_(), "demo");
  EXPECT_EQ(policy.key().name(), "db-from-web");
  EXPECT_FALSE(policy.shadow());
  ASSERT_THAT(policy.rules(), SizeIs(1));
  EXPECT_THAT(policy.rules(0), HasSubstr("ingress rule 1: "));
  EXPECT_THAT(policy.rules(0), HasSubstr("from role=web on TCP 5432"));
}

TEST_P(PoliciesTest, AnUnknownPolicyIsNotFoundByTheRequestsField) {
  v1::ListPoliciesResponse list;
  v1::PolicyStatus policy;
  v1::GetShadowDenialsResponse denials;
  const ApiFault kByName{grpc::StatusCode::NOT_FOUND, "", "name",
                         "\"demo/no\" is no policy"};
  ApiFault by_policy = kByName;
  by_policy.field = "policy";
  EXPECT_EQ(FaultOf(ListPolicies("demo/no", &list)), kByName);
  EXPECT_EQ(FaultOf(WaitPolicy("demo/no", 100, &policy)), kByName);
  EXPECT_EQ(FaultOf(GetShadowDenials("demo/no", &denials)), by_policy);
}

TEST_P(PoliciesTest, AnAmbiguousNameIsRefusedWithTheNamesThatAreNot) {
  MustApply(kOtherKinds);
  v1::ListPoliciesResponse list;
  v1::PolicyStatus policy;
  v1::GetShadowDenialsResponse denials;
  const std::string kName = "demo/db-from-web";
  for (const grpc::Status& status :
       {ListPolicies(kName, &list), WaitPolicy(kName, 100, &policy),
        GetShadowDenials(kName, &denials)}) {
    const ApiFault fault = FaultOf(status);
    EXPECT_EQ(fault.code, grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(fault.message,
                HasSubstr("want one of NetworkPolicy/demo/db-from-web, "
                          "CiliumNetworkPolicy/demo/db-from-web"));
  }
  for (const char* name : {"NetworkPolicy/demo/db-from-web",
                           "CiliumNetworkPolicy/demo/db-from-web"}) {
    EXPECT_THAT(MustList(name).policies(), SizeIs(1)) << name;
  }
}

TEST_P(PoliciesTest, WaitAnswersWhenEveryWorkerEnforces) {
  v1::PolicyStatus policy;
  ASSERT_TRUE(WaitPolicy("demo/db-from-web", 5000, &policy).ok());
  EXPECT_EQ(policy.name(), "demo/db-from-web");
  EXPECT_TRUE(policy.enforced());
  EXPECT_TRUE(policy.has_enforced_time());
  EXPECT_GT(policy.enforce_micros(), 0u);
}

TEST_P(PoliciesTest, WaitSaysInTimeThatAPolicyIsNotYetEnforced) {
  dataplane().Freeze();
  v1::ApplyResponse accepted;
  ASSERT_TRUE(Apply(absl::StrCat(kOtherKinds, " wait_for: WAIT_FOR_ACCEPTED"),
                    &accepted)
                  .ok());
  v1::PolicyStatus policy;
  const absl::Time start = absl::Now();
  ASSERT_TRUE(WaitPolicy("first", 50, &policy).ok());
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(50));
  EXPECT_FALSE(policy.enforced());
  EXPECT_TRUE(policy.has_accepted_time());
  EXPECT_FALSE(policy.has_enforced_time());
  EXPECT_EQ(policy.enforce_micros(), 0u);
  EXPECT_EQ(policy.generation(), accepted.generation());
  // A listing does not wait, and what did not change is enforced as before.
  const v1::ListPoliciesResponse list = MustList();
  EXPECT_LT(list.enforced_generation(), accepted.generation());
  EXPECT_TRUE(list.policies(0).enforced());
  EXPECT_FALSE(list.policies(1).enforced());

  dataplane().Resume();
  ASSERT_TRUE(WaitPolicy("first", 5000, &policy).ok());
  EXPECT_TRUE(policy.enforced());
  EXPECT_EQ(policy.generation(), accepted.generation());
}

TEST_P(PoliciesTest, WaitNeedsAName) {
  v1::PolicyStatus policy;
  const ApiFault kRefusal{grpc::StatusCode::INVALID_ARGUMENT, "", "name",
                          "must be set"};
  EXPECT_EQ(FaultOf(WaitPolicy("", 0, &policy)), kRefusal);
}

TEST_P(PoliciesTest, ADeletedPolicyIsGone) {
  MustApply(
      "deletes { kind: RESOURCE_KIND_NETWORK_POLICY namespace: 'demo' "
      "name: 'db-from-web' }");
  EXPECT_THAT(MustList().policies(), IsEmpty());
}

TEST_P(PoliciesTest, ShadowDenialsAreCountedByPairPortAndRule) {
  MustApply(kShadows);
  EXPECT_TRUE(MustList("demo/closed").policies(0).shadow());
  const RuleId no_web = ShadowRule();
  PushShadow(kNoRule, 5432);
  for (int i = 0; i < 2; ++i) PushShadow(no_web, 5432);
  const v1::GetShadowDenialsResponse all = AwaitConnections("", 3);
  ASSERT_THAT(all.denials(), SizeIs(2));
  const v1::ShadowDenial& denied = all.denials(0);
  EXPECT_EQ(denied.connections(), 2u) << "most connections first";
  EXPECT_EQ(denied.policy(), "CiliumNetworkPolicy/demo/no-web");
  EXPECT_THAT(denied.rule(), HasSubstr("ingressDeny rule 1: from role=web"));
  EXPECT_EQ(denied.direction(), "ingress");
  EXPECT_EQ(denied.source().name(), "demo/web");
  EXPECT_EQ(denied.destination().name(), "demo/db");
  EXPECT_EQ(denied.latest().source(), GetParam().web);
  EXPECT_EQ(denied.latest().destination_port(), 5432u);
  EXPECT_LE(denied.first_time().seconds(), denied.last_time().seconds());
  EXPECT_EQ(all.untold_connections(), 0u);
  // Where no rule denies, those that would isolate are named.
  const v1::ShadowDenial& isolated = all.denials(1);
  EXPECT_THAT(isolated.policy(), IsEmpty());
  EXPECT_THAT(isolated.isolating_policies(),
              ElementsAre("CiliumNetworkPolicy/demo/no-web", "demo/closed",
                          "demo/db-from-web"));

  EXPECT_THAT(AwaitConnections("demo/closed", 1).denials(), SizeIs(1));
  EXPECT_THAT(AwaitConnections("demo/no-web", 3).denials(), SizeIs(2));
}

TEST_P(PoliciesTest, ExplainSaysWhatShadowPoliciesWouldDo) {
  dataplane().SetExplain([&](const Command& command, Reply& reply) {
    reply.key_after = command.key;
    reply.source_identity = BindingOf(GetParam().web).identity;
    reply.destination_identity = BindingOf(GetParam().db).identity;
  });
  auto shadow = [&] {
    grpc::ClientContext call;
    v1::ExplainResponse response;
    const grpc::Status status =
        observe().Explain(&call,
                          FromText<v1::ExplainRequest>(absl::StrCat(
                              "source { address: '", GetParam().web,
                              "' } destination { address: '", GetParam().db,
                              "' } destination_port: 5432")),
                          &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_TRUE(response.allowed());
    return response.shadow();
  };
  EXPECT_FALSE(shadow().asked()) << "there is no shadow policy";
  MustApply(kShadows);
  v1::ShadowVerdict verdict = shadow();
  EXPECT_TRUE(verdict.asked());
  EXPECT_TRUE(verdict.denied());
  EXPECT_EQ(verdict.direction(), "ingress");
  EXPECT_EQ(verdict.policy(), "CiliumNetworkPolicy/demo/no-web");
  EXPECT_THAT(verdict.rule(), HasSubstr("ingressDeny rule 1: from role=web"));
  MustApply(
      "deletes { kind: RESOURCE_KIND_CILIUM_NETWORK_POLICY namespace: 'demo' "
      "name: 'no-web' }");
  EXPECT_FALSE(shadow().denied()) << "demo/db-from-web allows it";
  MustApply(
      "deletes { kind: RESOURCE_KIND_NETWORK_POLICY namespace: 'demo' "
      "name: 'db-from-web' }");
  verdict = shadow();
  EXPECT_TRUE(verdict.denied());
  EXPECT_THAT(verdict.policy(), IsEmpty()) << "no rule denies";
  EXPECT_THAT(verdict.isolating_policies(), ElementsAre("demo/closed"));
}

}  // namespace
}  // namespace vswitch
