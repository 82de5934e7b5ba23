// What ToModel() accepts, refuses by field, and defaults of the policy kinds
// beside NetworkPolicy, and of every policy's annotations; both families.

#include <string>
#include <vector>

#include "controlplane/model/policy_annotations.h"
#include "controlplane/translate/errors.h"
#include "controlplane/translate/resources.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

using ::testing::Contains;
using ::testing::SizeIs;

v1::Resource Parse(const std::string& text) {
  v1::Resource resource;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &resource))
      << text;
  return resource;
}

std::string Repeat(const std::string& text, int count) {
  std::string result;
  for (int i = 0; i < count; ++i) result += text;
  return result;
}

// A ClusterNetworkPolicy about every pod, with `body`.
std::string Cluster(const std::string& body) {
  return "metadata { name: 'p' } cluster_network_policy { "
         "tier: CLUSTER_POLICY_TIER_ADMIN subject { namespaces {} } " +
         body + "}";
}
// One with an egress rule that denies, with `body`.
std::string ClusterEgress(const std::string& body) {
  return Cluster("egress { action: CLUSTER_POLICY_ACTION_DENY " + body + "}");
}
std::string Cilium(const std::string& body) {
  return "metadata { name: 'p' namespace: 'demo' } cilium_network_policy { "
         "specs { endpoint_selector {} " +
         body + "} }";
}
std::string Clusterwide(const std::string& body) {
  return "metadata { name: 'p' } cilium_clusterwide_network_policy { "
         "specs { " +
         body + "} }";
}

template <typename Policy>
Policy Read(const std::string& text) {
  absl::StatusOr<Object> object = ToModel(Parse(text));
  EXPECT_TRUE(object.ok()) << object.status() << " of " << text;
  return object.ok() ? std::get<Policy>(object->spec) : Policy{};
}

struct BadCase {
  const char* name;
  std::string text;
  std::string field;
};
void PrintTo(const BadCase& bad, std::ostream* out) { *out << bad.name; }

class BadPolicyTest : public testing::TestWithParam<BadCase> {};

TEST_P(BadPolicyTest, NamesTheFieldAtFault) {
  absl::StatusOr<Object> object = ToModel(Parse(GetParam().text));
  std::vector<std::string> fields;
  for (const Fault& fault : FaultsOf(object.status())) {
    fields.push_back(fault.field);
  }
  EXPECT_THAT(fields, Contains(GetParam().field));
}

constexpr char kEgress[] = "cluster_network_policy.egress[0].";

const BadCase kClusterCases[] = {
    {"namespace",
     "metadata { name: 'p' namespace: 'x' } cluster_network_policy {}",
     "metadata.namespace"},
    {"tier",
     "metadata { name: 'p' } cluster_network_policy { subject { pods {} } }",
     "cluster_network_policy.tier"},
    {"unknown_tier",
     "metadata { name: 'p' } cluster_network_policy { tier: 7 subject { pods "
     "{} } }",
     "cluster_network_policy.tier"},
    {"priority", Cluster("priority: 1001"), "cluster_network_policy.priority"},
    {"subject",
     "metadata { name: 'p' } cluster_network_policy { tier: "
     "CLUSTER_POLICY_TIER_BASELINE }",
     "cluster_network_policy.subject"},
    {"rules",
     Cluster(Repeat("ingress { action: CLUSTER_POLICY_ACTION_PASS "
                    "peers {} } ",
                    26)),
     "cluster_network_policy.ingress"},
    {"action", Cluster("egress { peers {} }"), std::string(kEgress) + "action"},
    {"name", ClusterEgress("peers {} name: '" + std::string(101, 'a') + "'"),
     std::string(kEgress) + "name"},
    {"no_peers", ClusterEgress(""), std::string(kEgress) + "peers"},
    {"two_kinds_of_peer", ClusterEgress("peers { nodes {} namespaces {} }"),
     std::string(kEgress) + "peers[0]"},
    {"networks", ClusterEgress("peers { networks: '10.0.0.1/8' }"),
     std::string(kEgress) + "peers[0].networks[0]"},
    {"too_many_networks",
     ClusterEgress("peers { " + Repeat("networks: 'fd00::/8' ", 26) + "}"),
     std::string(kEgress) + "peers[0].networks"},
    {"networks_of_ingress",
     Cluster("ingress { action: CLUSTER_POLICY_ACTION_DENY peers { networks: "
             "'::/0' } }"),
     "cluster_network_policy.ingress[0].peers[0].networks"},
    {"nodes_of_ingress",
     Cluster("ingress { action: CLUSTER_POLICY_ACTION_DENY peers { nodes {} "
             "} }"),
     "cluster_network_policy.ingress[0].peers[0].nodes"},
    {"protocol", ClusterEgress("peers {} protocols {}"),
     std::string(kEgress) + "protocols[0]"},
    {"number", ClusterEgress("peers {} protocols { tcp { number: 0 } }"),
     std::string(kEgress) + "protocols[0].tcp.number"},
    {"range",
     ClusterEgress("peers {} protocols { sctp { range { start: 9 end: 9 } } }"),
     std::string(kEgress) + "protocols[0].sctp.range.end"},
    {"name_and_networks",
     ClusterEgress("peers { networks: '::/0' } protocols { "
                   "destination_named_port: 'web' }"),
     std::string(kEgress) + "protocols[0].destination_named_port"},
    {"name_and_nodes",
     ClusterEgress("peers { nodes {} } protocols { destination_named_port: "
                   "'web' }"),
     std::string(kEgress) + "protocols[0].destination_named_port"},
};
INSTANTIATE_TEST_SUITE_P(Cluster, BadPolicyTest,
                         testing::ValuesIn(kClusterCases),
                         [](const auto& info) { return info.param.name; });

