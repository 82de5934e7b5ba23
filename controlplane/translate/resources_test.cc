// What ToModel() accepts, refuses by field, and defaults; both families.

#include "controlplane/translate/resources.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controlplane/translate/errors.h"
#include "dataplane/conntrack/timeouts.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

v1::Resource Parse(const std::string& text) {
  v1::Resource resource;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &resource))
      << text;
  return resource;
}

// The fields at fault in `text`.
std::vector<std::string> FaultyFields(const std::string& text) {
  absl::StatusOr<Object> object = ToModel(Parse(text));
  std::vector<std::string> fields;
  if (object.ok()) return fields;
  EXPECT_EQ(object.status().code(), absl::StatusCode::kInvalidArgument);
  for (const Fault& fault : FaultsOf(object.status())) {
    fields.push_back(fault.field);
  }
  return fields;
}

constexpr char kPolicyHead[] =
    "metadata { name: 'p' namespace: 'demo' } network_policy { ";

std::string Policy(const std::string& body) { return kPolicyHead + body + "}"; }

struct BadCase {
  const char* name;
  std::string text;
  std::string field;
};
void PrintTo(const BadCase& bad, std::ostream* out) { *out << bad.name; }

class BadResourceTest : public testing::TestWithParam<BadCase> {};

TEST_P(BadResourceTest, NamesTheFieldAtFault) {
  EXPECT_THAT(FaultyFields(GetParam().text), Contains(GetParam().field));
}

