// Services and EndpointSlices that cannot be: each is refused by object and
// field, and nothing changes; in both families.

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/component/api_test.h"

namespace vswitch {
namespace {

using ::testing::HasSubstr;

class ServiceValidationTest : public ApiTest,
                              public testing::WithParamInterface<FamilyCase> {
 protected:
  // What is wrong, in which field, and the words that say so.
  struct Bad {
    std::string text;
    std::string field;
    std::string message;
  };

  void SetUp() override {
    ApiTest::SetUp();
    ApplyDemoCluster();
  }
  bool is_ipv4() const { return GetParam().web.find(':') == std::string::npos; }
  std::string FreeVip() const { return is_ipv4() ? "10.96.0.9" : "fd00:96::9"; }
  std::string OtherVip() const {
    return is_ipv4() ? "10.96.0.11" : "fd00:96::11";
  }
  std::string Malformed() const {
    return is_ipv4() ? "10.96.0.300" : "fd00:96::g";
  }
  // Addresses that nobody else can reach.
  std::vector<std::string> Unreachable() const {
    return is_ipv4()
               ? std::vector<std::string>{"127.0.0.1", "169.254.1.1",
                                          "224.0.0.1", "0.0.0.0"}
               : std::vector<std::string>{"::1", "fe80::1", "ff02::1", "::"};
  }

  // An upsert of Service demo/NAME with `spec` beside a port 80.
  static std::string ServiceText(const std::string& spec,
                                 const std::string& port = "",
                                 const std::string& name = "bad") {
    return absl::StrCat(
        "upserts { metadata { namespace: 'demo' name: '", name,
        "' } service { ", spec,
        " ports { name: 'http' protocol: PROTOCOL_TCP port: 80 ", port,
        " } } } ");
  }
  std::string SliceText(const std::string& address) const {
    return absl::StrCat(
        "upserts { metadata { namespace: 'demo' name: 'bad' labels { key: "
        "'kubernetes.io/service-name' value: 'front' } } endpoint_slice { "
        "address_type: ADDRESS_TYPE_",
        is_ipv4() ? "IPV4" : "IPV6", " endpoints { addresses: '", address,
        "' } ports { name: 'http' protocol: PROTOCOL_TCP port: 80 } } } ");
  }
  // Whether `bad` is refused by `object` and field, and with it a good object
  // of the same transaction.
  void ExpectRefused(const std::string& object, const Bad& bad) {
    const std::string before = List().SerializeAsString();
    const Generation generation = tables().CurrentGeneration();
    const std::string good =
        ServiceText(absl::StrCat("cluster_ips: '", FreeVip(), "'"), "", "good");
    const ApiFault fault = FaultOf(Apply(good + bad.text));
    EXPECT_EQ(fault.resource, object) << bad.text;
    EXPECT_EQ(fault.field, bad.field) << bad.text;
    EXPECT_THAT(fault.message, HasSubstr(bad.message)) << bad.text;
    EXPECT_EQ(List().SerializeAsString(), before) << bad.text;
    EXPECT_EQ(tables().CurrentGeneration(), generation) << bad.text;
  }
};

INSTANTIATE_TEST_SUITE_P(Families, ServiceValidationTest,
                         testing::ValuesIn(BothFamilies()), FamilyName);

TEST_P(ServiceValidationTest, AddressesMustBeSome) {
  for (const std::string field :
       {"cluster_ips", "external_ips", "load_balancer_ips"}) {
    ExpectRefused(
        "SERVICE demo/bad",
        {ServiceText(absl::StrCat(field, ": '", Malformed(), "'")),
         absl::StrCat("service.", field, "[0]"),
         absl::StrCat("\"", Malformed(), "\" is not an IPv4 or IPv6 address")});
  }
}

TEST_P(ServiceValidationTest, AddressesMustBeReachableByOthers) {
  for (const std::string& address : Unreachable()) {
    for (const std::string field :
         {"cluster_ips", "external_ips", "load_balancer_ips"}) {
      ExpectRefused("SERVICE demo/bad",
                    {ServiceText(absl::StrCat(field, ": '", address, "'")),
                     absl::StrCat("service.", field, "[0]"),
                     "is unspecified, loopback, multicast or link-local"});
    }
    ExpectRefused(
        "ENDPOINT_SLICE demo/bad",
        {SliceText(address), "endpoint_slice.endpoints[0].addresses[0]",
         "is unspecified, loopback, multicast or link-local"});
  }
}

TEST_P(ServiceValidationTest, BackendsMustBeOfTheSlicesFamily) {
  const std::string other = is_ipv4() ? "fd00:1::9" : "10.1.0.9";
  ExpectRefused("ENDPOINT_SLICE demo/bad",
                {SliceText(other), "endpoint_slice.endpoints[0].addresses[0]",
                 "is not of the slice's address_type"});
}

TEST_P(ServiceValidationTest, AClusterIpMustBeNobodyElses) {
  ExpectRefused(
      "SERVICE demo/front",
      {ServiceText(absl::StrCat("cluster_ips: '", GetParam().service, "'")),
       "service.cluster_ips", "is already the address of Service demo/bad"});
}

TEST_P(ServiceValidationTest, NodePortsMustBeInTheirRange) {
  const std::string spec = absl::StrCat(
      "type: SERVICE_TYPE_NODE_PORT cluster_ips: '", OtherVip(), "'");
  for (const std::string port : {"80", "29999", "32768", "65535"}) {
    ExpectRefused(
        "SERVICE demo/bad",
        {ServiceText(spec, "node_port: " + port), "service.ports[0].node_port",
         absl::StrCat(port, " is not from 30000 to 32767")});
  }
  ExpectRefused("SERVICE demo/bad", {ServiceText(spec, "node_port: 70000"),
                                     "service.ports[0].node_port", "70000"});
  ExpectRefused(
      "SERVICE demo/bad",
      {ServiceText(absl::StrCat("cluster_ips: '", OtherVip(), "'"),
                   "node_port: 30080"),
       "service.ports[0].node_port", "only type NodePort or LoadBalancer"});
}

TEST_P(ServiceValidationTest, NodePortsMustNotBeTaken) {
  const std::string type = "type: SERVICE_TYPE_NODE_PORT cluster_ips: '";
  MustApply(ServiceText(absl::StrCat(type, OtherVip(), "'"), "node_port: 30080",
                        "another"));
  ExpectRefused("SERVICE demo/bad",
                {ServiceText(absl::StrCat(type, is_ipv4() ? "10.96.0.10'"
                                                          : "fd00:96::10'"),
                             "node_port: 30080"),
                 "service.ports[0].node_port", "is taken by demo/another:80"});
}

TEST_P(ServiceValidationTest, SourceRangesMustBePrefixes) {
  const std::string range = absl::StrCat(Malformed(), GetParam().prefix);
  ExpectRefused("SERVICE demo/bad",
                {ServiceText(absl::StrCat("cluster_ips: '", OtherVip(),
                                          "' load_balancer_source_ranges: '",
                                          range, "'")),
                 "service.load_balancer_source_ranges[0]", range});
}

}  // namespace
}  // namespace vswitch
