// Counting what a flow lacks for each rule.

#include "controlplane/compile/near_miss.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/compile/peer_index.h"
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

// The identity as selectors see it; an address outside has no labels at all.
PodIdentity AsPod(const IdentityInfo* info, const Labels& no_labels) {
  // The info's own labels, which outlive the miss: not to be deleted.
  auto borrowed = [](const Labels& labels) {
    return std::shared_ptr<const Labels>(std::shared_ptr<void>(), &labels);
  };
  if (info == nullptr) return {.namespace_labels = borrowed(no_labels)};
  return {.ns = info->ns,
          .namespace_labels = borrowed(info->namespace_labels),
          .service_account = info->service_account,
          .labels = info->labels,
          .named_ports = info->named_ports};
}

bool Inside(const CidrMatch& match, const PolicyQuery& query) {
  if (match.outside_only && query.peer != kIdentityWorld) return false;
  return match.cidr.Contains(query.peer_address) &&
         std::none_of(match.except.begin(), match.except.end(),
                      [&query](const IpPrefix& except) {
                        return except.Contains(query.peer_address);
                      });
}

class MissFinder {
 public:
  MissFinder(const DesiredState& desired, const RuleCatalog& catalog,
             const DeniedFlow& denied)
      : desired_(desired),
        denied_(denied),
        query_(denied.query),
        self_(AsPod(denied.self, no_labels_)),
        peer_(AsPod(denied.peer, no_labels_)),
        decided_(catalog.numbering().Find(denied.rule)) {}

  std::vector<Miss> Find() {
    std::vector<Miss> misses;
    const IdentityPolicies& policies =
        denied_.self->Of(denied_.direction, SetKind::kEnforced);
    if (policies.sources == nullptr) return misses;
    for (const auto& source : *policies.sources) {
      for (const SourceRule& rule : source->Of(denied_.direction).rules) {
        if (Decides(*source, rule)) return Sorted(std::move(misses));
        if (rule.action != RuleAction::kAllow) continue;
        Miss miss = MissOf(source->key.ns, rule);
        miss.rule = absl::StrCat("rule ", rule.index, " of ", source->Name());
        misses.push_back(std::move(miss));
      }
    }
    return Sorted(std::move(misses));
  }

 private:
  static std::vector<Miss> Sorted(std::vector<Miss> misses) {
    std::stable_sort(
        misses.begin(), misses.end(),
        [](const Miss& a, const Miss& b) { return a.lacks < b.lacks; });
    return misses;
  }

  // Whether what denied the flow is this rule, or stronger than it.  Sources
  // come strongest first; within the tier of NetworkPolicies any deny beats all
  // that allow.
  bool Decides(const PolicySource& source, const SourceRule& rule) const {
    if (!decided_.has_value()) {
      return source.tier < PolicyTier::kNetworkPolicy;
    }
    PolicyTier tier = decided_->source->tier;
    if (source.tier != tier) return source.tier < tier;
    return tier == PolicyTier::kNetworkPolicy || decided_->rule == &rule;
  }

  Miss MissOf(const std::string& policy_ns, const SourceRule& rule) const {
    Lack peer = PeerLack(policy_ns, *rule.peers);
    Lack port = PortLack(rule.traffic.get());
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

  Lack PeerLack(const std::string& policy_ns, const SourcePeers& peers) const {
    Lack nearest{.count = 1, .wanted = PeersText(peers, policy_ns)};
    if (peers.any_peer &&
        std::find(peers.excluded.begin(), peers.excluded.end(), query_.peer) ==
            peers.excluded.end()) {
      return {};
    }
    if (std::find(peers.reserved.begin(), peers.reserved.end(), query_.peer) !=
        peers.reserved.end()) {
      return {};
    }
    std::vector<CidrMatch> cidrs = peers.cidrs;
    AddObjectAddresses(desired_, peers, cidrs);
    for (const CidrMatch& match : cidrs) {
      if (Inside(match, query_)) return {};
    }
    if (cidrs.size() == 1 && peers.cidrs.size() == 1) {
      nearest.wanted = absl::StrCat("an address in ", CidrText(cidrs[0]));
    }
    for (size_t i = 0; i < peers.pods.size(); ++i) {
      Lack lack = PredicateLack(peers.pods[i]);
      bool only = i == 0 && cidrs.empty() && peers.reserved.empty();
      if (only || lack.count < nearest.count) nearest = std::move(lack);
    }
    return nearest;
  }

  Lack PredicateLack(const IdentityPredicate& predicate) const {
    bool is_pod = !peer_.ns.empty();
    if (!is_pod && predicate.MatchesReserved(query_.peer)) return {};
    std::vector<std::string> pod_unmet, namespace_unmet;
    for (const LabelTerm& term : predicate.terms) {
      if (Meets(term, peer_)) continue;
      bool about_namespace = term.origin == LabelOrigin::kNamespace ||
                             term.origin == LabelOrigin::kNamespaceName;
      (about_namespace ? namespace_unmet : pod_unmet).push_back(TermText(term));
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

  Lack PortLack(const SourceTraffic* traffic) const {
    if (traffic == nullptr) return {};
    for (const TrafficMatch& match : traffic->matches) {
      if (match.protocol == query_.protocol &&
          query_.destination_port >= match.first &&
          query_.destination_port <= match.last) {
        return {};
      }
    }
    const PodIdentity& owner =
        denied_.direction == PolicyDirection::kIngress ? self_ : peer_;
    for (const NamedPort& port : traffic->names) {
      if (port.protocol == query_.protocol &&
          NumberOf(owner, port) == query_.destination_port) {
        return {};
      }
    }
    return {.count = 1, .wanted = TrafficText(traffic)};
  }

  const DesiredState& desired_;
  const DeniedFlow& denied_;
  const PolicyQuery& query_;
  const Labels no_labels_;
  PodIdentity self_;
  PodIdentity peer_;
  std::optional<NumberedRule> decided_;
};

}  // namespace

std::vector<std::string> NearestMisses(const DesiredState& desired,
                                       const RuleCatalog& catalog,
                                       const DeniedFlow& denied,
                                       size_t max_count) {
  std::vector<std::string> texts;
  for (const Miss& miss : MissFinder(desired, catalog, denied).Find()) {
    if (texts.size() == max_count) break;
    bool nearest = texts.empty() && miss.about_peer;
    texts.push_back(
        absl::StrCat(nearest ? "nearest rule" : miss.rule, " ", miss.text));
  }
  return texts;
}

}  // namespace vswitch
