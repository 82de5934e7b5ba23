// Tests of the YAML of ClusterNetworkPolicy and of the Cilium kinds: what is
// read, what is refused by which words, and that all of it prints and
// translates again.

#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "controlplane/cli/manifest.h"
#include "controlplane/cli/manifest_writer.h"
#include "controlplane/translate/resources.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

std::string ReadFile(const std::string& name) {
  std::ifstream file(name);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string CorpusFile(const std::string& name) {
  return ReadFile("controlplane/cli/testdata/manifest_corpus/" + name);
}

// The resources of `text`, which must be without a fault.
std::vector<v1::Resource> ReadAll(const std::string& text) {
  ManifestReader reader("default");
  reader.Read("a.yaml", text);
  EXPECT_TRUE(reader.status().ok()) << reader.status() << "\n" << text;
  std::vector<v1::Resource> resources;
  for (const Manifest& manifest : reader.manifests()) {
    resources.push_back(manifest.resource);
  }
  return resources;
}

std::string Faults(const std::string& text) {
  ManifestReader reader("default");
  reader.Read("a.yaml", text);
  return std::string(reader.status().message());
}

void ExpectProto(const v1::Resource& got, const std::string& text) {
  v1::Resource want;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &want));
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(got, want))
      << got.DebugString();
}

// A CiliumNetworkPolicy whose spec has `body` beside an endpointSelector.
std::string Cilium(const std::string& body) {
  return absl::StrCat(
      "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\n"
      "metadata: {name: p, namespace: demo}\nspec:\n"
      "  endpointSelector: {}\n",
      body, "\n");
}

// A ClusterNetworkPolicy with one egress rule, whose peer is `peer`.
std::string Cluster(const std::string& peer,
                    const std::string& rest = "action: Accept") {
  return absl::StrCat(
      "apiVersion: policy.networking.k8s.io/v1alpha2\n"
      "kind: ClusterNetworkPolicy\nmetadata: {name: p}\nspec:\n"
      "  tier: Admin\n  priority: 0\n  subject: {namespaces: {}}\n"
      "  egress:\n  - {",
      rest, ", to: [", peer, "]}\n");
}

TEST(PolicyManifestTest, ReadsAClusterNetworkPolicyWhole) {
  std::vector<v1::Resource> all = ReadAll(CorpusFile("cluster_policies.yaml"));
  ASSERT_THAT(all, SizeIs(2));
  ExpectProto(all[0], R"pb(
    metadata {
      name: "admin"
      annotations { key: "vswitch.dev/mode" value: "shadow" }
      annotations { key: "vswitch.dev/established" value: "reset" }
    }
    cluster_network_policy {
      tier: CLUSTER_POLICY_TIER_ADMIN
      priority: 10
      subject {
        namespaces {
          match_expressions {
            key: "team"
            operator: SELECTOR_OPERATOR_NOT_IN
            values: "infra"
          }
        }
      }
      ingress {
        name: "monitoring"
        action: CLUSTER_POLICY_ACTION_PASS
        peers {
          namespaces {
            match_labels {
              key: "kubernetes.io/metadata.name"
              value: "monitoring"
            }
          }
        }
        peers {
          pods {
            namespace_selector {}
            pod_selector { match_labels { key: "app" value: "probe" } }
          }
        }
        protocols { tcp { number: 8080 } }
        protocols { udp { range { start: 5000 end: 6000 } } }
        protocols { sctp {} }
        protocols { destination_named_port: "metrics" }
      }
      ingress {
        name: "of a later version"
        action: CLUSTER_POLICY_ACTION_DENY
        peers {}
      }
      egress {
        action: CLUSTER_POLICY_ACTION_ACCEPT
        peers { networks: [ "10.0.0.0/8", "fd00::/8" ] }
        peers {
          nodes {
            match_labels {
              key: "node-role.kubernetes.io/control-plane"
              value: ""
            }
          }
        }
        protocols { tcp { number: 6443 } }
      }
    }
  )pb");
}