const BadCase kCiliumCases[] = {
    {"no_specs", "metadata { name: 'p' } cilium_network_policy {}",
     "cilium_network_policy.specs"},
    {"no_selector", Clusterwide("ingress {}"),
     "cilium_clusterwide_network_policy.specs[0].endpoint_selector"},
    {"both_selectors", Clusterwide("endpoint_selector {} node_selector {}"),
     "cilium_clusterwide_network_policy.specs[0].endpoint_selector"},
    {"node_selector", Cilium("node_selector {}"),
     "cilium_network_policy.specs[0].node_selector"},
    {"source",
     Cilium("ingress { endpoints { selectors { match_labels { key: 'x:role' "
            "value: 'a' } } } }"),
     "cilium_network_policy.specs[0].ingress[0].endpoints.selectors[0]"
     ".match_labels"},
    {"reserved",
     Cilium("ingress { endpoints { selectors { match_expressions { key: "
            "'reserved:moon' operator: SELECTOR_OPERATOR_EXISTS } } } }"),
     "cilium_network_policy.specs[0].ingress[0].endpoints.selectors[0]"
     ".match_expressions[0].key"},
    {"two_kinds_of_peer", Cilium("egress { endpoints {} entities {} }"),
     "cilium_network_policy.specs[0].egress[0]"},
    {"entity",
     Cilium("egress_deny { entities { entities: CILIUM_ENTITY_UNSPECIFIED } }"),
     "cilium_network_policy.specs[0].egress_deny[0].entities.entities[0]"},
    {"unknown_entity", Cilium("egress { entities { entities: 99 } }"),
     "cilium_network_policy.specs[0].egress[0].entities.entities[0]"},
    {"except",
     Cilium("ingress { cidrs { blocks { cidr: 'fd00::/8' except: '::/0' } } }"),
     "cilium_network_policy.specs[0].ingress[0].cidrs.blocks[0].except[0]"},
    {"services_of_ingress", Cilium("ingress { services {} }"),
     "cilium_network_policy.specs[0].ingress[0].services"},
    {"service", Cilium("egress { services { services {} } }"),
     "cilium_network_policy.specs[0].egress[0].services.services[0]"},
    {"service_without_namespace",
     Clusterwide("endpoint_selector {} egress { services { services { "
                 "service_name: 'a' } } }"),
     "cilium_clusterwide_network_policy.specs[0].egress[0].services"
     ".services[0].namespace"},
    {"no_port", Cilium("ingress { ports {} }"),
     "cilium_network_policy.specs[0].ingress[0].ports[0].port"},
    {"port", Cilium("ingress { ports { port: 65536 } }"),
     "cilium_network_policy.specs[0].ingress[0].ports[0].port"},
    {"end_port", Cilium("ingress { ports { port: 9 end_port: 8 } }"),
     "cilium_network_policy.specs[0].ingress[0].ports[0].end_port"},
    {"end_of_every_port", Cilium("ingress { ports { port: 0 end_port: 8 } }"),
     "cilium_network_policy.specs[0].ingress[0].ports[0].end_port"},
    {"port_of_icmp",
     Cilium("ingress { ports { port: 8 protocol: CILIUM_PROTOCOL_ICMP } }"),
     "cilium_network_policy.specs[0].ingress[0].ports[0].port"},
    {"icmp_type", Cilium("ingress { icmps { type: 256 } }"),
     "cilium_network_policy.specs[0].ingress[0].icmps[0].type"},
    {"icmps_and_ports", Cilium("ingress { icmps {} ports { port: 1 } }"),
     "cilium_network_policy.specs[0].ingress[0].icmps"},
};
INSTANTIATE_TEST_SUITE_P(Cilium, BadPolicyTest, testing::ValuesIn(kCiliumCases),
                         [](const auto& info) { return info.param.name; });

