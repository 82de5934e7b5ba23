// CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy (cilium.io/v2) as
// sources, one for each spec.

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/compile/cilium_selector.h"
#include "controlplane/compile/policy_adapters.h"
#include "controlplane/model/policy_annotations.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

constexpr IpProtocol kPortProtocols[] = {IpProtocol::kTcp, IpProtocol::kUdp,
                                         IpProtocol::kSctp};
constexpr uint8_t kZeroIpv4[4] = {};

CidrMatch Outside(IpBlock block) {
  return {.cidr = block.cidr,
          .except = std::move(block.except),
          .outside_only = true};
}

void AddEntity(CiliumEntity entity, SourcePeers& peers) {
  switch (entity) {
    case CiliumEntity::kAll:
      peers.any_peer = true;
      peers.excluded.clear();
      break;
    case CiliumEntity::kCluster:
      if (!peers.any_peer) peers.excluded = {kIdentityUnknown, kIdentityWorld};
      peers.any_peer = true;
      break;
    case CiliumEntity::kWorld:
      peers.reserved.push_back(kIdentityWorld);
      break;
    case CiliumEntity::kWorldIpv4:
      peers.cidrs.push_back(
          Outside({.cidr = {IpAddress::FromIpv4(kZeroIpv4), 0}}));
      break;
    case CiliumEntity::kWorldIpv6:
      peers.cidrs.push_back(Outside({.cidr = {IpAddress{}, 0}}));
      break;
    case CiliumEntity::kHost:
      peers.reserved.push_back(kIdentityHost);
      break;
    case CiliumEntity::kRemoteNode:
      peers.reserved.push_back(kIdentityRemoteNode);
      break;
    case CiliumEntity::kInit:
      peers.reserved.push_back(kIdentityInit);
      break;
    case CiliumEntity::kHealth:
      peers.reserved.push_back(kIdentityHealth);
      break;
    case CiliumEntity::kUnmanaged:
      peers.reserved.push_back(kIdentityUnmanaged);
      break;
    case CiliumEntity::kKubeApiserver:
      peers.services.push_back(
          {.ns = "default", .name = "kubernetes", .ready_only = false});
      break;
    case CiliumEntity::kIngress:  // a proxy that this switch has not
    case CiliumEntity::kNone:
      break;
  }
}

// Makes the source of one spec.
class SpecAdapter {
 public:
  SpecAdapter(SourceKey key, std::string object, SourcePool& pool)
      : key_(std::move(key)), object_(std::move(object)), pool_(pool) {}

  absl::StatusOr<std::shared_ptr<PolicySource>> Adapt(
      const CiliumPolicySpec& spec) {
    auto source = std::make_shared<PolicySource>();
    source->key = key_;
    RETURN_IF_ERROR(AddSubject(spec, *source));
    RETURN_IF_ERROR(AddRules(spec.ingress, RuleSection::kIngress,
                             RuleAction::kAllow, source->ingress));
    RETURN_IF_ERROR(AddRules(spec.ingress_deny, RuleSection::kIngressDeny,
                             RuleAction::kDeny, source->ingress));
    RETURN_IF_ERROR(AddRules(spec.egress, RuleSection::kEgress,
                             RuleAction::kAllow, source->egress));
    RETURN_IF_ERROR(AddRules(spec.egress_deny, RuleSection::kEgressDeny,
                             RuleAction::kDeny, source->egress));
    source->ingress.isolates =
        spec.default_deny_ingress.value_or(!source->ingress.rules.empty());
    source->egress.isolates =
        spec.default_deny_egress.value_or(!source->egress.rules.empty());
    return source;
  }

 private:
  bool clusterwide() const {
    return key_.kind == PolicyKind::kCiliumClusterwideNetworkPolicy;
  }

