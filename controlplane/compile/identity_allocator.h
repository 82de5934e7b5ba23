// controlplane/compile/identity_allocator.h
//
// IdentityAllocator: the number of each set of security-relevant labels.
//
// A number is taken from the hash of its key, so a control plane that starts
// again, or another node, gives the same numbers without keeping them; two keys
// of one hash get neighbouring numbers.  A number lives until
// ReleaseUnused() finds it in no use.
//
//   ASSIGN_OR_RETURN(IdentityId id, identities.Allocate(key));
//
// A value: a dry run works on a copy.  Thread-compatible.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_IDENTITY_ALLOCATOR_H_
#define VSWITCH_CONTROLPLANE_COMPILE_IDENTITY_ALLOCATOR_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "dataplane/base/ids.h"

namespace vswitch {

class IdentityAllocator {
 public:
  // `max_count`: how many identities may live at once.
  explicit IdentityAllocator(uint32_t max_count = kMaxIdentity -
                                                  kFirstLabelIdentity + 1);

  // Returns the number of `key`, a new one if it had none; RESOURCE_EXHAUSTED
  // when all are in use.
  absl::StatusOr<IdentityId> Allocate(const std::string& key);
  // Forgets every identity that is not in `used`.
  void ReleaseUnused(const absl::flat_hash_set<IdentityId>& used);
  size_t count() const { return by_key_.size(); }

 private:
  uint32_t max_count_;
  std::map<std::string, IdentityId> by_key_;
  absl::flat_hash_set<uint32_t> taken_;
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_IDENTITY_ALLOCATOR_H_
