// From sources to precedences, identities and numbers.

#include "controlplane/compile/set_compiler.h"

#include <algorithm>
#include <optional>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

// Priorities of a precedence are 0 to 65535; see Precedence().
constexpr uint32_t kMaxOrderedRules = 65535;

uint32_t VerdictOf(const PolicySource& source, const SourceRule& rule) {
  switch (rule.action) {
    case RuleAction::kAllow:
      return kVerdictAllow;
    case RuleAction::kPass:
      return kVerdictPass;
    case RuleAction::kDeny:
      break;
  }
  return DenyVerdict(source.attributes.established,
                     source.attributes.deny_response);
}

// What the set says when no rule matches.
uint32_t DefaultOf(const SetRecipe& recipe) {
  bool isolates = false;
  EstablishedAction established = EstablishedAction::kKeep;
  DenyResponse response = DenyResponse::kSilent;
  for (const auto& source : recipe.sources) {
    if (!source->Of(recipe.direction).isolates) continue;
    isolates = true;
    established = std::max(established, source->attributes.established);
    response = std::max(response, source->attributes.deny_response);
  }
  return isolates ? Precedence(PolicyTier::kNetworkPolicy, 0,
                               DenyVerdict(established, response))
                  : kDefaultAllow;
}

class SetCompiler {
 public:
  SetCompiler(const SetRecipe& recipe, const RuleNumbering& numbering,
              const PeerIndex& peers)
      : recipe_(recipe), numbering_(numbering), peers_(peers) {}

  absl::StatusOr<PolicySetSpec> Compile() {
    bool ingress = recipe_.direction == PolicyDirection::kIngress;
    if (ingress && !recipe_.is_host) {
      // NP-18: a pod cannot shut out its own node (kubelet's probes).
      spec_.entries.push_back({.rule = kLocalNodeRule,
                               .precedence = kLocalNodeAllow,
                               .identities = {kIdentityHost}});
    }
    for (const auto& source : recipe_.sources) {
      const uint32_t first = numbering_.FirstOf(*source);
      for (const SourceRule& rule : source->Of(recipe_.direction).rules) {
        ASSIGN_OR_RETURN(uint32_t precedence, PrecedenceOf(*source, rule));
        AddRule(rule, RuleNumbering::NumberOf(first, *source, rule),
                precedence);
      }
    }
    spec_.default_precedence = DefaultOf(recipe_);
    Normalize(spec_);
    return std::move(spec_);
  }

 private:
  absl::StatusOr<uint32_t> PrecedenceOf(const PolicySource& source,
                                        const SourceRule& rule) {
    uint32_t verdict = VerdictOf(source, rule);
    if (source.tier == PolicyTier::kNetworkPolicy) {
      return Precedence(source.tier, 1, verdict);
    }
    // Ordered tiers: the first rule of all that match decides.
    if (source.tier != tier_) {
      tier_ = source.tier;
      ordered_ = 0;
    }
    if (ordered_ == kMaxOrderedRules) {
      return absl::ResourceExhaustedError(absl::StrCat(
          source.Name(), " spec.", ToString(rule.section), "[", rule.index - 1,
          "]: more than ", kMaxOrderedRules,
          " rules of its tier are about one pod in one direction: fewer are "
          "needed"));
    }
    uint32_t priority = kMaxOrderedRules - ordered_++;
    return Precedence(tier_, static_cast<uint16_t>(priority), verdict);
  }

  void AddRule(const SourceRule& rule, RuleId id, uint32_t precedence) {
    const MatchedPeers& peers = peers_.Match(rule.peers.get());
    if (peers.IsNobody()) return;
    PolicyEntry entry{.rule = id,
                      .precedence = precedence,
                      .any_peer = peers.any_peer,
                      .excluded = peers.excluded,
                      .identities = peers.identities,
                      .cidrs = peers.cidrs};
    if (rule.traffic == nullptr) {
      spec_.entries.push_back(std::move(entry));
      return;
    }
    entry.traffic = rule.traffic->matches;
    if (recipe_.direction == PolicyDirection::kIngress) {
      AddOwnNames(*rule.traffic, entry);
    } else {
      AddPeersNames(*rule.traffic, peers, entry);
    }
    // Names without a number match nothing; an empty list would mean anything.
    if (!entry.traffic.empty()) spec_.entries.push_back(std::move(entry));
  }

  void AddOwnNames(const SourceTraffic& traffic, PolicyEntry& entry) const {
    for (const NamedPort& port : traffic.names) {
      auto number = recipe_.names.find({port.protocol, port.name});
      if (number == recipe_.names.end()) continue;
      entry.traffic.push_back({port.protocol, number->second, number->second});
    }
  }

  // What each name means, and for whom: an entry for each number.
  void AddPeersNames(const SourceTraffic& traffic, const MatchedPeers& peers,
                     const PolicyEntry& entry) {
    std::map<TrafficMatch, std::vector<IdentityId>> named;
    for (const NamedPort& port : traffic.names) {
      std::vector<std::pair<uint16_t, IdentityId>> found;
      peers_.ResolveName(peers, port, found);
      for (const auto& [number, id] : found) {
        named[{port.protocol, number, number}].push_back(id);
      }
    }
    for (auto& [match, identities] : named) {
      spec_.entries.push_back({.rule = entry.rule,
                               .precedence = entry.precedence,
                               .identities = std::move(identities),
                               .traffic = {match}});
    }
  }

  const SetRecipe& recipe_;
  const RuleNumbering& numbering_;
  const PeerIndex& peers_;
  PolicySetSpec spec_;
  PolicyTier tier_ = PolicyTier::kNone;
  uint32_t ordered_ = 0;  // rules of `tier_` so far
};

}  // namespace

SetRecipe MakeRecipe(PolicyDirection direction, PolicySources sources,
                     const PodIdentity* subject) {
  SetRecipe recipe{.direction = direction,
                   .is_host = subject == nullptr,
                   .sources = std::move(sources)};
  std::erase_if(recipe.sources, [direction](const auto& source) {
    return !source->Of(direction).applies();
  });
  std::sort(recipe.sources.begin(), recipe.sources.end(),
            [](const auto& a, const auto& b) {
              return std::tie(b->tier, a->order, a->key) <
                     std::tie(a->tier, b->order, b->key);
            });
  if (subject == nullptr || direction == PolicyDirection::kEgress) {
    return recipe;
  }
  for (const auto& source : recipe.sources) {
    for (const SourceRule& rule : source->ingress.rules) {
      if (rule.traffic == nullptr) continue;
      for (const NamedPort& port : rule.traffic->names) {
        if (auto number = NumberOf(*subject, port)) {
          recipe.names[{port.protocol, port.name}] = *number;
        }
      }
    }
  }
  return recipe;
}

absl::StatusOr<PolicySetSpec> CompileRecipe(const SetRecipe& recipe,
                                            const RuleNumbering& numbering,
                                            const PeerIndex& peers) {
  return SetCompiler(recipe, numbering, peers).Compile();
}

}  // namespace vswitch
