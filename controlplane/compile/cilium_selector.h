// controlplane/compile/cilium_selector.h
//
// Cilium's label selectors as predicates.  A key may begin with a source (k8s:,
// any:, container:, unspec:, reserved:) and may be one that Cilium derives: the
// pod's namespace, its namespace's labels, its service account, its cluster.
//
// Pure functions: any thread.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_CILIUM_SELECTOR_H_
#define VSWITCH_CONTROLPLANE_COMPILE_CILIUM_SELECTOR_H_

#include <string>

#include "absl/status/statusor.h"
#include "controlplane/compile/policy_source.h"
#include "controlplane/model/labels.h"

namespace vswitch {

// INVALID_ARGUMENT, naming `field`, for a key with a source that is not known.
absl::StatusOr<IdentityPredicate> CiliumPredicate(const LabelSelector& selector,
                                                  const std::string& field);
// As CiliumPredicate(), for a peer of a policy of namespace `ns`: if the
// selector says nothing about namespaces (nor about reserved identities), pods
// of that namespace are meant; `ns` is empty for clusterwide policies.
absl::StatusOr<IdentityPredicate> CiliumPeerPredicate(
    const LabelSelector& selector, const std::string& ns,
    const std::string& field);
// A selector over the labels of Nodes or Services, the sources taken off.
absl::StatusOr<LabelSelector> CiliumObjectSelector(
    const LabelSelector& selector, const std::string& field);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_CILIUM_SELECTOR_H_
