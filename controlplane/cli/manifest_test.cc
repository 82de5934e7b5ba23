// Tests of ReadManifests() and of the way back: Kubernetes YAML in both
// families, what is accepted, and what each refusal names.

#include "controlplane/cli/manifest.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "controlplane/cli/kinds.h"
#include "controlplane/cli/manifest_writer.h"
#include "controlplane/translate/resources.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kPolicy[] = R"(
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: backend-from-frontend
  namespace: demo
spec:
  podSelector:
    matchLabels: {role: backend}
  policyTypes: [Ingress, Egress]
  ingress:
  - from:
    - podSelector:
        matchExpressions:
        - {key: role, operator: In, values: [frontend, probe]}
        - {key: old, operator: DoesNotExist}
      namespaceSelector: {}
    - ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}
    - ipBlock: {cidr: "fd00::/8"}
    ports:
    - {protocol: TCP, port: 80}
    - {protocol: UDP, port: 8000, endPort: 8010}
    - {protocol: TCP, port: http}
  - {}
  egress:
  - to:
    - podSelector: {}
)";

constexpr char kEverything[] = R"(
apiVersion: v1
kind: Namespace
metadata: {name: demo, labels: {team: a}, uid: abc, managedFields: [{x: 1}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: demo, labels: {role: backend}}
spec:
  nodeName: n1
  serviceAccountName: web
  containers:
  - name: web
    image: nginx:1.25
    env: [{name: A, value: "1"}]
    ports: [{name: http, containerPort: 8080, protocol: TCP},
            {containerPort: 53, hostPort: 53, hostIP: "::", protocol: UDP}]
  volumes: [{name: x, emptyDir: {}}]
status:
  phase: Running
  podIP: 10.0.0.5
  podIPs: [{ip: 10.0.0.5}, {ip: "fd00::5"}]
  conditions: [{type: Ready}]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: demo}
spec:
  clusterIP: 10.1.0.1
  clusterIPs: [10.1.0.1, "fd01::1"]
  ipFamilies: [IPv4, IPv6]
  sessionAffinity: ClientIP
  sessionAffinityConfig: {clientIP: {timeoutSeconds: 60}}
  selector: {role: backend}
  ports: [{name: http, port: 80, protocol: TCP, targetPort: http}]
  trafficDistribution: PreferClose
  healthCheckNodePort: 32000
  externalIPs: [198.51.100.1]
  loadBalancerSourceRanges: [10.0.0.0/8]
status: {loadBalancer: {ingress: [{ip: 203.0.113.80, ipMode: VIP},
                                  {ip: 203.0.113.81, ipMode: Proxy}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: web-1
  namespace: demo
  labels: {kubernetes.io/service-name: web}
addressType: IPv6
endpoints:
- addresses: ["fd00::5"]
  conditions: {ready: true, serving: true, terminating: false}
  targetRef: {kind: Pod, name: web, namespace: demo}
  zone: a
  hints: {forZones: [{name: a}, {name: b}], forNodes: [{name: n1}]}
ports: [{name: http, port: 8080, protocol: TCP}]
---
apiVersion: v1
kind: Node
metadata: {name: n1}
spec: {podCIDR: 10.0.0.0/24, podCIDRs: [10.0.0.0/24, "fd00::/64"]}
status: {addresses: [{type: InternalIP, address: 192.0.2.1},
                     {type: Hostname, address: n1}]}
---
apiVersion: vswitch.dev/v1
kind: Port
metadata: {name: demo/web}
spec: {kind: Pod, driver: TAP, pod: demo/web, netns: /run/netns/web,
       interface: eth0, mac: "02:00:00:00:00:05", mtu: 1450}
---
apiVersion: vswitch.dev/v1
kind: Settings
metadata: {name: default}
spec: {gatewayMAC: "02:00:00:00:00:01", timeoutProfile: RFC,
       timeouts: {tcpEstablishedSeconds: 8000, icmpSeconds: 90},
       connectionLimits: {podConnections: 5000, podNatPorts: 0},
       tcpNeedsSyn: true, icmpErrorsPerSecond: 0,
       sourceNAT: {disabled: true, firstPort: 20000,
                   tcpEndpointIndependent: true}}
)";

v1::Resource ReadOne(const std::string& text) {
  ManifestReader reader("default");
  reader.Read("a.yaml", text);
  EXPECT_TRUE(reader.status().ok()) << reader.status();
  if (reader.manifests().size() != 1) {
    ADD_FAILURE() << reader.manifests().size() << " resources";
    return {};
  }
  return reader.manifests()[0].resource;
}

TEST(ManifestTest, ReadsANetworkPolicyWhole) {
  v1::Resource want;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
      R"pb(
        metadata { name: "backend-from-frontend" namespace: "demo" }
        network_policy {
          pod_selector { match_labels { key: "role" value: "backend" } }
          policy_types: [ POLICY_TYPE_INGRESS, POLICY_TYPE_EGRESS ]
          ingress {
            peers {
              pod_selector {
                match_expressions {
                  key: "role"
                  operator: SELECTOR_OPERATOR_IN
                  values: [ "frontend", "probe" ]
                }
                match_expressions {
                  key: "old"
                  operator: SELECTOR_OPERATOR_DOES_NOT_EXIST
                }
              }
              namespace_selector {}
            }
            peers { ip_block { cidr: "10.0.0.0/8" except: "10.1.0.0/16" } }
            peers { ip_block { cidr: "fd00::/8" } }
            ports { protocol: PROTOCOL_TCP port: 80 }
            ports { protocol: PROTOCOL_UDP port: 8000 end_port: 8010 }
            ports { protocol: PROTOCOL_TCP port_name: "http" }
          }
          ingress {}
          egress { peers { pod_selector {} } }
        }
      )pb",
      &want));
  const v1::Resource got = ReadOne(kPolicy);
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(got, want))
      << got.DebugString();
}

