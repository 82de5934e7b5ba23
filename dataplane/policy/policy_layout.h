// dataplane/policy/policy_layout.h
//
// The bytes of one policy set: cache lines of 64 bytes, the first of which is
// the header.  Parts refer to each other by line number, never by pointer, so
// the set means the same wherever it lies.
//
//   header | port maps | address ranges | identity buckets | cells
//
// A verdict takes at most one line of each (two of a port map with more than 16
// ranges, one per level of the address ranges), and one or two of the cells:
// that of the peer's identity and that of its address.  The cells are last: an
// index that is too large points outside of the set and is refused.
//
// Written by BuildPolicySet(), read by policy_lookup.h; nobody else needs this.

#ifndef VSWITCH_DATAPLANE_POLICY_POLICY_LAYOUT_H_
#define VSWITCH_DATAPLANE_POLICY_POLICY_LAYOUT_H_

#include <bit>
#include <cstdint>

#include "dataplane/base/flow_key.h"
#include "dataplane/base/ids.h"
#include "dataplane/policy/policy_set.h"

namespace vswitch {

inline constexpr uint32_t kPolicyLineBytes = 64;
inline constexpr uint16_t kPolicySetMagic = 0x5053;  // "SP"

// The protocols whose ports or types rules can name, in the header's order.
inline constexpr uint32_t kPortMapCount = 5;
constexpr uint32_t PortMapIndex(IpProtocol protocol) {
  switch (protocol) {
    case IpProtocol::kTcp:
      return 0;
    case IpProtocol::kUdp:
      return 1;
    case IpProtocol::kSctp:
      return 2;
    case IpProtocol::kIcmp:
      return 3;
    case IpProtocol::kIcmpv6:
      return 4;
    default:
      return kPortMapCount;  // no ports
  }
}

// Whom the CIDRs of a set are for.
// A row of kIdentityWorld also says what is said of that identity, so that such
// a peer needs one verdict only.
enum class CidrMode : uint8_t {
  kEveryPeer,  // two rows per range: of kIdentityWorld, then of other peers
  kWorldOnly,  // one, of kIdentityWorld; other peers have none
};

// The verdict of one (peer class, port class).  `port class` is the column,
// the peer's identity class or address range the row; the cells of one column
// follow each other, so that in a small set both rows are in one line.
struct alignas(kPolicyLineBytes) PolicySetHeader {
  uint16_t magic;
  uint8_t bucket_bits;  // there are 2^bucket_bits buckets
  uint8_t bucket_seed;
  uint32_t bucket_line;   // 0: no identity is named
  uint64_t default_cell;  // EncodeCell() of the default, weaker than any entry
  // Bit t: an entry of tier t passes.  Each cell is then followed by one for
  // each of these tiers, from the lowest on: the strongest entry below it.
  uint8_t passing_tiers;
  uint8_t cell_shift;  // 2^cell_shift cells from one row to the next
  CidrMode cidr_mode;
  uint8_t ipv6_row;      // first row of the IPv6 ranges that are not classed
  uint16_t other_class;  // port class of protocols that no rule names
  uint16_t world_class;  // identity class of kIdentityWorld
  uint32_t port_maps[kPortMapCount];  // 0: other_class; see kPagedPortMap
  uint32_t ranges[2];                 // IPv4, IPv6: 0 or a RangesReference
  uint32_t cell_line;
  uint32_t row_count;
  uint32_t first_cidr_row;
};
static_assert(sizeof(PolicySetHeader) == kPolicyLineBytes);

// Identities of one hash: one line, so a lookup is one probe.
inline constexpr uint32_t kBucketIdentities = 8;
inline constexpr uint32_t kFreeBucketPlace = 0xffffffff;  // with class 0
struct alignas(kPolicyLineBytes) IdentityBucket {
  uint32_t identities[kBucketIdentities];
  uint32_t classes[kBucketIdentities];
};
static_assert(sizeof(IdentityBucket) == kPolicyLineBytes);

// Returns the bucket of an identity (Fibonacci hashing, Knuth, TAOCP volume 3,
// section 6.4).
constexpr uint32_t BucketOf(uint32_t identity, uint32_t seed,
                            uint32_t bucket_bits) {
  const uint64_t hash = (uint64_t{identity} ^ seed << 24) * 0x9e3779b97f4a7c15u;
  return static_cast<uint32_t>(hash >> 32) >> (31 - (bucket_bits & 31)) >> 1;
}

// From port to port class.  Range i ends with port lasts[i] and begins behind
// range i - 1; unused places end with 65535, as the sixteenth range does.
inline constexpr uint32_t kInlineRanges = 16;
struct alignas(kPolicyLineBytes) PortMap {
  uint16_t lasts[kInlineRanges - 1];
  uint16_t unknown_class;  // when the port is not known
  uint16_t classes[kInlineRanges];
};
static_assert(sizeof(PortMap) == kPolicyLineBytes);

// Set in a header's port map: more than 16 ranges.  The line is a
// PagedPortMap's first, its pages follow it.
inline constexpr uint32_t kPagedPortMap = 0x80000000;
inline constexpr uint32_t kPagePorts = 256;
struct alignas(kPolicyLineBytes) PagedPortMap {
  uint16_t pages[65536 / kPagePorts];  // number of the page of each 256 ports
  uint16_t unknown_class;
};
inline constexpr uint32_t kPagedPortMapLines =
    sizeof(PagedPortMap) / kPolicyLineBytes;
static_assert(kPagedPortMapLines == 9);
inline constexpr uint32_t kPageLines = kPagePorts * 2 / kPolicyLineBytes;

// From address to range: a tree without pointers, the nodes of a level behind
// those of the level above, as if each were full.  A node is one line of the
// last keys of its children; the child of a key is how many of them it is
// greater than, and the number of the lowest child is the number of the range.
//
// Keys are the whole IPv4 address (16 children), the upper half of the IPv6
// address (8 children) where no range ends inside a /64, else all of it (4).
struct RangesReference {
  static constexpr uint32_t kLineBits = 24;
  static constexpr uint32_t kMaxLevels = 15;
  uint32_t line = 0;
  uint32_t levels = 0;
  bool wide = false;     // keys are whole IPv6 addresses
  bool classed = false;  // each lowest node is followed by a line of rows

