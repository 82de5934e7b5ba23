// controlplane/cli/spellings.h
//
// How Kubernetes spells the values of the API's enums; used in both
// directions.
//
//   reader.Enum("protocol", kProtocolSpellings)
//   Spell(kProtocolSpellings, port.protocol())  // "TCP"
//
// Immutable: any thread.

#ifndef VSWITCH_CONTROLPLANE_CLI_SPELLINGS_H_
#define VSWITCH_CONTROLPLANE_CLI_SPELLINGS_H_

#include <string>

#include "absl/types/span.h"
#include "controlplane/cli/mapping_reader.h"
#include "proto/vswitch/v1/resource.pb.h"

namespace vswitch {

inline constexpr Spelling kProtocolSpellings[] = {
    {"TCP", v1::PROTOCOL_TCP},
    {"UDP", v1::PROTOCOL_UDP},
    {"SCTP", v1::PROTOCOL_SCTP},
};
inline constexpr Spelling kPodPhaseSpellings[] = {
    {"Pending", v1::POD_PHASE_PENDING},     {"Running", v1::POD_PHASE_RUNNING},
    {"Succeeded", v1::POD_PHASE_SUCCEEDED}, {"Failed", v1::POD_PHASE_FAILED},
    {"Unknown", v1::POD_PHASE_UNKNOWN},
};
inline constexpr Spelling kServiceTypeSpellings[] = {
    {"ClusterIP", v1::SERVICE_TYPE_CLUSTER_IP},
    {"NodePort", v1::SERVICE_TYPE_NODE_PORT},
    {"LoadBalancer", v1::SERVICE_TYPE_LOAD_BALANCER},
    {"ExternalName", v1::SERVICE_TYPE_EXTERNAL_NAME},
};
inline constexpr Spelling kSessionAffinitySpellings[] = {
    {"None", v1::SESSION_AFFINITY_NONE},
    {"ClientIP", v1::SESSION_AFFINITY_CLIENT_IP},
};
inline constexpr Spelling kTrafficPolicySpellings[] = {
    {"Cluster", v1::TRAFFIC_POLICY_CLUSTER},
    {"Local", v1::TRAFFIC_POLICY_LOCAL},
};
inline constexpr Spelling kTrafficDistributionSpellings[] = {
    {"PreferClose", v1::TRAFFIC_DISTRIBUTION_PREFER_CLOSE},
    {"PreferSameZone", v1::TRAFFIC_DISTRIBUTION_PREFER_SAME_ZONE},
    {"PreferSameNode", v1::TRAFFIC_DISTRIBUTION_PREFER_SAME_NODE},
};
inline constexpr Spelling kAddressTypeSpellings[] = {
    {"IPv4", v1::ADDRESS_TYPE_IPV4},
    {"IPv6", v1::ADDRESS_TYPE_IPV6},
};
inline constexpr Spelling kSelectorOperatorSpellings[] = {
    {"In", v1::SELECTOR_OPERATOR_IN},
    {"NotIn", v1::SELECTOR_OPERATOR_NOT_IN},
    {"Exists", v1::SELECTOR_OPERATOR_EXISTS},
    {"DoesNotExist", v1::SELECTOR_OPERATOR_DOES_NOT_EXIST},
};
inline constexpr Spelling kPolicyTypeSpellings[] = {
    {"Ingress", v1::POLICY_TYPE_INGRESS},
    {"Egress", v1::POLICY_TYPE_EGRESS},
};
inline constexpr Spelling kClusterPolicyTierSpellings[] = {
    {"Admin", v1::CLUSTER_POLICY_TIER_ADMIN},
    {"Baseline", v1::CLUSTER_POLICY_TIER_BASELINE},
};
inline constexpr Spelling kClusterPolicyActionSpellings[] = {
    {"Accept", v1::CLUSTER_POLICY_ACTION_ACCEPT},
    {"Deny", v1::CLUSTER_POLICY_ACTION_DENY},
    {"Pass", v1::CLUSTER_POLICY_ACTION_PASS},
};
inline constexpr Spelling kCiliumEntitySpellings[] = {
    {"all", v1::CILIUM_ENTITY_ALL},
    {"world", v1::CILIUM_ENTITY_WORLD},
    {"world-ipv4", v1::CILIUM_ENTITY_WORLD_IPV4},
    {"world-ipv6", v1::CILIUM_ENTITY_WORLD_IPV6},
    {"cluster", v1::CILIUM_ENTITY_CLUSTER},
    {"host", v1::CILIUM_ENTITY_HOST},
    {"remote-node", v1::CILIUM_ENTITY_REMOTE_NODE},
    {"kube-apiserver", v1::CILIUM_ENTITY_KUBE_APISERVER},
    {"init", v1::CILIUM_ENTITY_INIT},
    {"ingress", v1::CILIUM_ENTITY_INGRESS},
    {"health", v1::CILIUM_ENTITY_HEALTH},
    {"unmanaged", v1::CILIUM_ENTITY_UNMANAGED},
    {"none", v1::CILIUM_ENTITY_NONE},
};
inline constexpr Spelling kCiliumProtocolSpellings[] = {
    {"ANY", v1::CILIUM_PROTOCOL_ANY},   {"TCP", v1::CILIUM_PROTOCOL_TCP},
    {"UDP", v1::CILIUM_PROTOCOL_UDP},   {"SCTP", v1::CILIUM_PROTOCOL_SCTP},
    {"ICMP", v1::CILIUM_PROTOCOL_ICMP}, {"ICMPv6", v1::CILIUM_PROTOCOL_ICMPV6},
};
inline constexpr Spelling kPortKindSpellings[] = {
    {"Pod", v1::PORT_KIND_POD},
    {"Host", v1::PORT_KIND_HOST},
    {"Uplink", v1::PORT_KIND_UPLINK},
};
inline constexpr Spelling kPortDriverSpellings[] = {
    {"TAP", v1::PORT_DRIVER_TAP},
    {"DPDK", v1::PORT_DRIVER_DPDK},
};
inline constexpr Spelling kTimeoutProfileSpellings[] = {
    {"RFC", v1::TIMEOUT_PROFILE_RFC},
    {"Linux", v1::TIMEOUT_PROFILE_LINUX},
};

// Returns the spelling of `value`, or "" if it has none (unspecified).
inline std::string Spell(absl::Span<const Spelling> spellings, int value) {
  for (const Spelling& spelling : spellings) {
    if (spelling.value == value) return std::string(spelling.text);
  }
  return "";
}

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_CLI_SPELLINGS_H_
