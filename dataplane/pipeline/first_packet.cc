// Stage first_packet: asks the judge about packets without a current verdict,
// and notes the answer in the connection table: a new entry for a miss, the old
// one refreshed for a stale verdict.

#include <optional>

#include "dataplane/conntrack/connection_table.h"
#include "dataplane/conntrack/tcp_state.h"
#include "dataplane/nat/source_nat.h"
#include "dataplane/packet/headers.h"
#include "dataplane/pipeline/burst.h"
#include "dataplane/pipeline/connection_opener.h"
#include "dataplane/pipeline/context.h"
#include "dataplane/pipeline/deny_answer.h"
#include "dataplane/pipeline/flow_keys.h"
#include "dataplane/pipeline/host_lookup.h"
#include "dataplane/pipeline/icmp_error.h"
#include "dataplane/pipeline/judge.h"
#include "dataplane/pipeline/stages.h"
#include "dataplane/pipeline/verdict.h"

namespace vswitch {
namespace {

constexpr uint64_t kNsPerSecond = 1'000'000'000;

// Whether the packet, which no entry is known for, comes from the middle of a
// connection.  Other protocols than TCP do not tell.
bool IsUnderway(const PacketMeta& meta) {
  return meta.key.protocol == IpProtocol::kTcp &&
         meta.fragment != FragmentKind::kLater &&
         (meta.tcp_flags & (kTcpSyn | kTcpAck)) == kTcpAck;
}

bool IsPolicyDenial(DropReason reason) {
  return reason == DropReason::kPolicyDenied ||
         reason == DropReason::kPolicyDenyRule;
}

void CountPolicy(PipelineContext& context, const JudgeResult& result) {
  WorkerCounters& counters = context.counters();
  auto count = [&](bool asked, const PolicyVerdict& verdict) {
    if (!asked) return;
    counters.policy_lookups.Add(1);
    (verdict.allowed ? counters.policy_allowed : counters.policy_denied).Add(1);
  };
  count(result.asked_egress, result.egress);
  count(result.asked_ingress, result.ingress);
}

// What an entry keeps of a judgement; a denied one has no ports to leave by.
Judgement ToJudgement(const Burst& burst, const JudgeResult& result) {
  Judgement judgement;
  judgement.generation = static_cast<uint32_t>(burst.state->generation());
  judgement.source_endpoint = result.source.endpoint;
  judgement.destination_endpoint = result.destination.endpoint;
  judgement.rule = result.rule;
  judgement.source_epoch = result.source.epoch & kMaxBindingEpoch;
  judgement.destination_epoch = result.destination.epoch & kMaxBindingEpoch;
  if (result.drop == DropReason::kNone) {
    judgement.out_port = {result.destination.port, result.source.port};
    if (result.shadow_denial.has_value()) judgement.notes = kShadowDenied;
  } else if (IsPolicyDenial(result.drop)) {
    judgement.deny_response = result.Denial().deny_response;
  }
  return judgement;
}

// Whether one of the connection's addresses has gone to somebody else since it
// was judged: a pod inherits neither connections nor rights with its address.
bool HasOtherEnd(const Judgement& before, const Judgement& judgement) {
  return before.source_epoch != judgement.source_epoch ||
         before.destination_epoch != judgement.destination_epoch;
}

// Turns the denial of a connection that was allowed into what the policy wants
// for such.
void ApplyEstablishedAction(const JudgeResult& result, const Judgement& before,
                            Judgement& judgement) {
  switch (result.Denial().established) {
    case EstablishedAction::kKeep:
      judgement.out_port = {result.destination.port, result.source.port};
      judgement.rule = kNoRule;  // none allows it: it is only kept
      judgement.deny_response = DenyResponse::kSilent;
      judgement.notes = before.notes;
      return;
    case EstablishedAction::kReEvaluate:
      return;
    case EstablishedAction::kReset:
      judgement.notes = kTellSource | kTellDestination;
      return;
  }
}

// The packets of one burst that need a judge.
class FirstPacket {
 public:
  FirstPacket(PipelineContext& context, Burst& burst)
      : context_(context),
        burst_(burst),
        connections_(*context.environment.connections),
        opener_(context, burst) {}

