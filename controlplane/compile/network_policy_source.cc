// NetworkPolicy as a source.  NP-n are the rules that
// network_policy_semantics_test.cc lists.

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/compile/policy_adapters.h"
#include "controlplane/model/policy_annotations.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

absl::Status CheckPort(const NetworkPolicyPort& port,
                       const std::string& field) {
  RETURN_IF_ERROR(CheckPortProtocol(port.protocol, field));
  if (port.port.has_value() && *port.port == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ".port: 0 is not from 1 to 65535"));
  }
  if (!port.end_port.has_value()) return absl::OkStatus();
  if (!port.port.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ".endPort: needs a number in `port`"));
  }
  if (*port.end_port < *port.port) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ".endPort: ", *port.end_port, " is less than port ",
                     *port.port));
  }
  return absl::OkStatus();
}

absl::Status CheckPeer(const NetworkPolicyPeer& peer,
                       const std::string& field) {
  bool selects =
      peer.pod_selector.has_value() || peer.namespace_selector.has_value();
  if (!peer.ip_block.has_value()) {
    if (selects) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(
        field, ": needs podSelector, namespaceSelector or ipBlock"));
  }
  if (selects) {
    return absl::InvalidArgumentError(
        absl::StrCat(field,
                     ".ipBlock: cannot stand beside podSelector or "
                     "namespaceSelector"));
  }
  return CheckBlock(*peer.ip_block, absl::StrCat(field, ".ipBlock"));
}

// NP-9: without a namespace selector, pods of the policy's own namespace.
IdentityPredicate PredicateOf(const NetworkPolicyPeer& peer,
                              const std::string& ns) {
  IdentityPredicate predicate;
  if (peer.namespace_selector.has_value()) {
    AddTerms(LabelOrigin::kNamespace, *peer.namespace_selector, predicate);
  } else {
    AddNamespaceName(ns, predicate);
  }
  if (peer.pod_selector.has_value()) {
    AddTerms(LabelOrigin::kPod, *peer.pod_selector, predicate);
  }
  return predicate;
}

absl::StatusOr<SourcePeers> PeersOf(const NetworkPolicyRule& rule,
                                    const std::string& ns,
                                    const std::string& field) {
  SourcePeers peers{.any_peer = rule.peers.empty()};
  for (size_t i = 0; i < rule.peers.size(); ++i) {
    const NetworkPolicyPeer& peer = rule.peers[i];
    RETURN_IF_ERROR(CheckPeer(peer, absl::StrCat(field, "[", i, "]")));
    if (peer.ip_block.has_value()) {
      // NP-11: pods' addresses too.
      peers.cidrs.push_back({peer.ip_block->cidr, peer.ip_block->except});
    } else {
      peers.pods.push_back(PredicateOf(peer, ns));
    }
  }
  return peers;
}

// Returns nullptr for a rule about any traffic.
absl::StatusOr<std::shared_ptr<const SourceTraffic>> TrafficOf(
    const NetworkPolicyRule& rule, const std::string& field, SourcePool& pool) {
  if (rule.ports.empty()) return nullptr;
  SourceTraffic traffic;
  for (size_t i = 0; i < rule.ports.size(); ++i) {
    const NetworkPolicyPort& port = rule.ports[i];
    RETURN_IF_ERROR(CheckPort(port, absl::StrCat(field, ".ports[", i, "]")));
    if (!port.port_name.empty()) {
      traffic.names.push_back({port.protocol, port.port_name});
    } else if (port.port.has_value()) {
      traffic.matches.push_back(
          {port.protocol, *port.port, port.end_port.value_or(*port.port)});
    } else {
      traffic.matches.push_back({port.protocol});
    }
  }
  return pool.Intern(std::move(traffic));
}

absl::StatusOr<std::vector<SourceRule>> RulesOf(
    const Metadata& metadata, PolicyDirection direction,
    const std::vector<NetworkPolicyRule>& rules, SourcePool& pool) {
  bool ingress = direction == PolicyDirection::kIngress;
  std::vector<SourceRule> result;
  result.reserve(rules.size());
  for (uint32_t i = 0; i < rules.size(); ++i) {
    std::string field =
        absl::StrCat("NetworkPolicy ", QualifiedName(metadata), " spec.",
                     ToString(direction), "[", i, "]");
    SourceRule rule{
        .section = ingress ? RuleSection::kIngress : RuleSection::kEgress,
        .index = i + 1};
    ASSIGN_OR_RETURN(SourcePeers peers,
                     PeersOf(rules[i], metadata.ns,
                             absl::StrCat(field, ingress ? ".from" : ".to")));
    rule.peers = pool.Intern(std::move(peers));
    ASSIGN_OR_RETURN(rule.traffic, TrafficOf(rules[i], field, pool));
    result.push_back(std::move(rule));
  }
  return result;
}

}  // namespace

absl::Status CheckBlock(const IpBlock& block, const std::string& field) {
  for (size_t i = 0; i < block.except.size(); ++i) {
    if (block.except[i].prefix_bits <= block.cidr.prefix_bits ||
        !block.cidr.Contains(block.except[i].address)) {
      return absl::InvalidArgumentError(
          absl::StrCat(field, ".except[", i, "]: ", block.except[i].ToString(),
                       " is not inside ", block.cidr.ToString()));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckPortProtocol(IpProtocol protocol, const std::string& field) {
  if (protocol == IpProtocol::kTcp || protocol == IpProtocol::kUdp ||
      protocol == IpProtocol::kSctp) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      field, ".protocol: ", ToString(protocol), " is not TCP, UDP or SCTP"));
}

absl::StatusOr<PolicySources> SourcesOf(const Metadata& metadata,
                                        const NetworkPolicy& policy,
                                        SourcePool& pool) {
  auto source = std::make_shared<PolicySource>();
  source->key = {PolicyKind::kNetworkPolicy, metadata.ns, metadata.name};
  source->attributes = AttributesOf(metadata);
  AddNamespaceName(metadata.ns, source->subject);
  AddTerms(LabelOrigin::kPod, policy.pod_selector, source->subject);
  ASSIGN_OR_RETURN(
      source->ingress.rules,
      RulesOf(metadata, PolicyDirection::kIngress, policy.ingress, pool));
  ASSIGN_OR_RETURN(
      source->egress.rules,
      RulesOf(metadata, PolicyDirection::kEgress, policy.egress, pool));
  // A section that policyTypes does not name is without effect (NP-2).
  source->ingress.isolates = policy.isolates_ingress;
  if (!policy.isolates_ingress) source->ingress.rules.clear();
  source->egress.isolates = policy.isolates_egress;
  if (!policy.isolates_egress) source->egress.rules.clear();
  return PolicySources{std::move(source)};
}

}  // namespace vswitch
