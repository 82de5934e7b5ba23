// dataplane/policy/policy_lookup.h
//
// PolicySetReader: the verdict of one policy set, read from its bytes.
//
// The bytes may be any: a line that is not inside the set, or a class that its
// matrix does not have, makes the verdict "denied".  `Lines` is told of each
// cache line that is read, by number; NoLines costs nothing.
//
//   NoLines lines;
//   PolicyVerdict verdict = PolicySetReader(set, lines).Lookup(query);
//
// A view of immutable bytes: any number of threads.

#ifndef VSWITCH_DATAPLANE_POLICY_POLICY_LOOKUP_H_
#define VSWITCH_DATAPLANE_POLICY_POLICY_LOOKUP_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "dataplane/policy/policy_layout.h"
#include "dataplane/policy/policy_query.h"
#include "dataplane/policy/policy_set.h"

namespace vswitch {

struct NoLines {
  void operator()(uint64_t) const {}
};

// Returns what `cell` says, a denial if it is empty.
constexpr PolicyVerdict VerdictOf(uint64_t cell) {
  const uint32_t precedence = CellPrecedence(cell);
  PolicyVerdict verdict{.allowed = (precedence & kVerdictMask) == kVerdictAllow,
                        .rule = cell == 0 ? kNoRule : CellRule(cell),
                        .precedence = precedence};
  if ((precedence & kVerdictDenyBit) != 0) {
    verdict.established = EstablishedActionOf(precedence);
    verdict.deny_response = DenyResponseOf(precedence);
  }
  return verdict;
}

template <typename Lines>
class PolicySetReader {
 public:
  // `set` is aligned to 64 bytes.
  PolicySetReader(std::span<const std::byte> set, Lines& lines)
      : set_(set), line_count_(set.size() / kPolicyLineBytes), lines_(lines) {}

  PolicyVerdict Lookup(const PolicyQuery& query) const {
    const auto* header = At<PolicySetHeader>(0);
    if (header == nullptr || header->magic != kPolicySetMagic) return {};
    const bool is_world = query.peer == kIdentityWorld;
    const uint32_t range_word = RangesFor(*header, query.peer_address);
    const bool ask_cidrs =
        range_word != 0 &&
        (is_world || header->cidr_mode != CidrMode::kWorldOnly);
    if (ask_cidrs) {
      Prefetch(RangesReference::Unpack(range_word).line);
    }
    uint32_t column = 0;
    uint64_t row = 0;
    if (!PortClass(*header, query, column)) return {};
    // What is said of the world's identity, the rows of its addresses say too.
    const uint64_t* by_identity = &kNoCells[0];
    if (!is_world || !ask_cidrs) {
      if (!IdentityClass(*header, query.peer, row)) return {};
      by_identity = Cells(*header, row, column);
      if (by_identity == nullptr) return {};
    }
    const uint64_t* by_address = &kNoCells[0];
    if (ask_cidrs) {
      if (!CidrRow(*header, range_word, query.peer_address, is_world, row)) {
        return {};
      }
      by_address = Cells(*header, row, column);
      if (by_address == nullptr) return {};
    }
    return Strongest(*header, by_identity, by_address);
  }

 private:
  static constexpr uint64_t kNoCells[8] = {};

  // Returns line `line`, nullptr if the set ends before it.
  template <typename Record>
  const Record* At(uint64_t line) const {
    static_assert(sizeof(Record) <= kPolicyLineBytes);
    if (line >= line_count_) return nullptr;
    lines_(line);
    return reinterpret_cast<const Record*>(set_.data() +
                                           line * kPolicyLineBytes);
  }
  void Prefetch(uint64_t line) const {
    if (line < line_count_) {
      __builtin_prefetch(set_.data() + line * kPolicyLineBytes);
    }
  }

  struct ShortLine {
    uint16_t words[kPolicyLineBytes / 2];
  };
  // Reads element `index` of an array of 16-bit numbers that begins at `line`.
  bool ReadShort(uint64_t line, uint32_t index, uint32_t& value) const {
    constexpr uint32_t kPerLine = kPolicyLineBytes / 2;
    const auto* words = At<ShortLine>(line + index / kPerLine);
    if (words == nullptr) return false;
    value = words->words[index % kPerLine];
    return true;
  }

  bool PortClass(const PolicySetHeader& header, const PolicyQuery& query,
                 uint32_t& result) const {
    const uint32_t index = PortMapIndex(query.protocol);
    const uint32_t map = index < kPortMapCount ? header.port_maps[index] : 0;
    if (map == 0) {
      result = header.other_class;
      return true;
    }
    if ((map & kPagedPortMap) != 0) {
      return PagedPortClass(map & ~kPagedPortMap, query, result);
    }
    const auto* ranges = At<PortMap>(map);
    if (ranges == nullptr) return false;
    uint16_t range = 0;
    for (uint32_t i = 0; i < kInlineRanges - 1; ++i) {
      range += ranges->lasts[i] < query.destination_port;
    }
    result = query.has_port ? ranges->classes[range] : ranges->unknown_class;
    return true;
  }

  bool PagedPortClass(uint64_t line, const PolicyQuery& query,
                      uint32_t& result) const {
    if (!query.has_port) {
      return ReadShort(line + kPagedPortMapLines - 1, 0, result);
    }
    uint32_t page = 0;
    if (!ReadShort(line, query.destination_port / kPagePorts, page)) {
      return false;
    }
    return ReadShort(line + kPagedPortMapLines + uint64_t{page} * kPageLines,
                     query.destination_port % kPagePorts, result);
  }

