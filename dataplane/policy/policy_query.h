// dataplane/policy/policy_query.h
//
// PolicyQuery and PolicyVerdict: what a policy set is asked, and its answer.
//
//   PolicyVerdict verdict = table.Lookup(
//       endpoint.ingress, {.peer = identity,
//                          .peer_address = source,
//                          .protocol = IpProtocol::kTcp,
//                          .destination_port = 443});
//
// Plain values: any thread.

#ifndef VSWITCH_DATAPLANE_POLICY_POLICY_QUERY_H_
#define VSWITCH_DATAPLANE_POLICY_POLICY_QUERY_H_

#include <cstdint>

#include "dataplane/base/address.h"
#include "dataplane/base/denial.h"
#include "dataplane/base/flow_key.h"
#include "dataplane/base/ids.h"

namespace vswitch {

struct PolicyQuery {
  IdentityId peer = kIdentityUnknown;
  IpAddress peer_address;
  IpProtocol protocol = IpProtocol::kTcp;
  // In host byte order; of ICMP and ICMPv6 the type.
  uint16_t destination_port = 0;
  bool has_port = true;  // false: unknown; then only whole protocols match
};

struct PolicyVerdict {
  bool allowed = false;
  RuleId rule = kNoRule;    // kNoRule: no rule matched, the default decided
  uint32_t precedence = 0;  // policy_set.h
  // Of a denial: what becomes of connections that were allowed before, and
  // what the sender is told.  A denial that no policy made, for want of a
  // table, re-evaluates and is silent.
  EstablishedAction established = EstablishedAction::kReEvaluate;
  DenyResponse deny_response = DenyResponse::kSilent;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_POLICY_POLICY_QUERY_H_
