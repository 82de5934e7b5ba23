// Lays a compiled set out in lines.

#include "dataplane/policy/policy_set_builder.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/base/status_macros.h"
#include "dataplane/policy/policy_layout.h"
#include "dataplane/policy/policy_set_check.h"
#include "dataplane/policy/policy_set_compiler.h"

namespace vswitch {
namespace {

// Identities are tried with this many seeds before the buckets double.
constexpr uint32_t kSeeds = 16;
constexpr uint32_t kMaxBucketBits = 24;

// Whole lines while they are added.
class Lines {
 public:
  uint32_t count() const {
    return static_cast<uint32_t>(bytes_.size() / kPolicyLineBytes);
  }
  // Returns the number of the first line.
  uint32_t Append(const void* data, size_t byte_count) {
    const uint32_t line = count();
    bytes_.append(static_cast<const char*>(data), byte_count);
    bytes_.resize((bytes_.size() + kPolicyLineBytes - 1) / kPolicyLineBytes *
                  kPolicyLineBytes);
    return line;
  }
  template <typename Record>
  uint32_t Append(const std::vector<Record>& records) {
    return Append(records.data(), records.size() * sizeof(Record));
  }
  void Overwrite(const PolicySetHeader& header) {
    std::memcpy(bytes_.data(), &header, sizeof(header));
  }
  std::string Take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

PortMap InlinePortMap(const PortClasses& classes) {
  PortMap map{};
  map.unknown_class = classes.unknown_class;
  for (uint32_t i = 0; i < kInlineRanges; ++i) {
    const PortRangeClass& range =
        classes.ranges[std::min<size_t>(i, classes.ranges.size() - 1)];
    if (i < kInlineRanges - 1) map.lasts[i] = range.last;
    map.classes[i] = range.port_class;
  }
  return map;
}

uint32_t AppendPagedPortMap(const PortClasses& classes, Lines& lines) {
  PagedPortMap map{};
  map.unknown_class = classes.unknown_class;
  using Page = std::array<uint16_t, kPagePorts>;
  std::vector<Page> pages;
  std::map<Page, uint16_t> numbers;
  size_t range = 0;
  for (uint32_t page_number = 0; page_number < 65536 / kPagePorts;
       ++page_number) {
    Page page;
    for (uint32_t i = 0; i < kPagePorts; ++i) {
      if (page_number * kPagePorts + i > classes.ranges[range].last) ++range;
      page[i] = classes.ranges[range].port_class;
    }
    const auto [it, inserted] =
        numbers.try_emplace(page, static_cast<uint16_t>(pages.size()));
    if (inserted) pages.push_back(page);
    map.pages[page_number] = it->second;
  }
  const uint32_t line = lines.Append(&map, sizeof(map));
  lines.Append(pages);
  return line | kPagedPortMap;
}

uint32_t AppendPortMap(const PortClasses& classes, Lines& lines) {
  if (classes.ranges.empty()) return 0;
  if (classes.ranges.size() > kInlineRanges) {
    return AppendPagedPortMap(classes, lines);
  }
  const PortMap map = InlinePortMap(classes);
  return lines.Append(&map, sizeof(map));
}

// One family's tree; `Key` makes a node's key of an address.
template <typename Key>
class RangeTree {
 public:
  static constexpr size_t kFanOut = kPolicyLineBytes / sizeof(Key);

  RangeTree(const AddressRows& rows, Key (*key_of)(AddressNumber))
      : rows_(rows), key_of_(key_of) {}

  // Levels from the root, each behind the one above; a level but the lowest is
  // as long as if it were full.
  RangesReference Append(Lines& lines) const {
    std::vector<std::vector<Key>> levels = {LowestKeys()};
    while (levels.back().size() > kFanOut) {
      levels.push_back(LastOfEach(levels.back()));
    }
    RangesReference reference{.line = lines.count(),
                              .levels = static_cast<uint32_t>(levels.size()),
                              .classed = rows_.classed};
    size_t width = kFanOut;
    for (size_t i = levels.size() - 1; i > 0; --i, width *= kFanOut) {
      levels[i].resize(width, key_of_(~AddressNumber{0}));
      lines.Append(levels[i]);
    }
    AppendLowest(levels[0], lines);
    return reference;
  }

 private:
  std::vector<Key> LowestKeys() const {
    std::vector<Key> keys;
    for (const AddressNumber last : rows_.lasts) keys.push_back(key_of_(last));
    return keys;
  }
  static std::vector<Key> LastOfEach(const std::vector<Key>& keys) {
    std::vector<Key> lasts;
    for (size_t i = 0; i < keys.size(); i += kFanOut) {
      lasts.push_back(keys[std::min(i + kFanOut, keys.size()) - 1]);
    }
    return lasts;
  }
  void AppendLowest(std::vector<Key> keys, Lines& lines) const {
    keys.resize((keys.size() + kFanOut - 1) / kFanOut * kFanOut,
                key_of_(~AddressNumber{0}));
    if (!rows_.classed) {
      lines.Append(keys);
      return;
    }
    for (size_t i = 0; i < keys.size(); i += kFanOut) {
      lines.Append(&keys[i], kPolicyLineBytes);
      const size_t count = std::min(kFanOut, rows_.rows.size() - i);
      lines.Append(&rows_.rows[i], count * sizeof(rows_.rows[i]));
    }
  }

