// CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy (cilium.io/v2), as
// plainly as possible.

#include <set>
#include <utility>

#include "controlplane/compile/naive_policy_evaluator_ends.h"

namespace vswitch {
namespace {

constexpr char kNamespaceKey[] = "io.kubernetes.pod.namespace";
constexpr char kNamespaceLabelKey[] = "io.cilium.k8s.namespace.labels.";
constexpr char kReserved[] = "reserved:";

bool BeginsWith(const std::string& text, const std::string& beginning) {
  return text.substr(0, beginning.size()) == beginning;
}

// Without a source that means "a label of the object".
std::string PlainKey(const std::string& key) {
  for (const char* source : {"k8s:", "any:", "container:", "unspec:"}) {
    if (BeginsWith(key, source)) return key.substr(std::string(source).size());
  }
  return key;
}

LabelSelector Plain(const LabelSelector& selector) {
  LabelSelector result = selector;
  for (LabelRequirement& requirement : result.requirements) {
    requirement.key = PlainKey(requirement.key);
  }
  return result;
}

// The labels of an end's identity.
Labels IdentityLabelsOf(const NaiveEnd& end) {
  switch (end.owner) {
    case NaiveOwner::kOutside:
      return {{"reserved:world", ""}};
    case NaiveOwner::kLocalNode:
      return {{"reserved:host", ""}};
    case NaiveOwner::kRemoteNode:
      return {{"reserved:remote-node", ""}};
    case NaiveOwner::kInit:
      return {{"reserved:init", ""}};
    case NaiveOwner::kPod:
      break;
  }
  Labels labels = end.metadata->labels;
  labels[kNamespaceKey] = end.metadata->ns;
  for (const auto& [key, value] : end.namespace_labels) {
    labels[kNamespaceLabelKey + key] = value;
  }
  labels["io.cilium.k8s.policy.serviceaccount"] =
      end.pod->service_account.empty() ? "default" : end.pod->service_account;
  labels["io.cilium.k8s.policy.cluster"] = "default";
  return labels;
}

// Whether an endpoint selector selects an end.  One that asks for nothing that
// is reserved is about pods.
bool Selects(const LabelSelector& selector, const NaiveEnd& end) {
  const LabelSelector plain = Plain(selector);
  bool about_reserved = false;
  for (const LabelRequirement& requirement : plain.requirements) {
    if (BeginsWith(requirement.key, kReserved)) about_reserved = true;
  }
  if (end.owner != NaiveOwner::kPod && !about_reserved) return false;
  return NaiveMeets(plain, IdentityLabelsOf(end));
}

// The same for a peer: of the policy's namespace, unless it says where.
bool SelectsPeer(const LabelSelector& selector, const std::string& policy_ns,
                 const NaiveEnd& end) {
  bool says_where = policy_ns.empty();
  for (const LabelRequirement& requirement : Plain(selector).requirements) {
    if (requirement.key == kNamespaceKey ||
        BeginsWith(requirement.key, kNamespaceLabelKey) ||
        BeginsWith(requirement.key, kReserved)) {
      says_where = true;
    }
  }
  if (!says_where && (end.pod == nullptr || end.metadata->ns != policy_ns)) {
    return false;
  }
  return Selects(selector, end);
}

// Whether `address` is an endpoint of one of the services (namespace, name).
bool IsBackend(const DesiredState& desired,
               const std::set<std::pair<std::string, std::string>>& services,
               bool ready_only, const IpAddress& address) {
  bool found = false;
  desired.ForEach<EndpointSlice>(
      [&](const Metadata& metadata, const EndpointSlice& slice) {
        std::string service;
        for (const auto& [key, value] : metadata.labels) {
          if (key == "kubernetes.io/service-name") service = value;
        }
        if (services.count({metadata.ns, service}) == 0) return;
        for (const Endpoint& endpoint : slice.endpoints) {
          if (ready_only && !endpoint.ready) continue;
          if (!endpoint.addresses.empty() && endpoint.addresses[0] == address) {
            found = true;
          }
        }
      });
  return found;
}

bool ServiceMeets(const NaiveSide& side, const std::string& policy_ns,
                  const CiliumServiceReference& reference) {
  std::set<std::pair<std::string, std::string>> services;
  if (!reference.name.empty()) {
    services.insert(
        {reference.ns.empty() ? policy_ns : reference.ns, reference.name});
  } else {
    side.desired.ForEach<Service>(
        [&](const Metadata& metadata, const Service&) {
          if (!reference.ns.empty() && metadata.ns != reference.ns) return;
          if (NaiveMeets(Plain(reference.selector), metadata.labels)) {
            services.insert({metadata.ns, metadata.name});
          }
        });
  }
  return IsBackend(side.desired, services, true, side.other.address);
}

bool IsApiserver(const NaiveSide& side) {
  return IsBackend(side.desired, {{"default", "kubernetes"}}, false,
                   side.other.address);
}

// Names of ports are those of pods (NP-15): an end that is met by its address
// gives none.
enum class Match { kNo, kByAddress, kByIdentity };

Match EntityMeets(const NaiveSide& side, CiliumEntity entity) {
  const NaiveOwner owner = side.other.owner;
  const bool outside = owner == NaiveOwner::kOutside;
  bool meets = false;
  switch (entity) {
    case CiliumEntity::kAll:
      meets = true;
      break;
    case CiliumEntity::kWorld:
      meets = outside;
      break;
    case CiliumEntity::kWorldIpv4:
      meets = outside && side.other.address.IsIpv4();
      break;
    case CiliumEntity::kWorldIpv6:
      meets = outside && !side.other.address.IsIpv4();
      break;
    case CiliumEntity::kCluster:
      meets = !outside;
      break;
    case CiliumEntity::kHost:
      meets = owner == NaiveOwner::kLocalNode;
      break;
    case CiliumEntity::kRemoteNode:
      meets = owner == NaiveOwner::kRemoteNode;
      break;
    case CiliumEntity::kInit:
      meets = owner == NaiveOwner::kInit;
      break;
    case CiliumEntity::kKubeApiserver:
      return IsApiserver(side) ? Match::kByAddress : Match::kNo;
    case CiliumEntity::kIngress:
    case CiliumEntity::kHealth:
    case CiliumEntity::kUnmanaged:
    case CiliumEntity::kNone:
      break;
  }
  return meets ? Match::kByIdentity : Match::kNo;
}

Match PeersMeet(const NaiveSide& side, const std::string& policy_ns,
                const CiliumRule& rule) {
  const bool any_kind = rule.endpoints.has_value() ||
                        rule.entities.has_value() || rule.cidrs.has_value() ||
                        rule.nodes.has_value() || rule.services.has_value();
  if (!any_kind) {
    const bool about_traffic = !rule.ports.empty() || !rule.icmps.empty();
    return about_traffic ? Match::kByIdentity : Match::kNo;
  }
  Match match = Match::kNo;
  auto add = [&match](Match found) { match = std::max(match, found); };
  auto add_address = [&add](bool found) {
    add(found ? Match::kByAddress : Match::kNo);
  };
  for (const LabelSelector& selector :
       rule.endpoints.value_or(std::vector<LabelSelector>{})) {
    if (SelectsPeer(selector, policy_ns, side.other)) add(Match::kByIdentity);
  }
  for (CiliumEntity entity :
       rule.entities.value_or(std::vector<CiliumEntity>{})) {
    add(EntityMeets(side, entity));
  }
  for (const IpBlock& block : rule.cidrs.value_or(std::vector<IpBlock>{})) {
    add_address(side.other.owner == NaiveOwner::kOutside &&
                NaiveInside(block, side.other.address));
  }
  for (const LabelSelector& selector :
       rule.nodes.value_or(std::vector<LabelSelector>{})) {
    add_address(NaiveIsNode(side.desired, Plain(selector), side.other.address));
  }
  for (const CiliumServiceReference& service :
       rule.services.value_or(std::vector<CiliumServiceReference>{})) {
    add_address(ServiceMeets(side, policy_ns, service));
  }
  return match;
}

bool PortMeets(const NaiveSide& side, const CiliumPort& port,
               const Pod* named) {
  const PolicyProbe& probe = side.probe;
  if (!NaiveHasPorts(probe)) return false;
  if (port.protocol.value_or(probe.protocol) != probe.protocol) return false;
  if (!port.port_name.empty()) {
    return NaiveNamedPort(named, probe.protocol, port.port_name) == probe.port;
  }
  return port.first <= probe.port && probe.port <= port.last;
}

bool IcmpMeets(const NaiveSide& side, const CiliumIcmp& icmp) {
  const IpProtocol protocol =
      icmp.family == IpFamily::kIpv4 ? IpProtocol::kIcmp : IpProtocol::kIcmpv6;
  return side.probe.protocol == protocol && side.probe.port == icmp.type;
}

bool RuleMeets(const NaiveSide& side, const std::string& policy_ns,
               const CiliumRule& rule) {
  const Match match = PeersMeet(side, policy_ns, rule);
  if (match == Match::kNo) return false;
  if (rule.ports.empty() && rule.icmps.empty()) return true;
  const bool named = side.ingress || match == Match::kByIdentity;
  for (const CiliumPort& port : rule.ports) {
    if (PortMeets(side, port, named ? side.DestinationPod() : nullptr)) {
      return true;
    }
  }
  for (const CiliumIcmp& icmp : rule.icmps) {
    if (IcmpMeets(side, icmp)) return true;
  }
  return false;
}

bool IsSubject(const NaiveSide& side, const std::string& policy_ns,
               const CiliumPolicySpec& spec) {
  if (spec.node_selector.has_value()) {
    return side.self.owner == NaiveOwner::kLocalNode &&
           NaiveMeets(Plain(*spec.node_selector), side.node_labels);
  }
  if (side.self.pod == nullptr) return false;
  if (!policy_ns.empty() && side.self.metadata->ns != policy_ns) return false;
  return Selects(*spec.endpoint_selector, side.self);
}

void AskSpec(const NaiveSide& side, const std::string& policy_ns,
             const CiliumPolicySpec& spec, NaiveTierAnswer& answer) {
  if (!IsSubject(side, policy_ns, spec)) return;
  const auto& allows = side.ingress ? spec.ingress : spec.egress;
  const auto& denies = side.ingress ? spec.ingress_deny : spec.egress_deny;
  const auto& asked =
      side.ingress ? spec.default_deny_ingress : spec.default_deny_egress;
  const bool has_rules = !allows.empty() || !denies.empty();
  if (asked.has_value() ? *asked : has_rules) answer.isolated = true;
  for (const CiliumRule& rule : allows) {
    if (RuleMeets(side, policy_ns, rule)) answer.allowed = true;
  }
  for (const CiliumRule& rule : denies) {
    if (RuleMeets(side, policy_ns, rule)) answer.denied = true;
  }
}

}  // namespace

void AskCiliumPolicies(const NaiveSide& side, NaiveTierAnswer& answer) {
  auto ask = [&](const Metadata& metadata, const auto& policy) {
    if (NaiveIsShadow(metadata)) return;
    for (const CiliumPolicySpec& spec : policy.specs) {
      AskSpec(side, metadata.ns, spec, answer);
    }
  };
  side.desired.ForEach<CiliumNetworkPolicy>(ask);
  side.desired.ForEach<CiliumClusterwideNetworkPolicy>(ask);
}

}  // namespace vswitch