TEST(ManifestTest, APolicyWithoutAPodSelectorIsAboutEveryPod) {
  for (const char* spec :
       {"{policyTypes: [Ingress]}", "{podSelector: , policyTypes: [Ingress]}",
        "{podSelector: {}, policyTypes: [Ingress]}"}) {
    const v1::Resource got = ReadOne(
        absl::StrCat("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
                     "metadata: {name: p, namespace: demo}\nspec: ",
                     spec, "\n"));
    const absl::StatusOr<Object> object = ToModel(got);
    ASSERT_TRUE(object.ok()) << object.status();
    const auto& policy = std::get<NetworkPolicy>(object->spec);
    EXPECT_EQ(policy.pod_selector, LabelSelector{}) << spec;
    EXPECT_TRUE(policy.isolates_ingress) << spec;
  }
}

TEST(ManifestTest, ReadsEveryKindAndSkipsWhatASwitchDoesNotNeed) {
  ManifestReader reader("default");
  reader.Read("all.yaml", kEverything);
  ASSERT_TRUE(reader.status().ok()) << reader.status();
  ASSERT_THAT(reader.manifests(), SizeIs(7));
  const v1::Pod& pod = reader.manifests()[1].resource.pod();
  EXPECT_THAT(pod.pod_ips(), ElementsAre("10.0.0.5", "fd00::5"));
  EXPECT_EQ(pod.container_ports(0).name(), "http");
  EXPECT_EQ(pod.container_ports(0).container_port(), 8080u);
  EXPECT_EQ(pod.container_ports(1).host_port(), 53u);
  EXPECT_EQ(pod.container_ports(1).host_ip(), "::");
  const v1::Service& service = reader.manifests()[2].resource.service();
  EXPECT_THAT(service.cluster_ips(), ElementsAre("10.1.0.1", "fd01::1"));
  EXPECT_EQ(service.session_affinity_timeout_seconds(), 60u);
  EXPECT_EQ(service.traffic_distribution(),
            v1::TRAFFIC_DISTRIBUTION_PREFER_CLOSE);
  EXPECT_EQ(service.health_check_node_port(), 32000u);
  EXPECT_THAT(service.external_ips(), ElementsAre("198.51.100.1"));
  EXPECT_THAT(service.load_balancer_ips(), ElementsAre("203.0.113.80"));
  EXPECT_THAT(service.load_balancer_source_ranges(), ElementsAre("10.0.0.0/8"));
  const v1::EndpointSlice& slice =
      reader.manifests()[3].resource.endpoint_slice();
  EXPECT_EQ(slice.address_type(), v1::ADDRESS_TYPE_IPV6);
  EXPECT_EQ(slice.endpoints(0).target_pod(), "web");
  EXPECT_EQ(slice.endpoints(0).zone(), "a");
  EXPECT_THAT(slice.endpoints(0).hint_zones(), ElementsAre("a", "b"));
  EXPECT_THAT(slice.endpoints(0).hint_nodes(), ElementsAre("n1"));
  const v1::Node& node = reader.manifests()[4].resource.node();
  EXPECT_THAT(node.pod_cidrs(), ElementsAre("10.0.0.0/24", "fd00::/64"));
  EXPECT_THAT(node.addresses(), ElementsAre("192.0.2.1"));
  const v1::Port& port = reader.manifests()[5].resource.port();
  EXPECT_EQ(port.pod_namespace(), "demo");
  EXPECT_EQ(port.pod_name(), "web");
  const v1::Settings& settings = reader.manifests()[6].resource.settings();
  EXPECT_EQ(settings.timeout_profile(), v1::TIMEOUT_PROFILE_RFC);
  EXPECT_EQ(settings.timeouts().tcp_established_seconds(), 8000u);
  EXPECT_EQ(settings.timeouts().icmp_seconds(), 90u);
  EXPECT_EQ(settings.connection_limits().pod_connections(), 5000u);
  EXPECT_TRUE(settings.connection_limits().has_pod_nat_ports());
  EXPECT_FALSE(settings.connection_limits().has_half_open());
  EXPECT_TRUE(settings.tcp_needs_syn());
  EXPECT_TRUE(settings.source_nat().disabled());
  EXPECT_EQ(settings.source_nat().first_port(), 20000u);
  EXPECT_TRUE(settings.source_nat().tcp_endpoint_independent());
  EXPECT_TRUE(settings.has_icmp_errors_per_second());
}

