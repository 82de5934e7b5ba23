// From selectors and names to identities and numbers.

#include "controlplane/compile/policy_compiler.h"

#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/compile/rule_text.h"
#include "controlplane/compile/stable_hash.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

absl::Status CheckPort(const NetworkPolicyPort& port,
                       const std::string& field) {
  if (port.protocol != IpProtocol::kTcp && port.protocol != IpProtocol::kUdp &&
      port.protocol != IpProtocol::kSctp) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ".protocol: ", ToString(port.protocol),
                     " is not TCP, UDP or SCTP"));
  }
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
  const IpBlock& block = *peer.ip_block;
  for (size_t i = 0; i < block.except.size(); ++i) {
    if (block.except[i].prefix_bits <= block.cidr.prefix_bits ||
        !block.cidr.Contains(block.except[i].address)) {
      return absl::InvalidArgumentError(absl::StrCat(
          field, ".ipBlock.except[", i, "]: ", block.except[i].ToString(),
          " is not inside ", block.cidr.ToString()));
    }
  }
  return absl::OkStatus();
}

// Returns the number that `named_ports` give the port, or nullopt.
std::optional<uint16_t> NumberOf(const std::vector<ContainerPort>& named_ports,
                                 const NetworkPolicyPort& port) {
  for (const ContainerPort& named : named_ports) {
    if (named.name == port.port_name && named.protocol == port.protocol) {
      return named.port;
    }
  }
  return std::nullopt;
}

// REQUIRES: the port has no name.
TrafficMatch ToTraffic(const NetworkPolicyPort& port) {
  TrafficMatch match{.protocol = port.protocol};
  if (port.port.has_value()) {
    match.first = *port.port;
    match.last = port.end_port.value_or(*port.port);
  }
  return match;
}

}  // namespace

bool Selects(const NetworkPolicy& policy, const std::string& ns,
             const PodIdentity& identity) {
  return identity.ns == ns && policy.pod_selector.Matches(identity.labels);
}

bool PeerSelects(const NetworkPolicyPeer& peer, const std::string& policy_ns,
                 const PodIdentity& identity) {
  if (peer.ip_block.has_value()) return false;
  if (peer.namespace_selector.has_value()) {
    if (!peer.namespace_selector->Matches(*identity.namespace_labels)) {
      return false;
    }
  } else if (identity.ns != policy_ns) {
    return false;
  }
  return !peer.pod_selector.has_value() ||
         peer.pod_selector->Matches(identity.labels);
}

absl::StatusOr<PolicyCompiler> PolicyCompiler::Create(
    const DesiredState& desired, const PodIndex& index) {
  PolicyCompiler compiler(index);
  compiler.rules_[kLocalNodeRule] = {
      .policy = "the local node",
      .text = "a pod's own node may always reach it"};
  absl::Status status;
  desired.ForEach<NetworkPolicy>(
      [&](const Metadata& metadata, const NetworkPolicy& policy) {
        if (status.ok()) status = compiler.AddPolicy(metadata, policy);
      });
  RETURN_IF_ERROR(status);
  return compiler;
}

absl::Status PolicyCompiler::AddPolicy(const Metadata& metadata,
                                       const NetworkPolicy& policy) {
  ResolvedPolicy resolved{
      .name = QualifiedName(metadata), .ns = metadata.ns, .policy = &policy};
  for (PolicyDirection direction :
       {PolicyDirection::kIngress, PolicyDirection::kEgress}) {
    bool ingress = direction == PolicyDirection::kIngress;
    const auto& rules = ingress ? policy.ingress : policy.egress;
    auto& list = ingress ? resolved.ingress : resolved.egress;
    for (uint32_t i = 0; i < rules.size(); ++i) {
      ASSIGN_OR_RETURN(ResolvedRule rule,
                       Resolve(resolved, direction, i, rules[i]));
      list.push_back(std::move(rule));
    }
  }
  policies_.push_back(std::move(resolved));
  return absl::OkStatus();
}

