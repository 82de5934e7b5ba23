// What rapidcheck shows of a random cluster that fails: one line an object,
// without what never differs.

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/compile/random_cluster_objects.h"

namespace vswitch {
namespace {

// A struct, so that each may use those behind it.
struct Texts {
  static std::string Text(const LabelSelector& selector) {
    return absl::StrCat("{", selector.ToString(), "}");
  }

  static std::string Text(const Labels& labels) {
    return absl::StrCat(
        "{", absl::StrJoin(labels, ",", absl::PairFormatter("=")), "}");
  }

  static std::string Text(const IpPrefix& prefix) { return prefix.ToString(); }

  static std::string Text(const IpBlock& block) {
    std::string text = block.cidr.ToString();
    for (const IpPrefix& except : block.except) {
      absl::StrAppend(&text, "-", except.ToString());
    }
    return text;
  }

  template <typename T>
  static std::string Text(const std::vector<T>& values) {
    std::vector<std::string> texts;
    for (const T& value : values) texts.push_back(Text(value));
    return absl::StrCat("[", absl::StrJoin(texts, " "), "]");
  }

  // An optional list or selector, nothing if it is not set.
  template <typename T>
  static std::string Text(const char* name, const std::optional<T>& value) {
    return value.has_value() ? absl::StrCat(" ", name, Text(*value)) : "";
  }

  static std::string Range(std::optional<IpProtocol> protocol,
                           const std::string& name, uint32_t first,
                           uint32_t last) {
    return absl::StrCat(
        protocol.has_value() ? vswitch::ToString(*protocol) : "ANY", "/", name,
        name.empty() ? "" : "/", first, "-", last);
  }

  static std::string Text(const NetworkPolicyPeer& peer) {
    return absl::StrCat("(", Text("pods", peer.pod_selector),
                        Text("namespaces", peer.namespace_selector),
                        Text("block", peer.ip_block), ")");
  }

  static std::string Text(const NetworkPolicyPort& port) {
    const uint32_t first = port.port.value_or(0);
    const uint32_t all = port.port.has_value() ? first : 65535;
    return Range(port.protocol, port.port_name, first,
                 port.end_port.value_or(static_cast<uint16_t>(all)));
  }

  static std::string Text(const NetworkPolicyRule& rule) {
    return absl::StrCat("{", Text(rule.peers), " ports", Text(rule.ports), "}");
  }

  static std::string Text(const ClusterPodSelector& pods) {
    return absl::StrCat(
        "namespaces", Text(pods.namespace_selector),
        pods.all_pods ? "" : absl::StrCat(" pods", Text(pods.pod_selector)));
  }

  static std::string Text(const ClusterPolicyPeer& peer) {
    return absl::StrCat("(", Text("", peer.pods), Text("nodes", peer.nodes),
                        peer.networks.empty() ? "" : Text(peer.networks), ")");
  }

  static std::string Text(const ClusterPolicyProtocol& protocol) {
    return Range(protocol.protocol, protocol.port_name, protocol.first,
                 protocol.last);
  }

  static std::string Text(RuleAction action) {
    return action == RuleAction::kAllow  ? "accept"
           : action == RuleAction::kDeny ? "deny"
                                         : "pass";
  }

  static std::string Text(const ClusterPolicyRule& rule) {
    return absl::StrCat("{", Text(rule.action), " ", Text(rule.peers),
                        " protocols", Text(rule.protocols), "}");
  }

  static std::string Text(CiliumEntity entity) {
    constexpr const char* kNames[] = {
        "all",     "world",  "world-ipv4",     "world-ipv6",
        "cluster", "host",   "kube-apiserver", "init",
        "ingress", "health", "unmanaged",      "none"};
    // In the order of the enum, where remote-node follows host.
    const auto number = static_cast<size_t>(entity);
    if (entity == CiliumEntity::kRemoteNode) return "remote-node";
    return kNames[entity > CiliumEntity::kRemoteNode ? number - 1 : number];
  }

  static std::string Text(const CiliumServiceReference& service) {
    return absl::StrCat(service.ns, "/", service.name, Text(service.selector));
  }

  static std::string Text(const CiliumPort& port) {
    return Range(port.protocol, port.port_name, port.first, port.last);
  }

