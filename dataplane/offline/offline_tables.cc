// LoadedTables and IdentityArea: tables on the heap.

#include "dataplane/offline/offline_tables.h"

#include <cstring>

#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

constexpr uint32_t kMinIdentityGroups = 16;

ZeroedMemory CopyOf(const std::string& blob) {
  if (blob.empty()) return {};
  ZeroedMemory result(blob.size());
  std::memcpy(result.bytes().data(), blob.data(), blob.size());
  return result;
}

uint32_t GroupCountFor(uint32_t addresses) {
  // Half full at most: see identity_table.h.
  uint32_t groups = kMinIdentityGroups;
  while (uint64_t{groups} * kSlotsPerIdentityGroup < 2 * uint64_t{addresses}) {
    groups *= 2;
  }
  return groups;
}

}  // namespace

absl::StatusOr<LoadedTables> LoadedTables::Load(const OfflineTables& tables,
                                                Generation generation) {
  LoadedTables result;
  BlobSpans spans;
  for (uint32_t kind = 0; kind < kBlobKindCount; ++kind) {
    result.blobs_[kind] = CopyOf(tables.blobs[kind]);
    spans[kind] = result.blobs_[kind].bytes();
  }
  result.policy_sets_ = PieceCopies(tables.policy_sets);
  ASSIGN_OR_RETURN(
      result.state_,
      ForwardingState::Open(generation, spans, result.policy_sets_.list()));
  return result;
}

IdentityArea::IdentityArea(uint32_t max_addresses)
    : group_count_(GroupCountFor(max_addresses)),
      tags_(group_count_ * sizeof(IdentityTags<StdAtomics>)),
      slots_(size_t{group_count_} * kSlotsPerIdentityGroup *
             sizeof(IdentitySlot<StdAtomics>)) {}

IdentityTableMemory<StdAtomics> IdentityArea::memory() const {
  return {
      .tags = reinterpret_cast<IdentityTags<StdAtomics>*>(tags_.bytes().data()),
      .slots =
          reinterpret_cast<IdentitySlot<StdAtomics>*>(slots_.bytes().data()),
      .group_count = group_count_};
}

}  // namespace vswitch
