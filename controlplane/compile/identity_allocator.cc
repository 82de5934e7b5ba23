// Numbers by hash, the next free one on a collision.

#include "controlplane/compile/identity_allocator.h"

#include "absl/strings/str_cat.h"
#include "controlplane/compile/stable_hash.h"

namespace vswitch {
namespace {

constexpr uint32_t kLabelIdentities = kMaxIdentity - kFirstLabelIdentity + 1;

}  // namespace

IdentityAllocator::IdentityAllocator(uint32_t max_count)
    : max_count_(max_count) {}

absl::StatusOr<IdentityId> IdentityAllocator::Allocate(const std::string& key) {
  if (auto found = by_key_.find(key); found != by_key_.end()) {
    return found->second;
  }
  if (by_key_.size() >= max_count_) {
    return absl::ResourceExhaustedError(
        absl::StrCat("all ", max_count_,
                     " identities are in use: fewer distinct sets of pod "
                     "labels are needed"));
  }
  uint32_t offset = StableHash(key) % kLabelIdentities;
  while (!taken_.insert(kFirstLabelIdentity + offset).second) {
    offset = (offset + 1) % kLabelIdentities;
  }
  IdentityId id{kFirstLabelIdentity + offset};
  by_key_.emplace(key, id);
  return id;
}

void IdentityAllocator::ReleaseUnused(
    const absl::flat_hash_set<IdentityId>& used) {
  for (auto it = by_key_.begin(); it != by_key_.end();) {
    if (used.contains(it->second)) {
      ++it;
      continue;
    }
    taken_.erase(ToInt(it->second));
    it = by_key_.erase(it);
  }
}

}  // namespace vswitch