  const AddressRows& rows_;
  Key (*key_of_)(AddressNumber);
};

struct WideKey {
  uint64_t upper, lower;
};

uint32_t AppendIpv4Ranges(const AddressRows& rows, Lines& lines) {
  if (rows.lasts.empty()) return 0;
  return RangeTree<uint32_t>(
             rows,
             [](AddressNumber last) { return static_cast<uint32_t>(last); })
      .Append(lines)
      .Pack();
}

uint32_t AppendIpv6Ranges(const AddressRows& rows, Lines& lines) {
  if (rows.lasts.empty()) return 0;
  const bool wide =
      std::any_of(rows.lasts.begin(), rows.lasts.end(), [](AddressNumber last) {
        return static_cast<uint64_t>(last) != ~uint64_t{0};
      });
  RangesReference reference;
  if (wide) {
    reference = RangeTree<WideKey>(rows, [](AddressNumber last) {
                  return WideKey{static_cast<uint64_t>(last >> 64),
                                 static_cast<uint64_t>(last)};
                }).Append(lines);
  } else {
    reference = RangeTree<uint64_t>(rows, [](AddressNumber last) {
                  return static_cast<uint64_t>(last >> 64);
                }).Append(lines);
  }
  reference.wide = wide;
  return reference.Pack();
}

bool FillBuckets(const CompiledSet& set, uint32_t seed, uint32_t bits,
                 std::vector<IdentityBucket>& buckets) {
  IdentityBucket free{};
  std::fill_n(free.identities, kBucketIdentities, kFreeBucketPlace);
  buckets.assign(size_t{1} << bits, free);
  std::vector<uint8_t> used(buckets.size(), 0);
  for (const auto& [id, id_class] : set.identities) {
    const uint32_t bucket = BucketOf(ToInt(id), seed, bits);
    if (used[bucket] == kBucketIdentities) return false;
    buckets[bucket].identities[used[bucket]] = ToInt(id);
    buckets[bucket].classes[used[bucket]] = id_class;
    ++used[bucket];
  }
  return true;
}

// Tries seeds until no bucket overflows, so that a lookup is one probe whatever
// the identities are.
absl::Status AppendIdentities(const CompiledSet& set, Lines& lines,
                              PolicySetHeader& header) {
  if (set.identities.empty()) return absl::OkStatus();
  uint32_t bits = 0;
  while (kBucketIdentities << bits < set.identities.size()) ++bits;
  std::vector<IdentityBucket> buckets;
  for (; bits <= kMaxBucketBits; ++bits) {
    for (uint32_t seed = 0; seed < kSeeds; ++seed) {
      if (!FillBuckets(set, seed, bits, buckets)) continue;
      header.bucket_bits = static_cast<uint8_t>(bits);
      header.bucket_seed = static_cast<uint8_t>(seed);
      header.bucket_line = lines.Append(buckets);
      return absl::OkStatus();
    }
  }
  return absl::ResourceExhaustedError(
      absl::StrCat(set.identities.size(),
                   " identities of a policy set do not fit; use fewer"));
}

absl::StatusOr<std::string> LayOut(const CompiledSet& set) {
  Lines lines;
  PolicySetHeader header{.magic = kPolicySetMagic};
  lines.Append(&header, sizeof(header));
  header.default_cell = set.default_cell;
  header.passing_tiers = set.passing_tiers;
  header.cell_shift = set.cell_shift;
  header.cidr_mode = set.cidr_mode;
  header.other_class = set.other_class;
  header.world_class = set.world_class;
  header.row_count = set.row_count;
  header.first_cidr_row = set.identity_class_count;
  for (uint32_t i = 0; i < kPortMapCount; ++i) {
    header.port_maps[i] = AppendPortMap(set.ports[i], lines);
  }
  const auto& [ipv4, ipv6] = set.addresses;
  header.ranges[0] = AppendIpv4Ranges(ipv4, lines);
  header.ranges[1] = AppendIpv6Ranges(ipv6, lines);
  if (lines.count() >> RangesReference::kLineBits != 0) {
    return absl::ResourceExhaustedError(absl::StrCat(
        ipv4.lasts.size() + ipv6.lasts.size(),
        " ranges of addresses of a policy set do not fit; use fewer CIDRs"));
  }
  header.ipv6_row = ipv4.classed ? 0 : static_cast<uint8_t>(ipv4.lasts.size());
  RETURN_IF_ERROR(AppendIdentities(set, lines, header));
  header.cell_line = lines.Append(set.cells);
  lines.Overwrite(header);
  return lines.Take();
}

// REQUIRES: `spec` is valid and normalised.
absl::StatusOr<std::string> BuildNormalized(const PolicySetSpec& spec,
                                            const PolicySetLimits& limits) {
  ASSIGN_OR_RETURN(const CompiledSet set, CompileSet(spec, limits.max_cells));
  return LayOut(set);
}

}  // namespace

absl::StatusOr<std::string> BuildPolicySet(PolicySetSpec spec,
                                           const PolicySetLimits& limits) {
  RETURN_IF_ERROR(CheckPolicySet(spec));
  Normalize(spec);
  return BuildNormalized(spec, limits);
}

absl::StatusOr<PolicySetId> PolicyTableBuilder::Add(PolicySetSpec spec) {
  RETURN_IF_ERROR(CheckPolicySet(spec));
  Normalize(spec);
  if (const auto known = ids_.find(spec); known != ids_.end()) {
    return known->second;
  }
  ASSIGN_OR_RETURN(std::string bytes, BuildNormalized(spec, limits_));
  const PolicySetId id{static_cast<uint32_t>(sets_.size())};
  sets_.push_back(std::make_shared<const std::string>(std::move(bytes)));
  ids_.emplace(std::move(spec), id);
  return id;
}

}  // namespace vswitch