TEST(PolicyManifestTest, ReadsACiliumNetworkPolicyWhole) {
  std::vector<v1::Resource> all = ReadAll(CorpusFile("cilium_policies.yaml"));
  ASSERT_THAT(all, SizeIs(2));
  ExpectProto(all[0], R"pb(
    metadata { name: "backend" namespace: "demo" }
    cilium_network_policy {
      specs {
        endpoint_selector { match_labels { key: "role" value: "backend" } }
        enable_default_deny { ingress: true egress: false }
        ingress {
          endpoints {
            selectors { match_labels { key: "role" value: "frontend" } }
            selectors {
              match_labels {
                key: "k8s:io.kubernetes.pod.namespace"
                value: "other"
              }
            }
          }
          ports { port: 80 protocol: CILIUM_PROTOCOL_TCP }
          ports { port: 8000 end_port: 8010 protocol: CILIUM_PROTOCOL_ANY }
          ports { port_name: "metrics" }
        }
        ingress {
          cidrs {
            blocks { cidr: "10.0.0.0/8" except: "10.1.0.0/16" }
            blocks { cidr: "fd00::/8" }
          }
        }
        ingress { endpoints {} }
        ingress {}
        ingress_deny {
          entities {
            entities: [ CILIUM_ENTITY_WORLD, CILIUM_ENTITY_REMOTE_NODE ]
          }
        }
        egress {
          services {
            services { service_name: "db" namespace: "data" }
            services { selector { match_labels { key: "app" value: "cache" } } }
          }
        }
        egress {
          cidrs {
            blocks { cidr: "192.0.2.1" }
            blocks { cidr: "2001:db8::/32" }
          }
          icmps { family: ADDRESS_TYPE_IPV4 type: 8 }
          icmps { family: ADDRESS_TYPE_IPV6 type: 128 }
        }
        egress { ports { port: 0 protocol: CILIUM_PROTOCOL_SCTP } }
        egress_deny {
          nodes {
            selectors {
              match_expressions {
                key: "pool"
                operator: SELECTOR_OPERATOR_EXISTS
              }
            }
          }
        }
      }
    }
  )pb");
  EXPECT_THAT(all[1].cilium_clusterwide_network_policy().specs(), SizeIs(2));
  EXPECT_TRUE(
      all[1].cilium_clusterwide_network_policy().specs(0).has_node_selector());
}

TEST(PolicyManifestTest, WhatIsPrintedCanBeReadAgainAndIsAccepted) {
  for (const char* file : {"cluster_policies.yaml", "cilium_policies.yaml"}) {
    for (const v1::Resource& resource : ReadAll(CorpusFile(file))) {
      EXPECT_TRUE(ToModel(resource).ok()) << ToModel(resource).status();
      for (const std::string& text : {ToYamlText(ToManifest(resource)),
                                      ToJsonText(ToManifest(resource))}) {
        std::vector<v1::Resource> again = ReadAll(text);
        ASSERT_THAT(again, SizeIs(1));
        EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(
            resource, again[0]))
            << text;
      }
    }
  }
}

TEST(PolicyManifestTest, TheShortFormOfTheTalkWorksWithColons) {
  std::vector<v1::Resource> all = ReadAll(
      "{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: "
      "p, namespace: demo}, spec: {endpointSelector: {matchLabels: {role: "
      "backend}}, ingress: [{fromEndpoints: [{matchLabels: {role: "
      "frontend}}]}]}}");
  ASSERT_THAT(all, SizeIs(1));
  const v1::CiliumPolicySpec& spec = all[0].cilium_network_policy().specs(0);
  EXPECT_EQ(spec.endpoint_selector().match_labels().at("role"), "backend");
  EXPECT_EQ(spec.ingress(0).endpoints().selectors(0).match_labels().at("role"),
            "frontend");
}

TEST(PolicyManifestTest, AnEmptyListOfPeersIsNotAMissingOne) {
  const v1::CiliumPolicySpec spec =
      ReadAll(Cilium("  ingress:\n  - {fromEndpoints: []}\n"
                     "  - {fromEndpoints: null}\n  - {fromCIDR: []}\n"))[0]
          .cilium_network_policy()
          .specs(0);
  EXPECT_TRUE(spec.ingress(0).has_endpoints());
  EXPECT_FALSE(spec.ingress(1).has_endpoints());
  EXPECT_TRUE(spec.ingress(2).has_cidrs());
}

TEST(PolicyManifestTest, APeerOfAnUnknownKindIsKeptWithAWarning) {
  for (const char* peer : {"{}", "{galaxies: {}}", "{pods: null}"}) {
    ManifestReader reader("default");
    reader.Read("a.yaml", Cluster(peer));
    ASSERT_TRUE(reader.status().ok()) << reader.status();
    const v1::ClusterNetworkPolicy policy =
        reader.manifests()[0].resource.cluster_network_policy();
    EXPECT_EQ(policy.egress(0).peers(0).ByteSizeLong(), 0u);
    ASSERT_THAT(reader.warnings(), SizeIs(1));
    EXPECT_THAT(reader.warnings()[0],
                HasSubstr("a.yaml:9:27: ClusterNetworkPolicy p: "
                          "spec.egress[0].to[0]: has no kind of peer"));
  }
}