absl::StatusOr<PolicyCompiler::ResolvedRule> PolicyCompiler::Resolve(
    const ResolvedPolicy& policy, PolicyDirection direction, uint32_t index,
    const NetworkPolicyRule& rule) {
  std::string field = absl::StrCat("NetworkPolicy ", policy.name, " spec.",
                                   ToString(direction), "[", index, "]");
  bool ingress = direction == PolicyDirection::kIngress;
  for (size_t i = 0; i < rule.ports.size(); ++i) {
    RETURN_IF_ERROR(
        CheckPort(rule.ports[i], absl::StrCat(field, ".ports[", i, "]")));
  }
  ResolvedRule resolved{.id = NumberRule({.policy = policy.name,
                                          .direction = direction,
                                          .index = index + 1,
                                          .text = RuleText(direction, rule)}),
                        .any_peer = rule.peers.empty(),
                        .ports = &rule.ports};
  for (size_t i = 0; i < rule.peers.size(); ++i) {
    const NetworkPolicyPeer& peer = rule.peers[i];
    RETURN_IF_ERROR(CheckPeer(
        peer, absl::StrCat(field, ingress ? ".from[" : ".to[", i, "]")));
    if (peer.ip_block.has_value()) {
      resolved.cidrs.push_back({peer.ip_block->cidr, peer.ip_block->except});
    }
  }
  for (const PodIdentity& identity : index_->identities()) {
    for (const NetworkPolicyPeer& peer : rule.peers) {
      if (!PeerSelects(peer, policy.ns, identity)) continue;
      resolved.identities.push_back(&identity);
      break;
    }
  }
  return resolved;
}

// Policies come in order of their names, so the numbers are the same each time
// even where two hashes meet.
RuleId PolicyCompiler::NumberRule(RuleInfo info) {
  uint32_t number = static_cast<uint32_t>(StableHash(absl::StrCat(
      info.policy, " ", ToString(info.direction), " ", info.index)));
  while (number == ToInt(kNoRule) || rules_.contains(RuleId{number})) ++number;
  rules_[RuleId{number}] = std::move(info);
  return RuleId{number};
}

std::optional<PolicyCompiler::Result> PolicyCompiler::Compile(
    const PodIdentity& identity, PolicyDirection direction) const {
  bool ingress = direction == PolicyDirection::kIngress;
  Result result;
  for (const ResolvedPolicy& policy : policies_) {
    bool isolates = ingress ? policy.policy->isolates_ingress
                            : policy.policy->isolates_egress;
    if (!isolates || !Selects(*policy.policy, policy.ns, identity)) continue;
    result.isolating.push_back(policy.name);
    for (const ResolvedRule& rule : ingress ? policy.ingress : policy.egress) {
      if (ingress) {
        AppendIngress(rule, identity, result.spec);
      } else {
        AppendEgress(rule, result.spec);
      }
    }
  }
  if (result.isolating.empty()) return std::nullopt;
  if (ingress) {
    // NP-18: a pod cannot shut out its own node (kubelet's probes).
    result.spec.entries.push_back({.rule = kLocalNodeRule,
                                   .precedence = kLocalNodeAllow,
                                   .identities = {kIdentityHost}});
  }
  Normalize(result.spec);
  return result;
}

void PolicyCompiler::AppendIngress(const ResolvedRule& rule,
                                   const PodIdentity& identity,
                                   PolicySetSpec& spec) const {
  PolicyEntry entry{
      .rule = rule.id, .any_peer = rule.any_peer, .cidrs = rule.cidrs};
  for (const PodIdentity* peer : rule.identities) {
    entry.identities.push_back(peer->id);
  }
  for (const NetworkPolicyPort& port : *rule.ports) {
    if (port.port_name.empty()) {
      entry.traffic.push_back(ToTraffic(port));
      continue;
    }
    if (auto number = NumberOf(identity.named_ports, port)) {
      entry.traffic.push_back({port.protocol, *number, *number});
    }
  }
  // Names that the pod does not have match nothing; no ports at all means any.
  if (entry.traffic.empty() && !rule.ports->empty()) return;
  spec.entries.push_back(std::move(entry));
}

void PolicyCompiler::AppendEgress(const ResolvedRule& rule,
                                  PolicySetSpec& spec) const {
  PolicyEntry entry{
      .rule = rule.id, .any_peer = rule.any_peer, .cidrs = rule.cidrs};
  for (const PodIdentity* peer : rule.identities) {
    entry.identities.push_back(peer->id);
  }
  // What each name means, and for whom.  Without peers: for every pod; an
  // address outside has no names.
  std::map<TrafficMatch, std::vector<IdentityId>> named;
  for (const NetworkPolicyPort& port : *rule.ports) {
    if (port.port_name.empty()) {
      entry.traffic.push_back(ToTraffic(port));
      continue;
    }
    auto resolve = [&](const PodIdentity& peer) {
      if (auto number = NumberOf(peer.named_ports, port)) {
        named[{port.protocol, *number, *number}].push_back(peer.id);
      }
    };
    if (rule.any_peer) {
      for (const PodIdentity& peer : index_->identities()) resolve(peer);
    } else {
      for (const PodIdentity* peer : rule.identities) resolve(*peer);
    }
  }
  if (!entry.traffic.empty() || rule.ports->empty()) {
    spec.entries.push_back(std::move(entry));
  }
  for (auto& [traffic, identities] : named) {
    spec.entries.push_back({.rule = rule.id,
                            .identities = std::move(identities),
                            .traffic = {traffic}});
  }
}

}  // namespace vswitch
