// Counting what a flow lacks for each rule.

#include "controlplane/compile/near_miss.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/compile/policy_compiler.h"
#include "controlplane/compile/rule_text.h"

namespace vswitch {
namespace {

// What one peer, or one list of ports, lacks.  0: it matches.
struct Lack {
  uint32_t count = 0;
  std::string wanted;
};

struct Miss {
  uint32_t lacks = 0;
  std::string rule;  // "rule 1 of demo/backend"
  std::string text;  // "wants role=frontend"
  bool about_peer = false;
};

class MissFinder {
 public:
  MissFinder(const DesiredState& desired, PolicyDirection direction,
             const IdentityInfo& self, const IdentityInfo* peer,
             const PolicyQuery& query)
      : desired_(desired),
        direction_(direction),
        self_(self),
        peer_(peer),
        query_(query) {
    if (peer_ == nullptr || peer_->ns.empty()) return;
    peer_namespace_labels_[std::string(kNamespaceNameLabel)] = peer_->ns;
    const Object* object =
        desired_.FindObject({ObjectKind::kNamespace, "", peer_->ns});
    if (object == nullptr) return;
    for (const auto& [key, value] : object->metadata.labels) {
      peer_namespace_labels_[key] = value;
    }
  }

  std::vector<Miss> Find() {
    std::vector<Miss> misses;
    desired_.ForEach<NetworkPolicy>(
        [&](const Metadata& metadata, const NetworkPolicy& policy) {
          bool ingress = direction_ == PolicyDirection::kIngress;
          bool isolates =
              ingress ? policy.isolates_ingress : policy.isolates_egress;
          if (!isolates || metadata.ns != self_.ns ||
              !policy.pod_selector.Matches(self_.labels)) {
            return;
          }
          const auto& rules = ingress ? policy.ingress : policy.egress;
          for (size_t i = 0; i < rules.size(); ++i) {
            Miss miss = MissOf(metadata.ns, rules[i]);
            miss.rule =
                absl::StrCat("rule ", i + 1, " of ", QualifiedName(metadata));
            misses.push_back(std::move(miss));
          }
        });
    std::stable_sort(
        misses.begin(), misses.end(),
        [](const Miss& a, const Miss& b) { return a.lacks < b.lacks; });
    return misses;
  }

 private:
  Miss MissOf(const std::string& policy_ns, const NetworkPolicyRule& rule) {
    Lack peer;
    for (size_t i = 0; i < rule.peers.size(); ++i) {
      Lack lack = PeerLack(policy_ns, rule.peers[i]);
      if (i == 0 || lack.count < peer.count) peer = std::move(lack);
    }
    Lack port = PortLack(rule);
    Miss miss{.lacks = peer.count + port.count, .about_peer = peer.count != 0};
    if (peer.count == 0) {
      miss.text = absl::StrCat("would have matched on ", port.wanted);
    } else if (port.count == 0) {
      miss.text = absl::StrCat("wants ", peer.wanted);
    } else {
      miss.text = absl::StrCat("wants ", peer.wanted, " on ", port.wanted);
    }
    return miss;
  }

  static void AddUnmet(const LabelSelector& selector, const Labels& labels,
                       std::vector<std::string>& unmet) {
    for (const LabelRequirement& requirement : selector.requirements) {
      if (!requirement.Matches(labels)) unmet.push_back(requirement.ToString());
    }
  }

  Lack PeerLack(const std::string& policy_ns,
                const NetworkPolicyPeer& peer) const {
    if (peer.ip_block.has_value()) return BlockLack(peer);
    bool is_pod = peer_ != nullptr && !peer_->ns.empty();
    const Labels no_labels;
    std::vector<std::string> pod_unmet, namespace_unmet;
    if (peer.pod_selector.has_value()) {
      AddUnmet(*peer.pod_selector, is_pod ? peer_->labels : no_labels,
               pod_unmet);
    }
    if (peer.namespace_selector.has_value()) {
      AddUnmet(*peer.namespace_selector, peer_namespace_labels_,
               namespace_unmet);
    } else if (!is_pod || peer_->ns != policy_ns) {
      namespace_unmet.push_back(policy_ns);
    }
    Lack lack{.count = static_cast<uint32_t>(pod_unmet.size() +
                                             namespace_unmet.size())};
    lack.wanted = absl::StrJoin(pod_unmet, ",");
    if (!namespace_unmet.empty()) {
      absl::StrAppend(&lack.wanted, lack.wanted.empty() ? "a pod" : "",
                      " in namespace ", absl::StrJoin(namespace_unmet, ","));
    }
    if (!is_pod) {
      // Outside addresses have no labels that could be changed.
      ++lack.count;
      if (lack.wanted.empty()) lack.wanted = "a pod";
    }
    return lack;
  }

  Lack BlockLack(const NetworkPolicyPeer& peer) const {
    const IpBlock& block = *peer.ip_block;
    bool inside = block.cidr.Contains(query_.peer_address) &&
                  std::none_of(block.except.begin(), block.except.end(),
                               [this](const IpPrefix& except) {
                                 return except.Contains(query_.peer_address);
                               });
    if (inside) return {};
    return {.count = 1,
            .wanted = absl::StrCat("an address in ", PeerText(peer))};
  }

  Lack PortLack(const NetworkPolicyRule& rule) const {
    if (rule.ports.empty()) return {};
    std::vector<std::string> wanted;
    for (const NetworkPolicyPort& port : rule.ports) {
      if (PortMatches(port)) return {};
      wanted.push_back(PortText(port));
    }
    return {.count = 1, .wanted = absl::StrJoin(wanted, " or ")};
  }

  bool PortMatches(const NetworkPolicyPort& port) const {
    if (port.protocol != query_.protocol) return false;
    uint16_t asked = query_.destination_port;
    if (!port.port_name.empty()) {
      const IdentityInfo* owner =
          direction_ == PolicyDirection::kIngress ? &self_ : peer_;
      if (owner == nullptr) return false;
      return std::any_of(owner->named_ports.begin(), owner->named_ports.end(),
                         [&](const ContainerPort& named) {
                           return named.name == port.port_name &&
                                  named.protocol == port.protocol &&
                                  named.port == asked;
                         });
    }
    if (!port.port.has_value()) return true;
    return asked >= *port.port && asked <= port.end_port.value_or(*port.port);
  }

  const DesiredState& desired_;
  PolicyDirection direction_;
  const IdentityInfo& self_;
  const IdentityInfo* peer_;
  const PolicyQuery& query_;
  Labels peer_namespace_labels_;
};

}  // namespace

std::vector<std::string> NearestMisses(const DesiredState& desired,
                                       PolicyDirection direction,
                                       const IdentityInfo& self,
                                       const IdentityInfo* peer,
                                       const PolicyQuery& query,
                                       size_t max_count) {
  std::vector<std::string> texts;
  for (const Miss& miss :
       MissFinder(desired, direction, self, peer, query).Find()) {
    if (texts.size() == max_count) break;
    bool nearest = texts.empty() && miss.about_peer;
    texts.push_back(
        absl::StrCat(nearest ? "nearest rule" : miss.rule, " ", miss.text));
  }
  return texts;
}

}  // namespace vswitch
