// Lays compiled sets out as arrays, storing equal parts once.

#include "dataplane/policy/policy_table_builder.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/base/status_macros.h"
#include "dataplane/policy/policy_layout.h"
#include "dataplane/policy/policy_set_compiler.h"
#include "dataplane/tables/route_table.h"

namespace vswitch {
namespace {

absl::Status CheckPrefix(const IpPrefix& prefix) {
  if (prefix.prefix_bits > (prefix.address.IsIpv4() ? 32 : 128)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "prefix length ", prefix.prefix_bits, " is too long for the family of ",
        prefix.address.ToString()));
  }
  for (uint32_t bit = prefix.MappedBits(); bit < 128; ++bit) {
    if ((prefix.address.bytes[bit / 8] & (0x80 >> bit % 8)) != 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "prefix ", prefix.ToString(), " has bits set behind its length"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckEntry(const PolicyEntry& entry) {
  if (entry.precedence == 0) {
    return absl::InvalidArgumentError(
        "precedence 0 means that nothing matched");
  }
  for (const CidrMatch& match : entry.cidrs) {
    RETURN_IF_ERROR(CheckPrefix(match.cidr));
    for (const IpPrefix& except : match.except) {
      RETURN_IF_ERROR(CheckPrefix(except));
      if (except.prefix_bits < match.cidr.prefix_bits ||
          !match.cidr.Contains(except.address)) {
        return absl::InvalidArgumentError(
            absl::StrCat("except ", except.ToString(), " is not inside ",
                         match.cidr.ToString()));
      }
    }
  }
  for (const TrafficMatch& match : entry.traffic) {
    if (match.protocol != IpProtocol::kTcp &&
        match.protocol != IpProtocol::kUdp &&
        match.protocol != IpProtocol::kSctp) {
      return absl::InvalidArgumentError(
          absl::StrCat("protocol ", static_cast<int>(match.protocol),
                       " has no ports; TCP, UDP and SCTP have"));
    }
    if (match.first > match.last) {
      return absl::InvalidArgumentError(absl::StrCat("port range ", match.first,
                                                     "-", match.last,
                                                     " ends before it begins"));
    }
  }
  for (IdentityId id : entry.identities) {
    if (id == kIdentityUnknown || ToInt(id) > kMaxIdentity) {
      return absl::InvalidArgumentError(absl::StrCat(
          "identity ", ToInt(id), " is not one of 1 to ", kMaxIdentity));
    }
  }
  return absl::OkStatus();
}

// The arrays of the blob while they grow.
class Layout {
 public:
  explicit Layout(std::vector<IpPrefix> prefixes)
      : prefixes_(std::move(prefixes)) {}

  absl::Status Append(const CompiledSet& set) {
    PolicySetRecord record{};
    RETURN_IF_ERROR(AppendIdentities(set, record));
    for (int i = 0; i < 3; ++i) {
      record.port_maps[i] = AppendPortMap(set.ports[i]);
    }
    record.other_class = set.other_class;
    record.port_class_count = set.port_class_count;
    record.identity_cells = AppendCells(set.identity_cells);
    record.identity_class_count = set.identity_class_count;
    if (!set.prefixes.empty()) AppendCidrMap(set, record);
    record.cidr_cells = AppendCells(set.cidr_cells);
    record.cidr_class_count = set.cidr_class_count;
    record.default_precedence = set.default_precedence;
    sets_.push_back(record);
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> Finish() {
    RouteTableBuilder routes;
    for (uint32_t i = 0; i < prefixes_.size(); ++i) {
      RETURN_IF_ERROR(routes.Insert(prefixes_[i], i + 1));
    }
    std::string prefix_bytes;
    if (!prefixes_.empty()) prefix_bytes = routes.Build();
    PolicyHeader header{.magic = kPolicyMagic};
    std::string blob(sizeof(header), '\0');
    AppendSection(blob, header, kSectionSets, sets_);
    AppendSection(blob, header, kSectionBuckets, buckets_);
    AppendSection(blob, header, kSectionPortMaps, port_maps_);
    AppendSection(blob, header, kSectionPageLists, page_lists_);
    AppendSection(blob, header, kSectionPages, pages_);
    AppendSection(blob, header, kSectionCells, cells_);
    AppendSection(blob, header, kSectionPrefixes,
                  std::vector<char>(prefix_bytes.begin(), prefix_bytes.end()));
    if (blob.size() > 0xffffffffu) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "the policy table needs ", blob.size(), " bytes, at most 4 GiB fit"));
    }
    header.byte_count = static_cast<uint32_t>(blob.size());
    std::memcpy(blob.data(), &header, sizeof(header));
    return blob;
  }

 private:
  template <typename Record>
  static void AppendSection(std::string& blob, PolicyHeader& header,
                            PolicySectionIndex index,
                            const std::vector<Record>& records) {
    blob.resize((blob.size() + 63) / 64 * 64);
    header.sections[index] = {static_cast<uint32_t>(blob.size()),
                              static_cast<uint32_t>(records.size())};
    if (records.empty()) return;
    blob.append(reinterpret_cast<const char*>(records.data()),
                records.size() * sizeof(Record));
  }

  // Tries seeds until no bucket overflows, so that a lookup is one probe
  // whatever the identities are.  Two thirds full succeeds soon.
  absl::Status AppendIdentities(const CompiledSet& set,
                                PolicySetRecord& record) {
    if (set.identities.empty()) return absl::OkStatus();
    uint32_t count = 1;
    while (uint64_t{count} * 5 < set.identities.size()) count *= 2;
    for (; count <= (1u << 24); count *= 2) {
      for (uint32_t seed = 0; seed < 64; ++seed) {
        std::vector<IdentityBucket> buckets(count, IdentityBucket{});
        if (!FillBuckets(set, seed, buckets)) continue;
        record.first_bucket = static_cast<uint32_t>(buckets_.size());
        record.bucket_count = count;
        record.bucket_seed = seed;
        buckets_.insert(buckets_.end(), buckets.begin(), buckets.end());
        return absl::OkStatus();
      }
    }
    return absl::ResourceExhaustedError(absl::StrCat(
        set.identities.size(), " identities of a policy set do not fit"));
  }

  static bool FillBuckets(const CompiledSet& set, uint32_t seed,
                          std::vector<IdentityBucket>& buckets) {
    std::vector<uint8_t> used(buckets.size(), 0);
    for (const auto& [id, id_class] : set.identities) {
      uint32_t bucket = BucketOf(ToInt(id), seed, buckets.size());
      if (used[bucket] == kBucketIdentities) return false;
      buckets[bucket].identities[used[bucket]] = ToInt(id);
      buckets[bucket].classes[used[bucket]] = id_class;
      ++used[bucket];
    }
    return true;
  }

  uint32_t AppendPortMap(const std::vector<PortRangeClass>& ranges) {
    auto [known, inserted] = port_map_numbers_.try_emplace(ranges, 0);
    if (!inserted) return known->second;
    if (ranges.size() <= kInlineRanges) {
      PortMap map;
      for (uint32_t i = 0; i < kInlineRanges; ++i) {
        const PortRangeClass& range =
            ranges[std::min<size_t>(i, ranges.size() - 1)];
        map.starts[i] = static_cast<uint16_t>(range.first);
        map.classes[i] = range.port_class;
      }
      port_maps_.push_back(map);
      return known->second = static_cast<uint32_t>(port_maps_.size() - 1);
    }
    std::vector<uint16_t> classes(65536);
    for (size_t i = 0; i < ranges.size(); ++i) {
      uint32_t end = i + 1 < ranges.size() ? ranges[i + 1].first : 65536;
      std::fill(classes.begin() + ranges[i].first, classes.begin() + end,
                ranges[i].port_class);
    }
    return known->second = AppendPages(classes) | kPagedPortMap;
  }

  // The class of each prefix number (0: no prefix at all): that of the set's
  // own most specific prefix around it.
  void AppendCidrMap(const CompiledSet& set, PolicySetRecord& record) {
    std::vector<uint16_t> classes(prefixes_.size() + 1, 0);
    std::vector<std::pair<const IpPrefix*, uint16_t>> parents;
    for (uint32_t i = 0; i < prefixes_.size(); ++i) {
      while (!parents.empty() &&
             !parents.back().first->Contains(prefixes_[i].address)) {
        parents.pop_back();
      }
      if (auto own = set.prefixes.find(prefixes_[i]);
          own != set.prefixes.end()) {
        parents.emplace_back(&prefixes_[i], own->second);
      }
      classes[i + 1] = parents.empty() ? 0 : parents.back().second;
    }
    classes.resize((classes.size() + kPagePorts - 1) / kPagePorts * kPagePorts);
    record.cidr_page_count = static_cast<uint32_t>(classes.size() / kPagePorts);
    record.cidr_pages = AppendPages(classes);
  }

  // Returns where the list of the pages' numbers begins.
  uint32_t AppendPages(const std::vector<uint16_t>& classes) {
    std::vector<uint32_t> list;
    for (size_t first = 0; first < classes.size(); first += kPagePorts) {
      std::array<uint16_t, kPagePorts> page;
      std::copy_n(classes.begin() + first, kPagePorts, page.begin());
      auto [known, inserted] =
          page_numbers_.try_emplace(page, static_cast<uint32_t>(pages_.size()));
      if (inserted) {
        ClassPage record;
        std::copy(page.begin(), page.end(), record.classes);
        pages_.push_back(record);
      }
      list.push_back(known->second);
    }
    auto [known, inserted] = page_list_numbers_.try_emplace(
        list, static_cast<uint32_t>(page_lists_.size()));
    if (inserted) {
      page_lists_.insert(page_lists_.end(), list.begin(), list.end());
    }
    return known->second;
  }

  uint32_t AppendCells(const std::vector<PolicyCell>& cells) {
    uint32_t first = static_cast<uint32_t>(cells_.size());
    cells_.insert(cells_.end(), cells.begin(), cells.end());
    return first;
  }

  std::vector<IpPrefix> prefixes_;  // in PrefixOrder; number is index + 1
  std::vector<PolicySetRecord> sets_;
  std::vector<IdentityBucket> buckets_;
  std::vector<PortMap> port_maps_;
  std::vector<uint32_t> page_lists_;
  std::vector<ClassPage> pages_;
  std::vector<PolicyCell> cells_;
  std::map<std::vector<PortRangeClass>, uint32_t> port_map_numbers_;
  std::map<std::array<uint16_t, kPagePorts>, uint32_t> page_numbers_;
  std::map<std::vector<uint32_t>, uint32_t> page_list_numbers_;
};

}  // namespace