  absl::Status AddSubject(const CiliumPolicySpec& spec, PolicySource& source) {
    if (spec.endpoint_selector.has_value() == spec.node_selector.has_value()) {
      return absl::InvalidArgumentError(absl::StrCat(
          object_, ": needs either endpointSelector or nodeSelector"));
    }
    if (spec.node_selector.has_value()) {
      if (!clusterwide()) {
        return absl::InvalidArgumentError(
            absl::StrCat(object_,
                         ".nodeSelector: only a CiliumClusterwideNetworkPolicy "
                         "can select nodes"));
      }
      ASSIGN_OR_RETURN(
          source.node_subject,
          CiliumObjectSelector(*spec.node_selector, object_ + ".nodeSelector"));
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(source.subject,
                     CiliumPredicate(*spec.endpoint_selector,
                                     object_ + ".endpointSelector"));
    if (!clusterwide()) AddNamespaceName(key_.ns, source.subject);
    return absl::OkStatus();
  }

  absl::Status AddRules(const std::vector<CiliumRule>& rules,
                        RuleSection section, RuleAction action,
                        SourceDirection& direction) {
    for (uint32_t i = 0; i < rules.size(); ++i) {
      std::string field =
          absl::StrCat(object_, ".", ToString(section), "[", i, "]");
      SourceRule rule{.action = action, .section = section, .index = i + 1};
      ASSIGN_OR_RETURN(SourcePeers peers, PeersOf(rules[i], section, field));
      rule.peers = pool_.Intern(std::move(peers));
      ASSIGN_OR_RETURN(rule.traffic, TrafficOf(rules[i], field));
      direction.rules.push_back(std::move(rule));
    }
    return absl::OkStatus();
  }

  absl::Status CheckPeers(const CiliumRule& rule, bool ingress,
                          const std::string& field) const {
    int kinds = rule.endpoints.has_value() + rule.entities.has_value() +
                rule.cidrs.has_value() + rule.nodes.has_value() +
                rule.services.has_value();
    if (kinds > 1) {
      return absl::InvalidArgumentError(
          absl::StrCat(field, ": has ", kinds,
                       " kinds of peers; each needs a rule of its "
                       "own"));
    }
    if (ingress && rule.services.has_value()) {
      return absl::InvalidArgumentError(
          absl::StrCat(field, ".toServices: only in egress"));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<SourcePeers> PeersOf(const CiliumRule& rule,
                                      RuleSection section,
                                      const std::string& field) {
    bool ingress = section == RuleSection::kIngress ||
                   section == RuleSection::kIngressDeny;
    std::string prefix = absl::StrCat(field, ingress ? ".from" : ".to");
    RETURN_IF_ERROR(CheckPeers(rule, ingress, field));
    SourcePeers peers;
    if (!rule.endpoints.has_value() && !rule.entities.has_value() &&
        !rule.cidrs.has_value() && !rule.nodes.has_value() &&
        !rule.services.has_value()) {
      // A rule that says nothing matches nobody; one about traffic, everybody.
      peers.any_peer = !rule.ports.empty() || !rule.icmps.empty();
      return peers;
    }
    if (rule.entities.has_value()) {
      for (CiliumEntity entity : *rule.entities) AddEntity(entity, peers);
    }
    if (rule.endpoints.has_value()) {
      RETURN_IF_ERROR(AddEndpoints(*rule.endpoints, prefix, peers));
    }
    if (rule.cidrs.has_value()) {
      RETURN_IF_ERROR(AddBlocks(*rule.cidrs, prefix, peers));
    }
    if (rule.nodes.has_value()) {
      RETURN_IF_ERROR(AddNodes(*rule.nodes, prefix, peers));
    }
    if (rule.services.has_value()) {
      RETURN_IF_ERROR(AddServices(*rule.services, prefix, peers));
    }
    return peers;
  }

  absl::Status AddEndpoints(const std::vector<LabelSelector>& selectors,
                            const std::string& prefix,
                            SourcePeers& peers) const {
    for (size_t i = 0; i < selectors.size(); ++i) {
      ASSIGN_OR_RETURN(
          IdentityPredicate predicate,
          CiliumPeerPredicate(selectors[i], key_.ns,
                              absl::StrCat(prefix, "Endpoints[", i, "]")));
      peers.pods.push_back(std::move(predicate));
    }
    return absl::OkStatus();
  }

  static absl::Status AddBlocks(const std::vector<IpBlock>& blocks,
                                const std::string& prefix, SourcePeers& peers) {
    for (size_t i = 0; i < blocks.size(); ++i) {
      RETURN_IF_ERROR(
          CheckBlock(blocks[i], absl::StrCat(prefix, "CIDRSet[", i, "]")));
      peers.cidrs.push_back(Outside(blocks[i]));
    }
    return absl::OkStatus();
  }

  static absl::Status AddNodes(const std::vector<LabelSelector>& selectors,
                               const std::string& prefix, SourcePeers& peers) {
    for (size_t i = 0; i < selectors.size(); ++i) {
      ASSIGN_OR_RETURN(
          LabelSelector selector,
          CiliumObjectSelector(selectors[i],
                               absl::StrCat(prefix, "Nodes[", i, "]")));
      peers.nodes.push_back(std::move(selector));
    }
    return absl::OkStatus();
  }

  absl::Status AddServices(const std::vector<CiliumServiceReference>& services,
                           const std::string& prefix,
                           SourcePeers& peers) const {
    for (size_t i = 0; i < services.size(); ++i) {
      const CiliumServiceReference& service = services[i];
      std::string field = absl::StrCat(prefix, "Services[", i, "]");
      ServicePeer peer{.ns = service.ns, .name = service.name};
      if (!service.name.empty()) {
        if (peer.ns.empty()) peer.ns = key_.ns;
        if (peer.ns.empty()) {
          return absl::InvalidArgumentError(absl::StrCat(
              field,
              ".k8sService.namespace: a clusterwide policy must name "
              "it"));
        }
      } else {
        ASSIGN_OR_RETURN(peer.selector,
                         CiliumObjectSelector(service.selector, field));
      }
      peers.services.push_back(std::move(peer));
    }
    return absl::OkStatus();
  }

  // Returns nullptr for a rule about any traffic.
  absl::StatusOr<std::shared_ptr<const SourceTraffic>> TrafficOf(
      const CiliumRule& rule, const std::string& field) {
    if (rule.ports.empty() && rule.icmps.empty()) return nullptr;
    SourceTraffic traffic;
    for (size_t i = 0; i < rule.ports.size(); ++i) {
      const CiliumPort& port = rule.ports[i];
      std::string entry = absl::StrCat(field, ".toPorts[", i, "]");
      if (port.protocol.has_value()) {
        RETURN_IF_ERROR(CheckPortProtocol(*port.protocol, entry));
      }
      if (port.first > port.last) {
        return absl::InvalidArgumentError(absl::StrCat(
            entry, ".endPort: ", port.last, " is less than port ", port.first));
      }
      for (IpProtocol candidate : kPortProtocols) {
        if (port.protocol.value_or(candidate) != candidate) continue;
        if (port.port_name.empty()) {
          traffic.matches.push_back({candidate, port.first, port.last});
        } else {
          traffic.names.push_back({candidate, port.port_name});
        }
      }
    }
    for (const CiliumIcmp& icmp : rule.icmps) {
      traffic.matches.push_back({icmp.family == IpFamily::kIpv4
                                     ? IpProtocol::kIcmp
                                     : IpProtocol::kIcmpv6,
                                 icmp.type, icmp.type});
    }
    return pool_.Intern(std::move(traffic));
  }

  SourceKey key_;
  std::string object_;  // "CiliumNetworkPolicy demo/x spec"
  SourcePool& pool_;
};

absl::StatusOr<PolicySources> AdaptAll(
    PolicyKind kind, const Metadata& metadata,
    const std::vector<CiliumPolicySpec>& specs, SourcePool& pool) {
  std::string object =
      absl::StrCat(ToString(kind), " ", QualifiedName(metadata));
  if (specs.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(object, ": needs spec or specs"));
  }
  PolicySources sources;
  for (uint32_t i = 0; i < specs.size(); ++i) {
    std::string field = specs.size() == 1
                            ? absl::StrCat(object, " spec")
                            : absl::StrCat(object, " specs[", i, "]");
    SpecAdapter adapter({kind, metadata.ns, metadata.name, i}, field, pool);
    ASSIGN_OR_RETURN(std::shared_ptr<PolicySource> source,
                     adapter.Adapt(specs[i]));
    source->one_of_many = specs.size() > 1;
    source->attributes = AttributesOf(metadata);
    sources.push_back(std::move(source));
  }
  return sources;
}

}  // namespace

absl::StatusOr<PolicySources> SourcesOf(const Metadata& metadata,
                                        const CiliumNetworkPolicy& policy,
                                        SourcePool& pool) {
  return AdaptAll(PolicyKind::kCiliumNetworkPolicy, metadata, policy.specs,
                  pool);
}

absl::StatusOr<PolicySources> SourcesOf(
    const Metadata& metadata, const CiliumClusterwideNetworkPolicy& policy,
    SourcePool& pool) {
  return AdaptAll(PolicyKind::kCiliumClusterwideNetworkPolicy, metadata,
                  policy.specs, pool);
}

}  // namespace vswitch