  static std::string Text(const CiliumIcmp& icmp) {
    return absl::StrCat("icmp", static_cast<int>(icmp.family), "/", icmp.type);
  }

  static std::string Text(const CiliumRule& rule) {
    return absl::StrCat("{", Text("endpoints", rule.endpoints),
                        Text("entities", rule.entities),
                        Text("cidrs", rule.cidrs), Text("nodes", rule.nodes),
                        Text("services", rule.services), " ports",
                        Text(rule.ports), " icmps", Text(rule.icmps), "}");
  }

  static std::string Text(bool value) { return value ? "=true" : "=false"; }

  static std::string Text(const CiliumPolicySpec& spec) {
    return absl::StrCat(Text("endpointSelector", spec.endpoint_selector),
                        Text("nodeSelector", spec.node_selector),
                        Text("defaultDenyIngress", spec.default_deny_ingress),
                        Text("defaultDenyEgress", spec.default_deny_egress),
                        "\n      ingress ", Text(spec.ingress),
                        "\n      ingressDeny ", Text(spec.ingress_deny),
                        "\n      egress ", Text(spec.egress),
                        "\n      egressDeny ", Text(spec.egress_deny));
  }

  static std::string AddressesText(const std::vector<IpAddress>& addresses) {
    return absl::StrJoin(addresses, ",",
                         [](std::string* out, const IpAddress& address) {
                           *out += address.ToString();
                         });
  }

  static std::string Text(const Pod& pod) {
    std::string text =
        absl::StrCat(AddressesText(pod.addresses), " ",
                     pod.host_network ? "host " : "", pod.service_account);
    for (const ContainerPort& port : pod.ports) {
      absl::StrAppend(&text, " ", port.name, "=",
                      vswitch::ToString(port.protocol), "/", port.port);
    }
    return text;
  }

  static std::string Text(const Node& node) {
    return AddressesText(node.addresses);
  }

  static std::string Text(const EndpointSlice& slice) {
    std::string text;
    for (const Endpoint& endpoint : slice.endpoints) {
      absl::StrAppend(&text, endpoint.ready ? " " : " unready ",
                      AddressesText(endpoint.addresses));
    }
    return text;
  }

  static std::string Text(const NetworkPolicy& policy) {
    return absl::StrCat(
        "pods", Text(policy.pod_selector),
        policy.isolates_ingress ? "\n      ingress " : " (not) ",
        Text(policy.ingress),
        policy.isolates_egress ? "\n      egress " : " (not) ",
        Text(policy.egress));
  }

  static std::string Text(const ClusterNetworkPolicy& policy) {
    return absl::StrCat(
        policy.tier == ClusterPolicyTier::kAdmin ? "admin " : "baseline ",
        policy.priority, " about ", Text(policy.subject), "\n      ingress ",
        Text(policy.ingress), "\n      egress ", Text(policy.egress));
  }

  static std::string Text(const CiliumNetworkPolicy& policy) {
    return Text(policy.specs);
  }
  static std::string Text(const CiliumClusterwideNetworkPolicy& policy) {
    return Text(policy.specs);
  }
  static std::string Text(const Namespace&) { return ""; }
  static std::string Text(const Service&) { return ""; }
  static std::string Text(const Port&) { return ""; }
  static std::string Text(const SwitchSettings&) { return ""; }

  static std::string Text(const Object& object) {
    const Metadata& metadata = object.metadata;
    return absl::StrCat(
        "\n  ", vswitch::ToString(object.kind()), " ", metadata.ns, "/",
        metadata.name, " ", Text(metadata.labels),
        metadata.annotations.empty() ? "" : Text(metadata.annotations), " ",
        std::visit([](const auto& spec) { return Text(spec); }, object.spec));
  }
};

}  // namespace

std::ostream& operator<<(std::ostream& out, const RandomObjects& objects) {
  return out << Texts::Text(objects.cluster) << Texts::Text(objects.policies);
}

std::ostream& operator<<(std::ostream& out, const RandomProbes& probes) {
  for (const PolicyProbe& probe : probes.probes) {
    out << "\n  " << probe.ToString();
  }
  return out;
}

}  // namespace vswitch
