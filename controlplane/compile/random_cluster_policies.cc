// Selectors, blocks, and policies of every kind.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/compile/random_cluster_objects.h"

namespace vswitch {
namespace {

// Few, so that policies replace each other, and share priorities.
std::string RandomName() { return OneOf<std::string>({"a", "b", "c", "d"}); }
std::string RandomNs() { return OneOf<std::string>({"demo", "other", "bare"}); }

Labels RandomAnnotations() {
  if (!OneIn(8)) return {};
  return {{kModeAnnotation, OneOf<std::string>({"enforce", "shadow"})}};
}

template <typename Spec>
Object Policy(const std::string& ns, Spec spec) {
  return {.metadata = {.name = RandomName(),
                       .ns = ns,
                       .annotations = RandomAnnotations()},
          .spec = std::move(spec)};
}

LabelRequirement RandomRequirement(const std::string& key,
                                   std::vector<std::string> values) {
  LabelRequirement requirement{
      .key = key, .op = static_cast<SelectorOperator>(*rc::gen::inRange(0, 4))};
  if (requirement.op == SelectorOperator::kIn ||
      requirement.op == SelectorOperator::kNotIn) {
    requirement.values = {OneOf(values)};
    if (OneIn(3)) requirement.values.push_back(OneOf(values));
  }
  return requirement;
}

NetworkPolicyPeer RandomPeer() {
  NetworkPolicyPeer peer;
  switch (*rc::gen::inRange(0, 4)) {
    case 0:
      peer.pod_selector = RandomPodSelector();
      break;
    case 1:
      peer.namespace_selector = RandomNamespaceSelector();
      break;
    case 2:
      peer.pod_selector = RandomPodSelector();
      peer.namespace_selector = RandomNamespaceSelector();
      break;
    default:
      peer.ip_block = RandomBlock();
  }
  return peer;
}

NetworkPolicyPort RandomNetworkPolicyPort() {
  NetworkPolicyPort port{.protocol = RandomPortProtocol()};
  switch (*rc::gen::inRange(0, 4)) {
    case 0:
      break;
    case 1:
      port.port = RandomPort();
      break;
    case 2:
      port.port_name = RandomPortName();
      break;
    default: {
      const RandomRange range = RandomPorts();
      port.port = std::max<uint16_t>(range.first, 1);  // 0 is no port
      port.end_port = range.last;
    }
  }
  return port;
}

// --- ClusterNetworkPolicy ---

ClusterPodSelector RandomClusterPods() {
  if (OneIn(2)) return {RandomNamespaceSelector(), {}, true};
  return {RandomNamespaceSelector(), RandomPodSelector()};
}

ClusterPolicyPeer RandomClusterPeer(bool ingress, bool only_pods) {
  ClusterPolicyPeer peer;
  if (OneIn(12)) return peer;  // of a kind that is not known
  switch (ingress || only_pods ? 0 : *rc::gen::inRange(0, 3)) {
    case 0:
      peer.pods = RandomClusterPods();
      break;
    case 1:
      for (const IpBlock& block : *Several(2, rc::gen::exec(RandomBlock))) {
        peer.networks.push_back(block.cidr);
      }
      break;
    default:
      peer.nodes = RandomNodeSelector();
  }
  return peer;
}

ClusterPolicyProtocol RandomClusterProtocol(bool names) {
  ClusterPolicyProtocol protocol;
  if (names && OneIn(2)) {
    protocol.port_name = RandomPortName();
    if (OneIn(2)) protocol.protocol = RandomPortProtocol();
    return protocol;
  }
  const RandomRange range = RandomPorts();
  protocol.protocol = RandomPortProtocol();
  protocol.first = range.first;
  protocol.last = range.last;
  return protocol;
}

ClusterPolicyRule RandomClusterRule(bool ingress) {
  ClusterPolicyRule rule{.action =
                             static_cast<RuleAction>(*rc::gen::inRange(0, 3))};
  // Names only where all peers are pods.
  const bool names = ingress || OneIn(2);
  auto peer = rc::gen::exec(
      [ingress, names] { return RandomClusterPeer(ingress, names); });
  rule.peers = {*peer};
  for (ClusterPolicyPeer& more : *Several(2, peer)) {
    rule.peers.push_back(std::move(more));
  }
  rule.protocols = *Several(
      2, rc::gen::exec([names] { return RandomClusterProtocol(names); }));
  return rule;
}

std::vector<ClusterPolicyRule> RandomClusterRules(bool ingress) {
  return *Several(
      4, rc::gen::exec([ingress] { return RandomClusterRule(ingress); }));
}

// --- Cilium ---

LabelRequirement RandomCiliumRequirement() {
  const std::string source = OneOf<std::string>({"", "k8s:", "any:"});
  switch (*rc::gen::inRange(0, 8)) {
    case 0:
      return RandomRequirement(source + "io.kubernetes.pod.namespace",
                               {"demo", "other", "bare"});
    case 1:
      return RandomRequirement(source + "io.cilium.k8s.namespace.labels." +
                                   OneOf<std::string>({"role", "tier"}),
                               {"a", "b"});
    case 2:
      return RandomRequirement(source + "io.cilium.k8s.policy.serviceaccount",
                               {"default", "robot"});
    case 3:
      return RandomRequirement(source + "io.cilium.k8s.policy.cluster",
                               {"default", "far"});
    default:
      return RandomRequirement(source + OneOf<std::string>({"role", "tier"}),
                               {"a", "b", "c"});
  }
}

LabelSelector RandomCiliumSelector() {
  return {*Several(2, rc::gen::exec(RandomCiliumRequirement))};
}

LabelSelector RandomCiliumPeerSelector() {
  if (!OneIn(6)) return RandomCiliumSelector();
  return {
      {{.key = OneOf<std::string>({"reserved:host", "reserved:world",
                                   "reserved:remote-node", "reserved:init"}),
        .op = SelectorOperator::kExists}}};
}

LabelSelector WithSource(LabelSelector selector) {
  for (LabelRequirement& requirement : selector.requirements) {
    requirement.key =
        OneOf<std::string>({"", "k8s:", "any:"}) + requirement.key;
  }
  return selector;
}

CiliumServiceReference RandomServiceReference(bool clusterwide) {
  if (OneIn(2)) {
    return {.ns = OneOf<std::string>({"", "demo", "other"}),
            .selector = WithSource(RandomPodSelector())};
  }
  if (clusterwide || OneIn(2)) {
    return {.name = "web", .ns = OneOf<std::string>({"demo", "other"})};
  }
  return {.name = "web"};
}

CiliumPort RandomCiliumPort() {
  CiliumPort port;
  if (OneIn(2)) port.protocol = RandomPortProtocol();
  const RandomRange range = RandomPorts();
  port.first = range.first;
  port.last = range.last;
  if (OneIn(3)) port.port_name = RandomPortName();
  return port;
}

CiliumIcmp RandomCiliumIcmp() {
  return {OneOf<IpFamily>({IpFamily::kIpv4, IpFamily::kIpv6}),
          static_cast<uint8_t>(*rc::gen::inRange(7, 10))};
}

void AddRandomPeers(bool ingress, bool clusterwide, CiliumRule& rule) {
  switch (*rc::gen::inRange(0, ingress ? 5 : 6)) {
    case 0:
      break;
    case 1:
      rule.endpoints = *Several(3, rc::gen::exec(RandomCiliumPeerSelector));
      break;
    case 2:
      rule.entities =
          *Several(3, rc::gen::exec([] {
                     return static_cast<CiliumEntity>(*rc::gen::inRange(0, 13));
                   }));
      break;
    case 3:
      rule.cidrs = *Several(3, rc::gen::exec(RandomBlock));
      break;
    case 4:
      rule.nodes = *Several(
          2, rc::gen::exec([] { return WithSource(RandomNodeSelector()); }));
      break;
    default:
      rule.services = *Several(2, rc::gen::exec([clusterwide] {
                                 return RandomServiceReference(clusterwide);
                               }));
  }
}

CiliumRule RandomCiliumRule(bool ingress, bool clusterwide) {
  CiliumRule rule;
  AddRandomPeers(ingress, clusterwide, rule);
  switch (*rc::gen::inRange(0, 3)) {
    case 0:
      break;
    case 1:
      rule.ports = *Several(3, rc::gen::exec(RandomCiliumPort));
      break;
    default:
      rule.icmps = *Several(3, rc::gen::exec(RandomCiliumIcmp));
  }
  return rule;
}

std::vector<CiliumRule> RandomCiliumRules(bool ingress, bool clusterwide) {
  return *Several(2, rc::gen::exec([ingress, clusterwide] {
                    return RandomCiliumRule(ingress, clusterwide);
                  }));
}

std::optional<bool> RandomDefaultDeny() {
  switch (*rc::gen::inRange(0, 4)) {
    case 0:
      return false;
    case 1:
      return true;
    default:
      return std::nullopt;
  }
}

CiliumPolicySpec RandomCiliumSpec(bool clusterwide) {
  CiliumPolicySpec spec;
  if (clusterwide && OneIn(2)) {
    spec.node_selector = WithSource(RandomNodeSelector());
  } else {
    spec.endpoint_selector = RandomCiliumSelector();
  }
  spec.default_deny_ingress = RandomDefaultDeny();
  spec.default_deny_egress = RandomDefaultDeny();
  spec.ingress = RandomCiliumRules(true, clusterwide);
  spec.egress = RandomCiliumRules(false, clusterwide);
  if (OneIn(2)) {
    spec.ingress_deny = RandomCiliumRules(true, clusterwide);
    spec.egress_deny = RandomCiliumRules(false, clusterwide);
  }
  return spec;
}

std::vector<CiliumPolicySpec> RandomCiliumSpecs(bool clusterwide) {
  auto spec =
      rc::gen::exec([clusterwide] { return RandomCiliumSpec(clusterwide); });
  std::vector<CiliumPolicySpec> specs = {*spec};
  if (OneIn(4)) specs.push_back(*spec);
  return specs;
}

}  // namespace

LabelSelector RandomSelector(const std::vector<std::string>& keys) {
  return {*Several(2, rc::gen::exec([keys] {
                     return RandomRequirement(OneOf(keys), {"a", "b", "c"});
                   }))};
}

LabelSelector RandomPodSelector() { return RandomSelector({"role", "tier"}); }
LabelSelector RandomNodeSelector() { return RandomSelector({"role", "tier"}); }

LabelSelector RandomNamespaceSelector() {
  LabelSelector selector = RandomSelector({"role", "tier"});
  if (OneIn(4)) {
    selector.requirements.push_back(RandomRequirement(
        std::string(kNamespaceNameLabel), {"demo", "other", "bare"}));
  }
  return selector;
}

IpBlock RandomBlock() {
  struct Choice {
    const char* cidr;
    std::vector<const char*> except;
  };
  const auto choice = OneOf<Choice>({
      {"10.0.0.12/32", {}},
      {"0.0.0.0/0", {"10.0.0.0/8", "8.8.8.8/32"}},
      {"10.0.0.0/8", {"10.0.0.12/32", "10.0.0.12/31"}},
      {"10.0.0.8/29", {"10.0.0.10/31", "10.0.0.8/30"}},
      {"0.0.0.0/4", {"10.0.0.30/32", "8.0.0.0/7"}},
      {"8.8.8.0/24", {"8.8.8.8/32"}},
      {"192.168.0.0/24", {"192.168.0.2/32"}},
      {"fd00::12/128", {}},
      {"::/0", {"fd00::/8", "2001:db8::/32"}},
      {"fd00::/16", {"fd00::12/128", "fd00::12/127"}},
      {"fd00::10/125", {"fd00::12/127"}},
      {"2001:db8::/32", {"2001:db8::8/128"}},
      {"fd01::/64", {"fd01::2/128"}},
  });
  IpBlock block{.cidr = *IpPrefix::Parse(choice.cidr)};
  for (const char* except : choice.except) {
    if (OneIn(2)) block.except.push_back(*IpPrefix::Parse(except));
  }
  return block;
}

NetworkPolicyRule RandomNetworkPolicyRule() {
  return {.peers = *Several(3, rc::gen::exec(RandomPeer)),
          .ports = *Several(3, rc::gen::exec(RandomNetworkPolicyPort))};
}

Object RandomNetworkPolicy() {
  auto rules = [] {
    return *Several(3, rc::gen::exec(RandomNetworkPolicyRule));
  };
  NetworkPolicy policy{.pod_selector = RandomPodSelector(),
                       .isolates_ingress = !OneIn(3),
                       .isolates_egress = OneIn(2)};
  policy.ingress = rules();
  policy.egress = rules();
  return Policy(RandomNs(), std::move(policy));
}

Object RandomClusterPolicy() {
  return Policy("",
                ClusterNetworkPolicy{
                    .tier = OneIn(2) ? ClusterPolicyTier::kBaseline
                                     : ClusterPolicyTier::kAdmin,
                    .priority = static_cast<uint16_t>(*rc::gen::inRange(0, 3)),
                    .subject = RandomClusterPods(),
                    .ingress = RandomClusterRules(true),
                    .egress = RandomClusterRules(false)});
}

Object RandomCiliumPolicy() {
  if (OneIn(3)) {
    return Policy("", CiliumClusterwideNetworkPolicy{RandomCiliumSpecs(true)});
  }
  return Policy(RandomNs(), CiliumNetworkPolicy{RandomCiliumSpecs(false)});
}

}  // namespace vswitch