TEST(PolicyResourcesTest, WrongAnnotationsOfEveryKindAreNamed) {
  for (const char* spec :
       {"network_policy {}",
        "cluster_network_policy { tier: CLUSTER_POLICY_TIER_ADMIN subject { "
        "pods {} } }",
        "cilium_network_policy { specs { endpoint_selector {} } }",
        "cilium_clusterwide_network_policy { specs { node_selector {} } }"}) {
    absl::Status status =
        ToModel(Parse("metadata { name: 'p' annotations { key: "
                      "'vswitch.dev/mode' value: 'observe' } annotations { "
                      "key: 'vswitch.dev/x' } annotations { key: 'b.c/d' } } " +
                      std::string(spec)))
            .status();
    std::vector<Fault> faults = FaultsOf(status);
    ASSERT_THAT(faults, SizeIs(2)) << spec;
    EXPECT_EQ(faults[0].field, "metadata.annotations[vswitch.dev/mode]");
    EXPECT_EQ(faults[0].message,
              "\"observe\" is unknown; want enforce, shadow");
    EXPECT_EQ(faults[1].field, "metadata.annotations[vswitch.dev/x]");
  }
  // What is no policy reads none of them.
  EXPECT_TRUE(ToModel(Parse("metadata { name: 'p' annotations { key: "
                            "'vswitch.dev/mode' value: 'x' } } pod {}"))
                  .ok());
}

TEST(PolicyResourcesTest, AnAnnotationArrives) {
  absl::StatusOr<Object> object = ToModel(
      Parse("metadata { name: 'p' annotations { key: "
            "'vswitch.dev/mode' value: 'shadow' } } network_policy {}"));
  ASSERT_TRUE(object.ok()) << object.status();
  EXPECT_EQ(AttributesOf(object->metadata).mode, PolicyMode::kShadow);
}

TEST(PolicyResourcesTest, APeerWithoutAnyFieldIsUnknown) {
  auto policy = Read<ClusterNetworkPolicy>(
      ClusterEgress("peers {} peers { nodes {} } peers { namespaces {} } "
                    "peers { networks: 'fd00::/8' }"));
  ASSERT_THAT(policy.egress[0].peers, SizeIs(4));
  EXPECT_TRUE(policy.egress[0].peers[0].IsUnknown());
  for (size_t i = 1; i < 4; ++i) {
    EXPECT_FALSE(policy.egress[0].peers[i].IsUnknown()) << i;
  }
  EXPECT_TRUE(policy.egress[0].peers[2].pods->all_pods);
}

TEST(PolicyResourcesTest, PortsOfAClusterPolicyAreRanges) {
  auto policy = Read<ClusterNetworkPolicy>(ClusterEgress(
      "peers {} protocols { udp {} } protocols { tcp { number: 80 } } "
      "protocols { sctp { range { start: 5 end: 9 } } } "
      "protocols { destination_named_port: 'web' }"));
  const std::vector<ClusterPolicyProtocol>& all = policy.egress[0].protocols;
  ASSERT_THAT(all, SizeIs(4));
  EXPECT_EQ(all[0].protocol, IpProtocol::kUdp);
  EXPECT_EQ(all[0].first, 0);
  EXPECT_EQ(all[0].last, 65535);
  EXPECT_EQ(all[1].first, 80);
  EXPECT_EQ(all[1].last, 80);
  EXPECT_EQ(all[2].first, 5);
  EXPECT_EQ(all[2].last, 9);
  EXPECT_EQ(all[3].protocol, std::nullopt);
  EXPECT_EQ(all[3].port_name, "web");
}

TEST(PolicyResourcesTest, EmptyPeersOfCiliumAreKeptApartFromMissingOnes) {
  auto policy = Read<CiliumNetworkPolicy>(
      Cilium("egress {} egress { endpoints {} } egress { entities {} } "
             "egress { cidrs {} } egress { nodes {} } egress { services {} }"));
  const std::vector<CiliumRule>& rules = policy.specs[0].egress;
  EXPECT_FALSE(rules[0].endpoints.has_value());
  EXPECT_TRUE(rules[1].endpoints.has_value());
  EXPECT_TRUE(rules[2].entities.has_value());
  EXPECT_TRUE(rules[3].cidrs.has_value());
  EXPECT_TRUE(rules[4].nodes.has_value());
  EXPECT_TRUE(rules[5].services.has_value());
}

