// dataplane/pipeline/verdict.h
//
// What a connection's entry says about its verdict: whether it is still
// current, and whether it was "no".  Shared by the stages connections and
// first_packet.
//
// A connection that policy cut keeps its entry, without ports to leave by:
// forgetting it would let the next answer begin a connection of its own the
// other way round.  It goes on when policy allows it again, and is forgotten
// when its time is over, since what is dropped does not count as life.
//
// Pure functions: worker thread.

#ifndef VSWITCH_DATAPLANE_PIPELINE_VERDICT_H_
#define VSWITCH_DATAPLANE_PIPELINE_VERDICT_H_

#include <array>
#include <cstdint>
#include <optional>

#include "dataplane/base/drop_reason.h"
#include "dataplane/conntrack/connection.h"
#include "dataplane/conntrack/tcp_window.h"
#include "dataplane/forwarding/forwarding_state.h"
#include "dataplane/packet/packet_meta.h"
#include "dataplane/pipeline/burst.h"
#include "dataplane/pipeline/context.h"
#include "dataplane/pipeline/judge.h"
#include "dataplane/tables/revision_table.h"

namespace vswitch {

// Whether no change since the entry was judged can affect it.
bool IsVerdictCurrent(const ForwardingState& state,
                      const RevisionTable& revisions,
                      const ConnectionRecord& record);

// Notes in the entry that its verdict, which is current, holds in the burst's
// generation too, so that the next packet need not look at the addresses again.
void ConfirmVerdict(PipelineContext& context, const Burst& burst,
                    ConnectionView& view);

// Whether the verdict of the entry is "dropped".
inline bool IsDenied(const Judgement& judgement) {
  return judgement.out_port[0] == kNoPort && judgement.out_port[1] == kNoPort;
}

// Why packets of a connection whose verdict is "dropped" are dropped.
inline DropReason DeniedReason(const Judgement& judgement) {
  return judgement.rule == kNoRule ? DropReason::kPolicyDenied
                                   : DropReason::kPolicyDenyRule;
}

// Notes in the packet's metadata what the entry says: where it leaves, whose
// it is and which rule decided.
void TakeJudgement(const Judgement& judgement, FlowDirection direction,
                   PacketMeta& meta);

// Notes for the packet's records who its ends are.
void NoteIdentities(const JudgeResult& result, FlowDirection direction,
                    PacketMeta& meta);

// Does what remains once the verdict of a known connection is "allowed": the
// packet moves the connection's state on and is counted.  Returns why it goes
// no further, or kNone.
DropReason FollowConnection(PipelineContext& context, Burst& burst,
                            uint32_t slot);

// Lets no more pass of the datagram that the packet begins, which is dropped
// for `reason`: the fragments behind it have no TCP header that could be
// checked. Does nothing for a packet that is whole.  Returns `reason`.
DropReason RefuseDatagram(PipelineContext& context, Burst& burst, uint32_t slot,
                          DropReason reason);

// What the entry of a connection that begins with this packet starts with: its
// state, or nothing if such a packet begins none; its TCP windows or SCTP tags.
std::optional<ConnectionState> FirstStateOf(const Burst& burst, uint32_t slot);
std::array<TcpWindow, 2> FirstWindowsOf(const Burst& burst, uint32_t slot);

// Does what remains once the verdict of a known connection is "dropped": ends
// that are to be told are, as far as this packet allows it; else its sender is
// answered as the policy says.  Returns why the packet goes no further.
// `receiver_port` leads to its receiver; kNoPort: not known.
DropReason RefuseConnection(PipelineContext& context, Burst& burst,
                            uint32_t slot, PortId receiver_port = kNoPort);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_PIPELINE_VERDICT_H_