  // Returns why the packet goes no further, or kNone.
  DropReason Handle(uint32_t slot) {
    began_anew_ = false;
    ConnectionView& view = burst_.View(slot);
    // A packet before this one in the burst may have begun the connection.
    if (!view.found() && inserted_) view = connections_.Lookup(Key(slot));
    return view.found() ? Known(slot) : Begin(slot);
  }

 private:
  const FlowKey& Key(uint32_t slot) const { return burst_.keys[slot]; }

  JudgeResult Ask(const JudgeQuery& query) {
    const JudgeResult result =
        Judge(*burst_.state, *context_.environment.identities, query);
    CountPolicy(context_, result);
    return result;
  }

  bool IsCurrent(const ConnectionView& view) const {
    return IsVerdictCurrent(*burst_.state, *context_.environment.revisions,
                            view.record);
  }

  // Goes by the entry in the packet's view, judged again if it is stale.
  DropReason Known(uint32_t slot) {
    ConnectionView& view = burst_.View(slot);
    if (IsCurrent(view)) return Follow(slot);
    if (judged_again_) {
      // Perhaps for a packet before this one.
      view = connections_.Lookup(Key(slot));
      if (!view.found()) return Begin(slot);
      if (IsCurrent(view)) return Follow(slot);
    }
    return JudgeAgain(slot);
  }

  // Takes what the entry in the packet's view says.
  DropReason Follow(uint32_t slot, PortId receiver_port = kNoPort) {
    const ConnectionView& view = burst_.View(slot);
    TakeJudgement(view.record.judgement, view.direction, burst_.metas[slot]);
    burst_.metas[slot].connection = view.index;
    if (IsDenied(view.record.judgement)) {
      return RefuseConnection(context_, burst_, slot, receiver_port);
    }
    burst_.leaving_keys[slot] = view.record.TranslatedKey(view.direction);
    return FollowConnection(context_, burst_, slot);
  }

  DropReason Begin(uint32_t slot) {
    PacketMeta& meta = burst_.metas[slot];
    // An error begins nothing; what it is about is not known any more.
    if (meta.icmp == IcmpKind::kError) return DropReason::kIcmpNoFlow;
    JudgeQuery query{.key = Key(slot),
                     .in_port = burst_.in_port,
                     .connections = &connections_};
    if (IsUnderway(meta)) query.underway_s = burst_.now_ns / kNsPerSecond;
    const DropReason mapping = FindMapping(query);
    if (mapping != DropReason::kNone) return mapping;
    JudgeResult result = Ask(query);
    if (mapped_ && burst_.port->kind == PortKind::kPod) {
      // RFC 4787 REQ-9: it comes from the sender's outside address.
      result.nat_address =
          NatAddressFor(burst_.state->settings().nat, query.key.source);
    }
    const Judgement judgement = ToJudgement(burst_, result);
    TakeJudgement(judgement, FlowDirection::kOriginal, meta);
    NoteIdentities(result, FlowDirection::kOriginal, meta);
    const bool is_denied = IsPolicyDenial(result.drop);
    if (result.drop != DropReason::kNone && !is_denied) return result.drop;
    // The answer to a question that nobody asked; policy has rules about
    // questions only.
    if (meta.icmp == IcmpKind::kQuery &&
        !IsIcmpRequest(meta.key.protocol, meta.icmp_type)) {
      return DropReason::kIcmpNoFlow;
    }
    if (is_denied) {
      AnswerDenial(context_, burst_, slot, judgement.deny_response,
                   result.is_service ? SentTo::kService : SentTo::kHost);
      return result.drop;
    }
    // Without its entry the translation of the first fragment is lost.
    if (meta.fragment == FragmentKind::kLater) {
      return meta.drop == DropReason::kNone ? DropReason::kFragNoFirst
                                            : meta.drop;
    }
    const std::optional<ConnectionState> state = FirstStateOf(burst_, slot);
    if (!state.has_value()) {
      return RefuseDatagram(context_, burst_, slot,
                            DropReason::kConnectionInvalid);
    }
    return Insert(slot, result, judgement, *state);
  }