TEST(PolicyResourcesTest, PortsAddressesAndTypesOfCiliumHaveItsDefaults) {
  auto policy = Read<CiliumNetworkPolicy>(
      Cilium("enable_default_deny { egress: false } "
             "ingress { cidrs { blocks { cidr: '192.0.2.1' } "
             "blocks { cidr: '2001:db8::1' } } ports { port: 0 } "
             "ports { port_name: 'web' end_port: 90 } } "
             "ingress { icmps { type: 8 } "
             "icmps { family: ADDRESS_TYPE_IPV6 type: 128 } }"));
  const CiliumPolicySpec& spec = policy.specs[0];
  EXPECT_EQ(spec.default_deny_ingress, std::nullopt);
  EXPECT_EQ(spec.default_deny_egress, false);
  EXPECT_EQ((*spec.ingress[0].cidrs)[0].cidr.ToString(), "192.0.2.1/32");
  EXPECT_EQ((*spec.ingress[0].cidrs)[1].cidr.ToString(), "2001:db8::1/128");
  EXPECT_EQ(spec.ingress[0].ports[0].protocol, std::nullopt);
  EXPECT_EQ(spec.ingress[0].ports[0].first, 0);
  EXPECT_EQ(spec.ingress[0].ports[0].last, 65535);
  EXPECT_EQ(spec.ingress[0].ports[1].port_name, "web");
  EXPECT_EQ(spec.ingress[1].icmps[0].family, IpFamily::kIpv4);
  EXPECT_EQ(spec.ingress[1].icmps[1].family, IpFamily::kIpv6);
}

// Translating a second time changes nothing: the model holds every field.
TEST(PolicyResourcesTest, TheWayBackKeepsEverything) {
  const std::string resources[] = {
      Cluster("priority: 1000 ingress { name: 'r' action: "
              "CLUSTER_POLICY_ACTION_PASS peers {} peers { pods { "
              "pod_selector { match_labels { key: 'a' value: 'b' } } } } "
              "protocols { tcp {} } protocols { udp { number: 1 } } protocols "
              "{ sctp { range { start: 1 end: 65535 } } } protocols { "
              "destination_named_port: 'x' } }"),
      ClusterEgress("peers { networks: '10.0.0.0/8' } peers { nodes {} }"),
      Cilium("enable_default_deny { ingress: true } ingress { endpoints { "
             "selectors { match_labels { key: 'k8s:a' value: 'b' } } selectors "
             "{ match_labels { key: 'reserved:host' value: '' } } } ports { "
             "port: 80 end_port: 90 protocol: CILIUM_PROTOCOL_TCP } ports { "
             "port_name: 'x' } ports { port: 0 protocol: "
             "CILIUM_PROTOCOL_ICMPV6 } } ingress_deny { entities { entities: "
             "CILIUM_ENTITY_ALL entities: CILIUM_ENTITY_NONE } icmps {} } "
             "egress { services { services { service_name: 'a' namespace: 'b' "
             "} services { selector {} } } } egress_deny { cidrs { blocks { "
             "cidr: 'fd00::/8' except: 'fd00::/16' } } } egress { nodes { "
             "selectors {} } } egress { endpoints {} } egress {}"),
      Clusterwide("node_selector {} egress { entities {} }"),
      "metadata { name: 'a' uid: 'abc' } pod {}",
  };
  for (const std::string& text : resources) {
    absl::StatusOr<Object> object = ToModel(Parse(text));
    ASSERT_TRUE(object.ok()) << object.status() << " of " << text;
    v1::Resource once = ToProto(*object);
    absl::StatusOr<Object> again = ToModel(once);
    ASSERT_TRUE(again.ok()) << again.status() << " of " << text;
    EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(
        once, ToProto(*again)));
    // Nor has the first translation lost anything of what was asked for.
    std::string lost;
    google::protobuf::util::MessageDifferencer differencer;
    differencer.set_scope(google::protobuf::util::MessageDifferencer::PARTIAL);
    differencer.ReportDifferencesToString(&lost);
    EXPECT_TRUE(differencer.Compare(Parse(text), once)) << lost;
  }
}

}  // namespace
}  // namespace vswitch
