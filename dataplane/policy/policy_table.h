// dataplane/policy/policy_table.h
//
// PolicyTable: the verdict of a policy set about a peer, a protocol and a port.
//
// Everything is classified first and looked up second: the peer's identity
// gives an identity class, its address a range of addresses, protocol and port
// a port class; (identity class, port class) and (address range, port class)
// each give a verdict with a precedence, and the higher precedence wins.  So
// the cache lines that a verdict reads are fixed, whatever the rules: one each
// of the set's header, identities, ports, address ranges, and two verdicts, six
// in all; for a peer outside of the cluster, four.  That holds for up to 16
// ranges of ports and 16 of addresses (8 of IPv6); each level more of the
// addresses, and more than 16 ranges of ports, is one line more.
//
//   PolicyTable table = PolicyTable::Open(root.pieces);
//   PolicyVerdict verdict = table.Lookup(endpoint.ingress, query);
//
// Each set is a piece of its own (BuildPolicySet() makes it), so a change of
// one policy writes the sets that it changes and shares the others.
//
// The pieces may lie in memory that another process writes: Lookup() checks
// each position where it uses it, and answers "denied" to a bad one.  A view,
// immutable: any number of threads.

#ifndef VSWITCH_DATAPLANE_POLICY_POLICY_TABLE_H_
#define VSWITCH_DATAPLANE_POLICY_POLICY_TABLE_H_

#include <cstdint>

#include "dataplane/base/ids.h"
#include "dataplane/base/piece_list.h"
#include "dataplane/policy/policy_query.h"

namespace vswitch {

class PolicyTable {
 public:
  // An empty table: no sets.
  PolicyTable() = default;

  // Piece i is policy set i.  The pieces' memory must outlive the table.
  static PolicyTable Open(const PieceList& sets);

  // Returns "allowed" for kNoPolicySet (not isolated), and "denied" for a set
  // that does not exist or is damaged.
  PolicyVerdict Lookup(PolicySetId set, const PolicyQuery& query) const;

  // Starts to load what Lookup() needs first.
  void Prefetch(PolicySetId set) const;

  uint32_t set_count() const { return sets_.size(); }

 private:
  PieceList sets_;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_POLICY_POLICY_TABLE_H_
