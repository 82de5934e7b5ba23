// Finds the classes by the list of entries that match, the signature: equal
// signatures are one class.

#include "dataplane/policy/policy_set_compiler.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <map>

#include "absl/strings/str_cat.h"
#include "dataplane/base/status_macros.h"
#include "dataplane/policy/policy_signature.h"

namespace vswitch {
namespace {

// Ranges of one family up to this many have a row each, so that a lookup needs
// no line that names the row; more of them share the rows of equal ranges.
constexpr size_t kMaxUnclassedRanges = 64;

// Entries by rank, and the classes found so far.
class SetCompiler {
 public:
  explicit SetCompiler(const PolicySetSpec& spec) {
    for (const PolicyEntry& entry : spec.entries) ranked_.push_back(&entry);
    // Stable: of equal precedence the first entry is the stronger.
    std::stable_sort(ranked_.begin(), ranked_.end(),
                     [](const PolicyEntry* a, const PolicyEntry* b) {
                       return a->precedence > b->precedence;
                     });
    set_.default_cell = EncodeCell(spec.default_precedence, 0, kNoRule);
  }

  absl::StatusOr<CompiledSet> Compile(uint64_t max_cells) {
    RETURN_IF_ERROR(EncodeEntries());
    RETURN_IF_ERROR(ClassifyIdentities());
    RETURN_IF_ERROR(ClassifyPorts());
    RETURN_IF_ERROR(ClassifyAddresses());
    const uint64_t cells = uint64_t{set_.row_count} << set_.cell_shift;
    if (cells * set_.port_class_count > max_cells) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "a policy set of ", ranked_.size(), " entries needs ",
          cells * set_.port_class_count, " verdict cells, ", max_cells,
          " are allowed: ", set_.row_count, " classes of peers times ",
          set_.port_class_count, " classes of ports"));
    }
    FillCells();
    return std::move(set_);
  }

 private:
  // The cells of the entries.  Earliness need only tell an entry that matches
  // by identity from one that matches by address: within each of the two the
  // first one was chosen already.
  absl::Status EncodeEntries() {
    enum { kNeither, kIdentity, kAddress, kBoth } group = kNeither;
    uint32_t precedence = 0;
    uint32_t later = 0;
    for (const PolicyEntry* entry : ranked_) {
      const bool by_identity = entry->any_peer || !entry->identities.empty();
      const auto kind = entry->cidrs.empty() ? kIdentity
                        : by_identity        ? kBoth
                                             : kAddress;
      if (entry->precedence != precedence) {
        later = 0;
      } else if (kind != group || kind == kBoth) {
        ++later;
      }
      precedence = entry->precedence;
      group = kind;
      if (later >= kMaxEarliness) {
        return absl::ResourceExhaustedError(
            absl::StrCat("a policy set has more than ", kMaxEarliness,
                         " entries of precedence ", precedence,
                         " that alternate between identities and CIDRs"));
      }
      cells_.push_back(
          EncodeCell(precedence, kMaxEarliness - later, entry->rule));
      if (CellPasses(cells_.back())) {
        set_.passing_tiers |= 1u << CellTier(cells_.back());
      }
    }
    const uint32_t levels = 1 + std::popcount(set_.passing_tiers);
    set_.cell_shift =
        static_cast<uint8_t>(std::countr_zero(std::bit_ceil(levels)));
    return absl::OkStatus();
  }

  absl::Status ClassifyIdentities() {
    Signature any;
    std::map<IdentityId, ActiveEntries> named;
    for (uint32_t rank = 0; rank < ranked_.size(); ++rank) {
      for (IdentityId id : ranked_[rank]->identities) named[id];
      for (IdentityId id : ranked_[rank]->excluded) named[id];
      if (ranked_[rank]->any_peer) any.push_back(rank);
    }
    for (uint32_t rank = 0; rank < ranked_.size(); ++rank) {
      for (IdentityId id : ranked_[rank]->identities) {
        named[id].Change(rank, 1);
      }
      // One that takes away what `any` gives.
      for (IdentityId id : ranked_[rank]->excluded) named[id].Change(rank, 1);
    }
    RETURN_IF_ERROR(identity_classes_.Number(any).status());
    for (const auto& [id, entries] : named) {
      Signature signature;
      const Signature own = entries.signature();
      std::set_symmetric_difference(any.begin(), any.end(), own.begin(),
                                    own.end(), std::back_inserter(signature));
      ASSIGN_OR_RETURN(uint16_t number, identity_classes_.Number(signature));
      set_.identities.emplace_back(id, number);
      if (id == kIdentityWorld) set_.world_class = number;
    }
    set_.identity_class_count =
        static_cast<uint32_t>(identity_classes_.signatures().size());
    for (const Signature& signature : identity_classes_.signatures()) {
      rows_.push_back(signature);
    }
    return absl::OkStatus();
  }

  absl::Status ClassifyPorts() {
    Signature any;
    for (uint32_t rank = 0; rank < ranked_.size(); ++rank) {
      if (ranked_[rank]->traffic.empty()) any.push_back(rank);
    }
    ASSIGN_OR_RETURN(set_.other_class, port_classes_.Number(any));
    for (uint32_t index = 0; index < kPortMapCount; ++index) {
      RETURN_IF_ERROR(ClassifyProtocol(index, any));
    }
    set_.port_class_count =
        static_cast<uint32_t>(port_classes_.signatures().size());
    return absl::OkStatus();
  }

  // Sweeps the ports from 0 up, with the entries active at each.
  absl::Status ClassifyProtocol(uint32_t index, const Signature& any) {
    // Port to the changes there: rank, +1 begins or -1 ends.
    std::map<uint32_t, std::vector<std::pair<uint32_t, int>>> changes;
    ActiveEntries active, unknown;
    for (uint32_t rank : any) {
      active.Change(rank, 1);
      unknown.Change(rank, 1);
    }
    for (uint32_t rank = 0; rank < ranked_.size(); ++rank) {
      for (const TrafficMatch& match : ranked_[rank]->traffic) {
        if (PortMapIndex(match.protocol) != index) continue;
        changes[match.first].emplace_back(rank, 1);
        changes[match.last + 1u].emplace_back(rank, -1);
        if (match.first == 0 && match.last == 65535) unknown.Change(rank, 1);
      }
    }
    if (changes.empty()) return absl::OkStatus();
    changes[65536];
    PortClasses& classes = set_.ports[index];
    ASSIGN_OR_RETURN(classes.unknown_class,
                     port_classes_.Number(unknown.signature()));
    for (const auto& [port, list] : changes) {
      if (port != 0) {
        ASSIGN_OR_RETURN(uint16_t number,
                         port_classes_.Number(active.signature()));
        const uint16_t last = static_cast<uint16_t>(port - 1);
        if (!classes.ranges.empty() &&
            classes.ranges.back().port_class == number) {
          classes.ranges.back().last = last;
        } else {
          classes.ranges.push_back({last, number});
        }
      }
      for (const auto& [rank, change] : list) active.Change(rank, change);
    }
    return absl::OkStatus();
  }

  absl::Status ClassifyAddresses() {
    std::vector<RankedCidr> cidrs;
    bool world_only = true;
    for (uint32_t rank = 0; rank < ranked_.size(); ++rank) {
      for (const CidrMatch& match : ranked_[rank]->cidrs) {
        cidrs.push_back({rank, &match});
        world_only &= match.outside_only;
      }
    }
    set_.cidr_mode = world_only ? CidrMode::kWorldOnly : CidrMode::kEveryPeer;
    const IpFamily families[] = {IpFamily::kIpv4, IpFamily::kIpv6};
    std::array<std::vector<AddressRange>, 2> ranges;
    for (int i = 0; i < 2; ++i) {
      ranges[i] = FindAddressRanges(families[i], cidrs);
      set_.addresses[i].classed = ranges[i].size() > kMaxUnclassedRanges;
      if (!set_.addresses[i].classed) AddRowEach(ranges[i], set_.addresses[i]);
    }
    for (int i = 0; i < 2; ++i) {
      if (set_.addresses[i].classed) {
        RETURN_IF_ERROR(AddSharedRows(ranges[i], set_.addresses[i]));
      }
    }
    set_.row_count = static_cast<uint32_t>(rows_.size());
    return absl::OkStatus();
  }

  void AddRowEach(const std::vector<AddressRange>& ranges,
                  AddressRows& family) {
    for (const AddressRange& range : ranges) {
      family.lasts.push_back(range.last);
      family.rows.push_back(AddRow(range));
    }
  }

  absl::Status AddSharedRows(const std::vector<AddressRange>& ranges,
                             AddressRows& family) {
    std::map<std::pair<Signature, Signature>, uint16_t> known;
    for (const AddressRange& range : ranges) {
      const auto [it, inserted] =
          known.try_emplace({range.world, range.others}, 0);
      if (inserted) {
        if (cidr_row_count_ > 0xffff) {
          return absl::ResourceExhaustedError(
              "a policy set needs more than 65536 classes of addresses; use "
              "fewer distinct CIDRs");
        }
        it->second = AddRow(range);
      }
      family.lasts.push_back(range.last);
      family.rows.push_back(it->second);
    }
    return absl::OkStatus();
  }

  // Returns its number among the CIDR rows.
  uint16_t AddRow(const AddressRange& range) {
    const Signature& world = rows_[set_.world_class];
    Signature merged;
    std::set_union(world.begin(), world.end(), range.world.begin(),
                   range.world.end(), std::back_inserter(merged));
    rows_.push_back(std::move(merged));
    if (set_.cidr_mode == CidrMode::kEveryPeer) rows_.push_back(range.others);
    return static_cast<uint16_t>(cidr_row_count_++);
  }

  // Writes the strongest entry that both match, and the strongest below each
  // passing tier.
  void FillCell(const Signature& peer, const Signature& port, uint64_t* cell) {
    uint32_t pending = set_.passing_tiers;
    bool found = false;
    auto a = peer.begin();
    auto b = port.begin();
    while (a != peer.end() && b != port.end() && (!found || pending != 0)) {
      if (*a < *b) {
        ++a;
      } else if (*b < *a) {
        ++b;
      } else {
        const uint64_t entry = cells_[*a];
        if (!found) cell[0] = entry;
        found = true;
        for (uint32_t left = pending; left != 0; left &= left - 1) {
          const uint32_t tier = std::countr_zero(left);
          if (CellTier(entry) >= tier) continue;
          cell[CellBelow(tier, set_.passing_tiers)] = entry;
          pending &= ~(1u << tier);
        }
        ++a;
        ++b;
      }
    }
  }

  void FillCells() {
    const uint32_t stride = 1u << set_.cell_shift;
    set_.cells.resize(rows_.size() * set_.port_class_count * stride);
    uint64_t* cell = set_.cells.data();
    for (const Signature& port : port_classes_.signatures()) {
      for (const Signature& peer : rows_) {
        FillCell(peer, port, cell);
        cell += stride;
      }
    }
  }

  std::vector<const PolicyEntry*> ranked_;
  std::vector<uint64_t> cells_;  // of the entries, by rank
  std::vector<Signature> rows_;
  uint32_t cidr_row_count_ = 0;
  ClassNumbering identity_classes_, port_classes_;
  CompiledSet set_;
};

}  // namespace

absl::StatusOr<CompiledSet> CompileSet(const PolicySetSpec& spec,
                                       uint64_t max_cells) {
  return SetCompiler(spec).Compile(max_cells);
}

}  // namespace vswitch
