// Numbers by hash, the next free one on a collision.

#include "controlplane/compile/identity_allocator.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "controlplane/compile/stable_hash.h"

namespace vswitch {
namespace {

constexpr uint32_t kLabelIdentities = kMaxIdentity - kFirstLabelIdentity + 1;

uint32_t FirstChoice(const std::string& key) {
  return StableHash(key) % kLabelIdentities;
}

IdentityId NumberAt(uint32_t offset) {
  return IdentityId{kFirstLabelIdentity + offset};
}

}  // namespace

void IdentityAllocator::Set(const std::string& key, const Numbered& numbered) {
  by_key_.Insert(key, numbered);
  taken_.Insert(numbered.id, {});
  if (numbered.released_s != kInUse) {
    quarantine_.Insert({numbered.released_s, numbered.id}, key);
    saved_.Insert(key, numbered);
  } else if (numbered.id != NumberAt(FirstChoice(key))) {
    saved_.Insert(key, numbered);
  } else {
    saved_.Erase(key);
  }
}

void IdentityAllocator::Free(const std::string& key) {
  const Numbered numbered = *by_key_.Find(key);
  by_key_.Erase(key);
  taken_.Erase(numbered.id);
  quarantine_.Erase({numbered.released_s, numbered.id});
  saved_.Erase(key);
}

absl::StatusOr<IdentityId> IdentityAllocator::Allocate(const std::string& key) {
  if (const Numbered* found = by_key_.Find(key)) {
    const Numbered numbered = *found;
    if (numbered.released_s != kInUse) {
      quarantine_.Erase({numbered.released_s, numbered.id});
      Set(key, {numbered.id, kInUse});
    }
    return numbered.id;
  }
  if (count() >= options_.max_count) {
    return absl::ResourceExhaustedError(
        absl::StrCat("all ", options_.max_count,
                     " identities are in use: fewer distinct sets of pod "
                     "labels are needed"));
  }
  if (taken_.size() >= kLabelIdentities) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "all ", kLabelIdentities, " identities are in use or were within the ",
        "last ", options_.quarantine_s, " s: try again later"));
  }
  uint32_t offset = FirstChoice(key);
  while (taken_.contains(NumberAt(offset))) {
    offset = (offset + 1) % kLabelIdentities;
  }
  Set(key, {NumberAt(offset), kInUse});
  return NumberAt(offset);
}

void IdentityAllocator::Release(const std::string& key, int64_t now_s) {
  const Numbered* found = by_key_.Find(key);
  if (found == nullptr || found->released_s != kInUse) return;
  Set(key, {found->id, now_s});
}

void IdentityAllocator::ReleaseUnused(
    const std::function<bool(const std::string&)>& in_use, int64_t now_s) {
  std::vector<std::string> unused;
  for (const auto& [key, numbered] : by_key_) {
    if (numbered.released_s == kInUse && !in_use(key)) unused.push_back(key);
  }
  for (const std::string& key : unused) Release(key, now_s);
}

void IdentityAllocator::EndQuarantines(int64_t now_s) {
  while (!quarantine_.empty()) {
    const auto& [place, key] = *quarantine_.begin();
    if (now_s - place.first < options_.quarantine_s) return;
    const std::string over = key;
    Free(over);
  }
}

void IdentityAllocator::Restore(const std::string& key,
                                const Numbered& numbered) {
  if (by_key_.contains(key)) Free(key);
  Set(key, numbered);
}

}  // namespace vswitch
