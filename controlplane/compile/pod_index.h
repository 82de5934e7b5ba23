// controlplane/compile/pod_index.h
//
// PodIndex: the identities of all pods, and which pod has which address.
//
// Pods of one namespace with equal labels, service account and named ports have
// one identity.  Named ports belong to it because a rule about a port's name
// means another number for another pod; namespace labels do not, because they
// are looked up when selectors are resolved, so a change of them renumbers
// nobody.
//
// Only pods that own their addresses are in it: not those in the host's
// network, nor those that have Succeeded or Failed.
//
// Immutable once built; control thread only.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_POD_INDEX_H_
#define VSWITCH_CONTROLPLANE_COMPILE_POD_INDEX_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/compile/identity_allocator.h"
#include "controlplane/model/desired_state.h"
#include "dataplane/base/ids.h"

namespace vswitch {

// What pods of one identity have in common.
struct PodIdentity {
  IdentityId id;
  std::string ns;
  const Labels* namespace_labels;  // lives as long as the index
  std::string service_account;     // "default" if the pod names none
  Labels labels;
  std::vector<ContainerPort> named_ports;  // by name and protocol, each once
};

struct IndexedPod {
  const Metadata* metadata;  // live as long as the desired state
  const Pod* pod;
  size_t identity;  // index into identities()
};

class PodIndex {
 public:
  static absl::StatusOr<PodIndex> Build(const DesiredState& desired,
                                        IdentityAllocator& allocator);

  const std::vector<PodIdentity>& identities() const { return identities_; }
  const std::vector<IndexedPod>& pods() const { return pods_; }
  // Returns nullptr if there is no such pod, or it owns no addresses.
  const IndexedPod* Find(const std::string& ns, const std::string& name) const;

 private:
  absl::Status AddPod(const Metadata& metadata, const Pod& pod,
                      IdentityAllocator& allocator);
  const Labels* LabelsOfNamespace(const std::string& ns);

  std::map<std::string, Labels> namespaces_;
  std::vector<PodIdentity> identities_;
  std::map<std::string, size_t> identity_by_key_;
  std::vector<IndexedPod> pods_;
  std::map<std::pair<std::string, std::string>, size_t> pod_by_name_;
};

// Whether the pod owns its addresses.
bool OwnsAddresses(const Pod& pod);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_POD_INDEX_H_