TEST(PolicyManifestTest, EndPortBesideANameIsIgnoredWithAWarning) {
  ManifestReader reader("default");
  reader.Read("a.yaml", Cilium("  ingress: [{toPorts: [{ports: [{port: web, "
                               "endPort: 90}]}]}]"));
  EXPECT_TRUE(reader.status().ok()) << reader.status();
  ASSERT_THAT(reader.warnings(), SizeIs(1));
  EXPECT_THAT(reader.warnings()[0], HasSubstr("endPort: has no effect"));
}

TEST(PolicyManifestTest, IcmpTypesHaveNamesPerFamily) {
  const v1::CiliumRule rule = ReadAll(Cilium(
      "  ingress: [{icmps: [{fields: ["
      "{type: EchoReply}, {family: IPv6, type: EchoReply}, "
      "{type: \"3\"}, {family: IPv6, type: PacketTooBig}]}]}]"))[0]
                                  .cilium_network_policy()
                                  .specs(0)
                                  .ingress(0);
  std::vector<uint32_t> types;
  for (const auto& icmp : rule.icmps()) types.push_back(icmp.type());
  EXPECT_THAT(types, testing::ElementsAre(0, 129, 3, 2));
}

struct RefusedCase {
  const char* name;
  std::string text;
  const char* message;
};
void PrintTo(const RefusedCase& refused, std::ostream* out) {
  *out << refused.name;
}

class PolicyRefusalTest : public ::testing::TestWithParam<RefusedCase> {};

TEST_P(PolicyRefusalTest, NamesPlaceObjectAndField) {
  EXPECT_THAT(Faults(GetParam().text), HasSubstr(GetParam().message));
}

const RefusedCase kClusterCases[] = {
    {"UnknownTier",
     "apiVersion: policy.networking.k8s.io/v1alpha2\n"
     "kind: ClusterNetworkPolicy\nmetadata: {name: p}\n"
     "spec: {tier: Default, priority: 0, subject: {namespaces: {}}}\n",
     "a.yaml:4:14: ClusterNetworkPolicy p: spec.tier: \"Default\" is unknown; "
     "want Admin or Baseline"},
    {"AlphaVersion",
     "apiVersion: policy.networking.k8s.io/v1alpha1\n"
     "kind: ClusterNetworkPolicy\nmetadata: {name: p}\n",
     "want policy.networking.k8s.io/v1alpha2"},
    {"NoTier",
     "apiVersion: policy.networking.k8s.io/v1alpha2\n"
     "kind: ClusterNetworkPolicy\nmetadata: {name: p}\n"
     "spec: {priority: 0, subject: {namespaces: {}}}\n",
     "spec.tier: is missing"},
    {"Priority",
     "apiVersion: policy.networking.k8s.io/v1alpha2\n"
     "kind: ClusterNetworkPolicy\nmetadata: {name: p}\n"
     "spec: {tier: Admin, priority: 1001, subject: {namespaces: {}}}\n",
     "spec.priority: must be a whole number from 0 to 1000"},
    {"Subject",
     "apiVersion: policy.networking.k8s.io/v1alpha2\n"
     "kind: ClusterNetworkPolicy\nmetadata: {name: p}\n"
     "spec: {tier: Admin, priority: 1, subject: {}}\n",
     "spec.subject: must have one of namespaces and pods"},
    {"UnknownAction", Cluster("{namespaces: {}}", "action: Allow"),
     "a.yaml:9:14: ClusterNetworkPolicy p: spec.egress[0].action: \"Allow\" is "
     "unknown; want Accept, Deny or Pass"},
    {"NoPeer", Cluster(""), "egress[0].to: must hold at least one peer"},
    {"TwoKinds", Cluster("{namespaces: {}, nodes: {}}"),
     "to[0]: must have one kind of peer"},
    {"KnownAndUnknown", Cluster("{namespaces: {}, galaxies: {}}"),
     "to[0].galaxies: unknown field"},
    {"DomainNames", Cluster("{domainNames: [example.com]}"),
     "to[0].domainNames: is not supported: the switch does not follow DNS"},
    {"NetworksOfIngress",
     "apiVersion: policy.networking.k8s.io/v1alpha2\n"
     "kind: ClusterNetworkPolicy\nmetadata: {name: p}\n"
     "spec: {tier: Admin, priority: 1, subject: {namespaces: {}}, ingress: "
     "[{action: Deny, from: [{networks: [10.0.0.0/8]}]}]}\n",
     "from[0].networks: is only for egress rules"},
    {"NoProtocol", Cluster("{nodes: {}}", "action: Deny, protocols: [{}]"),
     "protocols[0]: must have one of tcp, udp, sctp"},
    {"NumberAndRange",
     Cluster("{nodes: {}}",
             "action: Deny, protocols: [{tcp: {destinationPort: {number: 1, "
             "range: {start: 1, end: 2}}}}]"),
     "tcp.destinationPort: must have one of number and range"},
    {"RangeBackwards",
     Cluster("{nodes: {}}",
             "action: Deny, protocols: [{udp: {destinationPort: "
             "{range: {start: 2, end: 2}}}}]"),
     "range.end: must be greater than start"},
    {"PodsWithoutPodSelector", Cluster("{pods: {namespaceSelector: {}}}"),
     "to[0].pods.podSelector: is missing"},
};
INSTANTIATE_TEST_SUITE_P(Cluster, PolicyRefusalTest,
                         ::testing::ValuesIn(kClusterCases),
                         [](const auto& info) { return info.param.name; });

