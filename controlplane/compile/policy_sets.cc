// One update: sources, then what peers match, then whom sources are about, then
// the sets that are touched by any of these.

#include "controlplane/compile/policy_sets.h"

#include <algorithm>
#include <set>

#include "absl/hash/hash.h"
#include "controlplane/compile/policy_adapters.h"
#include "controlplane/compile/policy_compiler.h"
#include "dataplane/base/status_macros.h"
#include "dataplane/policy/policy_set_builder.h"

namespace vswitch {
namespace {

// Changes the set under `key`; an empty one is not kept.
template <typename Map, typename Change>
void ChangeAt(Map& map, const typename Map::value_type::first_type& key,
              Change change) {
  typename Map::value_type::second_type inner;
  if (const auto* found = map.Find(key)) {
    inner = *found;
    map.Erase(key);  // so that it is changed in place
  }
  change(inner);
  if (!inner.empty()) map.Insert(key, std::move(inner));
}

// Visits the peers of a source's rules, and the names on egress that mean
// every pod's ports.
template <typename Peers, typename Name>
void ForEachUse(const PolicySource& source, Peers peers, Name name) {
  for (const SourceDirection* direction : {&source.ingress, &source.egress}) {
    for (const SourceRule& rule : direction->rules) {
      peers(rule.peers);
      if (direction == &source.ingress || rule.traffic == nullptr ||
          !IsAnyPeer(*rule.peers)) {
        continue;
      }
      for (const NamedPort& port : rule.traffic->names) name(port.name);
    }
  }
}

}  // namespace

bool SubjectSets::Equals(const SubjectSets& other) const {
  for (int direction : {0, 1}) {
    for (int kind : {0, 1}) {
      if (!sets[direction][kind].Equals(other.sets[direction][kind])) {
        return false;
      }
    }
  }
  return true;
}

class PolicySetsUpdate {
 public:
  PolicySetsUpdate(PolicySets& state, const PolicySets::Input& input)
      : state_(state), input_(input) {}

  absl::Status Run() {
    RETURN_IF_ERROR(ReadSources());
    for (const auto& source : removed_) RemoveSource(*source);
    PolicySources moved;
    RETURN_IF_ERROR(state_.numbering_.Update(removed_, added_, moved));
    state_.pool_->ReleaseSometimes();
    RemoveSubjects();
    UpdatePeers();
    AddSubjects();
    for (const auto& source : added_) AddSource(source);
    for (const auto& source : moved) Touch(source.get());
    return CompileTouched();
  }

 private:
  template <typename Policy>
  absl::Status ReadKind(PolicyKind kind) {
    for (const ObjectChange& change : input_.changes.Of<Policy>()) {
      const Metadata& metadata = change.metadata();
      SourceKey first{kind, metadata.ns, metadata.name, 0};
      for (auto it = state_.sources_.lower_bound(first);
           it != state_.sources_.end() && it->first.kind == kind &&
           it->first.ns == metadata.ns && it->first.name == metadata.name;
           ++it) {
        removed_.push_back(it->second);
      }
      if (change.after == nullptr) continue;
      ASSIGN_OR_RETURN(
          PolicySources made,
          SourcesOf(metadata, *SpecOf<Policy>(change.after), *state_.pool_));
      for (const auto& source : made) {
        RETURN_IF_ERROR(CheckLabels(*source, input_.pods.filter()));
      }
      added_.insert(added_.end(), made.begin(), made.end());
    }
    return absl::OkStatus();
  }

  absl::Status ReadSources() {
    RETURN_IF_ERROR(ReadKind<NetworkPolicy>(PolicyKind::kNetworkPolicy));
    RETURN_IF_ERROR(
        ReadKind<ClusterNetworkPolicy>(PolicyKind::kClusterNetworkPolicy));
    RETURN_IF_ERROR(
        ReadKind<CiliumNetworkPolicy>(PolicyKind::kCiliumNetworkPolicy));
    RETURN_IF_ERROR(ReadKind<CiliumClusterwideNetworkPolicy>(
        PolicyKind::kCiliumClusterwideNetworkPolicy));
    for (const auto& source : removed_) state_.sources_.Erase(source->key);
    for (const auto& source : added_) {
      state_.sources_.Insert(source->key, source);
    }
    if (!input_.changes.Of<ClusterNetworkPolicy>().empty()) Warn();
    return absl::OkStatus();
  }

  void Warn() {
    PolicySources ordered;
    constexpr PolicyKind kKind = PolicyKind::kClusterNetworkPolicy;
    for (auto it = state_.sources_.lower_bound({kKind, "", "", 0});
         it != state_.sources_.end() && it->first.kind == kKind; ++it) {
      ordered.push_back(it->second);
    }
    state_.warnings_ = std::make_shared<const std::vector<std::string>>(
        EqualPriorityWarnings(ordered));
  }