TEST(ManifestTest, WhatIsPrintedCanBeReadAgain) {
  ManifestReader first("default");
  first.Read("all.yaml", absl::StrCat(kEverything, "---", kPolicy));
  ASSERT_TRUE(first.status().ok()) << first.status();
  for (const Manifest& manifest : first.manifests()) {
    for (const std::string& text :
         {ToYamlText(ToManifest(manifest.resource)),
          ToJsonText(ToManifest(manifest.resource))}) {
      const v1::Resource again = ReadOne(text);
      EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(
          manifest.resource, again))
          << text;
    }
  }
}

TEST(ManifestTest, NamespaceComesFromTheCallerWhenMissing) {
  ManifestReader reader("other");
  reader.Read("a.yaml", "{apiVersion: v1, kind: Pod, metadata: {name: x}}");
  ASSERT_THAT(reader.manifests(), SizeIs(1));
  EXPECT_EQ(reader.manifests()[0].resource.metadata().namespace_(), "other");
}

TEST(ManifestTest, ListsAreTakenApart) {
  ManifestReader reader("default");
  reader.Read("a.yaml", R"(
apiVersion: v1
kind: List
metadata: {resourceVersion: ""}
items:
- {apiVersion: v1, kind: Pod, metadata: {name: x}}
- {apiVersion: v1, kind: Pod, metadata: {name: y}}
)");
  EXPECT_TRUE(reader.status().ok()) << reader.status();
  EXPECT_THAT(reader.manifests(), SizeIs(2));
}

TEST(ManifestTest, AllFaultsAreReportedAtOnce) {
  ManifestReader reader("default");
  reader.Read("a.yaml", R"(apiVersion: v1
kind: Pod
metadata: {name: x, labels: {role: 1}}
spec: {hostNetwork: "yes", colour: red}
)");
  EXPECT_THAT(
      std::string(reader.status().message()),
      testing::AllOf(HasSubstr("a.yaml:3:36: Pod: "
                               "metadata.labels.role: must be a string"),
                     HasSubstr("spec.hostNetwork: must be true or"),
                     HasSubstr("spec.colour: unknown field")));
}

TEST(ManifestTest, FindsAResourceByItsKey) {
  ManifestReader reader("default");
  reader.Read("all.yaml", kEverything);
  v1::ResourceKey key;
  key.set_kind(v1::RESOURCE_KIND_POD);
  key.set_namespace_("demo");
  key.set_name("web");
  const Manifest* found = reader.Find(key);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->Place(), "all.yaml:6");
}

struct RefusedCase {
  const char* name;
  std::string text;
  const char* message;
};

std::string Policy(const std::string& spec) {
  return "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
         "metadata: {name: p, namespace: demo}\nspec:\n" +
         spec;
}

std::string PodText(const std::string& rest) {
  return "apiVersion: v1\nkind: Pod\n" + rest;
}

class ManifestRefusalTest : public ::testing::TestWithParam<RefusedCase> {};

TEST_P(ManifestRefusalTest, NamesFileLineObjectAndField) {
  ManifestReader reader("default");
  reader.Read("bad.yaml", GetParam().text);
  EXPECT_THAT(std::string(reader.status().message()),
              HasSubstr(GetParam().message));
  EXPECT_THAT(reader.manifests(), SizeIs(0));
}

