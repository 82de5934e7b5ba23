// NetworkPolicy and label selectors, with Kubernetes' validation rules.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/translate/to_model_internal.h"

namespace vswitch {
namespace {

LabelRequirement ReadRequirement(FieldReader& reader, const FieldPath& path,
                                 const v1::LabelSelectorRequirement& message,
                                 LabelKeyCheck check_key) {
  LabelRequirement result;
  result.key = message.key();
  check_key(reader, {&path, "key"}, result.key);
  result.values.assign(message.values().begin(), message.values().end());
  bool wants_values = false;
  switch (message.operator_()) {
    case v1::SELECTOR_OPERATOR_IN:
      result.op = SelectorOperator::kIn;
      wants_values = true;
      break;
    case v1::SELECTOR_OPERATOR_NOT_IN:
      result.op = SelectorOperator::kNotIn;
      wants_values = true;
      break;
    case v1::SELECTOR_OPERATOR_EXISTS:
      result.op = SelectorOperator::kExists;
      break;
    case v1::SELECTOR_OPERATOR_DOES_NOT_EXIST:
      result.op = SelectorOperator::kDoesNotExist;
      break;
    default:
      reader.AddFault({&path, "operator"},
                      "must be IN, NOT_IN, EXISTS or DOES_NOT_EXIST");
      return result;
  }
  if (wants_values == result.values.empty()) {
    reader.AddFault({&path, "values"},
                    wants_values ? "must hold at least one value for IN, NOT_IN"
                                 : "must be empty for EXISTS, DOES_NOT_EXIST");
  }
  for (size_t i = 0; i < result.values.size(); ++i) {
    reader.CheckLabelValue({&path, "values", static_cast<int>(i)},
                           result.values[i]);
  }
  return result;
}

NetworkPolicyPeer ReadPeer(FieldReader& reader, const FieldPath& path,
                           const v1::NetworkPolicyPeer& message) {
  NetworkPolicyPeer peer;
  if (message.has_pod_selector()) {
    peer.pod_selector =
        ReadSelector(reader, {&path, "pod_selector"}, message.pod_selector());
  }
  if (message.has_namespace_selector()) {
    peer.namespace_selector = ReadSelector(
        reader, {&path, "namespace_selector"}, message.namespace_selector());
  }
  if (message.has_ip_block()) {
    peer.ip_block =
        ReadIpBlock(reader, {&path, "ip_block"}, message.ip_block());
    if (peer.pod_selector || peer.namespace_selector) {
      reader.AddFault({&path, "ip_block"},
                      "excludes pod_selector and namespace_selector");
    }
  } else if (!peer.pod_selector && !peer.namespace_selector) {
    reader.AddFault(path,
                    "must have pod_selector, namespace_selector or ip_block");
  }
  return peer;
}

NetworkPolicyPort ReadPolicyPort(FieldReader& reader, const FieldPath& path,
                                 const v1::NetworkPolicyPort& message) {
  NetworkPolicyPort port;
  port.protocol = ReadProtocol(message.protocol());
  if (message.port_match_case() == v1::NetworkPolicyPort::kPort) {
    port.port = reader.ReadPortNumber({&path, "port"}, message.port());
  } else if (message.port_match_case() == v1::NetworkPolicyPort::kPortName) {
    port.port_name = message.port_name();
    FieldPath name(&path, "port_name");
    reader.CheckLength(name, port.port_name, kMaxPortNameLength);
    if (port.port_name.empty()) reader.AddFault(name, "must not be empty");
  }
  if (message.has_end_port()) {
    FieldPath end(&path, "end_port");
    port.end_port = reader.ReadPortNumber(end, message.end_port());
    if (!port.port) {
      reader.AddFault(end, "needs a numeric port");
    } else if (*port.end_port < *port.port) {
      reader.AddFault(
          end, absl::StrCat(*port.end_port, " is less than port ", *port.port));
    }
  }
  return port;
}

std::vector<NetworkPolicyRule> ReadRules(
    FieldReader& reader, const FieldPath& parent, absl::string_view name,
    const google::protobuf::RepeatedPtrField<v1::NetworkPolicyRule>& in) {
  std::vector<NetworkPolicyRule> rules;
  for (int i = 0; i < in.size(); ++i) {
    FieldPath path(&parent, name, i);
    NetworkPolicyRule rule;
    for (int k = 0; k < in[i].peers_size(); ++k) {
      rule.peers.push_back(
          ReadPeer(reader, {&path, "peers", k}, in[i].peers(k)));
    }
    for (int k = 0; k < in[i].ports_size(); ++k) {
      rule.ports.push_back(
          ReadPolicyPort(reader, {&path, "ports", k}, in[i].ports(k)));
    }
    rules.push_back(std::move(rule));
  }
  return rules;
}

}  // namespace

void CheckKubernetesKey(FieldReader& reader, const FieldPath& path,
                        const std::string& key) {
  reader.CheckLabelKey(path, key);
}

LabelSelector ReadSelector(FieldReader& reader, const FieldPath& path,
                           const v1::LabelSelector& message,
                           LabelKeyCheck check_key) {
  FieldPath match_labels(&path, "match_labels");
  Labels labels(message.match_labels().begin(), message.match_labels().end());
  for (const auto& [key, value] : labels) {
    check_key(reader, match_labels, key);
    reader.CheckLabelValue(match_labels, value);
  }
  LabelSelector selector = LabelSelector::FromLabels(labels);
  for (int i = 0; i < message.match_expressions_size(); ++i) {
    selector.requirements.push_back(
        ReadRequirement(reader, {&path, "match_expressions", i},
                        message.match_expressions(i), check_key));
  }
  return selector;
}

IpBlock ReadIpBlock(FieldReader& reader, const FieldPath& path,
                    const v1::IpBlock& message) {
  IpBlock block;
  block.cidr = reader.ReadPrefix({&path, "cidr"}, message.cidr());
  for (int i = 0; i < message.except_size(); ++i) {
    FieldPath at(&path, "except", i);
    IpPrefix except = reader.ReadPrefix(at, message.except(i));
    // NP-10: exceptions lie strictly inside.
    if (except.address.family() != block.cidr.address.family() ||
        except.prefix_bits <= block.cidr.prefix_bits ||
        !block.cidr.Contains(except.address)) {
      reader.AddFault(at, absl::StrCat("\"", message.except(i),
                                       "\" does not lie strictly inside cidr ",
                                       "\"", message.cidr(), "\""));
    }
    block.except.push_back(except);
  }
  return block;
}

NetworkPolicy ReadNetworkPolicy(FieldReader& reader, const FieldPath& path,
                                const v1::NetworkPolicy& message) {
  NetworkPolicy policy;
  policy.pod_selector =
      ReadSelector(reader, {&path, "pod_selector"}, message.pod_selector());
  policy.ingress = ReadRules(reader, path, "ingress", message.ingress());
  policy.egress = ReadRules(reader, path, "egress", message.egress());
  // NP-2: without policyTypes a policy isolates ingress, and egress if it has
  // egress rules.
  policy.isolates_ingress = message.policy_types().empty();
  policy.isolates_egress =
      message.policy_types().empty() && !policy.egress.empty();
  for (int i = 0; i < message.policy_types_size(); ++i) {
    switch (message.policy_types(i)) {
      case v1::POLICY_TYPE_INGRESS:
        policy.isolates_ingress = true;
        break;
      case v1::POLICY_TYPE_EGRESS:
        policy.isolates_egress = true;
        break;
      default:
        reader.AddFault({&path, "policy_types", i},
                        "must be INGRESS or EGRESS");
    }
  }
  return policy;
}

}  // namespace vswitch
