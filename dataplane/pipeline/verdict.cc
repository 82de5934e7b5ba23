// Verdicts of known connections.

#include "dataplane/pipeline/verdict.h"

#include "dataplane/packet/headers.h"
#include "dataplane/pipeline/connection_opener.h"
#include "dataplane/pipeline/deny_answer.h"
#include "dataplane/pipeline/flow_keys.h"
#include "dataplane/pipeline/sctp_packet.h"
#include "dataplane/pipeline/tcp_segment.h"

namespace vswitch {
namespace {

bool IsBefore(uint32_t generation, uint64_t limit) {
  return static_cast<int32_t>(static_cast<uint32_t>(limit) - generation) > 0;
}

// Whether a change since the entry was judged is about one of its addresses.
bool HasChangedEnd(const RevisionTable& revisions,
                   const ConnectionRecord& record) {
  const uint32_t judged = record.judgement.generation;
  if (revisions.IsStale(record.original_source, record.original_destination,
                        judged)) {
    return true;
  }
  // Behind a translation the ends have other addresses as well.
  return (record.reply_source != record.original_destination ||
          record.reply_destination != record.original_source) &&
         revisions.IsStale(record.reply_source, record.reply_destination,
                           judged);
}

// Whether packets of the view's direction keep a mapping of source NAT.
bool KeepsMapping(const ConnectionView& view) {
  const uint8_t flag = view.direction == FlowDirection::kOriginal
                           ? kKeptByOriginal
                           : kKeptByReply;
  return (view.record.flags & flag) != 0;
}

// Whether the connection's service may have to note that it is one: a client
// is there, and has its backend.
bool HasJustBegun(const ConnectionView& view, ConnectionState before) {
  return view.state != before &&
         view.record.service != ConnectionRecord::kNoService &&
         (view.state == ConnectionState::kEstablished ||
          view.state == ConnectionState::kReplied);
}

// Moves the state of the packet's connection on, as far as the packet says
// anything about it.
TrackAction TrackPacket(PipelineContext& context, Burst& burst, uint32_t slot) {
  const PacketMeta& meta = burst.metas[slot];
  ConnectionView& view = burst.View(slot);
  if (meta.icmp == IcmpKind::kQuery &&
      view.direction == FlowDirection::kReply &&
      IsIcmpRequest(meta.key.protocol, meta.icmp_type)) {
    return TrackAction::kInvalid;
  }
  ConnectionTable& connections = *context.environment.connections;
  const rte_mbuf& packet = *burst.packets[slot];
  const bool is_tcp = meta.key.protocol == IpProtocol::kTcp;
  if (!is_tcp && meta.key.protocol != IpProtocol::kSctp) {
    return connections.Track(view);
  }
  // Only the first fragment has the header.
  if (meta.fragment == FragmentKind::kLater) return TrackAction::kPass;
  return is_tcp ? connections.Track(view, ReadTcpSegment(packet, meta))
                : connections.Track(view, ReadSctpPacket(packet, meta));
}

// Whether the packet is a later fragment of the datagram that `first` begins,
// which came in by the same port.
bool IsLaterOf(const PacketMeta& meta, const PacketMeta& first) {
  return meta.fragment == FragmentKind::kLater &&
         meta.fragment_id == first.fragment_id &&
         meta.key.source == first.key.source &&
         meta.key.destination == first.key.destination &&
         meta.key.protocol == first.key.protocol;
}

}  // namespace

bool IsVerdictCurrent(const ForwardingState& state,
                      const RevisionTable& revisions,
                      const ConnectionRecord& record) {
  const uint32_t judged = record.judgement.generation;
  if (IsBefore(judged, state.settings().judge_again_before) ||
      (revisions.IsAnyNewer(judged) && HasChangedEnd(revisions, record))) {
    return false;
  }
  // A port that is gone without a mark on its addresses.
  const auto& out_port = record.judgement.out_port;
  return IsDenied(record.judgement) || (state.port(out_port[0]) != nullptr &&
                                        state.port(out_port[1]) != nullptr);
}

void ConfirmVerdict(PipelineContext& context, const Burst& burst,
                    ConnectionView& view) {
  Judgement judgement = view.record.judgement;
  if (!context.environment.revisions->IsAnyNewer(judgement.generation)) return;
  judgement.generation = static_cast<uint32_t>(burst.state->generation());
  // If another worker is at the entry, the next packet tries again.
  static_cast<void>(context.environment.connections->Refresh(view, judgement));
}

void TakeJudgement(const Judgement& judgement, FlowDirection direction,
                   PacketMeta& meta) {
  meta.out_port = judgement.out_port[static_cast<uint8_t>(direction)];
  meta.direction = static_cast<uint8_t>(direction);
  meta.rule = judgement.rule;
  meta.source_endpoint = judgement.source_endpoint;
  meta.destination_endpoint = judgement.destination_endpoint;
  if (direction == FlowDirection::kReply) {
    std::swap(meta.source_endpoint, meta.destination_endpoint);
  }
}

void NoteIdentities(const JudgeResult& result, FlowDirection direction,
                    PacketMeta& meta) {
  const bool is_reply = direction == FlowDirection::kReply;
  meta.source_identity =
      (is_reply ? result.destination : result.source).identity;
  meta.destination_identity =
      (is_reply ? result.source : result.destination).identity;
}

DropReason FollowConnection(PipelineContext& context, Burst& burst,
                            uint32_t slot) {
  const PacketMeta& meta = burst.metas[slot];
  ConnectionView& view = burst.View(slot);
  if (meta.fragment == FragmentKind::kLater && meta.drop != DropReason::kNone) {
    return meta.drop;
  }
  // An error is about the connection, not of it, and shall not keep it alive
  // (RFC 5508 REQ-5).
  if (meta.icmp == IcmpKind::kError) return DropReason::kNone;
  const ConnectionState before = view.state;
  const TrackAction action = TrackPacket(context, burst, slot);
  if (action == TrackAction::kInvalid) {
    return RefuseDatagram(context, burst, slot, DropReason::kConnectionInvalid);
  }
  if (action == TrackAction::kResetOutOfWindow) {
    return RefuseDatagram(context, burst, slot,
                          DropReason::kConnectionRstWindow);
  }
  // RFC 7857 section 7.1: a reset keeps nothing alive; the time after the one
  // that ends the connection is its own.
  const bool is_only_reset =
      (meta.tcp_flags & kTcpRst) != 0 && view.state == before;
  const bool is_alive = action != TrackAction::kIgnore && !is_only_reset;
  // Once a second: a mapping of source NAT lives for minutes.
  if (context.environment.connections->Touch(view, meta.packet_bytes,
                                             burst.now_ns, is_alive) &&
      KeepsMapping(view)) {
    ConnectionOpener(context, burst).KeepMapping(view);
  }
  if (HasJustBegun(view, before)) {
    ConnectionOpener(context, burst).KeepAffinity(view);
  }
  return DropReason::kNone;
}

DropReason RefuseDatagram(PipelineContext& context, Burst& burst, uint32_t slot,
                          DropReason reason) {
  const PacketMeta& first = burst.metas[slot];
  if (first.fragment != FragmentKind::kFirst) return reason;
  context.fragments.Refuse(first, reason, burst.now_ns);
  for (const uint8_t other : burst.Survivors()) {
    PacketMeta& meta = burst.metas[other];
    if (other > slot && IsLaterOf(meta, first)) meta.drop = reason;
  }
  return reason;
}

std::optional<ConnectionState> FirstStateOf(const Burst& burst, uint32_t slot) {
  const PacketMeta& meta = burst.metas[slot];
  const bool may_pick_up = burst.state->settings().tcp_needs_syn == 0;
  if (meta.key.protocol == IpProtocol::kSctp) {
    return FirstSctpState(ReadSctpPacket(*burst.packets[slot], meta),
                          may_pick_up);
  }
  return FirstState(meta.key.protocol, meta.tcp_flags, may_pick_up);
}

std::array<TcpWindow, 2> FirstWindowsOf(const Burst& burst, uint32_t slot) {
  const PacketMeta& meta = burst.metas[slot];
  if (meta.key.protocol == IpProtocol::kSctp) {
    return FirstSctpTags(ReadSctpPacket(*burst.packets[slot], meta));
  }
  if (meta.key.protocol != IpProtocol::kTcp) return {};
  return FirstWindows(ReadTcpSegment(*burst.packets[slot], meta));
}

DropReason RefuseConnection(PipelineContext& context, Burst& burst,
                            uint32_t slot, PortId receiver_port) {
  ConnectionView& view = burst.View(slot);
  Judgement judgement = view.record.judgement;
  const uint8_t untold = judgement.notes & (kTellSource | kTellDestination);
  const uint8_t sender =
      view.direction == FlowDirection::kReply ? kTellDestination : kTellSource;
  if ((untold & sender) == 0) {
    AnswerDenial(context, burst, slot, judgement.deny_response, SentToOf(view));
  }
  if (untold != 0) {
    const uint8_t told = TellEnds(context, burst, slot, untold, receiver_port);
    judgement.notes &= static_cast<uint8_t>(~told);
    if (told != 0 &&
        !context.environment.connections->Refresh(view, judgement)) {
      view.record.judgement = judgement;
    }
  }
  return DeniedReason(judgement);
}

}  // namespace vswitch
