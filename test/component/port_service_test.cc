// PortService over its socket: a port is there when packets can flow, or
// nothing of it is left behind.

#include <cerrno>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/component/api_test.h"

namespace vswitch {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// The port of pod web, and the Pod "late" in the same transaction.
constexpr char kAdd[] =
    "name: 'demo/web' manager { name: 'cni' } "
    "port { pod_namespace: 'demo' pod_name: 'web' netns: '/run/netns/web' } "
    "resources { metadata { name: 'late' namespace: 'demo' } pod {} } ";

class PortServiceTest : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    ApplyDemoCluster();
  }

  grpc::Status Add(const std::string& text, v1::AddPortResponse* response) {
    grpc::ClientContext call;
    return port().AddPort(&call, FromText<v1::AddPortRequest>(text), response);
  }
  grpc::Status Add(const std::string& text) {
    v1::AddPortResponse ignored;
    return Add(text, &ignored);
  }
  grpc::Status Delete(const std::string& text,
                      v1::DeletePortResponse* response) {
    grpc::ClientContext call;
    return port().DeletePort(&call, FromText<v1::DeletePortRequest>(text),
                             response);
  }
  grpc::Status Check(const std::string& name, v1::CheckPortResponse* response) {
    grpc::ClientContext call;
    return port().CheckPort(
        &call, FromText<v1::CheckPortRequest>("name: '" + name + "'"),
        response);
  }
  std::vector<std::string> PortNames() {
    grpc::ClientContext call;
    v1::ListPortsResponse response;
    EXPECT_TRUE(port().ListPorts(&call, {}, &response).ok());
    std::vector<std::string> names;
    for (const v1::PortInfo& info : response.ports()) {
      names.push_back(info.resource().metadata().name());
    }
    return names;
  }

  // Whether adding fails so, and leaves neither port, pod nor device behind.
  ApiFault ExpectNothingLeft(const std::string& text) {
    std::string before = ListText();
    grpc::Status status = Add(text);
    EXPECT_FALSE(status.ok());
    EXPECT_EQ(ListText(), before);
    EXPECT_THAT(PortNames(), IsEmpty());
    // The device goes once the generation without it is enforced.
    EXPECT_TRUE(plane().WaitEnforced(tables().CurrentGeneration(),
                                     absl::Now() + absl::Seconds(5)));
    EXPECT_THAT(supervisor().devices(), IsEmpty());
    return FaultOf(status);
  }

 private:
  // All resources as text.
  std::string ListText() {
    std::string text;
    v1::ListResponse listed = List();
    for (const v1::Resource& resource : listed.resources()) {
      text += resource.ShortDebugString() + "\n";
    }
    return text;
  }
};

TEST_F(PortServiceTest, AddedPortIsUpReadyAndEnforced) {
  v1::AddPortResponse response;
  ASSERT_TRUE(Add(kAdd, &response).ok());
  const v1::PortInfo& info = response.port();
  EXPECT_EQ(info.resource().metadata().name(), "demo/web");
  EXPECT_EQ(info.resource().metadata().owner(), "cni");
  EXPECT_EQ(info.state(), v1::PORT_STATE_UP);
  EXPECT_TRUE(info.ready());
  EXPECT_THAT(info.error(), IsEmpty());
  EXPECT_THAT(info.addresses(), ElementsAre("10.1.0.5", "fd00:1::5"));
  EXPECT_THAT(info.gateways(), ElementsAre("10.1.0.1", "fd00:1::1"));
  EXPECT_EQ(info.mtu(), 1500u);
  EXPECT_EQ(info.mac(), "0a:58:0a:01:00:05");
  EXPECT_EQ(info.gateway_mac(), "02:76:73:77:00:01");
  EXPECT_TRUE(response.has_accepted_time());
  EXPECT_TRUE(response.has_enforced_time());
  EXPECT_GE(Status().enforced_generation(), response.generation());
  // The pod's addresses lead to the port's endpoint.
  EXPECT_NE(BindingOf("10.1.0.5").endpoint, kNoEndpoint);
  EXPECT_EQ(BindingOf("10.1.0.5").endpoint, BindingOf("fd00:1::5").endpoint);
}