  // Finds out whether the packet is sent to a mapping of source NAT, and to
  // whom; returns why it goes no further, or kNone.
  DropReason FindMapping(JudgeQuery& query) {
    mapped_ = false;
    const IpAddress& destination = query.key.destination;
    // A service that got the port later than a pod has it from then on.
    if (!IsNatAddress(burst_.state->settings().nat, destination) ||
        burst_.state->services().HasPort(query.key)) {
      return DropReason::kNone;
    }
    const MappedPacket mapped =
        opener_.FindMapped(query.key, burst_.port->kind == PortKind::kPod);
    switch (mapped.kind) {
      case MappedPacket::Kind::kFiltered:
        return DropReason::kNatFiltered;
      case MappedPacket::Kind::kFound:
        mapped_ = true;
        query.kept_translation = mapped.translated;
        return DropReason::kNone;
      case MappedPacket::Kind::kNone:
        break;
    }
    // An address that the node has itself is the node's otherwise.
    const HostLookup hosts(*burst_.state, *context_.environment.identities);
    return hosts.EndpointOf(destination) == nullptr ? DropReason::kNatNoMapping
                                                    : DropReason::kNone;
  }

  DropReason Insert(uint32_t slot, const JudgeResult& result,
                    const Judgement& judgement, ConnectionState state) {
    NewConnection connection{.original = Key(slot),
                             .reply = result.translated.Reversed(),
                             .judgement = judgement,
                             .state = state,
                             .windows = FirstWindowsOf(burst_, slot)};
    if (result.is_service) connection.service = result.service;
    if (mapped_) {
      connection.flags |= kKeptByReply;  // the pod is the one who answers
    }
    const InsertResult inserted = opener_.Open(connection, result.nat_address);
    burst_.leaving_keys[slot] = connection.reply.Reversed();
    switch (inserted.status) {
      case InsertStatus::kInserted:
        inserted_ = true;
        burst_.View(slot) = inserted.view;
        burst_.metas[slot].connection = inserted.view.index;
        connections_.Touch(inserted.view, burst_.metas[slot].packet_bytes,
                           burst_.now_ns);
        if (result.affinity_s != 0) {
          opener_.NoteAffinity(connection, result.affinity_s);
        }
        if (result.shadow_denial.has_value()) {
          context_.RecordShadowDenial(burst_, slot, result);
        }
        return DropReason::kNone;
      case InsertStatus::kExisted:
        // Another worker was first with the connection: its translation holds
        // for both, and so does its verdict unless it is of an older
        // generation.
        burst_.View(slot) = inserted.view;
        return Known(slot);
      case InsertStatus::kReplyTaken:
        return DropReason::kNatPortsExhausted;
      case InsertStatus::kFull:
        return DropReason::kConnectionsFull;
      case InsertStatus::kPodQuota:
        return DropReason::kConnectionQuota;
      case InsertStatus::kNatPodQuota:
        return DropReason::kNatPodQuota;
      case InsertStatus::kBusy:
        // Without the entry no answer would find the way back through source
        // NAT.
        return result.nat_address.has_value() ? DropReason::kConnectionsFull
                                              : DropReason::kNone;
    }
    return DropReason::kConnectionsFull;
  }

  // Whether the connection's service would not send it where it goes any more.
  // TCP connections stay with a backend that is on its way out; others have no
  // end of their own, and would stay with it for ever.
  bool HasLostBackend(const ConnectionView& view, PortId in_port) const {
    const ConnectionRecord& record = view.record;
    if (record.service == ConnectionRecord::kNoService ||
        record.protocol == IpProtocol::kTcp) {
      return false;
    }
    const ServiceTable& services = burst_.state->services();
    const ClientSide side = ClientSideOf(*burst_.state, in_port);
    const ServiceLookup found =
        services.Lookup(record.Key(FlowDirection::kOriginal), side);
    return found.kind != ServiceLookupKind::kFound ||
           services.FindBackend(*found.service, side, record.reply_source,
                                record.reply_source_port) == nullptr;
  }