const BadCase kBadCases[] = {
    {"no_spec", "metadata { name: 'a' }", "spec"},
    {"no_name", "namespace {}", "metadata.name"},
    {"upper_case_name", "metadata { name: 'Web' } pod {}", "metadata.name"},
    {"namespace_of_node", "metadata { name: 'n' namespace: 'x' } node {}",
     "metadata.namespace"},
    {"label_key",
     "metadata { name: 'a' labels { key: '-' value: 'x' } } pod {}",
     "metadata.labels"},
    {"label_value",
     "metadata { name: 'a' labels { key: 'a' value: 'x y' } } pod {}",
     "metadata.labels"},
    {"pod_ip", "metadata { name: 'a' } pod { pod_ips: '10.0.0' }",
     "pod.pod_ips[0]"},
    {"two_ipv4",
     "metadata { name: 'a' } pod { pod_ips: ['10.0.0.1', '10.0.0.2'] }",
     "pod.pod_ips[1]"},
    {"two_ipv6",
     "metadata { name: 'a' } pod { pod_ips: ['fd00::1', 'fd00::2'] }",
     "pod.pod_ips[1]"},
    {"container_port",
     "metadata { name: 'a' } pod { container_ports { container_port: 0 } }",
     "pod.container_ports[0].container_port"},
    {"service_port", "metadata { name: 'a' } service { ports { port: 65536 } }",
     "service.ports[0].port"},
    {"unnamed_ports",
     "metadata { name: 'a' } service { ports { port: 1 } ports { port: 2 } }",
     "service.ports[0].name"},
    {"address_type", "metadata { name: 'a' } endpoint_slice {}",
     "endpoint_slice.address_type"},
    {"slice_family",
     "metadata { name: 'a' } endpoint_slice { address_type: ADDRESS_TYPE_IPV6 "
     "endpoints { addresses: '10.0.0.1' } }",
     "endpoint_slice.endpoints[0].addresses[0]"},
    {"selector_operator",
     Policy("pod_selector { match_expressions { key: 'a' } }"),
     "network_policy.pod_selector.match_expressions[0].operator"},
    {"unknown_operator",
     Policy("pod_selector { match_expressions { key: 'a' operator: 77 } }"),
     "network_policy.pod_selector.match_expressions[0].operator"},
    {"in_without_values",
     Policy("pod_selector { match_expressions { key: 'a' "
            "operator: SELECTOR_OPERATOR_IN } }"),
     "network_policy.pod_selector.match_expressions[0].values"},
    {"exists_with_values",
     Policy("pod_selector { match_expressions { key: 'a' values: 'b' "
            "operator: SELECTOR_OPERATOR_EXISTS } }"),
     "network_policy.pod_selector.match_expressions[0].values"},
    {"empty_peer", Policy("ingress { peers {} }"),
     "network_policy.ingress[0].peers[0]"},
    {"block_and_selector",
     Policy("egress { peers { pod_selector {} ip_block { cidr: '::/0' } } }"),
     "network_policy.egress[0].peers[0].ip_block"},
    {"cidr_host_bits",
     Policy("ingress { peers { ip_block { cidr: '10.0.0.1/8' } } }"),
     "network_policy.ingress[0].peers[0].ip_block.cidr"},
    {"except_outside",
     Policy("ingress { peers { ip_block { cidr: '10.0.0.0/8' "
            "except: '11.0.0.0/16' } } }"),
     "network_policy.ingress[0].peers[0].ip_block.except[0]"},
    {"except_other_family",
     Policy("ingress { peers { ip_block { cidr: '::/0' "
            "except: '11.0.0.0/16' } } }"),
     "network_policy.ingress[0].peers[0].ip_block.except[0]"},
    {"except_equal",
     Policy("ingress { peers { ip_block { cidr: 'fd00::/16' "
            "except: 'fd00::/16' } } }"),
     "network_policy.ingress[0].peers[0].ip_block.except[0]"},
    {"policy_port", Policy("ingress { ports { port: 0 } }"),
     "network_policy.ingress[0].ports[0].port"},
    {"end_port_alone", Policy("ingress { ports { end_port: 9 } }"),
     "network_policy.ingress[0].ports[0].end_port"},
    {"end_port_less", Policy("ingress { ports { port: 10 end_port: 9 } }"),
     "network_policy.ingress[0].ports[0].end_port"},
    {"end_port_of_name",
     Policy("ingress { ports { port_name: 'web' end_port: 9 } }"),
     "network_policy.ingress[0].ports[0].end_port"},
    {"policy_type", Policy("policy_types: POLICY_TYPE_UNSPECIFIED"),
     "network_policy.policy_types[0]"},
    {"node_cidr", "metadata { name: 'n' } node { pod_cidrs: 'x' }",
     "node.pod_cidrs[0]"},
    {"port_without_netns", "metadata { name: 'demo/a' } port {}", "port.netns"},
    {"relative_netns", "metadata { name: 'demo/a' } port { netns: 'a' }",
     "port.netns"},
    {"long_interface",
     "metadata { name: 'a' } port { netns: '/n' "
     "interface_name: 'sixteen-letters-' }",
     "port.interface_name"},
    {"device_of_tap",
     "metadata { name: 'a' } port { netns: '/n' device: 'net_null0' }",
     "port.device"},
    {"dpdk_without_device",
     "metadata { name: 'a' } port { driver: PORT_DRIVER_DPDK }", "port.device"},
    {"group_mac",
     "metadata { name: 'a' } port { netns: '/n' mac: '01:00:00:00:00:01' }",
     "port.mac"},
    {"mtu", "metadata { name: 'a' } port { netns: '/n' mtu: 100 }", "port.mtu"},
    {"long_port_name",
     "metadata { name: '" + std::string(64, 'a') + "' } port { netns: '/n' }",
     "metadata.name"},
    {"settings_name", "metadata { name: 'mine' } settings {}", "metadata.name"},
    {"gateway_family",
     "metadata { name: 'default' } settings { gateway_ipv4: 'fd00::1' }",
     "settings.gateway_ipv4"},
    {"ignored_everything",
     "metadata { name: 'default' } settings { ignored_pod_labels: 'a' "
     "ignored_pod_labels: '*' }",
     "settings.ignored_pod_labels[1]"},
    {"service_address",
     "metadata { name: 'a' } service { cluster_ips: '127.0.0.1' }",
     "service.cluster_ips[0]"},
    {"external_address",
     "metadata { name: 'a' } service { external_ips: '192.0.2.1' "
     "external_ips: 'fe80::1' }",
     "service.external_ips[1]"},
    {"load_balancer_address",
     "metadata { name: 'a' } service { load_balancer_ips: '0.0.0.0' }",
     "service.load_balancer_ips[0]"},
    {"source_range",
     "metadata { name: 'a' } service { load_balancer_source_ranges: "
     "'10.0.0.0/33' }",
     "service.load_balancer_source_ranges[0]"},
    {"node_port",
     "metadata { name: 'a' } service { ports { port: 80 "
     "node_port: 65536 } }",
     "service.ports[0].node_port"},
    {"affinity_timeout",
     "metadata { name: 'a' } service { "
     "session_affinity_timeout_seconds: 86401 }",
     "service.session_affinity_timeout_seconds"},
    {"health_check_port",
     "metadata { name: 'a' } service { "
     "health_check_node_port: 65536 }",
     "service.health_check_node_port"},
    {"host_port",
     "metadata { name: 'a' } pod { container_ports { "
     "container_port: 80 host_port: 65536 } }",
     "pod.container_ports[0].host_port"},
    {"host_ip",
     "metadata { name: 'a' } pod { container_ports { "
     "container_port: 80 host_port: 80 host_ip: '::1' } }",
     "pod.container_ports[0].host_ip"},
    {"link_local_backend",
     "metadata { name: 'a' } endpoint_slice { address_type: ADDRESS_TYPE_IPV6 "
     "endpoints { addresses: 'fd00::1' } endpoints { addresses: 'fe80::1' } }",
     "endpoint_slice.endpoints[1].addresses[0]"},
    {"empty_hint",
     "metadata { name: 'a' } endpoint_slice { address_type: ADDRESS_TYPE_IPV4 "
     "endpoints { addresses: '10.0.0.1' hint_zones: 'a' hint_zones: '' } }",
     "endpoint_slice.endpoints[0].hint_zones[1]"},
    {"nine_hints",
     "metadata { name: 'a' } endpoint_slice { address_type: ADDRESS_TYPE_IPV4 "
     "endpoints { addresses: '10.0.0.1' hint_nodes: ['a', 'b', 'c', 'd', 'e', "
     "'f', 'g', 'h', 'i'] } }",
     "endpoint_slice.endpoints[0].hint_nodes"},
    {"loopback_backend",
     "metadata { name: 'a' } endpoint_slice { address_type: ADDRESS_TYPE_IPV4 "
     "endpoints { addresses: '127.0.0.1' } }",
     "endpoint_slice.endpoints[0].addresses[0]"},
    {"nat_address",
     "metadata { name: 'default' } settings { source_nat { addresses: "
     "'192.0.2.1' addresses: '127.0.0.1' } }",
     "settings.source_nat.addresses[1]"},
    {"nat_ports",
     "metadata { name: 'default' } settings { source_nat { first_port: 30000 "
     "last_port: 20000 } }",
     "settings.source_nat.last_port"},
    {"nat_port",
     "metadata { name: 'default' } settings { source_nat { first_port: 65536 "
     "} }",
     "settings.source_nat.first_port"},
    {"nat_excluded",
     "metadata { name: 'default' } settings { source_nat { excluded_cidrs: "
     "'10.0.0.1/8' } }",
     "settings.source_nat.excluded_cidrs[0]"},
    {"ignored_no_key",
     "metadata { name: 'default' } settings { ignored_pod_labels: 'a*b' }",
     "settings.ignored_pod_labels[0]"},
};