TEST_F(PortServiceTest, TheDeviceIsAskedForInBothFamilies) {
  ASSERT_TRUE(Add(kAdd).ok());
  ASSERT_EQ(supervisor().devices().count("demo/web"), 1u);
  AttachPortRequest device = supervisor().devices().at("demo/web");
  EXPECT_EQ(device.netns, "/run/netns/web");
  EXPECT_EQ(device.ifname, "eth0");
  std::vector<std::string> addresses;
  for (const IpPrefix& prefix : device.addresses) {
    addresses.push_back(prefix.ToString());
  }
  EXPECT_THAT(addresses, ElementsAre("10.1.0.5/32", "fd00:1::5/128"));
  ASSERT_EQ(device.gateways.size(), 2u);
  EXPECT_EQ(device.gateways[1].ToString(), "fd00:1::1");
}

TEST_F(PortServiceTest, ANameThatExistsIsRefused) {
  ASSERT_TRUE(Add(kAdd).ok());
  ApiFault fault = FaultOf(Add(kAdd));
  EXPECT_EQ(fault, (ApiFault{grpc::StatusCode::ALREADY_EXISTS, "PORT demo/web",
                             "metadata.name", "exists already"}));
  EXPECT_THAT(PortNames(), ElementsAre("demo/web"));
}

TEST_F(PortServiceTest, AVanishedNamespaceLeavesNothingBehind) {
  supervisor().RemoveNamespace("/run/netns/web");
  ApiFault fault = ExpectNothingLeft(kAdd);
  EXPECT_EQ(fault, (ApiFault{grpc::StatusCode::NOT_FOUND, "PORT demo/web",
                             "port.netns",
                             "network namespace /run/netns/web does not "
                             "exist"}));
}

