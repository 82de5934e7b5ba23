// Random clusters for property tests.

#include "controlplane/compile/random_cluster.h"

#include "absl/strings/str_cat.h"

namespace vswitch {
namespace {

constexpr uint32_t kPods = 8;
constexpr uint32_t kPolicies = 5;

std::string NamespaceOf(uint32_t number) {
  return number % 2 == 0 ? "demo" : "other";
}

}  // namespace

Labels RandomCluster::AnyLabels() {
  Labels labels;
  for (const char* key : {"role", "tier"}) {
    if (Below(3) != 0) labels[key] = OneOf<std::string>({"a", "b"});
  }
  return labels;
}

LabelSelector RandomCluster::AnySelector() {
  LabelSelector selector;
  for (uint32_t i = Below(3); i > 0; --i) {
    LabelRequirement requirement{.key = OneOf<std::string>({"role", "tier"}),
                                 .op = static_cast<SelectorOperator>(Below(4))};
    if (requirement.op == SelectorOperator::kIn ||
        requirement.op == SelectorOperator::kNotIn) {
      requirement.values =
          OneOf<std::vector<std::string>>({{"a"}, {"b"}, {"a", "b"}, {"c"}});
    }
    selector.requirements.push_back(requirement);
  }
  return selector;
}

IpBlock RandomCluster::AnyBlock() {
  struct Choice {
    const char* cidr;
    std::vector<const char*> except;
  };
  Choice choice = OneOf<Choice>({
      {"10.0.0.0/8", {"10.0.0.12/32", "10.0.0.16/31"}},
      {"10.0.0.12/32", {}},
      {"10.0.0.8/29", {"10.0.0.10/31"}},
      {"0.0.0.0/0", {"10.0.0.0/8"}},
      {"fd00::/16", {"fd00::12/128", "fd00::16/127"}},
      {"fd00::12/128", {}},
      {"fd00::8/125", {"fd00::a/127"}},
      {"::/0", {"fd00::/16"}},
  });
  IpBlock block{.cidr = TestPrefix(choice.cidr)};
  for (const char* except : choice.except) {
    if (Below(2) == 0) block.except.push_back(TestPrefix(except));
  }
  return block;
}

NetworkPolicyPeer RandomCluster::AnyPeer() {
  NetworkPolicyPeer peer;
  switch (Below(4)) {
    case 0:
      peer.pod_selector = AnySelector();
      break;
    case 1:
      peer.namespace_selector = AnySelector();
      break;
    case 2:
      peer.pod_selector = AnySelector();
      peer.namespace_selector = AnySelector();
      break;
    default:
      peer.ip_block = AnyBlock();
  }
  return peer;
}

NetworkPolicyPort RandomCluster::AnyPort() {
  NetworkPolicyPort port{
      .protocol = OneOf<IpProtocol>(
          {IpProtocol::kTcp, IpProtocol::kUdp, IpProtocol::kSctp})};
  switch (Below(4)) {
    case 0:
      break;
    case 1:
      port.port_name = OneOf<std::string>({"http", "dns"});
      break;
    case 2:
      port.end_port = static_cast<uint16_t>(82 + Below(2));
      [[fallthrough]];
    default:
      port.port = static_cast<uint16_t>(80 + Below(3));
  }
  return port;
}

NetworkPolicyRule RandomCluster::AnyRule() {
  NetworkPolicyRule rule;
  for (uint32_t i = Below(4); i > 0; --i) rule.peers.push_back(AnyPeer());
  for (uint32_t i = Below(4); i > 0; --i) rule.ports.push_back(AnyPort());
  return rule;
}

NetworkPolicy RandomCluster::AnyPolicy() {
  NetworkPolicy policy{.pod_selector = AnySelector(),
                       .isolates_ingress = Below(3) != 0,
                       .isolates_egress = Below(2) != 0};
  for (uint32_t i = Below(3); i > 0; --i) policy.ingress.push_back(AnyRule());
  for (uint32_t i = Below(3); i > 0; --i) policy.egress.push_back(AnyRule());
  return policy;
}

void RandomCluster::PutPod(TestCluster& cluster, uint32_t number) {
  std::vector<ContainerPort> ports;
  for (const char* name : {"http", "dns", "http"}) {
    if (Below(2) != 0) continue;
    ports.push_back({name,
                     OneOf<IpProtocol>({IpProtocol::kTcp, IpProtocol::kUdp}),
                     static_cast<uint16_t>(80 + Below(4))});
  }
  std::string ns = NamespaceOf(number);
  std::string name = absl::StrCat("p", number);
  cluster.state().Erase({ObjectKind::kPort, "", ns + "/" + name});
  cluster.AddPod(ns, name, AnyLabels(),
                 {absl::StrCat("10.0.0.", 10 + number),
                  absl::StrCat("fd00::", 10 + number)},
                 ports,
                 number % 4 == 3 ? TestCluster::Where::kRemote
                                 : TestCluster::Where::kHere);
}

void RandomCluster::PutPolicy(TestCluster& cluster, uint32_t number) {
  cluster.AddPolicy(NamespaceOf(number), absl::StrCat("np", number),
                    AnyPolicy());
}

void RandomCluster::Fill(TestCluster& cluster) {
  cluster.AddNamespace("demo", AnyLabels());
  if (Below(2) == 0) cluster.AddNamespace("other", AnyLabels());
  for (uint32_t i = 0; i < kPods; ++i) PutPod(cluster, i);
  for (uint32_t i = Below(kPolicies); i > 0; --i) PutPolicy(cluster, i);
}

void RandomCluster::ChangeOne(TestCluster& cluster) {
  uint32_t pod = Below(kPods);
  uint32_t policy = Below(kPolicies);
  std::string pod_name = absl::StrCat("p", pod);
  switch (Below(6)) {
    case 0:
      cluster.AddNamespace(OneOf<std::string>({"demo", "other"}), AnyLabels());
      break;
    case 1:
      cluster.state().Erase(
          {ObjectKind::kPort, "", NamespaceOf(pod) + "/" + pod_name});
      cluster.state().Erase({ObjectKind::kPod, NamespaceOf(pod), pod_name});
      break;
    case 2:
      cluster.state().Erase({ObjectKind::kNetworkPolicy, NamespaceOf(policy),
                             absl::StrCat("np", policy)});
      break;
    case 3:
      PutPolicy(cluster, policy);
      break;
    default:
      PutPod(cluster, pod);
  }
}

TestFlow RandomCluster::AnyFlow() {
  bool ipv4 = Below(2) == 0;
  auto end = [&]() -> std::string {
    switch (Below(8)) {
      case 0:
        return ipv4 ? "8.8.8.8" : "2001:db8::8";
      case 1:
        return ipv4 ? "192.168.0.1" : "fd01::1";
      default:
        return absl::StrCat(ipv4 ? "10.0.0." : "fd00::", 10 + Below(kPods));
    }
  };
  TestFlow flow{.source = end(), .destination = end()};
  flow.protocol =
      OneOf<IpProtocol>({IpProtocol::kTcp, IpProtocol::kTcp, IpProtocol::kUdp,
                         IpProtocol::kSctp, IpProtocol::kIcmp});
  flow.port = flow.protocol == IpProtocol::kIcmp
                  ? 0
                  : static_cast<uint16_t>(79 + Below(6));
  return flow;
}

}  // namespace vswitch
