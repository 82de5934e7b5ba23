// ClusterNetworkPolicy (policy.networking.k8s.io/v1alpha2) as a source.

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/compile/policy_adapters.h"
#include "controlplane/model/policy_annotations.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

constexpr uint16_t kMaxPriority = 1000;
constexpr IpProtocol kPortProtocols[] = {IpProtocol::kTcp, IpProtocol::kUdp,
                                         IpProtocol::kSctp};

IdentityPredicate PredicateOf(const ClusterPodSelector& selector) {
  IdentityPredicate predicate;
  AddTerms(LabelOrigin::kNamespace, selector.namespace_selector, predicate);
  if (!selector.all_pods) {
    AddTerms(LabelOrigin::kPod, selector.pod_selector, predicate);
  }
  return predicate;
}

absl::StatusOr<SourcePeers> PeersOf(const ClusterPolicyRule& rule, bool ingress,
                                    const std::string& field) {
  if (rule.peers.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": needs at least one peer"));
  }
  SourcePeers peers;
  for (size_t i = 0; i < rule.peers.size(); ++i) {
    const ClusterPolicyPeer& peer = rule.peers[i];
    if (ingress && (!peer.networks.empty() || peer.nodes.has_value())) {
      return absl::InvalidArgumentError(
          absl::StrCat(field, "[", i,
                       "]: ingress peers are pods or namespaces, "
                       "not networks or nodes"));
    }
    if (peer.pods.has_value()) peers.pods.push_back(PredicateOf(*peer.pods));
    for (const IpPrefix& network : peer.networks) {
      peers.cidrs.push_back({.cidr = network});
    }
    if (peer.nodes.has_value()) peers.nodes.push_back(*peer.nodes);
  }
  return peers;
}

// Returns nullptr for a rule about any traffic.
absl::StatusOr<std::shared_ptr<const SourceTraffic>> TrafficOf(
    const ClusterPolicyRule& rule, const std::string& field, SourcePool& pool) {
  if (rule.protocols.empty()) return nullptr;
  bool only_pods = std::all_of(
      rule.peers.begin(), rule.peers.end(), [](const ClusterPolicyPeer& peer) {
        return peer.networks.empty() && !peer.nodes.has_value();
      });
  SourceTraffic traffic;
  for (size_t i = 0; i < rule.protocols.size(); ++i) {
    const ClusterPolicyProtocol& protocol = rule.protocols[i];
    std::string entry = absl::StrCat(field, ".protocols[", i, "]");
    if (protocol.protocol.has_value()) {
      RETURN_IF_ERROR(CheckPortProtocol(*protocol.protocol, entry));
    }
    if (!protocol.port_name.empty() && !only_pods) {
      return absl::InvalidArgumentError(
          absl::StrCat(entry,
                       ".destinationNamedPort: networks and nodes have "
                       "no named ports; a number is needed"));
    }
    if (protocol.first > protocol.last) {
      return absl::InvalidArgumentError(
          absl::StrCat(entry, ".destinationPort.range: end ", protocol.last,
                       " is less than start ", protocol.first));
    }
    for (IpProtocol candidate : kPortProtocols) {
      if (protocol.protocol.value_or(candidate) != candidate) continue;
      if (protocol.port_name.empty()) {
        traffic.matches.push_back({candidate, protocol.first, protocol.last});
      } else {
        traffic.names.push_back({candidate, protocol.port_name});
      }
    }
  }
  return pool.Intern(std::move(traffic));
}

// A peer of a kind that is not known closes: the rule denies everything, unless
// it is one that accepts (API, ClusterNetworkPolicyIngressPeer).
bool FailsClosed(const ClusterPolicyRule& rule) {
  return rule.action != RuleAction::kAllow &&
         std::any_of(
             rule.peers.begin(), rule.peers.end(),
             [](const ClusterPolicyPeer& peer) { return peer.IsUnknown(); });
}

absl::StatusOr<std::vector<SourceRule>> RulesOf(
    const Metadata& metadata, PolicyDirection direction,
    const std::vector<ClusterPolicyRule>& rules, SourcePool& pool) {
  bool ingress = direction == PolicyDirection::kIngress;
  std::vector<SourceRule> result;
  for (uint32_t i = 0; i < rules.size(); ++i) {
    std::string field =
        absl::StrCat("ClusterNetworkPolicy ", metadata.name, " spec.",
                     ToString(direction), "[", i, "]");
    SourceRule rule{
        .action = rules[i].action,
        .section = ingress ? RuleSection::kIngress : RuleSection::kEgress,
        .index = i + 1};
    ASSIGN_OR_RETURN(SourcePeers peers,
                     PeersOf(rules[i], ingress,
                             absl::StrCat(field, ingress ? ".from" : ".to")));
    ASSIGN_OR_RETURN(rule.traffic, TrafficOf(rules[i], field, pool));
    if (FailsClosed(rules[i])) {
      rule.action = RuleAction::kDeny;
      peers = {.any_peer = true};
      rule.traffic = nullptr;
    }
    rule.peers = pool.Intern(std::move(peers));
    result.push_back(std::move(rule));
  }
  return result;
}

}  // namespace

absl::StatusOr<PolicySources> SourcesOf(const Metadata& metadata,
                                        const ClusterNetworkPolicy& policy,
                                        SourcePool& pool) {
  if (policy.priority > kMaxPriority) {
    return absl::InvalidArgumentError(
        absl::StrCat("ClusterNetworkPolicy ", metadata.name, " spec.priority: ",
                     policy.priority, " is not from 0 to ", kMaxPriority));
  }
  auto source = std::make_shared<PolicySource>();
  source->key = {PolicyKind::kClusterNetworkPolicy, "", metadata.name};
  source->tier = policy.tier == ClusterPolicyTier::kAdmin
                     ? PolicyTier::kAdmin
                     : PolicyTier::kBaseline;
  source->order = policy.priority;
  source->attributes = AttributesOf(metadata);
  source->subject = PredicateOf(policy.subject);
  ASSIGN_OR_RETURN(
      source->ingress.rules,
      RulesOf(metadata, PolicyDirection::kIngress, policy.ingress, pool));
  ASSIGN_OR_RETURN(
      source->egress.rules,
      RulesOf(metadata, PolicyDirection::kEgress, policy.egress, pool));
  return PolicySources{std::move(source)};
}

}  // namespace vswitch
