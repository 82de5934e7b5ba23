// Rules in words.

#include "controlplane/compile/rule_text.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace vswitch {

std::string PeerText(const NetworkPolicyPeer& peer) {
  if (peer.ip_block.has_value()) {
    std::string text = peer.ip_block->cidr.ToString();
    if (peer.ip_block->except.empty()) return text;
    return absl::StrCat(
        text, " except ",
        absl::StrJoin(peer.ip_block->except, ",",
                      [](std::string* out, const IpPrefix& prefix) {
                        out->append(prefix.ToString());
                      }));
  }
  auto text_of = [](const LabelSelector& selector, const char* all) {
    return selector.requirements.empty() ? all : selector.ToString();
  };
  if (!peer.namespace_selector.has_value()) {
    if (!peer.pod_selector.has_value()) return "nothing";
    return text_of(*peer.pod_selector, "every pod of the namespace");
  }
  std::string namespaces =
      peer.namespace_selector->requirements.empty()
          ? "any namespace"
          : absl::StrCat("namespaces ", peer.namespace_selector->ToString());
  std::string pods = peer.pod_selector.has_value()
                         ? text_of(*peer.pod_selector, "every pod")
                         : "every pod";
  return absl::StrCat(pods, " in ", namespaces);
}

std::string PortText(const NetworkPolicyPort& port) {
  std::string text = ToString(port.protocol);
  if (!port.port_name.empty()) {
    absl::StrAppend(&text, " ", port.port_name);
  } else if (port.port.has_value()) {
    absl::StrAppend(&text, " ", *port.port);
    if (port.end_port.has_value()) absl::StrAppend(&text, "-", *port.end_port);
  }
  return text;
}

std::string RuleText(PolicyDirection direction, const NetworkPolicyRule& rule) {
  std::string peers = absl::StrJoin(
      rule.peers, " or ", [](std::string* out, const NetworkPolicyPeer& peer) {
        out->append(PeerText(peer));
      });
  std::string ports = absl::StrJoin(
      rule.ports, " or ", [](std::string* out, const NetworkPolicyPort& port) {
        out->append(PortText(port));
      });
  return absl::StrCat(direction == PolicyDirection::kIngress ? "from " : "to ",
                      peers.empty() ? "anywhere" : peers, " on ",
                      ports.empty() ? "every port" : ports);
}

std::string IdentityLabelsText(const std::string& ns, const Labels& labels) {
  if (labels.empty()) return absl::StrCat(ns, ": no labels");
  return absl::StrCat(ns, ": ",
                      absl::StrJoin(labels, ",", absl::PairFormatter("=")));
}

}  // namespace vswitch
