// ClusterNetworkPolicy, with the validation rules of its API (v1alpha2).

#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/translate/to_model_internal.h"

namespace vswitch {
namespace {

using google::protobuf::RepeatedPtrField;

// The API's limits.
constexpr uint32_t kMaxPriority = 1000;
constexpr int kMaxItems = 25;  // of every list in a policy
constexpr size_t kMaxRuleNameLength = 100;

enum class Direction { kIngress, kEgress };

void CheckCount(FieldReader& reader, const FieldPath& path, int count) {
  if (count <= kMaxItems) return;
  reader.AddFault(
      path, absl::StrCat("holds ", count, ", at most ", kMaxItems, " fit"));
}

ClusterPodSelector ReadNamespaces(FieldReader& reader, const FieldPath& path,
                                  const v1::LabelSelector& message) {
  ClusterPodSelector result;
  result.namespace_selector = ReadSelector(reader, path, message);
  result.all_pods = true;
  return result;
}

ClusterPodSelector ReadPods(FieldReader& reader, const FieldPath& path,
                            const v1::NamespacedPods& message) {
  ClusterPodSelector result;
  result.namespace_selector = ReadSelector(
      reader, {&path, "namespace_selector"}, message.namespace_selector());
  result.pod_selector =
      ReadSelector(reader, {&path, "pod_selector"}, message.pod_selector());
  return result;
}

ClusterPodSelector ReadSubject(FieldReader& reader, const FieldPath& path,
                               const v1::ClusterPolicySubject& message) {
  switch (message.subject_case()) {
    case v1::ClusterPolicySubject::kNamespaces:
      return ReadNamespaces(reader, {&path, "namespaces"},
                            message.namespaces());
    case v1::ClusterPolicySubject::kPods:
      return ReadPods(reader, {&path, "pods"}, message.pods());
    case v1::ClusterPolicySubject::SUBJECT_NOT_SET:
      break;
  }
  reader.AddFault(path, "must have namespaces or pods");
  return {};
}

std::vector<IpPrefix> ReadNetworks(FieldReader& reader, const FieldPath& path,
                                   const v1::ClusterPolicyPeer& message) {
  CheckCount(reader, {&path, "networks"}, message.networks_size());
  std::vector<IpPrefix> networks;
  for (int i = 0; i < message.networks_size(); ++i) {
    networks.push_back(
        reader.ReadPrefix({&path, "networks", i}, message.networks(i)));
  }
  return networks;
}

// A peer without any field is kept as one that is not known: an API server of
// a later version has dropped the field that this one does not have.
ClusterPolicyPeer ReadPeer(FieldReader& reader, const FieldPath& path,
                           Direction direction,
                           const v1::ClusterPolicyPeer& message) {
  ClusterPolicyPeer peer;
  int kinds = 0;
  if (message.has_namespaces()) {
    ++kinds;
    peer.pods =
        ReadNamespaces(reader, {&path, "namespaces"}, message.namespaces());
  }
  if (message.has_pods()) {
    ++kinds;
    peer.pods = ReadPods(reader, {&path, "pods"}, message.pods());
  }
  if (!message.networks().empty()) {
    ++kinds;
    peer.networks = ReadNetworks(reader, path, message);
    if (direction == Direction::kIngress) {
      reader.AddFault({&path, "networks"}, "is only for egress rules");
    }
  }
  if (message.has_nodes()) {
    ++kinds;
    peer.nodes = ReadSelector(reader, {&path, "nodes"}, message.nodes());
    if (direction == Direction::kIngress) {
      reader.AddFault({&path, "nodes"}, "is only for egress rules");
    }
  }
  if (kinds > 1) {
    reader.AddFault(path,
                    "must have one of namespaces, pods, networks and nodes, "
                    "not several");
  }
  return peer;
}

void ReadPorts(FieldReader& reader, const FieldPath& parent,
               absl::string_view name, IpProtocol protocol,
               const v1::ClusterPolicyPorts& message,
               ClusterPolicyProtocol& result) {
  FieldPath path(&parent, name);
  result.protocol = protocol;
  if (message.destination_port_case() == v1::ClusterPolicyPorts::kNumber) {
    result.first = reader.ReadPortNumber({&path, "number"}, message.number());
    result.last = result.first;
    return;
  }
  if (message.destination_port_case() != v1::ClusterPolicyPorts::kRange) return;
  FieldPath range(&path, "range");
  result.first =
      reader.ReadPortNumber({&range, "start"}, message.range().start());
  result.last = reader.ReadPortNumber({&range, "end"}, message.range().end());
  if (result.first >= result.last) {
    reader.AddFault({&range, "end"}, absl::StrCat(message.range().end(),
                                                  " is not greater than start ",
                                                  message.range().start()));
  }
}

ClusterPolicyProtocol ReadTraffic(FieldReader& reader, const FieldPath& path,
                                  const v1::ClusterPolicyProtocol& message) {
  ClusterPolicyProtocol result;
  FieldPath name(&path, "destination_named_port");
  switch (message.protocol_case()) {
    case v1::ClusterPolicyProtocol::kTcp:
      ReadPorts(reader, path, "tcp", IpProtocol::kTcp, message.tcp(), result);
      break;
    case v1::ClusterPolicyProtocol::kUdp:
      ReadPorts(reader, path, "udp", IpProtocol::kUdp, message.udp(), result);
      break;
    case v1::ClusterPolicyProtocol::kSctp:
      ReadPorts(reader, path, "sctp", IpProtocol::kSctp, message.sctp(),
                result);
      break;
    case v1::ClusterPolicyProtocol::kDestinationNamedPort:
      result.port_name = message.destination_named_port();
      reader.CheckLength(name, result.port_name, kMaxPortNameLength);
      if (result.port_name.empty()) reader.AddFault(name, "must not be empty");
      break;
    case v1::ClusterPolicyProtocol::PROTOCOL_NOT_SET:
      reader.AddFault(path,
                      "must have tcp, udp, sctp or destination_named_port");
  }
  return result;
}

RuleAction ReadAction(FieldReader& reader, const FieldPath& path,
                      v1::ClusterPolicyAction action) {
  switch (action) {
    case v1::CLUSTER_POLICY_ACTION_ACCEPT:
      return RuleAction::kAllow;
    case v1::CLUSTER_POLICY_ACTION_DENY:
      return RuleAction::kDeny;
    case v1::CLUSTER_POLICY_ACTION_PASS:
      return RuleAction::kPass;
    default:
      reader.AddFault({&path, "action"}, "must be ACCEPT, DENY or PASS");
      return RuleAction::kDeny;
  }
}

// Networks and nodes declare no ports by name.
void CheckNamedPorts(FieldReader& reader, const FieldPath& path,
                     const ClusterPolicyRule& rule) {
  bool has_unnamed = false;
  for (const ClusterPolicyPeer& peer : rule.peers) {
    has_unnamed |= !peer.networks.empty() || peer.nodes.has_value();
  }
  if (!has_unnamed) return;
  for (size_t i = 0; i < rule.protocols.size(); ++i) {
    if (rule.protocols[i].port_name.empty()) continue;
    FieldPath protocol(&path, "protocols", static_cast<int>(i));
    reader.AddFault({&protocol, "destination_named_port"},
                    "cannot stand beside networks and nodes, whose ports have "
                    "no names");
  }
}

ClusterPolicyRule ReadRule(FieldReader& reader, const FieldPath& path,
                           Direction direction,
                           const v1::ClusterPolicyRule& message) {
  ClusterPolicyRule rule;
  rule.name = message.name();
  reader.CheckLength({&path, "name"}, rule.name, kMaxRuleNameLength);
  rule.action = ReadAction(reader, path, message.action());
  FieldPath peers(&path, "peers");
  if (message.peers().empty()) {
    reader.AddFault(peers, "must hold at least one peer");
  }
  CheckCount(reader, peers, message.peers_size());
  for (int i = 0; i < message.peers_size(); ++i) {
    rule.peers.push_back(
        ReadPeer(reader, {&path, "peers", i}, direction, message.peers(i)));
  }
  CheckCount(reader, {&path, "protocols"}, message.protocols_size());
  for (int i = 0; i < message.protocols_size(); ++i) {
    rule.protocols.push_back(
        ReadTraffic(reader, {&path, "protocols", i}, message.protocols(i)));
  }
  CheckNamedPorts(reader, path, rule);
  return rule;
}

std::vector<ClusterPolicyRule> ReadRules(
    FieldReader& reader, const FieldPath& parent, absl::string_view name,
    Direction direction, const RepeatedPtrField<v1::ClusterPolicyRule>& in) {
  CheckCount(reader, {&parent, name}, in.size());
  std::vector<ClusterPolicyRule> rules;
  for (int i = 0; i < in.size(); ++i) {
    rules.push_back(ReadRule(reader, {&parent, name, i}, direction, in[i]));
  }
  return rules;
}

}  // namespace

ClusterNetworkPolicy ReadClusterNetworkPolicy(
    FieldReader& reader, const FieldPath& path,
    const v1::ClusterNetworkPolicy& message) {
  ClusterNetworkPolicy policy;
  switch (message.tier()) {
    case v1::CLUSTER_POLICY_TIER_ADMIN:
      policy.tier = ClusterPolicyTier::kAdmin;
      break;
    case v1::CLUSTER_POLICY_TIER_BASELINE:
      policy.tier = ClusterPolicyTier::kBaseline;
      break;
    default:
      reader.AddFault({&path, "tier"}, "must be ADMIN or BASELINE");
  }
  if (message.priority() > kMaxPriority) {
    reader.AddFault(
        {&path, "priority"},
        absl::StrCat(message.priority(), " is not from 0 to ", kMaxPriority));
  } else {
    policy.priority = static_cast<uint16_t>(message.priority());
  }
  policy.subject = ReadSubject(reader, {&path, "subject"}, message.subject());
  policy.ingress = ReadRules(reader, path, "ingress", Direction::kIngress,
                             message.ingress());
  policy.egress =
      ReadRules(reader, path, "egress", Direction::kEgress, message.egress());
  return policy;
}

}  // namespace vswitch
