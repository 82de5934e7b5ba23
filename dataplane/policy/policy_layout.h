// dataplane/policy/policy_layout.h
//
// The bytes of a policy table: a header, then arrays of these records, each
// array aligned to a cache line.  Records refer to each other by index into the
// arrays, never by pointer.  Written by PolicyTableBuilder, read by
// PolicyTable; nobody else needs this.
//
// Classes are numbered per set; class 0 is "listed by no rule".

#ifndef VSWITCH_DATAPLANE_POLICY_POLICY_LAYOUT_H_
#define VSWITCH_DATAPLANE_POLICY_POLICY_LAYOUT_H_

#include <cstdint>

namespace vswitch {

inline constexpr uint32_t kPolicyMagic = 0x504f4c31;  // "POL1"

struct PolicySection {
  uint32_t offset;  // from the blob's first byte, a multiple of 64
  uint32_t count;   // of records; of bytes for the prefixes
};

enum PolicySectionIndex : uint32_t {
  kSectionSets,
  kSectionBuckets,
  kSectionPortMaps,
  kSectionPageLists,
  kSectionPages,
  kSectionCells,
  kSectionPrefixes,  // a route table: address to prefix number
  kPolicySectionCount,
};

struct PolicyHeader {
  uint32_t magic;
  uint32_t byte_count;  // of the whole blob
  PolicySection sections[kPolicySectionCount];
};
static_assert(sizeof(PolicyHeader) == 64);

// One set: one cache line.
struct alignas(64) PolicySetRecord {
  uint32_t first_bucket;
  uint32_t bucket_count;  // a power of two; 0: no identity is listed
  uint32_t bucket_seed;
  uint32_t port_maps[3];  // of TCP, UDP, SCTP
  uint32_t other_class;   // port class of every other protocol
  uint32_t port_class_count;
  uint32_t identity_cells;  // first cell of [identity class][port class]
  uint32_t identity_class_count;
  uint32_t cidr_pages;  // first of the set's list of pages in the page lists
  uint32_t cidr_page_count;  // 0: the set has no CIDRs
  uint32_t cidr_cells;       // first cell of [CIDR class - 1][port class]
  uint32_t cidr_class_count;
  uint32_t default_precedence;
  uint32_t reserved;
};
static_assert(sizeof(PolicySetRecord) == 64);

// Identities of one hash: one cache line, so a lookup is one probe.
inline constexpr uint32_t kBucketIdentities = 8;
struct alignas(64) IdentityBucket {
  uint32_t identities[kBucketIdentities];  // 0: free
  uint32_t classes[kBucketIdentities];
};
static_assert(sizeof(IdentityBucket) == 64);

// Returns the bucket, 0 to bucket_count - 1, of an identity (Fibonacci hashing,
// Knuth, TAOCP volume 3, section 6.4).
constexpr uint32_t BucketOf(uint32_t identity, uint32_t seed,
                            uint32_t bucket_count) {
  uint64_t hash = (uint64_t{identity} ^ seed) * 0x9e3779b97f4a7c15u;
  return static_cast<uint32_t>(hash >> 40) & (bucket_count - 1);
}

// From port to port class.  Up to 16 ranges are in the record itself: range i
// covers starts[i] to starts[i + 1] - 1, starts[0] is 0, unused places repeat
// the last range.  More of them are pages of 256 ports each.
inline constexpr uint32_t kInlineRanges = 16;
inline constexpr uint32_t kPagePorts = 256;
struct alignas(64) PortMap {
  uint16_t starts[kInlineRanges];
  uint16_t classes[kInlineRanges];
};
static_assert(sizeof(PortMap) == 64);
// Set in PolicySetRecord::port_maps: the number is then the first of 256
// entries in the page lists.
inline constexpr uint32_t kPagedPortMap = 0x80000000;

// Classes of 256 ports, or of 256 prefix numbers.
struct alignas(64) ClassPage {
  uint16_t classes[kPagePorts];
};
static_assert(sizeof(ClassPage) == 512);

// The strongest entry that matches; precedence 0: none does.
struct PolicyCell {
  uint32_t rule;
  uint32_t precedence;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_POLICY_POLICY_LAYOUT_H_