INSTANTIATE_TEST_SUITE_P(All, BadResourceTest, testing::ValuesIn(kBadCases),
                         [](const auto& info) { return info.param.name; });

TEST(ResourcesTest, ReportsEveryFaultWithObjectAndText) {
  absl::StatusOr<Object> object = ToModel(Parse(Policy(
      "ingress { ports { port: 0 } peers { ip_block { cidr: 'x' } } }")));
  EXPECT_THAT(FaultyFields(Policy(
                  "ingress { ports { port: 0 } peers { ip_block { cidr: 'x' } "
                  "} }")),
              ElementsAre("network_policy.ingress[0].peers[0].ip_block.cidr",
                          "network_policy.ingress[0].ports[0].port"));
  EXPECT_THAT(std::string(object.status().message()),
              HasSubstr("NetworkPolicy demo/p: "
                        "network_policy.ingress[0].ports[0].port: 0 is not a "
                        "port number, 1 to 65535"));
  EXPECT_EQ(FaultsOf(object.status())[0].object->ToString(),
            "NetworkPolicy demo/p");
}

TEST(ResourcesTest, UnknownFieldsAreRefusedAtAnyDepth) {
  v1::Resource resource =
      Parse(Policy("ingress { peers { pod_selector {} } }"));
  v1::NetworkPolicyPeer* peer =
      resource.mutable_network_policy()->mutable_ingress(0)->mutable_peers(0);
  peer->GetReflection()->MutableUnknownFields(peer)->AddVarint(99, 1);
  absl::StatusOr<Object> object = ToModel(resource);
  ASSERT_FALSE(object.ok());
  EXPECT_THAT(FaultsOf(object.status())[0].field,
              HasSubstr("network_policy.ingress[0].peers[0].field 99"));
}

TEST(ResourcesTest, PolicyTypesDefaultAsInKubernetes) {
  auto isolates = [](const std::string& body) {
    NetworkPolicy policy =
        std::get<NetworkPolicy>(ToModel(Parse(Policy(body))).value().spec);
    return std::pair(policy.isolates_ingress, policy.isolates_egress);
  };
  EXPECT_EQ(isolates(""), std::pair(true, false));
  EXPECT_EQ(isolates("egress {}"), std::pair(true, true));
  EXPECT_EQ(isolates("policy_types: POLICY_TYPE_EGRESS"),
            std::pair(false, true));
  EXPECT_EQ(isolates("policy_types: POLICY_TYPE_INGRESS egress {}"),
            std::pair(true, false));
}