  void RemoveSource(const PolicySource& source) {
    if (const PolicySets::Subjects* found = state_.subjects_of_.Find(&source)) {
      const PolicySets::Subjects subjects = *found;
      for (const auto& [subject, nothing] : subjects) Unlink(subject, source);
    }
    if (!source.node_subject.has_value()) {
      state_.about_.Erase(source.subject, &source);
    }
  }

  void AddSource(const std::shared_ptr<const PolicySource>& source) {
    if (!source->node_subject.has_value()) {
      state_.about_.Insert(source->subject, source.get());
    }
    for (const auto& [subject, nothing] : input_.subjects) {
      if (IsAbout(*source, subject)) Link(subject, source);
    }
  }

  bool IsAbout(const PolicySource& source, IdentityId subject) const {
    if (source.node_subject.has_value()) {
      return subject == kIdentityHost &&
             source.node_subject->Matches(input_.node_labels);
    }
    return subject != kIdentityHost &&
           source.subject.Matches(*input_.pods.Find(subject));
  }

  void RemoveSubjects() {
    std::set<IdentityId> gone;
    PolicySets::Subjects::ForEachDifference(
        state_.subjects_, input_.subjects,
        [&](IdentityId subject, const std::monostate*,
            const std::monostate* after) {
          (after == nullptr ? gone : another_).insert(subject);
        });
    // Their namespaces' labels are others.
    PodIndex::Identities::ForEachDifference(
        state_.peers_.pods(), input_.pods.identities(),
        [this](IdentityId id, const auto*, const auto*) {
          if (input_.subjects.contains(id)) another_.insert(id);
        });
    if (input_.subjects.contains(kIdentityHost) &&
        state_.node_labels_ != input_.node_labels) {
      another_.insert(kIdentityHost);
    }
    for (IdentityId subject : another_) UnlinkAll(subject);
    for (IdentityId subject : gone) {
      UnlinkAll(subject);
      state_.sets_.Erase(subject);
      touched_.erase(subject);
    }
    state_.subjects_ = input_.subjects;
    state_.node_labels_ = input_.node_labels;
  }

  void UnlinkAll(IdentityId subject) {
    const auto* found = state_.sources_of_.Find(subject);
    if (found == nullptr) return;
    const PolicySets::SourcesByKey sources = *found;
    for (const auto& [key, source] : sources) Unlink(subject, *source);
  }

  void AddSubjects() {
    for (IdentityId subject : another_) {
      touched_.insert(subject);
      if (subject == kIdentityHost) {
        LinkHost();
        continue;
      }
      const PodIdentity& identity = *input_.pods.Find(subject);
      std::set<const PolicySource*> found;
      state_.about_.ForEachCandidate(identity, [&](const PolicySource* source) {
        if (source->subject.Matches(identity)) found.insert(source);
      });
      for (const PolicySource* source : found) {
        Link(subject, *state_.sources_.Find(source->key));
      }
    }
  }

  // Those of `added_` come later.
  void LinkHost() {
    constexpr PolicyKind kKind = PolicyKind::kCiliumClusterwideNetworkPolicy;
    for (auto it = state_.sources_.lower_bound({kKind, "", "", 0});
         it != state_.sources_.end(); ++it) {
      if (IsAbout(*it->second, kIdentityHost)) Link(kIdentityHost, it->second);
    }
  }

  void Link(IdentityId subject,
            const std::shared_ptr<const PolicySource>& source) {
    touched_.insert(subject);
    ChangeAt(state_.sources_of_, subject,
             [&](auto& sources) { sources.Insert(source->key, source); });
    bool first = !state_.subjects_of_.contains(source.get());
    ChangeAt(state_.subjects_of_, source.get(),
             [&](auto& subjects) { subjects.Insert(subject, {}); });
    if (!first) return;
    auto add = [&source](auto& users) { users.Insert(source.get(), {}); };
    ForEachUse(
        *source,
        [&](const std::shared_ptr<const SourcePeers>& peers) {
          state_.peers_.Add(peers, input_.desired);
          ChangeAt(state_.users_, peers.get(), add);
        },
        [&](const std::string& name) {
          ChangeAt(state_.name_users_, name, add);
        });
  }

