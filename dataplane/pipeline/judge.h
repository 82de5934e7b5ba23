// dataplane/pipeline/judge.h
//
// Judge(): what the switch does with a new connection, and why: service, then
// route or endpoint, then source NAT, then identities, then policy on egress
// and on ingress.
// The first_packet stage acts on the answer; explain and probe show it.  There
// is no other judge.
//
//   JudgeQuery query{.key = key, .in_port = pod_port};
//   JudgeResult result = Judge(state, identities, query);
//   if (result.drop == DropReason::kPolicyDenied) ... result.ingress.rule
//
// Policy sees the packet behind the service's translation, with the backend's
// address and port, and before source NAT.  A connection that passes is shown
// to the sets with shadow policies as well, whose denial only counts.  Pure:
// any thread that holds the generation.

#ifndef VSWITCH_DATAPLANE_PIPELINE_JUDGE_H_
#define VSWITCH_DATAPLANE_PIPELINE_JUDGE_H_

#include <cstdint>
#include <optional>

#include "dataplane/base/denial.h"
#include "dataplane/base/drop_reason.h"
#include "dataplane/base/flow_key.h"
#include "dataplane/base/ids.h"
#include "dataplane/base/policy_direction.h"
#include "dataplane/conntrack/connection_table.h"
#include "dataplane/forwarding/forwarding_state.h"
#include "dataplane/policy/policy_table.h"
#include "dataplane/tables/identity_table.h"

namespace vswitch {

struct JudgeQuery {
  // Of the connection's first packet, before translation; of an ICMP query the
  // connection's (flow_keys.h): destination_port is the question's type.
  FlowKey key;
  // The port it comes in by; kNoPort: the one that leads to its source.
  PortId in_port = kNoPort;
  // A connection that is judged again keeps its backend: its key behind the
  // translation that was chosen when it began.
  std::optional<FlowKey> kept_translation;
  // Where clients with session affinity have their backends noted; nullptr:
  // they have none.
  const ConnectionTable* connections = nullptr;
  // Set if the packet comes from the middle of a connection: the second of the
  // machine's monotonic clock.  The connection began before, perhaps with a
  // backend that the service has given its place to others since.
  std::optional<uint64_t> underway_s;
};

// One end of the connection as policy sees it.
struct JudgedEnd {
  IdentityId identity = kIdentityUnknown;
  EndpointId endpoint = kNoEndpoint;  // kNoEndpoint: not on this node
  PortId port = kNoPort;              // that leads to it
  uint32_t epoch = 0;                 // of its address (HostBinding)
  bool keeps_source = false;  // the route there wants the source untranslated
};

// What shadow policies would deny.
struct ShadowDenial {
  PolicyDirection direction = PolicyDirection::kEgress;
  RuleId rule = kNoRule;  // kNoRule: none allows
};

struct JudgeResult {
  DropReason drop = DropReason::kNone;  // kNone: it is forwarded
  FlowKey translated;                   // the key as it leaves
  bool is_service = false;              // went to a service's address
  uint32_t service = 0;                 // its number, if is_service
  uint32_t affinity_s = 0;              // as ServiceRecord
  // The source's address outside, if it gets another; which port it gets there
  // is found when the connection begins, and `translated` lacks both.
  std::optional<IpAddress> nat_address;
  JudgedEnd source;
  JudgedEnd destination;
  // The two verdicts; one that was not asked says allowed, kNoRule.
  bool asked_egress = false;
  bool asked_ingress = false;
  PolicyVerdict egress{.allowed = true};
  PolicyVerdict ingress{.allowed = true};
  // The rule that decided: the denying one, else that of ingress, else that of
  // egress; kNoRule when none did.
  RuleId rule = kNoRule;
  // Of a connection that is allowed; egress is asked first.
  std::optional<ShadowDenial> shadow_denial;

  // What a denying policy says; of the verdict that denied.
  const PolicyVerdict& Denial() const {
    return egress.allowed ? ingress : egress;
  }
};

// Returns on which side of the cluster's border those are whose packets come in
// by `in_port`.
inline ClientSide ClientSideOf(const ForwardingState& state, PortId in_port) {
  const PortRecord* port = state.port(in_port);
  return port != nullptr && port->kind == PortKind::kUplink
             ? ClientSide::kOutside
             : ClientSide::kInside;
}

// Returns what becomes of a connection that begins with query.key.
JudgeResult Judge(const ForwardingState& state, const IdentityTable& identities,
                  const JudgeQuery& query);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_PIPELINE_JUDGE_H_