TEST(ResourcesTest, EndpointConditionsDefaultToReady) {
  auto endpoint = [](const std::string& conditions) {
    return std::get<EndpointSlice>(
               ToModel(Parse("metadata { name: 'a' } endpoint_slice { "
                             "address_type: ADDRESS_TYPE_IPV4 endpoints { "
                             "addresses: '10.0.0.1' " +
                             conditions + "} }"))
                   .value()
                   .spec)
        .endpoints[0];
  };
  EXPECT_TRUE(endpoint("").ready);
  EXPECT_TRUE(endpoint("").serving);
  EXPECT_FALSE(endpoint("ready: false").serving);
  EXPECT_TRUE(endpoint("ready: false serving: true").serving);
}

TEST(ResourcesTest, NamespaceDefaultsToDefault) {
  EXPECT_EQ(ToModel(Parse("metadata { name: 'a' } pod {}"))->metadata.ns,
            "default");
}

TEST(ResourcesTest, AnInterfaceInAPodIsEth0UnlessNamed) {
  auto interface_of = [](const std::string& fields) {
    return std::get<Port>(
               ToModel(Parse("metadata { name: 'a' } port { " + fields + " }"))
                   .value()
                   .spec)
        .interface_name;
  };
  EXPECT_EQ(interface_of("netns: '/run/netns/a'"), "eth0");
  EXPECT_EQ(interface_of("netns: '/run/netns/a' interface_name: 'net1'"),
            "net1");
  EXPECT_EQ(interface_of("kind: PORT_KIND_HOST interface_name: 'vswitch0'"),
            "vswitch0");
  EXPECT_EQ(interface_of("kind: PORT_KIND_UPLINK driver: PORT_DRIVER_DPDK "
                         "device: 'net_null0'"),
            "");
}

// Whatever was accepted comes back as an equal object.
TEST(ResourcesTest, SurvivesARoundTrip) {
  const std::string resources[] = {
      "metadata { name: 'demo' labels { key: 'a/b' value: 'c' } } "
      "namespace {}",
      "metadata { name: 'a' annotations { key: 'x' value: 'any text' } } "
      "pod { pod_ips: ['10.0.0.1', 'fd00::1'] container_ports { name: 'web' "
      "container_port: 80 host_port: 8080 host_ip: '::' } "
      "phase: POD_PHASE_FAILED node_name: 'n1' }",
      "metadata { name: 'a' } service { cluster_ips: ['10.96.0.1', 'fd01::1'] "
      "ports { name: 'x' port: 80 protocol: PROTOCOL_UDP node_port: 30000 } "
      "selector { key: 'a' value: 'b' } type: SERVICE_TYPE_NODE_PORT "
      "session_affinity: SESSION_AFFINITY_CLIENT_IP "
      "session_affinity_timeout_seconds: 86400 "
      "traffic_distribution: TRAFFIC_DISTRIBUTION_PREFER_CLOSE "
      "health_check_node_port: 32000 }",
      "metadata { name: 'a' } endpoint_slice { address_type: ADDRESS_TYPE_IPV6 "
      "endpoints { addresses: 'fd00::9' ready: false target_pod: 'x' "
      "zone: 'a' hint_zones: ['a', 'b'] hint_nodes: 'n1' } "
      "ports { port: 8080 } }",
      Policy("pod_selector { match_labels { key: 'a' value: 'b' } "
             "match_expressions { key: 'a' values: 'c' values: 'd' "
             "operator: SELECTOR_OPERATOR_NOT_IN } } "
             "ingress { peers { namespace_selector {} pod_selector {} } "
             "peers { ip_block { cidr: 'fd00::/16' except: 'fd00::/64' } } "
             "ports { port: 80 end_port: 90 } ports { port_name: 'web' } }"),
      "metadata { name: 'n1' } node { pod_cidrs: '10.244.0.0/24' "
      "pod_cidrs: 'fd00::/64' addresses: '192.0.2.1' }",
      "metadata { name: 'demo/a' } port { netns: '/run/netns/a' "
      "mac: '02:00:00:00:00:01' mtu: 9000 addresses: '10.0.0.1' }",
      "metadata { name: 'up' } port { kind: PORT_KIND_UPLINK "
      "driver: PORT_DRIVER_DPDK device: 'net_null0' routes: '::/0' }",
      "metadata { name: 'default' } settings { gateway_ipv6: 'fd00::1' "
      "icmp_errors_per_second: 0 timeout_profile: TIMEOUT_PROFILE_RFC "
      "timeouts { tcp_established_seconds: 7440 udp_seconds: 120 } "
      "connection_limits { half_open: 9 pod_nat_ports: 0 } "
      "tcp_needs_syn: true ignored_pod_labels: 'example.com/*' source_nat { "
      "disabled: true addresses: '192.0.2.1' addresses: '2001:db8::1' "
      "first_port: 20000 last_port: 20999 excluded_cidrs: '10.0.0.0/8' "
      "tcp_endpoint_independent: true } }",
  };
  for (const std::string& text : resources) {
    absl::StatusOr<Object> object = ToModel(Parse(text));
    ASSERT_TRUE(object.ok()) << object.status() << " of " << text;
    v1::Resource once = ToProto(*object);
    absl::StatusOr<Object> again = ToModel(once);
    ASSERT_TRUE(again.ok()) << again.status() << " of " << text;
    EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(
        once, ToProto(*again)))
        << once.DebugString();
  }
}