  void Unlink(IdentityId subject, const PolicySource& source) {
    touched_.insert(subject);
    ChangeAt(state_.sources_of_, subject,
             [&](auto& sources) { sources.Erase(source.key); });
    ChangeAt(state_.subjects_of_, &source,
             [&](auto& subjects) { subjects.Erase(subject); });
    if (state_.subjects_of_.contains(&source)) return;
    auto remove = [&source](auto& users) { users.Erase(&source); };
    ForEachUse(
        source,
        [&](const std::shared_ptr<const SourcePeers>& peers) {
          ChangeAt(state_.users_, peers.get(), remove);
          if (!state_.users_.contains(peers.get())) {
            state_.peers_.Remove(peers.get());
          }
        },
        [&](const std::string& name) {
          ChangeAt(state_.name_users_, name, remove);
        });
  }

  // Sources that come later have peers that are looked up in the new state.
  void UpdatePeers() {
    PodIndex::Identities::ForEachDifference(
        state_.peers_.pods(), input_.pods.identities(),
        [this](IdentityId, const std::shared_ptr<const PodIdentity>* before,
               const std::shared_ptr<const PodIdentity>* after) {
          for (const ContainerPort& port :
               (before != nullptr ? **before : **after).named_ports) {
            if (const auto* users = state_.name_users_.Find(port.name)) {
              for (const auto& [source, nothing] : *users) Touch(source);
            }
          }
        });
    std::vector<const SourcePeers*> changed;
    state_.peers_.UpdateIdentities(input_.pods.identities(), changed);
    state_.peers_.UpdateObjects(input_.changes, input_.desired, changed);
    for (const SourcePeers* peers : changed) {
      for (const auto& [source, nothing] : *state_.users_.Find(peers)) {
        Touch(source);
      }
    }
  }

  void Touch(const PolicySource* source) {
    const PolicySets::Subjects* found = state_.subjects_of_.Find(source);
    if (found == nullptr) return;
    for (const auto& [subject, nothing] : *found) touched_.insert(subject);
  }

  absl::Status CompileTouched() {
    for (IdentityId subject : touched_) {
      const PodIdentity* identity =
          subject == kIdentityHost ? nullptr : input_.pods.Find(subject);
      auto sets = std::make_shared<SubjectSets>();
      for (PolicyDirection direction :
           {PolicyDirection::kIngress, PolicyDirection::kEgress}) {
        for (SetKind kind : {SetKind::kEnforced, SetKind::kShadow}) {
          ASSIGN_OR_RETURN(
              sets->sets[static_cast<int>(direction)][static_cast<int>(kind)],
              SetOf(state_.RecipeOf(identity, direction, kind)));
        }
      }
      state_.sets_.Insert(subject, std::move(sets));
    }
    return absl::OkStatus();
  }

  // Subjects with one recipe share one set.
  absl::StatusOr<SubjectSet> SetOf(SetRecipe recipe) {
    if (recipe.sources.empty()) return SubjectSet{};
    auto [it, inserted] = made_.try_emplace(std::move(recipe));
    if (inserted) {
      ASSIGN_OR_RETURN(
          PolicySetSpec spec,
          CompileRecipe(it->first, state_.numbering_, state_.peers_));
      ASSIGN_OR_RETURN(std::string bytes, BuildPolicySet(std::move(spec)));
      const size_t hash = absl::HashOf(bytes);
      it->second = {std::make_shared<const PolicySources>(it->first.sources),
                    std::make_shared<const std::string>(std::move(bytes)),
                    hash};
    }
    return it->second;
  }

  PolicySets& state_;
  const PolicySets::Input& input_;
  PolicySources removed_;
  PolicySources added_;
  std::set<IdentityId> another_;  // subjects to find the sources about
  std::set<IdentityId> touched_;
  std::map<SetRecipe, SubjectSet> made_;
};

SetRecipe PolicySets::RecipeOf(const PodIdentity* identity,
                               PolicyDirection direction, SetKind kind) const {
  PolicySources about;
  IdentityId subject = identity == nullptr ? kIdentityHost : identity->id;
  if (const SourcesByKey* sources = sources_of_.Find(subject)) {
    for (const auto& [key, source] : *sources) about.push_back(source);
  }
  return MakeRecipe(direction, SourcesOfKind(std::move(about), direction, kind),
                    identity);
}

absl::StatusOr<std::optional<PolicySetSpec>> PolicySets::SpecOf(
    const PodIdentity* identity, PolicyDirection direction,
    SetKind kind) const {
  SetRecipe recipe = RecipeOf(identity, direction, kind);
  if (recipe.sources.empty()) return std::nullopt;
  return CompileRecipe(recipe, numbering_, peers_);
}

absl::Status PolicySets::Update(const Input& input) {
  return PolicySetsUpdate(*this, input).Run();
}

}  // namespace vswitch
