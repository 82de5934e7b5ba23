// controlplane/compile/peer_index.h
//
// PeerIndex: which identities and addresses the peers of rules are.  Looks
// selectors up by namespace and by label, so a selector costs what it selects
// and not a pass over all pods; what equal peers match is found once.
//
//   PeerIndex index(desired, pods);
//   std::shared_ptr<const MatchedPeers> peers = index.Match(rule.peers);
//
// Deterministic: what Match() returns depends on the objects only.  `desired`
// and `pods` must outlive the index.  Thread-compatible.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_PEER_INDEX_H_
#define VSWITCH_CONTROLPLANE_COMPILE_PEER_INDEX_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "controlplane/compile/pod_index.h"
#include "controlplane/compile/policy_source.h"
#include "controlplane/model/desired_state.h"
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
  PeerIndex(const DesiredState& desired, const PodIndex& pods);

  // Never nullptr.  Keeps the answer, and `peers` with it.
  std::shared_ptr<const MatchedPeers> Match(
      const std::shared_ptr<const SourcePeers>& peers) const;

  // Appends (number, identity) for every identity of `peers` that gives the
  // port a number; of all pods when `peers` are any_peer.  Addresses have no
  // names.
  void ResolveName(const MatchedPeers& peers, const NamedPort& port,
                   std::vector<std::pair<uint16_t, IdentityId>>& found) const;

 private:
  MatchedPeers MatchAnew(const SourcePeers& peers) const;
  // Indices into pods_.identities() of those that may match, or all.
  const std::vector<uint32_t>& Candidates(
      const IdentityPredicate& predicate) const;
  void Select(const IdentityPredicate& predicate,
              std::vector<IdentityId>& selected) const;

  using Label = std::pair<absl::string_view, absl::string_view>;
  const DesiredState& desired_;
  const PodIndex& pods_;
  std::vector<uint32_t> all_;
  absl::flat_hash_map<absl::string_view, std::vector<uint32_t>> by_namespace_;
  absl::flat_hash_map<Label, std::vector<uint32_t>> by_label_;
  absl::flat_hash_map<IdentityId, uint32_t> by_id_;
  // Identities that have a port of that name.
  absl::flat_hash_map<absl::string_view, std::vector<uint32_t>> by_port_name_;
  mutable absl::flat_hash_map<std::shared_ptr<const SourcePeers>,
                              std::shared_ptr<const MatchedPeers>>
      matched_;
};

// Returns the number that the identity gives the name, or nullopt.
std::optional<uint16_t> NumberOf(const PodIdentity& identity,
                                 const NamedPort& port);

// Appends the addresses of the peers' Nodes and services, as host prefixes.
void AddObjectAddresses(const DesiredState& desired, const SourcePeers& peers,
                        std::vector<CidrMatch>& cidrs);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_PEER_INDEX_H_
