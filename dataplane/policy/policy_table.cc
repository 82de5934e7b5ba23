// Reading a policy table.

#include "dataplane/policy/policy_table.h"

#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "dataplane/base/status_macros.h"
#include "dataplane/policy/policy_set.h"

namespace vswitch {
namespace {

// No class has this number; a row or column of it is outside every matrix.
constexpr uint32_t kBadClass = 0xffffffff;

template <typename Record>
absl::StatusOr<std::span<const Record>> OpenSection(
    std::span<const std::byte> blob, const PolicySection& section) {
  uint64_t bytes = uint64_t{section.count} * sizeof(Record);
  if (section.offset % 64 != 0 || section.offset + bytes > blob.size()) {
    return absl::DataLossError(
        absl::StrCat("policy table: section of ", section.count, " records of ",
                     sizeof(Record), " bytes at ", section.offset,
                     " is outside of the ", blob.size(), " bytes of the blob"));
  }
  return std::span<const Record>(
      reinterpret_cast<const Record*>(blob.data() + section.offset),
      section.count);
}

}  // namespace

absl::StatusOr<PolicyTable> PolicyTable::Open(std::span<const std::byte> blob) {
  PolicyTable table;
  if (blob.empty()) return table;
  PolicyHeader header;
  if (blob.size() < sizeof(header) ||
      reinterpret_cast<uintptr_t>(blob.data()) % 64 != 0) {
    return absl::DataLossError(
        absl::StrCat("policy table: ", blob.size(),
                     " bytes are too few, or not aligned to 64 bytes"));
  }
  std::memcpy(&header, blob.data(), sizeof(header));
  if (header.magic != kPolicyMagic || header.byte_count > blob.size()) {
    return absl::DataLossError("policy table: bad magic number or size");
  }
  blob = blob.first(header.byte_count);
  const PolicySection* sections = header.sections;
  ASSIGN_OR_RETURN(table.sets_,
                   OpenSection<PolicySetRecord>(blob, sections[kSectionSets]));
  ASSIGN_OR_RETURN(table.buckets_, OpenSection<IdentityBucket>(
                                       blob, sections[kSectionBuckets]));
  ASSIGN_OR_RETURN(table.port_maps_,
                   OpenSection<PortMap>(blob, sections[kSectionPortMaps]));
  ASSIGN_OR_RETURN(table.page_lists_,
                   OpenSection<uint32_t>(blob, sections[kSectionPageLists]));
  ASSIGN_OR_RETURN(table.pages_,
                   OpenSection<ClassPage>(blob, sections[kSectionPages]));
  ASSIGN_OR_RETURN(table.cells_,
                   OpenSection<PolicyCell>(blob, sections[kSectionCells]));
  ASSIGN_OR_RETURN(std::span<const std::byte> prefixes,
                   OpenSection<std::byte>(blob, sections[kSectionPrefixes]));
  if (!prefixes.empty()) {
    ASSIGN_OR_RETURN(table.prefixes_, RouteTable::Open(prefixes));
  }
  return table;
}

void PolicyTable::Prefetch(PolicySetId set) const {
  if (ToInt(set) < sets_.size()) __builtin_prefetch(&sets_[ToInt(set)]);
}

PolicyVerdict PolicyTable::Lookup(PolicySetId id,
                                  const PolicyQuery& query) const {
  if (id == kNoPolicySet) return {.allowed = true};
  if (ToInt(id) >= sets_.size()) return {.allowed = false};
  const PolicySetRecord set = sets_[ToInt(id)];
  uint32_t column = PortClass(set, query);
  PolicyCell best = Cell(set.identity_cells, IdentityClass(set, query.peer),
                         column, set.port_class_count);
  if (set.cidr_page_count != 0) {
    uint32_t cidr_class = CidrClass(set, query.peer_address);
    if (cidr_class != 0) {
      PolicyCell cell =
          Cell(set.cidr_cells, cidr_class - 1, column, set.port_class_count);
      if (cell.precedence > best.precedence) best = cell;
    }
  }
  if (best.precedence == 0) {
    best = {ToInt(kNoRule), set.default_precedence};
  }
  return {.allowed = (best.precedence & kVerdictMask) == kVerdictAllow,
          .rule = RuleId{best.rule},
          .precedence = best.precedence};
}

uint32_t PolicyTable::IdentityClass(const PolicySetRecord& set,
                                    IdentityId peer) const {
  if (set.bucket_count == 0) return 0;
  uint64_t index = uint64_t{set.first_bucket} +
                   BucketOf(ToInt(peer), set.bucket_seed, set.bucket_count);
  if (index >= buckets_.size() || peer == kIdentityUnknown) return 0;
  const IdentityBucket& bucket = buckets_[index];
  uint32_t result = 0;
  for (uint32_t i = 0; i < kBucketIdentities; ++i) {
    if (bucket.identities[i] == ToInt(peer)) result = bucket.classes[i];
  }
  return result;
}

uint32_t PolicyTable::CidrClass(const PolicySetRecord& set,
                                const IpAddress& address) const {
  uint32_t prefix = prefixes_.Lookup(address).value_or(0);
  if (prefix / kPagePorts >= set.cidr_page_count) return 0;
  uint64_t entry = uint64_t{set.cidr_pages} + prefix / kPagePorts;
  if (entry >= page_lists_.size()) return 0;
  uint32_t page = page_lists_[entry];
  if (page >= pages_.size()) return 0;
  return pages_[page].classes[prefix % kPagePorts];
}

uint32_t PolicyTable::PortClass(const PolicySetRecord& set,
                                const PolicyQuery& query) const {
  uint32_t map;
  if (query.protocol == IpProtocol::kTcp) {
    map = set.port_maps[0];
  } else if (query.protocol == IpProtocol::kUdp) {
    map = set.port_maps[1];
  } else if (query.protocol == IpProtocol::kSctp) {
    map = set.port_maps[2];
  } else {
    return set.other_class;
  }
  // No rule can name port 0, so it stands for "not known".
  uint32_t port = query.has_port ? query.destination_port : 0;
  if ((map & kPagedPortMap) == 0) {
    if (map >= port_maps_.size()) return kBadClass;
    const PortMap& ranges = port_maps_[map];
    uint32_t begun = 0;
    for (uint32_t i = 0; i < kInlineRanges; ++i) {
      begun += ranges.starts[i] <= port;
    }
    return begun == 0 ? kBadClass : ranges.classes[begun - 1];
  }
  uint64_t entry = uint64_t{map & ~kPagedPortMap} + port / kPagePorts;
  if (entry >= page_lists_.size()) return kBadClass;
  uint32_t page = page_lists_[entry];
  if (page >= pages_.size()) return kBadClass;
  return pages_[page].classes[port % kPagePorts];
}

PolicyCell PolicyTable::Cell(uint32_t first, uint32_t row, uint32_t column,
                             uint32_t columns) const {
  uint64_t index = uint64_t{first} + uint64_t{row} * columns + column;
  if (column >= columns || index >= cells_.size()) {
    return {ToInt(kNoRule), kDefaultDeny};
  }
  return cells_[index];
}

}  // namespace vswitch
