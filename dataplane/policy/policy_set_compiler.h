// dataplane/policy/policy_set_compiler.h
//
// CompileSet(): the equivalence classes of one policy set.  Two identities (or
// prefixes, or ports) that the same entries match are of one class, so the
// verdicts are a small matrix whatever the number of identities and ports.
//
// Part of the builder; control thread only.

#ifndef VSWITCH_DATAPLANE_POLICY_POLICY_SET_COMPILER_H_
#define VSWITCH_DATAPLANE_POLICY_POLICY_SET_COMPILER_H_

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/base/address.h"
#include "dataplane/base/ids.h"
#include "dataplane/policy/policy_layout.h"
#include "dataplane/policy/policy_set.h"

namespace vswitch {

// Order of prefixes: family, address, length.  Those inside a prefix follow it
// directly, so one walk with a stack knows every prefix's parent.
struct PrefixOrder {
  bool operator()(const IpPrefix& a, const IpPrefix& b) const;
};

// Ports from `first` up to the next range's `first` are of class `port_class`.
struct PortRangeClass {
  uint32_t first = 0;
  uint16_t port_class = 0;
  friend auto operator<=>(const PortRangeClass&,
                          const PortRangeClass&) = default;
};

struct CompiledSet {
  std::vector<std::pair<IdentityId, uint16_t>> identities;  // id to class
  uint32_t identity_class_count = 1;  // class 0: entries for any peer

  std::array<std::vector<PortRangeClass>, 3> ports;  // TCP, UDP, SCTP
  uint16_t other_class = 0;                          // other protocols
  uint32_t port_class_count = 0;

  // The class of the addresses whose most specific prefix of this set it is.
  std::map<IpPrefix, uint16_t, PrefixOrder> prefixes;
  uint32_t cidr_class_count = 0;  // class 0, "no CIDR", has no cells

  std::vector<PolicyCell> identity_cells;  // [identity class][port class]
  std::vector<PolicyCell> cidr_cells;      // [CIDR class - 1][port class]
  uint32_t default_precedence = kDefaultDeny;
};

// REQUIRES: `spec` is normalised.  RESOURCE_EXHAUSTED when the matrix would
// have more than `max_cells` cells.
absl::StatusOr<CompiledSet> CompileSet(const PolicySetSpec& spec,
                                       uint64_t max_cells);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_POLICY_POLICY_SET_COMPILER_H_