INSTANTIATE_TEST_SUITE_P(
    AllCases, ManifestRefusalTest,
    ::testing::Values(
        RefusedCase{"UnknownKind",
                    "apiVersion: apps/v1\nkind: Deployment\n"
                    "metadata: {name: x}\n",
                    "bad.yaml:2:7: kind: unknown kind Deployment; vswitch "
                    "takes Namespace (v1), Pod"},
        RefusedCase{"WrongApiVersion",
                    "apiVersion: extensions/v1beta1\nkind: NetworkPolicy\n"
                    "metadata: {name: x}\n",
                    "want networking.k8s.io/v1"},
        RefusedCase{"NoKind", "metadata: {name: x}\n", "kind: is missing"},
        RefusedCase{"NotAMapping", "- 1\n- 2\n", "must be a mapping"},
        RefusedCase{"NoName", PodText("metadata: {}\n"),
                    "metadata.name: is missing"},
        RefusedCase{"UnknownTopField",
                    PodText("metadata: {name: x}\nspek: {}\n"),
                    "bad.yaml:4:1: Pod default/x: spek: unknown field; did you "
                    "mean spec?"},
        RefusedCase{"UnknownField", Policy("  podSelector: {}\n  ingres: []\n"),
                    "bad.yaml:6:3: NetworkPolicy demo/p: spec.ingres: unknown "
                    "field; did you mean ingress?"},
        RefusedCase{"UnknownOperator",
                    Policy("  podSelector:\n    matchExpressions:\n"
                           "    - {key: a, operator: Within, values: [b]}\n"),
                    "bad.yaml:7:26: NetworkPolicy demo/p: "
                    "spec.podSelector.matchExpressions[0].operator: \"Within\" "
                    "is unknown; want In, NotIn, Exists or DoesNotExist"},
        RefusedCase{"InWithoutValues",
                    Policy("  podSelector:\n    matchExpressions:\n"
                           "    - {key: a, operator: In}\n"),
                    "values: must hold at least one value"},
        RefusedCase{"ExistsWithValues",
                    Policy("  podSelector:\n    matchExpressions:\n"
                           "    - {key: a, operator: Exists, values: [b]}\n"),
                    "values: must be empty"},
        RefusedCase{"EmptyPeer",
                    Policy("  podSelector: {}\n  ingress: [{from: [{}]}]\n"),
                    "spec.ingress[0].from[0]: must have podSelector"},
        RefusedCase{
            "BlockAndSelector",
            Policy("  podSelector: {}\n  ingress: [{from: [{podSelector:"
                   " {}, ipBlock: {cidr: 10.0.0.0/8}}]}]\n"),
            "ipBlock: must stand alone"},
        RefusedCase{"QuotedPort",
                    Policy("  podSelector: {}\n"
                           "  ingress: [{ports: [{port: \"80\"}]}]\n"),
                    "ports[0].port: must be a whole number"},
        RefusedCase{"PortTooBig",
                    Policy("  podSelector: {}\n"
                           "  ingress: [{ports: [{port: 65536}]}]\n"),
                    "ports[0].port: must be a whole number"},
        RefusedCase{"EndPortWithoutPort",
                    Policy("  podSelector: {}\n"
                           "  ingress: [{ports: [{endPort: 80}]}]\n"),
                    "endPort: needs a port by number"},
        RefusedCase{"EndPortBelowPort",
                    Policy("  podSelector: {}\n"
                           "  ingress: [{ports: [{port: 90, endPort: 80}]}]\n"),
                    "endPort: must not be less"},
        RefusedCase{"UnknownPolicyType",
                    Policy("  podSelector: {}\n  policyTypes: [Inbound]\n"),
                    "policyTypes[0]: \"Inbound\" is unknown"},
        RefusedCase{"UnknownProtocol",
                    Policy("  podSelector: {}\n"
                           "  ingress: [{ports: [{protocol: ICMP}]}]\n"),
                    "\"ICMP\" is unknown; want TCP, UDP or SCTP"},
        RefusedCase{"IngressIsNotAList",
                    Policy("  podSelector: {}\n  ingress: {from: []}\n"),
                    "spec.ingress: must be a list, not a mapping"},
        RefusedCase{"PodIpIsNotTheFirst",
                    PodText("metadata: {name: x}\nstatus: {podIP: 10.0.0.2, "
                            "podIPs: [{ip: 10.0.0.1}]}\n"),
                    "status.podIP: must be the first of podIPs"},
        RefusedCase{"NamespaceOfANode",
                    "{apiVersion: v1, kind: Node, metadata: {name: x, "
                    "namespace: y}}",
                    "a Node is not in a namespace"},
        RefusedCase{"LoadBalancerRanges",
                    "{apiVersion: v1, kind: Service, metadata: {name: x}, "
                    "spec: {loadBalancerSourceRanges: 10.0.0.0/8}}",
                    "spec.loadBalancerSourceRanges: must be a list"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(ManifestTest, TheSameResourceTwiceIsRefused) {
  ManifestReader reader("default");
  reader.Read("a.yaml", PodText("metadata: {name: x}\n"));
  reader.Read("b.yaml", PodText("metadata: {name: x}\n"));
  EXPECT_THAT(std::string(reader.status().message()),
              HasSubstr("b.yaml:1:1: Pod default/x: was already given at "
                        "a.yaml:1"));
}

}  // namespace
}  // namespace vswitch
