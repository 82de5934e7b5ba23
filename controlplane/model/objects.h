// controlplane/model/objects.h
//
// What a user asks for, as plain C++: the Kubernetes objects that the switch
// understands, and its own (Port, Settings).  Field names and meanings are
// those of Kubernetes.  Syntax is checked before (controlplane/translate); what
// needs other objects to be checked is checked by controlplane/compile.
//
//   Object object{.metadata = {.name = "web", .ns = "demo"}, .spec = Pod{...}};
//   if (const Pod* pod = std::get_if<Pod>(&object.spec)) ...
//
// Plain values: any thread.

#ifndef VSWITCH_CONTROLPLANE_MODEL_OBJECTS_H_
#define VSWITCH_CONTROLPLANE_MODEL_OBJECTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "controlplane/model/labels.h"
#include "controlplane/model/policy_objects.h"
#include "dataplane/base/address.h"
#include "dataplane/base/flow_key.h"
#include "dataplane/conntrack/timeouts.h"
#include "dataplane/nat/source_nat.h"

namespace vswitch {

struct Metadata {
  std::string name;
  std::string ns;  // empty for kinds that are in no namespace
  Labels labels;
  Labels annotations;
  uint64_t version = 0;  // set by the store at each change
  std::string owner;     // the field manager: "cli", "controller/NAME"
  // Kubernetes' uid: of two objects of one name it tells the later one from the
  // earlier; may be empty.
  std::string uid;
  // Set by the store: the version with which the object was created, or got
  // another uid.
  uint64_t created_version = 0;
};

// `labels` of the metadata count; kubernetes.io/metadata.name is added by the
// compiler when it is missing.
struct Namespace {};

struct ContainerPort {
  std::string name;  // empty: not named
  IpProtocol protocol = IpProtocol::kTcp;
  uint16_t port = 0;
  uint16_t host_port = 0;  // of the node, that leads to it; 0: none
  // Which of the node's addresses has the host port; none: all, unspecified:
  // all of that family.
  std::optional<IpAddress> host_ip;
};

enum class PodPhase : uint8_t {
  kPending,
  kRunning,
  kSucceeded,  // its address is no longer its own
  kFailed,     // likewise
  kUnknown,
};

struct Pod {
  std::string service_account;
  std::string node_name;
  std::vector<IpAddress> addresses;  // status.podIPs, either family
  std::vector<ContainerPort> ports;  // of all containers
  bool host_network = false;
  PodPhase phase = PodPhase::kRunning;
};

enum class ServiceType : uint8_t {
  kClusterIp,
  kNodePort,
  kLoadBalancer,
  kExternalName,
};

struct ServicePort {
  std::string name;
  IpProtocol protocol = IpProtocol::kTcp;
  uint16_t port = 0;
  uint16_t node_port = 0;
};

enum class SessionAffinity : uint8_t { kNone, kClientIp };
enum class TrafficPolicy : uint8_t { kCluster, kLocal };
enum class TrafficDistribution : uint8_t {
  kNone,
  kPreferClose,  // another word for the next one
  kPreferSameZone,
  kPreferSameNode,
};

// Backends come from EndpointSlices, never from `selector`.
struct Service {
  ServiceType type = ServiceType::kClusterIp;
  std::vector<IpAddress> cluster_ips;  // empty: headless
  std::vector<ServicePort> ports;
  Labels selector;
  SessionAffinity session_affinity = SessionAffinity::kNone;
  uint32_t session_affinity_timeout_s = 10800;
  TrafficPolicy internal_traffic_policy = TrafficPolicy::kCluster;
  TrafficPolicy external_traffic_policy = TrafficPolicy::kCluster;
  bool publish_not_ready_addresses = false;
  std::vector<IpAddress> external_ips;
  std::vector<IpAddress> load_balancer_ips;  // of the status
  std::vector<IpPrefix> load_balancer_source_ranges;
  TrafficDistribution traffic_distribution = TrafficDistribution::kNone;
  // Where the node says how many endpoints it has; 0: nowhere.
  uint16_t health_check_node_port = 0;
};

// The label that ties an EndpointSlice to its Service.
inline constexpr absl::string_view kServiceNameLabel =
    "kubernetes.io/service-name";
inline constexpr absl::string_view kNamespaceNameLabel =
    "kubernetes.io/metadata.name";
// The label of a Service that another proxy serves, and not the switch.
inline constexpr absl::string_view kProxyNameLabel =
    "service.kubernetes.io/service-proxy-name";
// The label of a Node that says in which zone it is.
inline constexpr absl::string_view kZoneLabel = "topology.kubernetes.io/zone";

struct Endpoint {
  std::vector<IpAddress> addresses;  // the first one counts
  bool ready = true;                 // a missing condition means ready
  bool serving = true;
  bool terminating = false;
  std::string node_name;
  std::string target_pod;  // name in the slice's namespace, may be empty
  std::string zone;        // where it is, may be empty
  std::vector<std::string> hint_zones;  // whose clients are to use it
  std::vector<std::string> hint_nodes;  // likewise
};

struct EndpointSlicePort {
  std::string name;
  IpProtocol protocol = IpProtocol::kTcp;
  uint16_t port = 0;
};

struct EndpointSlice {
  IpFamily address_type = IpFamily::kIpv4;
  std::vector<Endpoint> endpoints;
  std::vector<EndpointSlicePort> ports;
};

// Either ip_block alone, or one or both selectors (both: AND).
struct NetworkPolicyPeer {
  std::optional<LabelSelector> pod_selector;
  std::optional<LabelSelector> namespace_selector;
  std::optional<IpBlock> ip_block;
};

struct NetworkPolicyPort {
  IpProtocol protocol = IpProtocol::kTcp;
  std::optional<uint16_t> port;      // neither port nor name: all ports
  std::string port_name;             // empty: not a named port
  std::optional<uint16_t> end_port;  // needs `port`
};

// Empty lists mean: every peer, every port.
struct NetworkPolicyRule {
  std::vector<NetworkPolicyPeer> peers;  // `from` or `to`
  std::vector<NetworkPolicyPort> ports;
};

// `isolates_*` is policyTypes after Kubernetes' defaulting (NP-2), which the
// translator does.
struct NetworkPolicy {
  LabelSelector pod_selector;
  bool isolates_ingress = true;
  bool isolates_egress = false;
  std::vector<NetworkPolicyRule> ingress;
  std::vector<NetworkPolicyRule> egress;
};

struct Node {
  std::vector<IpPrefix> pod_cidrs;
  std::vector<IpAddress> addresses;
};

enum class PortResourceKind : uint8_t { kPod, kHost, kUplink };
enum class PortResourceDriver : uint8_t { kTap, kDpdk };

// A switch port.  Its name in the metadata is unique in the whole switch;
// "namespace/pod" is the usual one for a pod.
struct Port {
  PortResourceKind kind = PortResourceKind::kPod;
  PortResourceDriver driver = PortResourceDriver::kTap;
  std::string pod_namespace;  // kind kPod: the Pod behind it
  std::string pod_name;
  std::string netns;                 // driver kTap: path of the namespace
  std::string interface_name;        // driver kTap: name inside the namespace
  std::string device;                // driver kDpdk: devargs
  std::optional<MacAddress> mac;     // of the peer; default: derived
  uint32_t mtu = 0;                  // 0: that of Settings
  std::vector<IpAddress> addresses;  // default: those of the Pod
  std::vector<IpAddress> gateways;   // default: the switch's; else the same
  // Kinds kHost and kUplink: prefixes reached through this port.  Default:
  // everything for an uplink, and for the host port when there is no uplink.
  std::vector<IpPrefix> routes;
};

// Under which address pods speak to the world.
struct SourceNat {
  bool disabled = false;
  std::vector<IpAddress> addresses;  // empty: the node's first of each family
  uint16_t first_port = kDefaultFirstNatPort;
  uint16_t last_port = kDefaultLastNatPort;
  std::vector<IpPrefix> excluded_cidrs;
  // One port for all remote ends of a TCP port.
  bool tcp_endpoint_independent = false;
  friend bool operator==(const SourceNat&, const SourceNat&) = default;
};

// The switch's own settings; one object, named "default".
struct SwitchSettings {
  std::optional<MacAddress> gateway_mac;
  std::optional<IpAddress> gateway_ipv4;  // default: from the Node's podCIDRs
  std::optional<IpAddress> gateway_ipv6;
  uint32_t mtu = 1500;
  TimeoutProfile timeout_profile = TimeoutProfile::kRfc;
  ConnectionTimeouts timeouts{};  // 0: the profile's
  ConnectionLimits limits{};      // 0: the default; kNoLimit: none
  bool tcp_needs_syn = false;     // nothing else begins a TCP connection
  uint32_t icmp_errors_per_second = 1000;
  uint32_t icmp_errors_per_second_port = 100;
  uint64_t maglev_seed = 0;
  std::vector<std::string> ignored_pod_labels;  // keys, or "prefix*"
  SourceNat source_nat;
};
inline constexpr absl::string_view kSettingsName = "default";

// In the order of the alternatives of Object::spec.
enum class ObjectKind : uint8_t {
  kNamespace,
  kPod,
  kService,
  kEndpointSlice,
  kNetworkPolicy,
  kNode,
  kPort,
  kSettings,
  kClusterNetworkPolicy,
  kCiliumNetworkPolicy,
  kCiliumClusterwideNetworkPolicy,
};
inline constexpr uint32_t kObjectKindCount = 11;

struct Object {
  Metadata metadata;
  std::variant<Namespace, Pod, Service, EndpointSlice, NetworkPolicy, Node,
               Port, SwitchSettings, ClusterNetworkPolicy, CiliumNetworkPolicy,
               CiliumClusterwideNetworkPolicy>
      spec;

  ObjectKind kind() const { return static_cast<ObjectKind>(spec.index()); }
};

// Returns "Pod", "NetworkPolicy"...
absl::string_view ToString(ObjectKind kind);
// Returns the kind of that name, or nullopt.
std::optional<ObjectKind> ObjectKindByName(absl::string_view name);
// Whether objects of `kind` live in a namespace.
bool IsNamespaced(ObjectKind kind);
// Whether objects of `kind` are policies, which read annotations.
bool IsPolicy(ObjectKind kind);
// Returns "TCP", "UDP", "SCTP", "ICMP", "ICMPv6" or the number.
std::string ToString(IpProtocol protocol);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_MODEL_OBJECTS_H_
