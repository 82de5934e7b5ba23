// dataplane/pipeline/deny_answer.h
//
// What the ends of a denied connection are told, if the policy that denies says
// so: silence, a TCP reset, or ICMP "administratively prohibited".
//
//   AnswerDenial(context, burst, slot, DenyResponse::kReset, SentTo::kHost);
//   context.Drop(burst, slot, DropReason::kPolicyDenied);
//
// An answer is made from the packet in hand, so this is called while it is as
// it came in.  A reset can go to both ends, since a segment holds the numbers
// that each of them expects; an ICMP error quotes a packet of its addressee's
// own (RFC 792, RFC 4443 2.4 (c)), so it only goes to the sender.
// Worker thread only.

#ifndef VSWITCH_DATAPLANE_PIPELINE_DENY_ANSWER_H_
#define VSWITCH_DATAPLANE_PIPELINE_DENY_ANSWER_H_

#include <cstdint>

#include "dataplane/base/denial.h"
#include "dataplane/base/ids.h"
#include "dataplane/conntrack/connection.h"
#include "dataplane/pipeline/burst.h"
#include "dataplane/pipeline/context.h"
#include "dataplane/pipeline/icmp_error.h"

namespace vswitch {

// Whether packets of the view's direction go to a service's address.
inline SentTo SentToOf(const ConnectionView& view) {
  return view.direction == FlowDirection::kOriginal &&
                 view.record.IsTranslated()
             ? SentTo::kService
             : SentTo::kHost;
}

// Answers the sender of the packet in `slot` as `response` says, within the
// limits on ICMP errors.
void AnswerDenial(PipelineContext& context, Burst& burst, uint32_t slot,
                  DenyResponse response, SentTo sent_to);

// Tells those of `ends` (kTellSource, kTellDestination) that the packet in
// `slot` allows to tell that its connection was cut; returns them.
// `receiver_port` leads to the packet's receiver; kNoPort: only its sender can
// be told.  REQUIRES: burst.View(slot) is the connection's.
uint8_t TellEnds(PipelineContext& context, Burst& burst, uint32_t slot,
                 uint8_t ends, PortId receiver_port);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_PIPELINE_DENY_ANSWER_H_