absl::StatusOr<PolicySetId> PolicyTableBuilder::Add(PolicySetSpec spec) {
  for (const PolicyEntry& entry : spec.entries) {
    RETURN_IF_ERROR(CheckEntry(entry));
  }
  Normalize(spec);
  PolicySetId next{static_cast<uint32_t>(sets_.size())};
  auto [it, inserted] = ids_.try_emplace(spec, next);
  if (inserted) sets_.push_back(std::move(spec));
  return it->second;
}

absl::StatusOr<std::string> PolicyTableBuilder::Build() && {
  std::vector<CompiledSet> compiled;
  std::vector<IpPrefix> prefixes;
  uint64_t free_cells = limits_.max_cells;
  for (const PolicySetSpec& spec : sets_) {
    ASSIGN_OR_RETURN(CompiledSet set, CompileSet(spec, free_cells));
    free_cells -= set.identity_cells.size() + set.cidr_cells.size();
    for (const auto& [prefix, number] : set.prefixes) {
      prefixes.push_back(prefix);
    }
    compiled.push_back(std::move(set));
  }
  std::sort(prefixes.begin(), prefixes.end(), PrefixOrder());
  prefixes.erase(std::unique(prefixes.begin(), prefixes.end()), prefixes.end());
  Layout layout(std::move(prefixes));
  for (const CompiledSet& set : compiled) RETURN_IF_ERROR(layout.Append(set));
  return layout.Finish();
}

}  // namespace vswitch
