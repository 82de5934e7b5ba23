// controlplane/compile/policy_sets.h
//
// PolicySets: the policies of all kinds, and the policy sets of every local
// subject (an identity that has a port here, or the node itself), kept from one
// desired state to the next: an update costs what it touches.
//
// A set is made again when a source that is about its subject is added, removed
// or renumbered (rule_numbering.h), and when the peers of a rule of such a
// source match something else (peer_index.h).  Sources that are about no local
// subject are kept, but nothing is looked up for them.
//
//   PolicySets policies = previous_policies;                      // O(1)
//   RETURN_IF_ERROR(policies.Update({desired, changes, pods, subjects,
//   labels})); const SubjectSets* sets = policies.Find(identity);
//
// Deterministic: the sets depend on the objects only, not on the changes that
// led to them.  A value.  Control thread only.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_POLICY_SETS_H_
#define VSWITCH_CONTROLPLANE_COMPILE_POLICY_SETS_H_

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controlplane/compile/object_changes.h"
#include "controlplane/compile/peer_index.h"
#include "controlplane/compile/policy_source.h"
#include "controlplane/compile/predicate_index.h"
#include "controlplane/compile/rule_catalog.h"
#include "controlplane/compile/rule_numbering.h"
#include "controlplane/compile/set_compiler.h"
#include "controlplane/compile/source_pool.h"
#include "controlplane/model/persistent_map.h"

namespace vswitch {

// One set; without sources there is none.
struct SubjectSet {
  std::shared_ptr<const PolicySources> sources;  // strongest first, or nullptr
  std::shared_ptr<const std::string> bytes;      // of BuildPolicySet()
  size_t content_hash = 0;                       // of `bytes`, in this process

  bool exists() const { return bytes != nullptr; }
  // Whether both judge alike.
  bool Equals(const SubjectSet& other) const {
    return bytes == other.bytes ||
           (bytes != nullptr && other.bytes != nullptr &&
            *bytes == *other.bytes);
  }
};

// A subject's sets, by direction and SetKind.
struct SubjectSets {
  SubjectSet sets[2][2];

  const SubjectSet& Of(PolicyDirection direction, SetKind kind) const {
    return sets[static_cast<int>(direction)][static_cast<int>(kind)];
  }
  bool Equals(const SubjectSets& other) const;
};

class PolicySets {
 public:
  // By identity; kIdentityHost is the node itself.
  using Subjects = PersistentMap<IdentityId, std::monostate>;
  using ByIdentity =
      PersistentMap<IdentityId, std::shared_ptr<const SubjectSets>>;

  // What an update leads to.
  struct Input {
    const DesiredState& desired;
    const ObjectChanges& changes;
    const PodIndex& pods;
    const Subjects& subjects;   // the host among them, if it is to have sets
    const Labels& node_labels;  // of the local Node
  };
  // INVALID_ARGUMENT for a policy that has no meaning, naming object and field;
  // RESOURCE_EXHAUSTED for too many rules.  After an error the value is good
  // for nothing.
  absl::Status Update(const Input& input);

  // Every subject has an entry.
  const ByIdentity& sets() const { return sets_; }
  // What the bytes of a subject's set are made of; nullopt: there is none.
  // `identity` is the subject's, nullptr for the host.
  absl::StatusOr<std::optional<PolicySetSpec>> SpecOf(
      const PodIdentity* identity, PolicyDirection direction,
      SetKind kind) const;
  const RuleNumbering& numbering() const { return numbering_; }
  const std::vector<std::string>& warnings() const { return *warnings_; }

 private:
  friend class PolicySetsUpdate;
  SetRecipe RecipeOf(const PodIdentity* identity, PolicyDirection direction,
                     SetKind kind) const;

  using SourcesByKey =
      PersistentMap<SourceKey, std::shared_ptr<const PolicySource>>;
  using SourcePointers = PersistentMap<const PolicySource*, std::monostate>;

  // Interned by all values that come of one; it holds nothing alive that
  // matters.
  std::shared_ptr<SourcePool> pool_ = std::make_shared<SourcePool>();
  SourcesByKey sources_;
  RuleNumbering numbering_;
  PredicateIndex<const PolicySource*> about_;  // but those about the node
  std::shared_ptr<const std::vector<std::string>> warnings_ =
      std::make_shared<const std::vector<std::string>>();

  // Of the sources that are about a subject:
  PersistentMap<IdentityId, SourcesByKey> sources_of_;
  PersistentMap<const PolicySource*, Subjects> subjects_of_;
  PeerIndex peers_;
  PersistentMap<const SourcePeers*, SourcePointers> users_;
  // By port name: those that use it on egress with everybody as peer.
  PersistentMap<std::string, SourcePointers> name_users_;

  Subjects subjects_;
  Labels node_labels_;
  ByIdentity sets_;
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_POLICY_SETS_H_
