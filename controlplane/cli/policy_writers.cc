// Writers of the policy kinds.

#include "controlplane/cli/policy_writers.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "controlplane/cli/json_fields.h"
#include "controlplane/cli/spellings.h"

namespace vswitch {
namespace {

using google::protobuf::RepeatedPtrField;

template <typename Rules>
void AddRules(const Rules& rules, const char* field, const char* peers_field,
              Json& spec) {
  for (const auto& rule : rules) {
    Json item = Json::object();
    for (const auto& peer : rule.peers()) {
      Json json = Json::object();
      if (peer.has_pod_selector()) {
        json["podSelector"] = SelectorJson(peer.pod_selector());
      }
      if (peer.has_namespace_selector()) {
        json["namespaceSelector"] = SelectorJson(peer.namespace_selector());
      }
      if (peer.has_ip_block()) {
        json["ipBlock"]["cidr"] = peer.ip_block().cidr();
        SetList(json["ipBlock"], "except", peer.ip_block().except());
      }
      item[peers_field].push_back(json);
    }
    for (const auto& port : rule.ports()) {
      Json json;
      json["protocol"] = ProtocolText(port.protocol());
      Set(json, "port", port.port());
      Set(json, "port", port.port_name());
      Set(json, "endPort", port.end_port());
      item["ports"].push_back(json);
    }
    spec[field].push_back(item);
  }
}

Json PodsJson(const v1::NamespacedPods& pods) {
  return {{"namespaceSelector", SelectorJson(pods.namespace_selector())},
          {"podSelector", SelectorJson(pods.pod_selector())}};
}

Json PortsJson(const v1::ClusterPolicyPorts& ports) {
  Json json = Json::object();
  if (ports.destination_port_case() == v1::ClusterPolicyPorts::kNumber) {
    json["destinationPort"]["number"] = ports.number();
  } else if (ports.destination_port_case() == v1::ClusterPolicyPorts::kRange) {
    json["destinationPort"]["range"] = {{"start", ports.range().start()},
                                        {"end", ports.range().end()}};
  }
  return json;
}

Json ProtocolJson(const v1::ClusterPolicyProtocol& protocol) {
  switch (protocol.protocol_case()) {
    case v1::ClusterPolicyProtocol::kTcp:
      return {{"tcp", PortsJson(protocol.tcp())}};
    case v1::ClusterPolicyProtocol::kUdp:
      return {{"udp", PortsJson(protocol.udp())}};
    case v1::ClusterPolicyProtocol::kSctp:
      return {{"sctp", PortsJson(protocol.sctp())}};
    case v1::ClusterPolicyProtocol::kDestinationNamedPort:
      return {{"destinationNamedPort", protocol.destination_named_port()}};
    case v1::ClusterPolicyProtocol::PROTOCOL_NOT_SET:
      break;
  }
  return Json::object();
}

void AddClusterRules(const RepeatedPtrField<v1::ClusterPolicyRule>& rules,
                     const char* field, const char* peers_field, Json& spec) {
  for (const auto& rule : rules) {
    Json item = Json::object();
    Set(item, "name", rule.name());
    Set(item, "action", Spell(kClusterPolicyActionSpellings, rule.action()));
    for (const auto& peer : rule.peers()) {
      Json json = Json::object();
      if (peer.has_namespaces()) {
        json["namespaces"] = SelectorJson(peer.namespaces());
      }
      if (peer.has_pods()) json["pods"] = PodsJson(peer.pods());
      SetList(json, "networks", peer.networks());
      if (peer.has_nodes()) json["nodes"] = SelectorJson(peer.nodes());
      item[peers_field].push_back(json);
    }
    for (const auto& protocol : rule.protocols()) {
      item["protocols"].push_back(ProtocolJson(protocol));
    }
    spec[field].push_back(item);
  }
}

Json SelectorsJson(const v1::CiliumSelectors& selectors) {
  Json list = Json::array();
  for (const auto& each : selectors.selectors()) {
    list.push_back(SelectorJson(each));
  }
  return list;
}

// `direction` is "from" or "to".
void AddCidrs(const v1::CiliumCidrs& cidrs, const std::string& direction,
              Json& rule) {
  bool has_except = false;
  for (const auto& block : cidrs.blocks())
    has_except |= block.except_size() > 0;
  Json list = Json::array();
  for (const auto& block : cidrs.blocks()) {
    if (!has_except) {
      list.push_back(block.cidr());
      continue;
    }
    Json item = {{"cidr", block.cidr()}};
    SetList(item, "except", block.except());
    list.push_back(item);
  }
  rule[direction + (has_except ? "CIDRSet" : "CIDR")] = list;
}

Json ServicesJson(const v1::CiliumServices& services) {
  Json list = Json::array();
  for (const auto& service : services.services()) {
    Json item = Json::object();
    Json& reference =
        item[service.has_selector() ? "k8sServiceSelector" : "k8sService"];
    Set(reference, "serviceName", service.service_name());
    if (service.has_selector()) {
      reference["selector"] = SelectorJson(service.selector());
    }
    Set(reference, "namespace", service.namespace_());
    list.push_back(item);
  }
  return list;
}

void AddPeers(const v1::CiliumRule& rule, const std::string& direction,
              Json& json) {
  if (rule.has_endpoints()) {
    json[direction + "Endpoints"] = SelectorsJson(rule.endpoints());
  }
  if (rule.has_entities()) {
    Json& list = json[direction + "Entities"] = Json::array();
    for (int entity : rule.entities().entities()) {
      list.push_back(Spell(kCiliumEntitySpellings, entity));
    }
  }
  if (rule.has_cidrs()) AddCidrs(rule.cidrs(), direction, json);
  if (rule.has_nodes()) json[direction + "Nodes"] = SelectorsJson(rule.nodes());
  if (rule.has_services()) json["toServices"] = ServicesJson(rule.services());
}

Json PortJson(const v1::CiliumPort& port) {
  Json json;
  json["port"] = port.port_match_case() == v1::CiliumPort::kPortName
                     ? port.port_name()
                     : absl::StrCat(port.port());
  Set(json, "endPort", port.end_port());
  Set(json, "protocol", Spell(kCiliumProtocolSpellings, port.protocol()));
  return json;
}

void AddCiliumRules(const RepeatedPtrField<v1::CiliumRule>& rules,
                    const char* field, const char* direction, Json& spec) {
  for (const auto& rule : rules) {
    Json json = Json::object();
    AddPeers(rule, direction, json);
    if (!rule.ports().empty()) {
      Json ports = Json::array();
      for (const auto& port : rule.ports()) ports.push_back(PortJson(port));
      json["toPorts"] = Json::array({{{"ports", ports}}});
    }
    if (!rule.icmps().empty()) {
      Json fields = Json::array();
      for (const auto& icmp : rule.icmps()) {
        const bool ipv6 = icmp.family() == v1::ADDRESS_TYPE_IPV6;
        fields.push_back(
            {{"family", ipv6 ? "IPv6" : "IPv4"}, {"type", icmp.type()}});
      }
      json["icmps"] = Json::array({{{"fields", fields}}});
    }
    spec[field].push_back(json);
  }
}

Json CiliumSpecJson(const v1::CiliumPolicySpec& spec) {
  Json json = Json::object();
  if (spec.has_endpoint_selector()) {
    json["endpointSelector"] = SelectorJson(spec.endpoint_selector());
  }
  if (spec.has_node_selector()) {
    json["nodeSelector"] = SelectorJson(spec.node_selector());
  }
  if (spec.has_enable_default_deny()) {
    const v1::CiliumDefaultDeny& deny = spec.enable_default_deny();
    Json& result = json["enableDefaultDeny"] = Json::object();
    if (deny.has_ingress()) result["ingress"] = deny.ingress();
    if (deny.has_egress()) result["egress"] = deny.egress();
  }
  AddCiliumRules(spec.ingress(), "ingress", "from", json);
  AddCiliumRules(spec.ingress_deny(), "ingressDeny", "from", json);
  AddCiliumRules(spec.egress(), "egress", "to", json);
  AddCiliumRules(spec.egress_deny(), "egressDeny", "to", json);
  return json;
}

}  // namespace

Json SelectorJson(const v1::LabelSelector& selector) {
  Json json = Json::object();
  SetMap(json, "matchLabels", selector.match_labels());
  for (const auto& requirement : selector.match_expressions()) {
    Json item;
    item["key"] = requirement.key();
    item["operator"] =
        Spell(kSelectorOperatorSpellings, requirement.operator_());
    SetList(item, "values", requirement.values());
    json["matchExpressions"].push_back(item);
  }
  return json;
}

void AddNetworkPolicy(const v1::NetworkPolicy& policy, Json& object) {
  Json spec;
  spec["podSelector"] = SelectorJson(policy.pod_selector());
  for (const int type : policy.policy_types()) {
    spec["policyTypes"].push_back(Spell(kPolicyTypeSpellings, type));
  }
  AddRules(policy.ingress(), "ingress", "from", spec);
  AddRules(policy.egress(), "egress", "to", spec);
  object["spec"] = spec;
}

void AddClusterNetworkPolicy(const v1::ClusterNetworkPolicy& policy,
                             Json& object) {
  Json spec;
  Set(spec, "tier", Spell(kClusterPolicyTierSpellings, policy.tier()));
  spec["priority"] = policy.priority();
  Json& subject = spec["subject"] = Json::object();
  if (policy.subject().has_namespaces()) {
    subject["namespaces"] = SelectorJson(policy.subject().namespaces());
  }
  if (policy.subject().has_pods()) {
    subject["pods"] = PodsJson(policy.subject().pods());
  }
  AddClusterRules(policy.ingress(), "ingress", "from", spec);
  AddClusterRules(policy.egress(), "egress", "to", spec);
  object["spec"] = spec;
}

void AddCiliumSpecs(const RepeatedPtrField<v1::CiliumPolicySpec>& specs,
                    Json& object) {
  if (specs.size() == 1) {
    object["spec"] = CiliumSpecJson(specs[0]);
    return;
  }
  for (const auto& spec : specs) {
    object["specs"].push_back(CiliumSpecJson(spec));
  }
}

}  // namespace vswitch
