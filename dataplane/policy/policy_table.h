// dataplane/policy/policy_table.h
//
// PolicyTable: the verdict of a policy set about a peer, a protocol and a port.
//
// Everything is classified first and looked up second: the peer's identity
// gives an identity class, its address a CIDR class, protocol and port a port
// class; (identity class, port class) and (CIDR class, port class) each give a
// verdict with a precedence, and the higher precedence wins.  So the number of
// memory probes is fixed, whatever the rules: set, identity bucket, ports (1 or
// 2), verdict, and for a set with CIDRs the prefix lookup and three more.
// Equal sets, port maps and CIDR maps are stored once.
//
//   ASSIGN_OR_RETURN(PolicyTable table, PolicyTable::Open(blob));
//   PolicyVerdict verdict = table.Lookup(endpoint.ingress, query);
//
// The blob may lie in memory that another process writes: Open() checks its
// shape, Lookup() checks each index again where it is used and answers "denied"
// to a bad one.  Immutable: any number of threads.

#ifndef VSWITCH_DATAPLANE_POLICY_POLICY_TABLE_H_
#define VSWITCH_DATAPLANE_POLICY_POLICY_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "dataplane/base/address.h"
#include "dataplane/base/flow_key.h"
#include "dataplane/base/ids.h"
#include "dataplane/policy/policy_layout.h"
#include "dataplane/tables/route_table.h"

namespace vswitch {

struct PolicyQuery {
  IdentityId peer = kIdentityUnknown;
  IpAddress peer_address;
  IpProtocol protocol = IpProtocol::kTcp;
  uint16_t destination_port = 0;
  bool has_port = true;  // false: unknown; then only portless rules match
};

struct PolicyVerdict {
  bool allowed = false;
  RuleId rule = kNoRule;    // kNoRule: no rule matched, the default decided
  uint32_t precedence = 0;  // policy_set.h
};

class PolicyTable {
 public:
  // An empty table: no sets.
  PolicyTable() = default;

  // Opens what PolicyTableBuilder made.  `blob` must outlive the table and be
  // aligned to 64 bytes.
  static absl::StatusOr<PolicyTable> Open(std::span<const std::byte> blob);

  // Returns "allowed" for kNoPolicySet (not isolated), and "denied" for a set
  // that does not exist.
  PolicyVerdict Lookup(PolicySetId set, const PolicyQuery& query) const;

  // Starts to load what Lookup() needs first.
  void Prefetch(PolicySetId set) const;

  uint32_t set_count() const { return static_cast<uint32_t>(sets_.size()); }

 private:
  uint32_t IdentityClass(const PolicySetRecord& set, IdentityId peer) const;
  uint32_t CidrClass(const PolicySetRecord& set,
                     const IpAddress& address) const;
  uint32_t PortClass(const PolicySetRecord& set,
                     const PolicyQuery& query) const;
  PolicyCell Cell(uint32_t first, uint32_t row, uint32_t column,
                  uint32_t columns) const;

  std::span<const PolicySetRecord> sets_;
  std::span<const IdentityBucket> buckets_;
  std::span<const PortMap> port_maps_;
  std::span<const uint32_t> page_lists_;
  std::span<const ClassPage> pages_;
  std::span<const PolicyCell> cells_;
  RouteTable prefixes_;  // address to prefix number
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_POLICY_POLICY_TABLE_H_