  constexpr uint32_t Pack() const {
    return line | levels << kLineBits | uint32_t{wide} << 28 |
           uint32_t{classed} << 29;
  }
  static constexpr RangesReference Unpack(uint32_t word) {
    return {.line = word & ((1u << kLineBits) - 1),
            .levels = word >> kLineBits & kMaxLevels,
            .wide = (word >> 28 & 1) != 0,
            .classed = (word >> 29 & 1) != 0};
  }
};

// A cell: the order of cells is the order of strength, and the greater wins.
//
//   tier 3 | priority 16 | verdict 5 | earliness 16 | rule 24     bits 63..0
//
// 0: nothing matches.  Earliness tells entries of one precedence apart: the
// first one has the most; the default has none.
inline constexpr uint32_t kCellRuleBits = 24;
inline constexpr uint32_t kCellNoRule = (1u << kCellRuleBits) - 1;
inline constexpr uint32_t kMaxEarliness = 0xffff;
inline constexpr uint32_t kMaxTier = 7;

constexpr uint64_t EncodeCell(uint32_t precedence, uint32_t earliness,
                              RuleId rule) {
  const uint32_t verdict =
      (precedence & kVerdictDenyBit) >> 3 | (precedence & 0xf);
  const uint64_t strength = uint64_t{precedence >> 24} << 21 |
                            uint64_t{(precedence >> 8 & 0xffff) << 5 | verdict};
  const uint32_t number = rule == kNoRule ? kCellNoRule : ToInt(rule);
  return strength << 40 | uint64_t{earliness} << kCellRuleBits | number;
}
constexpr uint32_t CellPrecedence(uint64_t cell) {
  const uint32_t verdict = static_cast<uint32_t>(cell >> 40) & 0x1f;
  return static_cast<uint32_t>(cell >> 61) << 24 |
         (static_cast<uint32_t>(cell >> 45) & 0xffff) << 8 |
         (verdict & 0x10) << 3 | (verdict & 0xf);
}
constexpr RuleId CellRule(uint64_t cell) {
  const uint32_t number = static_cast<uint32_t>(cell) & kCellNoRule;
  return number == kCellNoRule ? kNoRule : RuleId{number};
}
constexpr uint32_t CellTier(uint64_t cell) {
  return static_cast<uint32_t>(cell >> 61);
}
constexpr bool CellPasses(uint64_t cell) {
  return (cell >> 40 & 0x1f) == kVerdictPass;
}
// Returns which of a row's cells holds the strongest entry below `tier`, one of
// `passing_tiers`.
constexpr uint32_t CellBelow(uint32_t tier, uint32_t passing_tiers) {
  return 1 + std::popcount(passing_tiers & ((1u << tier) - 1));
}

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_POLICY_POLICY_LAYOUT_H_
