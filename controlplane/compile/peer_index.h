// controlplane/compile/peer_index.h
//
// PeerIndex: which identities and addresses the peers of rules are.  Looks
// selectors up by namespace and by label, so a selector costs what it selects
// and not a pass over all pods; what equal peers match is found once.
//
//   index.Add(rule.peers, desired);
//   index.UpdateIdentities(pods.identities(), changed);
//   const MatchedPeers& peers = index.Match(rule.peers.get());
//
// Deterministic: what Match() returns depends on the objects only, not on the
// changes that led to them.  A value; copies are O(1).  Thread-compatible.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_PEER_INDEX_H_
#define VSWITCH_CONTROLPLANE_COMPILE_PEER_INDEX_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "controlplane/compile/object_changes.h"
#include "controlplane/compile/pod_index.h"
#include "controlplane/compile/policy_source.h"
#include "controlplane/compile/predicate_index.h"
#include "controlplane/model/desired_state.h"
#include "controlplane/model/persistent_map.h"
#include "dataplane/policy/policy_set.h"

namespace vswitch {

// What SourcePeers are at the moment; as in PolicyEntry.
struct MatchedPeers {
  bool any_peer = false;
  std::vector<IdentityId> excluded;    // sorted
  std::vector<IdentityId> identities;  // sorted; empty with any_peer
  std::vector<CidrMatch> cidrs;

  bool IsNobody() const {
    return !any_peer && identities.empty() && cidrs.empty();
  }
  friend bool operator==(const MatchedPeers&, const MatchedPeers&) = default;
};

class PeerIndex {
 public:
  // Finds what `peers` match, and keeps it right from now on.  Nothing if that
  // is done already.
  void Add(const std::shared_ptr<const SourcePeers>& peers,
           const DesiredState& desired);
  // Ends that.
  void Remove(const SourcePeers* peers);

  // Take over changes of pods' identities, and of Nodes, Services and
  // EndpointSlices, which led to `pods` and `desired`.  Append those that match
  // something else now to `changed`.
  void UpdateIdentities(const PodIndex::Identities& pods,
                        std::vector<const SourcePeers*>& changed);
  void UpdateObjects(const ObjectChanges& changes, const DesiredState& desired,
                     std::vector<const SourcePeers*>& changed);

  // The identities of the last UpdateIdentities().
  const PodIndex::Identities& pods() const { return all_; }

  // REQUIRES: added.
  const MatchedPeers& Match(const SourcePeers* peers) const {
    return *matched_.Find(peers)->matched;
  }

  // Appends (number, identity) for every identity of `peers` that gives the
  // port a number; of all pods when `peers` are any_peer.  Addresses have no
  // names.
  void ResolveName(const MatchedPeers& peers, const NamedPort& port,
                   std::vector<std::pair<uint16_t, IdentityId>>& found) const;

 private:
  using Identities = PodIndex::Identities;
  using Label = std::pair<std::string, std::string>;
  struct Kept {
    std::shared_ptr<const SourcePeers> peers;
    std::shared_ptr<const MatchedPeers> matched;
    friend bool operator==(const Kept&, const Kept&) = default;
  };

  MatchedPeers MatchAnew(const SourcePeers& peers,
                         const DesiredState& desired) const;
  // Those that may match; all at most.
  const Identities& Candidates(const IdentityPredicate& predicate) const;
  void Select(const IdentityPredicate& predicate,
              std::vector<IdentityId>& selected) const;
  void UpdateIdentity(const PodIdentity* before,
                      const std::shared_ptr<const PodIdentity>& after,
                      std::vector<const SourcePeers*>& changed);
  void File(const std::shared_ptr<const PodIdentity>& identity);
  void Unfile(const PodIdentity& identity);
  void MatchAgain(const SourcePeers* peers, const DesiredState& desired,
                  std::vector<const SourcePeers*>& changed);

  Identities all_;
  PersistentMap<std::string, Identities> by_namespace_;
  PersistentMap<Label, Identities> by_label_;
  PersistentMap<std::string, Identities> by_port_name_;

  PersistentMap<const SourcePeers*, Kept> matched_;
  PredicateIndex<const SourcePeers*> by_predicate_;
  // Those with `nodes` or `services`.
  PersistentMap<const SourcePeers*, std::monostate> of_objects_;
};

// Whether they are everybody, or every pod: new identities change nothing.
bool IsAnyPeer(const SourcePeers& peers);

// Returns the number that the identity gives the name, or nullopt.
std::optional<uint16_t> NumberOf(const PodIdentity& identity,
                                 const NamedPort& port);

// Appends the addresses of the peers' Nodes and services, as host prefixes.
void AddObjectAddresses(const DesiredState& desired, const SourcePeers& peers,
                        std::vector<CidrMatch>& cidrs);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_PEER_INDEX_H_