// Conformance U-05, T-13.
TEST(ResourcesTest, RfcProfileRefusesWhatTheRfcsForbid) {
  const auto settings = [](const std::string& fields) {
    return ToModel(
        Parse("metadata { name: 'default' } settings { " + fields + " }"));
  };
  for (const TimeoutField& field : kTimeoutFields) {
    if (field.least_s == 0) continue;
    const std::string timer =
        absl::StrCat("timeouts { ", field.name, "_seconds: ");
    EXPECT_TRUE(settings(absl::StrCat(timer, field.least_s, " }")).ok());
    const std::string less = absl::StrCat(timer, field.least_s - 1, " }");
    const absl::Status refused = settings(less).status();
    EXPECT_THAT(refused.message(),
                AllOf(HasSubstr(absl::StrCat("settings.timeouts.", field.name,
                                             "_seconds")),
                      HasSubstr("RFC "), HasSubstr("at least")));
    EXPECT_TRUE(
        settings(less + " timeout_profile: TIMEOUT_PROFILE_LINUX").ok());
  }
  EXPECT_FALSE(settings("timeouts { tcp_closed_seconds: 2000000000 }").ok());
}

// Conformance C-04, C-05: a limit that is not set is not one of 0.
TEST(ResourcesTest, LimitsAreDefaultsNumbersOrNone) {
  const auto settings = [](const std::string& fields) {
    return ToModel(
        Parse("metadata { name: 'default' } settings { "
              "connection_limits { " +
              fields + " } }"));
  };
  const absl::StatusOr<Object> object =
      settings("half_open: 0 pod_connections: 5 pod_half_open: 7");
  ASSERT_TRUE(object.ok()) << object.status();
  const ConnectionLimits& limits =
      std::get<SwitchSettings>(object->spec).limits;
  EXPECT_EQ(limits.half_open, kNoLimit);
  EXPECT_EQ(limits.pod_connections, 5u);
  EXPECT_EQ(limits.pod_half_open, 7u);
  EXPECT_EQ(limits.pod_nat_ports, 0u);
  EXPECT_THAT(settings("pod_nat_ports: 2000000000").status().message(),
              AllOf(HasSubstr("settings.connection_limits.pod_nat_ports"),
                    HasSubstr("at most")));
}

TEST(ErrorsTest, GrpcStatusCarriesDetails) {
  ObjectKey key{ObjectKind::kPod, "demo", "a"};
  grpc::Status status = ToGrpc(FaultStatus(absl::StatusCode::kAlreadyExists,
                                           Fault{key, "pod", "twice"}));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(status.error_message(), "Pod demo/a: pod: twice");
  EXPECT_THAT(status.error_details(), HasSubstr("vswitch.v1.ErrorDetail"));
  EXPECT_TRUE(ToGrpc(absl::OkStatus()).ok());
}

// The compiler's errors are plain texts of one form.
TEST(ErrorsTest, ReadsObjectAndFieldFromAPlainText) {
  Fault fault = FaultsOf(absl::InvalidArgumentError(
      "Pod demo/web status.podIPs: 10.0.0.1 belongs to Pod demo/db"))[0];
  ASSERT_TRUE(fault.object.has_value());
  EXPECT_EQ(fault.object->ToString(), "Pod demo/web");
  EXPECT_EQ(fault.field, "pod.pod_ips");
  EXPECT_EQ(fault.message, "10.0.0.1 belongs to Pod demo/db");
  Fault port = FaultsOf(absl::InvalidArgumentError("Port demo/web: no"))[0];
  EXPECT_EQ(port.object->ToString(), "Port demo/web");
  EXPECT_FALSE(FaultsOf(absl::InternalError("a: b"))[0].object.has_value());
}

}  // namespace
}  // namespace vswitch