const RefusedCase kCiliumCases[] = {
    {"EqualsSign",
     "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\n"
     "metadata: {name: p, namespace: demo}\n"
     "spec: {endpointSelector: {matchLabels: {role=backend}}}\n",
     "a.yaml:4:41: CiliumNetworkPolicy demo/p: "
     "spec.endpointSelector.matchLabels: \"role=backend\" is no label in YAML; "
     "write role: backend"},
    {"EqualsSignAlone",
     Cilium("  ingress: [{fromEndpoints: [{matchLabels: "
            "\"role=frontend,tier=1\"}]}]"),
     "fromEndpoints[0].matchLabels: \"role=frontend,tier=1\" is no label in "
     "YAML; write role: frontend, tier: \"1\""},
    {"EqualsSignWithoutMatchLabels",
     Cilium("  ingress: [{fromEndpoints: [{role=frontend}]}]"),
     "fromEndpoints[0]: \"role=frontend\" is no label in YAML; write "
     "matchLabels: {role: frontend}"},
    {"NoSelector",
     "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\n"
     "metadata: {name: p, namespace: demo}\nspec: {ingress: [{}]}\n",
     "spec.endpointSelector: is missing; {} selects every pod"},
    {"NodeSelector", Cilium("  nodeSelector: {}"),
     "spec.nodeSelector: is only for a CiliumClusterwideNetworkPolicy"},
    {"NoSpec",
     "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\n"
     "metadata: {name: p, namespace: demo}\n",
     "spec: is missing, and so is specs"},
    {"TwoKindsOfPeer",
     Cilium("  ingress: [{fromEntities: [all], fromEndpoints: []}]"),
     "fromEntities: cannot stand beside fromEndpoints; write a rule for each"},
    {"UnknownEntity", Cilium("  egress: [{toEntities: [internet]}]"),
     "toEntities[0]: \"internet\" is unknown; want all, world,"},
    {"WrongDirection", Cilium("  ingress: [{toEndpoints: [{}]}]"),
     "ingress[0].toEndpoints: unknown field"},
    {"NumberAsPort", Cilium("  ingress: [{toPorts: [{ports: [{port: 80}]}]}]"),
     "ports[0].port: must be a string; put it in quotes: \"80\""},
    {"PortTooBig",
     Cilium("  ingress: [{toPorts: [{ports: [{port: \"65536\"}]}]}]"),
     "ports[0].port: must be a number from 0 to 65535 in quotes"},
    {"NoPorts", Cilium("  ingress: [{toPorts: [{}]}]"),
     "toPorts[0].ports: must hold at least one port"},
    {"UnknownProtocol",
     Cilium("  ingress: [{toPorts: [{ports: [{port: \"0\", protocol: "
            "VRRP}]}]}]"),
     "ports[0].protocol: \"VRRP\" is unknown; want ANY, TCP, UDP, SCTP, ICMP "
     "or ICMPv6"},
    {"EndPortBelowPort",
     Cilium("  ingress: [{toPorts: [{ports: [{port: \"90\", endPort: 80}]}]}]"),
     "endPort: must not be less than port"},
    {"IcmpTypeOfTheOtherFamily",
     Cilium("  ingress: [{icmps: [{fields: [{type: PacketTooBig}]}]}]"),
     "fields[0].type: must be a number from 0 to 255 or a name: EchoReply, "},
    {"IcmpsAndPorts",
     Cilium("  ingress: [{icmps: [{fields: [{type: 8}]}], toPorts: [{ports: "
            "[{port: \"80\"}]}]}]"),
     "icmps: cannot stand beside toPorts"},
    {"BothServices",
     Cilium("  egress: [{toServices: [{k8sService: {serviceName: a}, "
            "k8sServiceSelector: {selector: {}}}]}]"),
     "toServices[0]: must have one of k8sService and k8sServiceSelector"},
};
INSTANTIATE_TEST_SUITE_P(Cilium, PolicyRefusalTest,
                         ::testing::ValuesIn(kCiliumCases),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace vswitch