TEST_F(PortServiceTest, ADeviceThatCannotBeOpenedLeavesNothingBehind) {
  dataplane().FailPorts(ENODEV);
  ApiFault fault = ExpectNothingLeft(kAdd);
  EXPECT_EQ(fault.code, grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(fault.resource, "PORT demo/web");
  EXPECT_THAT(fault.message, HasSubstr("No such device"));
}

TEST_F(PortServiceTest, APortThatIsNotOpenedInTimeLeavesNothingBehind) {
  dataplane().LeavePortsClosed();
  ApiFault fault = ExpectNothingLeft(absl::StrCat(kAdd, "timeout_ms: 100"));
  EXPECT_EQ(fault.code, grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(fault.resource, "PORT demo/web");
  EXPECT_THAT(fault.message, HasSubstr("the dataplane has not opened it"));
}

TEST_F(PortServiceTest, WithoutADataplaneTheCallerIsToldToTryAgain) {
  dataplane().LeavePortsClosed();
  supervisor().StopDataplane();
  ApiFault fault = ExpectNothingLeft(absl::StrCat(kAdd, "timeout_ms: 100"));
  EXPECT_EQ(fault.code, grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(fault.message, HasSubstr("try again"));
}

struct BadPort {
  const char* name;
  const char* port;
  const char* field;
};
void PrintTo(const BadPort& bad, std::ostream* out) { *out << bad.name; }

class BadPortTest : public PortServiceTest,
                    public testing::WithParamInterface<BadPort> {};

TEST_P(BadPortTest, IsRefusedByField) {
  ApiFault fault = ExpectNothingLeft(
      absl::StrCat("name: 'demo/web' manager { name: 'cni' } port { ",
                   GetParam().port, " }"));
  EXPECT_EQ(fault.resource, "PORT demo/web");
  EXPECT_EQ(fault.field, GetParam().field);
  EXPECT_THAT(fault.message, Not(IsEmpty()));
}

INSTANTIATE_TEST_SUITE_P(
    Ports, BadPortTest,
    testing::Values(
        BadPort{"netns", "pod_namespace: 'demo' pod_name: 'web'", "port.netns"},
        BadPort{"mac",
                "pod_namespace: 'demo' pod_name: 'web' netns: '/n' mac: 'x'",
                "port.mac"},
        BadPort{"mtu",
                "pod_namespace: 'demo' pod_name: 'web' netns: '/n' mtu: 1",
                "port.mtu"},
        BadPort{"ipv4_of_another",
                "pod_namespace: 'demo' pod_name: 'web' netns: '/n' "
                "addresses: '10.1.0.6'",
                "port.addresses"},
        BadPort{"ipv6_of_another",
                "pod_namespace: 'demo' pod_name: 'web' netns: '/n' "
                "addresses: 'fd00:1::6'",
                "port.addresses"},
        BadPort{"ipv4_gateway",
                "pod_namespace: 'demo' pod_name: 'web' netns: '/n' "
                "gateways: '10.1.0.9'",
                "port.gateways"},
        BadPort{"ipv6_gateway",
                "pod_namespace: 'demo' pod_name: 'web' netns: '/n' "
                "gateways: 'fd00:1::9'",
                "port.gateways"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST_F(PortServiceTest, DeletesThePortItsPodAndItsDevice) {
  ASSERT_TRUE(Add(kAdd).ok());
  v1::DeletePortResponse response;
  grpc::Status status = Delete(
      "name: 'demo/web' manager { name: 'cni' } resources { "
      "kind: RESOURCE_KIND_POD namespace: 'demo' name: 'late' }",
      &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_TRUE(response.existed());
  EXPECT_TRUE(response.has_enforced_time());
  EXPECT_THAT(PortNames(), IsEmpty());
  EXPECT_THAT(supervisor().devices(), IsEmpty());
  v1::ListResponse listed = List();
  for (const v1::Resource& resource : listed.resources()) {
    EXPECT_NE(resource.metadata().name(), "late");
  }
}

TEST_F(PortServiceTest, DeletingWhatIsNotThereIsAnErrorUnlessIgnored) {
  v1::DeletePortResponse response;
  const std::string kDelete = "name: 'demo/web' manager { name: 'cni' } ";
  EXPECT_EQ(FaultOf(Delete(kDelete, &response)),
            (ApiFault{grpc::StatusCode::NOT_FOUND, "PORT demo/web", "",
                      "does not exist"}));
  ASSERT_TRUE(Delete(kDelete + "ignore_missing: true", &response).ok());
  EXPECT_FALSE(response.existed());
}

TEST_F(PortServiceTest, AnotherManagersPortIsDeletedOnlyByForce) {
  ASSERT_TRUE(Add(kAdd).ok());
  v1::DeletePortResponse response;
  const std::string kDelete = "name: 'demo/web' manager { name: 'other' } ";
  ApiFault fault = FaultOf(Delete(kDelete, &response));
  EXPECT_EQ(fault.code, grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(fault.resource, "PORT demo/web");
  EXPECT_THAT(fault.message, AllOf(HasSubstr("cni"), HasSubstr("other")));
  EXPECT_THAT(PortNames(), ElementsAre("demo/web"));
  ASSERT_TRUE(Delete(kDelete + "force: true", &response).ok());
  EXPECT_THAT(PortNames(), IsEmpty());
}

TEST_F(PortServiceTest, ListsPortsInOrderOfTheirNames) {
  PortId web = AddDemoPort("web");
  PortId db = AddDemoPort("db");
  EXPECT_NE(web, db);
  EXPECT_THAT(PortNames(), ElementsAre("demo/db", "demo/web"));
}

TEST_F(PortServiceTest, CheckTellsAPortThatIsUpFromOneThatIsNot) {
  v1::CheckPortResponse response;
  EXPECT_EQ(FaultOf(Check("demo/web", &response)),
            (ApiFault{grpc::StatusCode::NOT_FOUND, "PORT demo/web", "",
                      "does not exist"}));
  AddDemoPort("web");
  EXPECT_TRUE(Check("demo/web", &response).ok());
  EXPECT_EQ(response.port().state(), v1::PORT_STATE_UP);

  dataplane().LeavePortsClosed();
  MustApply(
      "upserts { metadata { name: 'demo/db' } port { pod_namespace: 'demo' "
      "pod_name: 'db' netns: '/run/netns/db' } }");
  ApiFault fault = FaultOf(Check("demo/db", &response));
  EXPECT_EQ(fault.code, grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(fault.resource, "PORT demo/db");
  EXPECT_THAT(fault.message, HasSubstr("has not opened it"));
}

TEST_F(PortServiceTest, APortIsClosedUntilEveryWorkerHasSeenIt) {
  AddDemoPort("web");
  dataplane().Freeze();
  MustApply(
      "upserts { metadata { name: 'demo/db' } port { pod_namespace: 'demo' "
      "pod_name: 'db' netns: '/run/netns/db' } } "
      "wait_for: WAIT_FOR_ACCEPTED");
  v1::CheckPortResponse response;
  ApiFault fault;
  absl::Time deadline = absl::Now() + absl::Seconds(5);
  do {
    fault = FaultOf(Check("demo/db", &response));
  } while (!absl::StrContains(fault.message, "PORT_NOT_READY") &&
           absl::Now() < deadline);
  EXPECT_EQ(fault.code, grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(fault.message, HasSubstr("PORT_NOT_READY"));
  dataplane().Resume();
  while (!Check("demo/db", &response).ok() && absl::Now() < deadline) {
  }
  EXPECT_TRUE(Check("demo/db", &response).ok());
}

}  // namespace
}  // namespace vswitch
