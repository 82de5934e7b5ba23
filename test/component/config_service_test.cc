// ConfigService over its socket: transactions are whole or absent, owned,
// fenced and versioned, and say when they are accepted and when enforced.

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/component/api_test.h"

namespace vswitch {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ConfigServiceTest : public ApiTest {
 protected:
  grpc::Status Get(const std::string& key, v1::GetResponse* response) {
    grpc::ClientContext call;
    return config().Get(&call, FromText<v1::GetRequest>("key { " + key + " }"),
                        response);
  }
};

std::string PodText(const std::string& name, const std::string& address) {
  return absl::StrCat("upserts { metadata { name: '", name,
                      "' namespace: 'demo' } pod { node_name: 'n1' pod_ips: '",
                      address, "' } } ");
}

std::string OutcomesOf(const v1::ApplyResponse& response) {
  std::string text;
  for (const v1::ResourceResult& result : response.results()) {
    absl::StrAppend(&text, result.key().name(), " ",
                    v1::Outcome_Name(result.outcome()), " ", result.version(),
                    "\n");
  }
  return text;
}

class TransactionTest : public ConfigServiceTest,
                        public testing::WithParamInterface<FamilyCase> {
 protected:
  // Address of the `number`th pod, 0 to 9: "10.1.0.10", "fd00:1::10"...
  static std::string AddressOf(int number) {
    return absl::StrCat(GetParam().gateway, number);
  }
  // Ten pods; the address of the fifth is `address`.
  static std::string TenPods(const std::string& address = AddressOf(4)) {
    std::string text;
    for (int i = 0; i < 10; ++i) {
      text += PodText(absl::StrCat("p", i), i == 4 ? address : AddressOf(i));
    }
    return text;
  }

  // Whether a refused transaction left everything as it was.
  void ExpectRefusedWhole(const std::string& text, const ApiFault& expected) {
    v1::ListResponse before = List();
    v1::GetStatusResponse status = Status();
    ApiFault fault = FaultOf(Apply(text));
    EXPECT_EQ(fault.code, expected.code);
    EXPECT_EQ(fault.resource, expected.resource);
    EXPECT_EQ(fault.field, expected.field);
    EXPECT_THAT(fault.message, HasSubstr(expected.message));
    EXPECT_EQ(List().SerializeAsString(), before.SerializeAsString());
    EXPECT_EQ(Status().accepted_generation(), status.accepted_generation());
    EXPECT_EQ(tables().CurrentGeneration(), status.accepted_generation());
  }
};

INSTANTIATE_TEST_SUITE_P(Families, TransactionTest,
                         testing::ValuesIn(BothFamilies()), FamilyName);

TEST_P(TransactionTest, AllOfItIsApplied) {
  ApplyDemoCluster();
  v1::ApplyResponse response = MustApply(TenPods());
  EXPECT_THAT(response.results(), SizeIs(10));
  EXPECT_THAT(List("kind: RESOURCE_KIND_POD").resources(), SizeIs(12));
  EXPECT_EQ(tables().CurrentGeneration(), response.generation());
  EXPECT_NE(BindingOf(AddressOf(9)).identity, kIdentityUnknown);
}

TEST_P(TransactionTest, NothingIsAppliedWhenTheFifthOfTenIsMalformed) {
  ApplyDemoCluster();
  ExpectRefusedWhole(
      TenPods("10.1.0.300"),
      {grpc::StatusCode::INVALID_ARGUMENT, "POD demo/p4", "pod.pod_ips[0]",
       "\"10.1.0.300\" is not an IPv4 or IPv6 address"});
}

TEST_P(TransactionTest, NothingIsAppliedWhenTheFifthOfTenHasATakenAddress) {
  ApplyDemoCluster();
  ExpectRefusedWhole(
      TenPods(GetParam().service),
      {grpc::StatusCode::INVALID_ARGUMENT, "SERVICE demo/front",
       "service.cluster_ips", "is already the address of Pod demo/p4"});
}

TEST_P(TransactionTest, NothingIsAppliedWhenTwoPodsShareAnAddress) {
  ApplyDemoCluster();
  ExpectRefusedWhole(TenPods(AddressOf(3)),
                     {grpc::StatusCode::INVALID_ARGUMENT, "POD demo/p4",
                      "pod.pod_ips", "is already the address of Pod demo/p3"});
}

TEST_P(TransactionTest, ADryRunSaysWhatWouldHappenAndDoesNothing) {
  ApplyDemoCluster();
  v1::ListResponse before = List();
  v1::ApplyResponse response = MustApply(TenPods() + "dry_run: true");
  EXPECT_EQ(response.generation(), before.generation() + 1);
  EXPECT_THAT(OutcomesOf(response), HasSubstr("p4 OUTCOME_CREATED"));
  EXPECT_FALSE(response.has_accepted_time());
  EXPECT_FALSE(response.has_enforced_time());
  EXPECT_EQ(List().SerializeAsString(), before.SerializeAsString());
  EXPECT_EQ(tables().CurrentGeneration(), before.generation());
  // It compiles, too.
  ExpectRefusedWhole(TenPods(AddressOf(3)) + "dry_run: true",
                     {grpc::StatusCode::INVALID_ARGUMENT, "POD demo/p4",
                      "pod.pod_ips", "is already the address of"});
}

TEST_F(ConfigServiceTest, AllFaultsOfATransactionAreNamedTogether) {
  grpc::Status status =
      Apply(PodText("a", "x") + PodText("B", "10.0.0.1") +
            "upserts { metadata { name: 's' } settings {} } upserts {}");
  EXPECT_THAT(
      ResourcesAtFault(status),
      ElementsAre("POD demo/a", "POD demo/B", "SETTINGS s", "UNSPECIFIED "));
}

// A client takes 8 KB of trailer, and loses the whole answer otherwise.
TEST_F(ConfigServiceTest, ManyFaultsAndLongNamesFitIntoTheAnswer) {
  std::string many;
  for (int i = 0; i < 100; ++i) {
    many += PodText(absl::StrCat("p", i, std::string(240, 'x')), "10.0.0");
  }
  grpc::Status status = Apply(many);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(ResourcesAtFault(status), Contains(HasSubstr("p1xxx")));
  EXPECT_THAT(status.error_message(), HasSubstr("Pod demo/p0xxx"));

  status = Apply(PodText(std::string(1 << 20, 'X'), "10.0.0.1"));
  EXPECT_EQ(FaultOf(status).code, grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(FaultOf(status).field, "metadata.name");

  // 3 bytes a character, and not cut inside of one.
  std::string wide;
  for (int i = 0; i < 5000; ++i) wide += "\u20ac";
  status = Apply(PodText(wide, "10.0.0.1"));
  EXPECT_EQ(FaultOf(status).code, grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(FaultOf(status).field, "metadata.name");
}

TEST_F(ConfigServiceTest, AResourceWithoutAKindIsNamedByItsPlace) {
  ApiFault fault = FaultOf(
      Apply(PodText("a", "10.0.0.1") + "upserts { metadata { name: 'b' } } "));
  EXPECT_EQ(fault.code, grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(fault.field, "upserts[1].spec");
  EXPECT_THAT(fault.message, HasSubstr("\"b\""));
  fault = FaultOf(Apply("deletes { name: 'c' }"));
  EXPECT_EQ(fault.field, "deletes[0].kind");
}

TEST_F(ConfigServiceTest, AcceptedComesBeforeEnforced) {
  ApplyDemoCluster();
  v1::ApplyResponse enforced = MustApply(PodText("a", "10.1.0.9"));
  ASSERT_TRUE(enforced.has_accepted_time());
  ASSERT_TRUE(enforced.has_enforced_time());
  EXPECT_GE(Status().enforced_generation(), enforced.generation());

  dataplane().Freeze();
  v1::ApplyResponse accepted =
      MustApply(PodText("b", "10.1.0.10") + "wait_for: WAIT_FOR_ACCEPTED");
  EXPECT_EQ(accepted.generation(), enforced.generation() + 1);
  EXPECT_TRUE(accepted.has_accepted_time());
  EXPECT_FALSE(accepted.has_enforced_time());
  EXPECT_EQ(Status().accepted_generation(), accepted.generation());
  EXPECT_EQ(Status().enforced_generation(), enforced.generation());
  EXPECT_FALSE(plane().WaitEnforced(accepted.generation(),
                                    absl::Now() + absl::Milliseconds(20)))
      << "no worker has reported it";

  dataplane().Resume();
  EXPECT_TRUE(plane().WaitEnforced(accepted.generation(),
                                   absl::Now() + absl::Seconds(5)));
  EXPECT_EQ(Status().enforced_generation(), accepted.generation());
}

TEST_F(ConfigServiceTest, WaitingForEnforcementEndsInTimeAndTheChangeStays) {
  ApplyDemoCluster();
  dataplane().Freeze();
  v1::ApplyResponse late =
      MustApply(PodText("a", "10.1.0.9") + "timeout_ms: 30");
  EXPECT_TRUE(late.has_accepted_time());
  EXPECT_FALSE(late.has_enforced_time());
  EXPECT_EQ(late.enforce_micros(), 0u);
  EXPECT_EQ(tables().CurrentGeneration(), late.generation());
}

TEST_F(ConfigServiceTest, AWorkerThatDoesNotMoveRefusesTheNextChangeByName) {
  ApplyDemoCluster();
  dataplane().Freeze();
  MustApply(PodText("a", "10.1.0.9") + "wait_for: WAIT_FOR_ACCEPTED");
  v1::ListResponse before = List();
  ApiFault fault = FaultOf(Apply(PodText("b", "10.1.0.10")));
  EXPECT_EQ(fault.code, grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(fault.message, HasSubstr("worker 0 is at generation"));
  EXPECT_EQ(List().SerializeAsString(), before.SerializeAsString());
  dataplane().Resume();
  MustApply(PodText("b", "10.1.0.10"));
}

TEST_F(ConfigServiceTest, WhatIsTheSameAlreadyMakesNoGeneration) {
  ApplyDemoCluster();
  v1::ApplyResponse first = MustApply(PodText("a", "10.1.0.9"));
  v1::ApplyResponse again = MustApply(PodText("a", "10.1.0.9"));
  EXPECT_EQ(again.generation(), first.generation());
  EXPECT_EQ(OutcomesOf(again), absl::StrCat("a OUTCOME_UNCHANGED ",
                                            first.results(0).version(), "\n"));
  EXPECT_TRUE(again.has_enforced_time());
}

TEST_F(ConfigServiceTest, DeletesWhatExists) {
  ApplyDemoCluster();
  MustApply(PodText("a", "10.1.0.9"));
  const std::string kDelete =
      "deletes { kind: RESOURCE_KIND_POD namespace: 'demo' name: 'a' } ";
  EXPECT_EQ(OutcomesOf(MustApply(kDelete)), "a OUTCOME_DELETED 0\n");
  ApiFault fault = FaultOf(Apply(kDelete));
  EXPECT_EQ(fault.code, grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(fault.resource, "POD demo/a");
  EXPECT_EQ(OutcomesOf(MustApply(kDelete + "ignore_missing: true")),
            "a OUTCOME_MISSING 0\n");
}

TEST_F(ConfigServiceTest, AnotherManagersResourceIsRefusedByName) {
  ApplyDemoCluster();
  MustApply(PodText("a", "10.1.0.9") + "manager { name: 'controller/x' }");
  const ApiFault kRefusal{
      grpc::StatusCode::PERMISSION_DENIED, "POD demo/a", "metadata.owner",
      "belongs to manager \"controller/x\", not to \"cli\"; a forced write "
      "takes it over"};
  EXPECT_EQ(FaultOf(Apply(PodText("a", "10.1.0.10"))), kRefusal);
  EXPECT_EQ(FaultOf(Apply("deletes { kind: RESOURCE_KIND_POD namespace: 'demo' "
                          "name: 'a' }")),
            kRefusal);
  MustApply(PodText("a", "10.1.0.10") + "force: true");
  v1::GetResponse response;
  ASSERT_TRUE(
      Get("kind: RESOURCE_KIND_POD namespace: 'demo' name: 'a'", &response)
          .ok());
  EXPECT_EQ(response.resource().metadata().owner(), "cli");
  EXPECT_EQ(response.resource().pod().pod_ips(0), "10.1.0.10");
}

TEST_F(ConfigServiceTest, ALowerEpochIsRefused) {
  ApplyDemoCluster();
  MustApply(PodText("a", "10.1.0.9") + "manager { name: 'ctl' epoch: 7 }");
  ApiFault fault = FaultOf(
      Apply(PodText("a", "10.1.0.10") + "manager { name: 'ctl' epoch: 6 }"));
  EXPECT_EQ(fault.code, grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(fault.field, "manager.epoch");
  EXPECT_THAT(fault.message, HasSubstr("epoch 6, lower than epoch 7"));
  MustApply(PodText("a", "10.1.0.10") + "manager { name: 'ctl' epoch: 8 }");
  EXPECT_EQ(FaultOf(Apply(PodText("a", "10.1.0.11") +
                          "manager { name: 'ctl' epoch: 7 }"))
                .code,
            grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_F(ConfigServiceTest, AManagerMustBeNamed) {
  ApiFault fault = FaultOf(Apply("manager {}"));
  EXPECT_EQ(fault.code, grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(fault.field, "manager.name");
}

TEST_F(ConfigServiceTest, AVersionIsAPrecondition) {
  ApplyDemoCluster();
  uint64_t version = MustApply(PodText("a", "10.1.0.9")).results(0).version();
  auto with_version = [](uint64_t wanted, const std::string& address) {
    return absl::StrCat("upserts { metadata { name: 'a' namespace: 'demo' ",
                        "version: ", wanted, " } pod { pod_ips: '", address,
                        "' } }");
  };
  ApiFault fault = FaultOf(Apply(with_version(version - 1, "10.1.0.10")));
  EXPECT_EQ(fault.code, grpc::StatusCode::ABORTED);
  EXPECT_EQ(fault.resource, "POD demo/a");
  EXPECT_EQ(fault.field, "metadata.version");
  EXPECT_THAT(fault.message, HasSubstr(absl::StrCat("version ", version)));
  v1::ApplyResponse updated = MustApply(with_version(version, "10.1.0.10"));
  EXPECT_GT(updated.results(0).version(), version);
}

// A field that a newer client sends, at two depths.
TEST_F(ConfigServiceTest, UnknownFieldsAreRefusedByNumberAndPlace) {
  auto request = FromText<v1::ApplyRequest>(PodText("a", "10.1.0.9") +
                                            "manager { name: 'cli' }");
  v1::Pod& pod = *request.mutable_upserts(0)->mutable_pod();
  pod.GetReflection()->MutableUnknownFields(&pod)->AddVarint(999, 1);
  grpc::ClientContext call;
  v1::ApplyResponse response;
  ApiFault fault = FaultOf(config().Apply(&call, request, &response));
  EXPECT_EQ(fault.code, grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(fault.resource, "POD demo/a");
  EXPECT_EQ(fault.field, "pod.field 999 of Pod");

  pod.GetReflection()->MutableUnknownFields(&pod)->Clear();
  request.GetReflection()->MutableUnknownFields(&request)->AddVarint(998, 1);
  grpc::ClientContext second;
  fault = FaultOf(config().Apply(&second, request, &response));
  EXPECT_EQ(fault.code, grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(fault.field, "field 998 of ApplyRequest");
}

TEST_F(ConfigServiceTest, UnknownSelectorOperatorsAreRefused) {
  ApiFault fault = FaultOf(
      Apply("upserts { metadata { name: 'p' namespace: 'demo' } "
            "network_policy { pod_selector { match_expressions { key: 'a' "
            "operator: 77 } } } }"));
  EXPECT_EQ(fault.code, grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(fault.resource, "NETWORK_POLICY demo/p");
  EXPECT_EQ(fault.field,
            "network_policy.pod_selector.match_expressions[0].operator");
}

TEST_F(ConfigServiceTest, GetsWhatWasApplied) {
  ApplyDemoCluster();
  v1::GetResponse response;
  ASSERT_TRUE(
      Get("kind: RESOURCE_KIND_POD namespace: 'demo' name: 'web'", &response)
          .ok());
  EXPECT_THAT(response.resource().pod().pod_ips(),
              ElementsAre("10.1.0.5", "fd00:1::5"));
  EXPECT_EQ(response.resource().metadata().owner(), "cli");
  EXPECT_NE(response.resource().metadata().version(), 0u);

  ApiFault fault = FaultOf(
      Get("kind: RESOURCE_KIND_POD namespace: 'demo' name: 'no'", &response));
  EXPECT_EQ(fault, (ApiFault{grpc::StatusCode::NOT_FOUND, "POD demo/no", "",
                             "does not exist"}));
  EXPECT_EQ(FaultOf(Get("name: 'web'", &response)).field, "key.kind");
}

TEST_F(ConfigServiceTest, ListsByKindNamespaceAndLabels) {
  ApplyDemoCluster();
  MustApply(
      "upserts { metadata { name: 'web' namespace: 'other' "
      "labels { key: 'role' value: 'web' } } pod {} }");
  auto names = [this](const std::string& request) {
    std::vector<std::string> result;
    v1::ListResponse listed = List(request);
    for (const v1::Resource& resource : listed.resources()) {
      result.push_back(absl::StrCat(resource.metadata().namespace_(), "/",
                                    resource.metadata().name()));
    }
    return result;
  };
  EXPECT_THAT(names("kind: RESOURCE_KIND_POD"),
              ElementsAre("demo/db", "demo/web", "other/web"));
  EXPECT_THAT(names("kind: RESOURCE_KIND_POD namespace: 'other'"),
              ElementsAre("other/web"));
  EXPECT_THAT(names("label_selector { match_labels { key: 'role' "
                    "value: 'web' } }"),
              ElementsAre("demo/web", "other/web"));
  EXPECT_THAT(names(""), Contains("/n1"));
  EXPECT_EQ(List().generation(), tables().CurrentGeneration());
}

TEST_F(ConfigServiceTest, BadFiltersAreRefusedByField) {
  grpc::ClientContext call;
  v1::ListRequest request;
  v1::ListResponse response;
  request.set_kind(static_cast<v1::ResourceKind>(99));
  EXPECT_EQ(FaultOf(config().List(&call, request, &response)).field, "kind");
  grpc::ClientContext second;
  request = FromText<v1::ListRequest>(
      "label_selector { match_expressions { key: 'a' } }");
  EXPECT_EQ(FaultOf(config().List(&second, request, &response)).field,
            "label_selector.match_expressions[0].operator");
}

}  // namespace
}  // namespace vswitch