  bool IdentityClass(const PolicySetHeader& header, IdentityId peer,
                     uint64_t& row) const {
    row = 0;
    if (header.bucket_line == 0) return true;
    // The peers whose addresses matter most save the probe.
    if (peer == kIdentityWorld) {
      row = header.world_class;
      return true;
    }
    const auto* bucket = At<IdentityBucket>(
        uint64_t{header.bucket_line} +
        BucketOf(ToInt(peer), header.bucket_seed, header.bucket_bits));
    if (bucket == nullptr) return false;
    uint32_t found = 0;
    for (uint32_t i = 0; i < kBucketIdentities; ++i) {
      found |= bucket->identities[i] == ToInt(peer) ? bucket->classes[i] : 0;
    }
    row = found;
    return true;
  }

  static uint32_t RangesFor(const PolicySetHeader& header,
                            const IpAddress& address) {
    return header.ranges[address.IsIpv4() ? 0 : 1];
  }

  bool CidrRow(const PolicySetHeader& header, uint32_t range_word,
               const IpAddress& address, bool is_world, uint64_t& row) const {
    const RangesReference ranges = RangesReference::Unpack(range_word);
    uint64_t range = 0;
    bool found;
    const bool is_ipv4 = address.IsIpv4();
    if (is_ipv4) {
      found = Descend<Ipv4Key>(ranges, {address.ToIpv4().ToHost()}, range);
    } else if (!ranges.wide) {
      found = Descend<UpperKey>(ranges, {Load64(address, 0)}, range);
    } else {
      found = Descend<WideKey>(ranges, {Load64(address, 0), Load64(address, 8)},
                               range);
    }
    if (!found) return false;
    if (!ranges.classed && !is_ipv4) range += header.ipv6_row;
    if (header.cidr_mode == CidrMode::kEveryPeer) range = range * 2 + !is_world;
    row = header.first_cidr_row + range;
    return true;
  }

  static uint64_t Load64(const IpAddress& address, size_t offset) {
    uint64_t value;
    std::memcpy(&value, address.bytes.data() + offset, sizeof(value));
    return __builtin_bswap64(value);  // x86 only, as DPDK's headers here
  }

  struct Ipv4Key {
    uint32_t value;
    bool operator>(const Ipv4Key& other) const { return value > other.value; }
  };
  struct UpperKey {
    uint64_t value;
    bool operator>(const UpperKey& other) const { return value > other.value; }
  };
  struct WideKey {
    uint64_t upper, lower;
    bool operator>(const WideKey& other) const {
      return (upper > other.upper) |
             ((upper == other.upper) & (lower > other.lower));
    }
  };
  template <typename Key>
  struct RangeNode {
    static constexpr uint32_t kFanOut = kPolicyLineBytes / sizeof(Key);
    Key lasts[kFanOut];
  };

  template <typename Key>
  bool Descend(const RangesReference& ranges, const Key& key,
               uint64_t& range) const {
    constexpr uint32_t kFanOut = RangeNode<Key>::kFanOut;
    uint64_t first = ranges.line;  // line of the level's first node
    uint64_t width = 1;
    uint64_t node = 0;
    for (uint32_t level = 1; level <= ranges.levels; ++level) {
      const bool with_rows = ranges.classed && level == ranges.levels;
      const uint64_t line = first + (with_rows ? node * 2 : node);
      const auto* record = At<RangeNode<Key>>(line);
      if (record == nullptr) return false;
      uint32_t child = 0;
      for (uint32_t i = 0; i < kFanOut; ++i) child += key > record->lasts[i];
      if (with_rows) {
        uint32_t value = 0;
        const bool read = ReadShort(line + 1, child, value);
        range = value;
        return read;
      }
      first += width;
      width *= kFanOut;
      node = node * kFanOut + child;
    }
    range = node;
    return true;
  }

  // Returns the first of the cells of (row, column), nullptr if there are none.
  const uint64_t* Cells(const PolicySetHeader& header, uint64_t row,
                        uint32_t column) const {
    const uint32_t shift = header.cell_shift & 3;
    if (row >= header.row_count) return nullptr;
    const uint64_t index = (uint64_t{column} * header.row_count + row) << shift;
    struct CellLine {
      uint64_t cells[kPolicyLineBytes / 8];
    };
    const auto* line = At<CellLine>(header.cell_line + index / 8);
    return line == nullptr ? nullptr : &line->cells[index % 8];
  }

  // A pass hands on to what is below its tier, at most once per tier.
  static PolicyVerdict Strongest(const PolicySetHeader& header,
                                 const uint64_t* by_identity,
                                 const uint64_t* by_address) {
    uint64_t best =
        std::max({by_identity[0], by_address[0], header.default_cell});
    const uint32_t cell_count = 1u << (header.cell_shift & 3);
    while (CellPasses(best)) [[unlikely]] {
        const uint32_t tier = CellTier(best);
        const uint32_t below = CellBelow(tier, header.passing_tiers);
        if (below >= cell_count) return {};
        uint64_t next = std::max(by_identity[below], by_address[below]);
        if (CellTier(header.default_cell) < tier) {
          next = std::max(next, header.default_cell);
        }
        if (CellTier(next) >= tier) return {};  // damaged, or nothing is left
        best = next;
      }
    return VerdictOf(best);
  }

  std::span<const std::byte> set_;
  const uint64_t line_count_;
  Lines& lines_;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_POLICY_POLICY_LOOKUP_H_
