// Objects of the benchmark's cluster.

#include "bench/pipeline/cluster.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/pipeline/addresses.h"

namespace vswitch {
namespace {

constexpr uint32_t kNamespaces = 100;
constexpr uint32_t kApps = 100;  // in each namespace
constexpr char kLocalNamespace[] = "local";
constexpr char kClientNamespace[] = "clients";
constexpr char kManager[] = "bench";

IpPrefix Prefix(const std::string& text) { return *IpPrefix::Parse(text); }

Object MakePod(const std::string& ns, std::string name, Labels labels,
               const PodAddresses& addresses, const std::string& node) {
  return {.metadata = {.name = std::move(name),
                       .ns = ns,
                       .labels = std::move(labels)},
          .spec = Pod{.node_name = node,
                      .addresses = {addresses.ipv4, addresses.ipv6}}};
}

std::string NamespaceName(uint32_t index) {
  return absl::StrCat("ns-", index % kNamespaces);
}
std::string AppName(uint32_t index) { return absl::StrCat("a", index % kApps); }

LabelSelector NamespaceSelector(const std::string& name) {
  return LabelSelector::FromLabels({{std::string(kNamespaceNameLabel), name}});
}

// Of ten peers, eight are one app each (one identity), one is ten apps of a
// namespace and one a block of addresses with an exception.
NetworkPolicyPeer MakePeer(uint32_t seed, uint32_t index) {
  const uint32_t hash = (seed * 31 + index) * 2654435761u >> 7;
  NetworkPolicyPeer peer;
  if (index % 10 == 9) {
    const uint32_t block = hash % 65536;
    if (seed % 2 == 0) {
      const std::string net =
          absl::StrCat("172.", 16 + block / 256 % 16, ".", block % 256, ".");
      peer.ip_block = IpBlock{.cidr = Prefix(net + "0/24"),
                              .except = {Prefix(net + "16/28")}};
    } else {
      const std::string net = absl::StrCat("2001:db8:", absl::Hex(block + 1));
      peer.ip_block = IpBlock{.cidr = Prefix(net + "::/48"),
                              .except = {Prefix(net + ":1::/64")}};
    }
    return peer;
  }
  peer.namespace_selector = NamespaceSelector(NamespaceName(hash));
  const uint32_t app = hash / kNamespaces;
  if (index % 10 == 8) {
    LabelRequirement apps{.key = "app", .op = SelectorOperator::kIn};
    for (uint32_t i = 0; i < 10; ++i) apps.values.push_back(AppName(app + i));
    peer.pod_selector = LabelSelector{{apps}};
  } else {
    peer.pod_selector = LabelSelector::FromLabels({{"app", AppName(app)}});
  }
  return peer;
}

// Every fifth port is a range.
NetworkPolicyPort MakePort(uint32_t seed, uint32_t index) {
  NetworkPolicyPort port;
  port.port = static_cast<uint16_t>(1024 + (seed * 7 + index * 16) % 60000);
  if (index % 5 == 4) port.end_port = static_cast<uint16_t>(*port.port + 7);
  return port;
}

}  // namespace

std::vector<Object> BaseObjects() {
  std::vector<Object> objects;
  objects.push_back(
      {.metadata = {.name = kBenchNode},
       .spec = Node{.pod_cidrs = {Prefix("10.0.0.0/16"), Prefix("fd00::/64")},
                    .addresses = {*IpAddress::Parse("192.168.0.1"),
                                  *IpAddress::Parse("fd01::1")}}});
  objects.push_back(
      {.metadata = {.name = kLocalNamespace}, .spec = Namespace{}});
  objects.push_back(
      {.metadata = {.name = kClientNamespace}, .spec = Namespace{}});
  for (uint32_t i = 0; i < kNamespaces; ++i) {
    objects.push_back(
        {.metadata = {.name = NamespaceName(i)}, .spec = Namespace{}});
  }
  objects.push_back({.metadata = {.name = UplinkPortName()},
                     .spec = Port{.kind = PortResourceKind::kUplink,
                                  .driver = PortResourceDriver::kDpdk,
                                  .device = "net_null0",
                                  .mac = kUplinkPeerMac}});
  return objects;
}

std::string UplinkPortName() { return "uplink"; }
std::string LocalPortName(uint32_t index) {
  return absl::StrCat(kLocalNamespace, "/p", index);
}

std::vector<Object> LocalPod(uint32_t index) {
  const std::string name = absl::StrCat("p", index);
  std::vector<Object> objects;
  objects.push_back(MakePod(kLocalNamespace, name, {{"app", name}},
                            LocalPodAddresses(index), kBenchNode));
  objects.push_back(
      {.metadata = {.name = LocalPortName(index)},
       .spec = Port{.driver = PortResourceDriver::kDpdk,
                    .pod_namespace = kLocalNamespace,
                    .pod_name = name,
                    .device = absl::StrCat("net_null", index + 1)}});
  return objects;
}

Object ClientPod(uint32_t index, uint32_t app) {
  return MakePod(kClientNamespace, absl::StrCat("c", index),
                 {{"role", "client"}, {"app", absl::StrCat("c", app)}},
                 ClientAddresses(index), "n2");
}

Object RemotePod(uint32_t index, uint32_t shift) {
  return MakePod(NamespaceName(index), absl::StrCat("r", index),
                 {{"app", AppName(index / kNamespaces + shift)}},
                 RemotePodAddresses(index), "n2");
}

Object Policy(const std::string& name, uint32_t pod, const PolicyShape& shape,
              uint32_t seed, Clients clients) {
  NetworkPolicy policy;
  policy.pod_selector =
      LabelSelector::FromLabels({{"app", absl::StrCat("p", pod)}});
  for (uint32_t i = 0; i < shape.rules; ++i) {
    NetworkPolicyRule rule;
    for (uint32_t j = 0; j < shape.peers; ++j) {
      rule.peers.push_back(MakePeer(seed * 4 + i, j));
    }
    for (uint32_t j = 0; j < shape.ports; ++j) {
      rule.ports.push_back(MakePort(seed * 4 + i, j));
    }
    policy.ingress.push_back(std::move(rule));
  }
  if (clients == Clients::kAllowed) {
    NetworkPolicyPeer peer;
    peer.namespace_selector = NamespaceSelector(kClientNamespace);
    peer.pod_selector = LabelSelector::FromLabels({{"role", "client"}});
    NetworkPolicyPort port{.protocol = IpProtocol::kUdp, .port = kServicePort};
    policy.ingress.push_back({.peers = {peer}, .ports = {port}});
  }
  return {.metadata = {.name = name, .ns = kLocalNamespace},
          .spec = std::move(policy)};
}

ObjectKey PolicyKey(const std::string& name) {
  return {ObjectKind::kNetworkPolicy, kLocalNamespace, name};
}

Transaction BenchTransaction(std::vector<Object> upserts) {
  return {.manager = {.name = kManager, .epoch = 1},
          .upserts = std::move(upserts)};
}

}  // namespace vswitch
