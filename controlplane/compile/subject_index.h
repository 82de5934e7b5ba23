// controlplane/compile/subject_index.h
//
// SubjectIndex: the policies that are about a pod.  Each is filed under the
// namespace and one label that its subjects must have, so an identity is
// compared with the policies that may be about it, not with all.
//
//   SubjectIndex index(sources);
//   for (uint32_t i : index.Find(identity)) ...*sources[i]...
//
// Immutable once built; `sources` must outlive it.  Any thread.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_SUBJECT_INDEX_H_
#define VSWITCH_CONTROLPLANE_COMPILE_SUBJECT_INDEX_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "controlplane/compile/pod_index.h"
#include "controlplane/compile/policy_source.h"

namespace vswitch {

class SubjectIndex {
 public:
  explicit SubjectIndex(const PolicySources& sources);

  // Returns the places in `sources` of those whose subject the identity is, in
  // their order.
  std::vector<uint32_t> Find(const PodIdentity& identity) const;

 private:
  using Place = std::pair<std::string, std::string>;  // namespace, "key=value"

  const PolicySources& sources_;
  // Empty strings: in any namespace, with any label.
  absl::flat_hash_map<Place, std::vector<uint32_t>> filed_;
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_SUBJECT_INDEX_H_
