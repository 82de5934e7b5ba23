// controlplane/compile/pod_index.h
//
// PodIndex: the identities of all pods.
//
// Pods of one namespace with equal labels, service account and named ports have
// one identity.  Named ports belong to it because a rule about a port's name
// means another number for another pod; namespace labels do not, because they
// are looked up when selectors are resolved, so a change of them renumbers
// nobody.
//
// Only pods that own their addresses count: not those in the host's network,
// nor those that have Succeeded or Failed.
//
//   PodIndex pods = previous_pods;                       // O(1)
//   RETURN_IF_ERROR(pods.Update(desired, changes, now_s, allocator));
//   PodIndex::Identities::ForEachDifference(previous_pods.identities(),
//                                           pods.identities(), visitor);
//
// A value.  Thread-compatible.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_POD_INDEX_H_
#define VSWITCH_CONTROLPLANE_COMPILE_POD_INDEX_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controlplane/compile/identity_allocator.h"
#include "controlplane/compile/label_filter.h"
#include "controlplane/compile/object_changes.h"
#include "controlplane/model/desired_state.h"
#include "controlplane/model/persistent_map.h"
#include "dataplane/base/ids.h"

namespace vswitch {

// What pods of one identity have in common.  Immutable.
struct PodIdentity {
  IdentityId id;
  std::string ns;
  std::shared_ptr<const Labels> namespace_labels;  // never nullptr
  std::string service_account;             // "default" if the pod names none
  Labels labels;                           // those that count
  std::vector<ContainerPort> named_ports;  // by name and protocol, each once
};

class PodIndex {
 public:
  using Identities =
      PersistentMap<IdentityId, std::shared_ptr<const PodIdentity>>;

  // The identities of `desired` alone.
  static absl::StatusOr<PodIndex> Build(const DesiredState& desired,
                                        IdentityAllocator& allocator) {
    PodIndex index;
    ObjectChanges changes(DesiredState(), desired);
    absl::Status status = index.Update(desired, changes, 0, allocator);
    if (!status.ok()) return status;
    return index;
  }

  // Takes `changes`, which led to `desired`, over.  Numbers of identities
  // without pods are released.  O(changes * log n), and what a namespace's
  // changed labels concern.  REQUIRES: which labels the Settings ignore is what
  // it was at the first update.
  absl::Status Update(const DesiredState& desired, const ObjectChanges& changes,
                      int64_t now_s, IdentityAllocator& allocator);

  const Identities& identities() const { return identities_; }
  // Returns nullptr if there is no such identity; valid until a change.
  const PodIdentity* Find(IdentityId id) const;
  // Calls `visit(const PodIdentity&, uint64_t pod_count)` for each.
  template <typename Visitor>
  void ForEachCounted(Visitor visit) const {
    for (const auto& [key, counted] : by_key_) {
      visit(*counted.identity, counted.pod_count);
    }
  }
  // Returns the identity of a pod of this state, nullptr if it owns no
  // addresses; valid until a change.
  const PodIdentity* IdentityOf(const Metadata& metadata, const Pod& pod) const;
  const LabelFilter& filter() const { return filter_; }
  // Whether pods of the allocator's `key` are there.
  bool HasKey(const std::string& key) const { return by_key_.contains(key); }

 private:
  struct Counted {
    std::shared_ptr<const PodIdentity> identity;
    uint64_t pod_count = 0;
    friend bool operator==(const Counted&, const Counted&) = default;
  };

  void UpdateNamespace(const std::string& ns, const DesiredState& desired);
  absl::Status AddPod(const DesiredState& desired, const Object& object,
                      IdentityAllocator& allocator);
  std::shared_ptr<const Labels> LabelsOfNamespace(const std::string& ns,
                                                  const DesiredState& desired);

  LabelFilter filter_;
  PersistentMap<std::string, std::shared_ptr<const Labels>> namespaces_;
  PersistentMap<std::string, Counted> by_key_;
  Identities identities_;
};

// Whether the pod owns its addresses.
bool OwnsAddresses(const Pod& pod);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_POD_INDEX_H_
