// ApiField(): each way in which YAML and API differ.

#include "controlplane/translate/api_field.h"

#include "gtest/gtest.h"

namespace vswitch {
namespace {

struct FieldCase {
  ObjectKind kind;
  const char* yaml;
  const char* api;
};

TEST(ApiFieldTest, GivesTheApisOwnPath) {
  constexpr auto kNp = ObjectKind::kNetworkPolicy;
  constexpr auto kCluster = ObjectKind::kClusterNetworkPolicy;
  constexpr auto kCilium = ObjectKind::kCiliumNetworkPolicy;
  constexpr auto kClusterwide = ObjectKind::kCiliumClusterwideNetworkPolicy;
  const FieldCase kCases[] = {
      {kNp, "spec.ingress[0].ports[1].endPort",
       "network_policy.ingress[0].ports[1].end_port"},
      {kNp, "spec.egress[2].to[1].ipBlock.except[3]",
       "network_policy.egress[2].peers[1].ip_block.except[3]"},
      {kNp, "spec.ingress[0].from[0]", "network_policy.ingress[0].peers[0]"},
      {kCluster, "spec.priority", "cluster_network_policy.priority"},
      {kCluster, "spec.egress[1].to[0]",
       "cluster_network_policy.egress[1].peers[0]"},
      {kCluster, "spec.egress[1].protocols[0].destinationNamedPort",
       "cluster_network_policy.egress[1].protocols[0].destination_named_port"},
      // The API has the protocol's name there.
      {kCluster, "spec.egress[1].protocols[0].destinationPort.range",
       "cluster_network_policy.egress[1].protocols[0]"},
      {kCilium, "spec", "cilium_network_policy.specs[0]"},
      {kCilium, "spec.ingressDeny[1].fromEndpoints[2]",
       "cilium_network_policy.specs[0].ingress_deny[1].endpoints.selectors[2]"},
      {kCilium, "specs[1].egress[0].toCIDRSet[2].except[0]",
       "cilium_network_policy.specs[1].egress[0].cidrs.blocks[2].except[0]"},
      {kCilium, "spec.egress[0].toServices[1]",
       "cilium_network_policy.specs[0].egress[0].services.services[1]"},
      {kCilium, "spec.egress[0].toPorts[1].endPort",
       "cilium_network_policy.specs[0].egress[0].ports[1].end_port"},
      {kClusterwide, "spec.nodeSelector",
       "cilium_clusterwide_network_policy.specs[0].node_selector"},
      {kClusterwide, "specs[2].ingress[0].fromNodes[0]",
       "cilium_clusterwide_network_policy.specs[2].ingress[0].nodes."
       "selectors[0]"},
      {ObjectKind::kService, "spec.clusterIPs", "service.cluster_ips"},
      {ObjectKind::kNode, "spec.podCIDRs", "node.pod_cidrs"},
      {ObjectKind::kNode, "status.addresses", "node.addresses"},
      {ObjectKind::kPod, "status.podIPs", "pod.pod_ips"},
      {ObjectKind::kPort, "spec.mtu", "port.mtu"},
      {ObjectKind::kPort, "spec.pod", "port.pod_name"},
      {ObjectKind::kSettings, "spec.gatewayIpv6", "settings.gateway_ipv6"},
      {ObjectKind::kSettings, "metadata.name", "metadata.name"},
      {kNp, "network_policy.ingress[0]", "network_policy.ingress[0]"},
      {kNp, "", ""},
      {kNp, "spec", "network_policy"},
      {kNp, "spec.nonsense[0].ports", "network_policy"},
  };
  for (const FieldCase& each : kCases) {
    EXPECT_EQ(ApiField(each.kind, each.yaml), each.api) << each.yaml;
  }
}

}  // namespace
}  // namespace vswitch