  DropReason JudgeAgain(uint32_t slot) {
    ConnectionView& view = burst_.View(slot);
    if (HasLostBackend(view, OriginalInPort(view))) return BeginAnew(slot);
    JudgeQuery query{.key = view.record.Key(FlowDirection::kOriginal),
                     .in_port = OriginalInPort(view)};
    if (view.record.IsTranslated()) {
      query.kept_translation =
          view.record.TranslatedKey(FlowDirection::kOriginal);
    }
    const JudgeResult result = Ask(query);
    Judgement judgement = ToJudgement(burst_, result);
    NoteIdentities(result, view.direction, burst_.metas[slot]);
    if (result.drop == DropReason::kNone || IsPolicyDenial(result.drop)) {
      if (HasOtherEnd(view.record.judgement, judgement)) return BeginAnew(slot);
      Store(slot, result, judgement);
      const bool is_reply = view.direction == FlowDirection::kReply;
      return Follow(slot,
                    is_reply ? result.source.port : result.destination.port);
    }
    TakeJudgement(judgement, view.direction, burst_.metas[slot]);
    // Its other end is gone: a packet that comes later is to begin anew, with
    // a backend that exists.
    if (result.drop != DropReason::kPortNotReady) {
      context_.EraseConnection(view, ConnectionEnd::kEndpointGone);
    }
    return result.drop;
  }

  // Notes the new judgement in the entry.
  void Store(uint32_t slot, const JudgeResult& result, Judgement& judgement) {
    ConnectionView& view = burst_.View(slot);
    const Judgement before = view.record.judgement;
    if (result.drop != DropReason::kNone) {
      if (IsDenied(before)) {
        judgement.notes = before.notes;  // some end may not know it yet
      } else {
        ApplyEstablishedAction(result, before, judgement);
        if (!IsDenied(judgement)) context_.counters().policy_kept.Add(1);
      }
    }
    // When it cannot be stored, another worker is at it; this packet goes by
    // what was just found.
    const bool is_stored = connections_.Refresh(view, judgement);
    if (!is_stored) view.record.judgement = judgement;
    judged_again_ = true;
    if (is_stored && result.shadow_denial.has_value() &&
        (before.notes & kShadowDenied) == 0) {
      context_.RecordShadowDenial(burst_, slot, result);
    }
  }

  // Forgets the connection in the packet's view, whose end is gone, and takes
  // the packet for the first of another one.
  DropReason BeginAnew(uint32_t slot) {
    context_.EraseConnection(burst_.View(slot), ConnectionEnd::kEndpointGone);
    judged_again_ = true;
    // Found again after that: somebody else holds it or has made it again.
    if (began_anew_) return DropReason::kConnectionInvalid;
    began_anew_ = true;
    return Begin(slot);
  }

  // Where packets of the original direction come in, as far as it is known.
  // A pod's port is not taken from the entry: another pod may have its number
  // by now, and the pod's address says which one is meant.
  PortId OriginalInPort(const ConnectionView& view) const {
    if (view.direction == FlowDirection::kOriginal) return burst_.in_port;
    const PortId noted =
        view.record.judgement
            .out_port[static_cast<uint8_t>(FlowDirection::kReply)];
    const PortRecord* port = burst_.state->port(noted);
    return port != nullptr && port->kind != PortKind::kPod ? noted : kNoPort;
  }

  PipelineContext& context_;
  Burst& burst_;
  ConnectionTable& connections_;
  ConnectionOpener opener_;
  bool mapped_ = false;        // this packet is sent to a mapping
  bool inserted_ = false;      // a packet of this burst made an entry
  bool judged_again_ = false;  // a packet of this burst changed an entry
  bool began_anew_ = false;    // this packet made its connection be forgotten
};

}  // namespace

void RunFirstPacket(PipelineContext& context, Burst& burst) {
  FirstPacket first_packet(context, burst);
  burst.KeepIf([&](uint32_t slot) {
    if (burst.judged[slot]) return true;
    const DropReason reason = first_packet.Handle(slot);
    if (reason == DropReason::kNone) return true;
    const std::optional<IcmpError> error = ErrorFor(reason);
    if (error.has_value()) SendIcmpError(context, burst, slot, *error);
    context.Drop(burst, slot, reason);
    return false;
  });
}

}  // namespace vswitch
