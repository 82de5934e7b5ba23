// Rules in words.

#include "controlplane/compile/rule_text.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/model/objects.h"

namespace vswitch {
namespace {

// The requirement about a label that has another name for users.
std::string Renamed(LabelRequirement requirement, const char* key) {
  requirement.key = key;
  return requirement.ToString();
}

std::string PortsText(const TrafficMatch& match) {
  std::string text = ToString(match.protocol);
  bool icmp = match.protocol == IpProtocol::kIcmp ||
              match.protocol == IpProtocol::kIcmpv6;
  if (match.first == 0 && match.last == 65535) return text;
  absl::StrAppend(&text, icmp ? " type " : " ", match.first);
  if (match.last != match.first) absl::StrAppend(&text, "-", match.last);
  return text;
}

std::string ServiceText(const ServicePeer& service) {
  if (!service.name.empty()) {
    return absl::StrCat("service ", service.ns, "/", service.name);
  }
  return absl::StrCat("services ", service.selector.ToString(), " in ",
                      service.ns.empty() ? "any namespace" : service.ns);
}

}  // namespace

std::string TermText(const LabelTerm& term) {
  const LabelRequirement& requirement = term.requirement;
  switch (term.origin) {
    case LabelOrigin::kPod:
    case LabelOrigin::kNamespace:
      return requirement.ToString();
    case LabelOrigin::kNamespaceName:
      if (requirement.op == SelectorOperator::kIn &&
          requirement.values.size() == 1) {
        return requirement.values[0];
      }
      return Renamed(requirement, "namespace");
    case LabelOrigin::kServiceAccount:
      return Renamed(requirement, "serviceaccount");
    case LabelOrigin::kCluster:
      return Renamed(requirement, "cluster");
    case LabelOrigin::kReserved:
      return absl::StrCat("reserved:", requirement.key);
  }
  return requirement.ToString();
}

std::string PredicateText(const IdentityPredicate& predicate,
                          const std::string& policy_ns) {
  std::vector<std::string> pods, namespaces;
  for (const LabelTerm& term : predicate.terms) {
    bool about_namespace = term.origin == LabelOrigin::kNamespace ||
                           term.origin == LabelOrigin::kNamespaceName;
    (about_namespace ? namespaces : pods).push_back(TermText(term));
  }
  if (!pods.empty() && predicate.NamesReserved()) {
    return absl::StrJoin(pods, ",");
  }
  bool own = namespaces.size() == 1 && namespaces[0] == policy_ns;
  if (own) {
    return pods.empty() ? "every pod of the namespace"
                        : absl::StrJoin(pods, ",");
  }
  return absl::StrCat(
      pods.empty() ? "every pod" : absl::StrJoin(pods, ","), " in ",
      namespaces.empty()
          ? "any namespace"
          : absl::StrCat("namespaces ", absl::StrJoin(namespaces, ",")));
}

std::string CidrText(const CidrMatch& match) {
  std::string text = match.cidr.ToString();
  if (match.except.empty()) return text;
  return absl::StrCat(
      text, " except ",
      absl::StrJoin(match.except, ",",
                    [](std::string* out, const IpPrefix& prefix) {
                      out->append(prefix.ToString());
                    }));
}

std::string PeersText(const SourcePeers& peers, const std::string& policy_ns) {
  if (peers.any_peer && peers.excluded.empty()) return "anywhere";
  std::vector<std::string> texts;
  if (peers.any_peer) texts.push_back("the cluster");
  for (const IdentityPredicate& predicate : peers.pods) {
    texts.push_back(PredicateText(predicate, policy_ns));
  }
  for (IdentityId id : peers.reserved) texts.push_back(ReservedName(id));
  for (const CidrMatch& match : peers.cidrs) texts.push_back(CidrText(match));
  for (const LabelSelector& nodes : peers.nodes) {
    texts.push_back(nodes.requirements.empty()
                        ? "every node"
                        : absl::StrCat("nodes ", nodes.ToString()));
  }
  for (const ServicePeer& service : peers.services) {
    texts.push_back(ServiceText(service));
  }
  return texts.empty() ? "nobody" : absl::StrJoin(texts, " or ");
}

std::string TrafficText(const SourceTraffic* traffic) {
  if (traffic == nullptr) return "every port";
  std::vector<std::string> texts;
  for (const TrafficMatch& match : traffic->matches) {
    texts.push_back(PortsText(match));
  }
  for (const NamedPort& port : traffic->names) {
    texts.push_back(absl::StrCat(ToString(port.protocol), " ", port.name));
  }
  return absl::StrJoin(texts, " or ");
}

std::string RuleText(const PolicySource& source, const SourceRule& rule) {
  bool ingress = rule.section == RuleSection::kIngress ||
                 rule.section == RuleSection::kIngressDeny;
  return absl::StrCat(ingress ? "from " : "to ",
                      PeersText(*rule.peers, source.key.ns), " on ",
                      TrafficText(rule.traffic.get()));
}

const char* ToString(PolicyTier tier) {
  switch (tier) {
    case PolicyTier::kNone:
      return "none";
    case PolicyTier::kDefault:
      return "Default";
    case PolicyTier::kBaseline:
      return "Baseline";
    case PolicyTier::kNetworkPolicy:
      return "NetworkPolicy";
    case PolicyTier::kAdmin:
      return "Admin";
    case PolicyTier::kLocalNode:
      return "LocalNode";
  }
  return "unknown";
}

const char* ActionText(PolicyKind kind, RuleAction action) {
  switch (action) {
    case RuleAction::kAllow:
      return kind == PolicyKind::kClusterNetworkPolicy ? "Accept" : "Allow";
    case RuleAction::kDeny:
      return "Deny";
    case RuleAction::kPass:
      return "Pass";
  }
  return "unknown";
}

std::string RuleReference(const RuleInfo& rule) {
  bool says_direction =
      rule.section == ToString(rule.direction) || rule.section.empty();
  return absl::StrCat(
      rule.policy, " ", says_direction ? "" : absl::StrCat(rule.section, " "),
      "rule ", rule.index, " (", ActionText(rule.kind, rule.action),
      ") in tier ", ToString(rule.tier));
}

std::string IdentityLabelsText(const std::string& ns, const Labels& labels) {
  if (labels.empty()) return absl::StrCat(ns, ": no labels");
  return absl::StrCat(ns, ": ",
                      absl::StrJoin(labels, ",", absl::PairFormatter("=")));
}

}  // namespace vswitch
