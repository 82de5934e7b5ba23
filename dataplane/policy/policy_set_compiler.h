// dataplane/policy/policy_set_compiler.h
//
// CompileSet(): the equivalence classes of one policy set.  Two identities (or
// addresses, or ports) that the same entries match are of one class, so the
// verdicts are a small matrix whatever the number of identities and ports.
//
// Part of the builder; control thread only.

#ifndef VSWITCH_DATAPLANE_POLICY_POLICY_SET_COMPILER_H_
#define VSWITCH_DATAPLANE_POLICY_POLICY_SET_COMPILER_H_

#include <array>
#include <compare>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/base/ids.h"
#include "dataplane/policy/address_ranges.h"
#include "dataplane/policy/policy_layout.h"
#include "dataplane/policy/policy_set.h"

namespace vswitch {

// Ports up to `last`, from behind the range before, are of class `port_class`.
struct PortRangeClass {
  uint16_t last = 65535;
  uint16_t port_class = 0;
};

struct PortClasses {
  std::vector<PortRangeClass> ranges;  // empty: no entry names the protocol
  uint16_t unknown_class = 0;
};

// The rows of one family's address ranges, counted from the first CIDR row;
// in CidrMode::kEveryPeer in pairs.
struct AddressRows {
  std::vector<AddressNumber> lasts;  // empty: no CIDRs
  std::vector<uint16_t> rows;        // as many
  bool classed = false;  // false: the rows are consecutive, from the first on
};

struct CompiledSet {
  std::vector<std::pair<IdentityId, uint16_t>> identities;  // id to class
  uint32_t identity_class_count = 1;  // class 0: named by no entry
  uint16_t world_class = 0;

  std::array<PortClasses, kPortMapCount> ports;  // by PortMapIndex()
  uint16_t other_class = 0;                      // other protocols
  uint32_t port_class_count = 0;

  CidrMode cidr_mode = CidrMode::kEveryPeer;
  std::array<AddressRows, 2> addresses;  // IPv4, IPv6
  uint32_t row_count = 0;                // identity classes, then CIDR rows

  // [port class][row][level], see PolicySetHeader::passing_tiers.
  std::vector<uint64_t> cells;
  uint8_t passing_tiers = 0;
  uint8_t cell_shift = 0;
  uint64_t default_cell = 0;
};

// REQUIRES: `spec` is normalised and valid.  RESOURCE_EXHAUSTED, with numbers,
// when the matrix would have more than `max_cells` cells.
absl::StatusOr<CompiledSet> CompileSet(const PolicySetSpec& spec,
                                       uint64_t max_cells);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_POLICY_POLICY_SET_COMPILER_H_
