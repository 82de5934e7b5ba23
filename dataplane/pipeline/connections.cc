// Stage connections: finds the connection of each packet, all at once, so that
// the waits for memory overlap.  A packet whose connection has a current
// verdict is settled here; the others go on to be judged.

#include <array>

#include "dataplane/base/planted_bug.h"
#include "dataplane/conntrack/connection_table.h"
#include "dataplane/conntrack/tcp_state.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/packet.h"
#include "dataplane/packet/parse.h"
#include "dataplane/pipeline/burst.h"
#include "dataplane/pipeline/context.h"
#include "dataplane/pipeline/flow_keys.h"
#include "dataplane/pipeline/host_lookup.h"
#include "dataplane/pipeline/icmp_error.h"
#include "dataplane/pipeline/related.h"
#include "dataplane/pipeline/sctp_packet.h"
#include "dataplane/pipeline/stages.h"
#include "dataplane/pipeline/verdict.h"

namespace vswitch {
namespace {

// RFC 1812 5.3.1 and RFC 8200 3: what would leave with 0 goes no further.  It
// is checked before the connection takes the packet into account, so that such
// a packet neither makes nor keeps one.
bool HasTimeLeft(PipelineContext& context, Burst& burst, uint32_t slot) {
  const uint8_t last = kPlantedBug == PlantedBug::kTtlOffByOne ? 0 : 1;
  if (burst.metas[slot].ttl > last) return true;
  SendIcmpError(context, burst, slot, IcmpError::kTimeExceeded);
  return false;
}

// Below these no link is: RFC 8200 5; and for IPv4, where the standard's 68 is
// of no link that exists, what Linux takes (ip_rt_min_pmtu).  An error that
// says so is an attack: it makes its victim send many small packets (RFC
// 5927 7.2).
constexpr uint32_t kSmallestIpv4PathMtu = 552;
constexpr uint32_t kSmallestIpv6PathMtu = 1280;

bool ReportsImpossibleMtu(const rte_mbuf& packet, const PacketMeta& meta) {
  const std::optional<uint32_t> mtu = ReportedMtu(packet, meta);
  return mtu.has_value() &&
         *mtu < (meta.l3 == L3Kind::kIpv4 ? kSmallestIpv4PathMtu
                                          : kSmallestIpv6PathMtu);
}

// Sets the key of each packet's connection; an ICMP error's is that of the
// connection it is about, in the direction that the error goes.
void FindKeys(PipelineContext& context, Burst& burst) {
  burst.KeepIf([&](uint32_t slot) {
    const PacketMeta& meta = burst.metas[slot];
    if (!meta.source_unchecked && !HasTimeLeft(context, burst, slot)) {
      context.Drop(burst, slot, DropReason::kTtl);
      return false;
    }
    burst.judged[slot] = false;
    if (meta.icmp != IcmpKind::kError) {
      burst.keys[slot] = ConnectionKey(meta);
      return true;
    }
    // RFC 8201 4: to be discarded.
    if (ReportsImpossibleMtu(*burst.packets[slot], meta)) {
      context.Drop(burst, slot, DropReason::kIcmpMtu);
      return false;
    }
    const bool from_pod = burst.port->kind == PortKind::kPod;
    const std::optional<FlowKey> key =
        RelatedKey(*burst.packets[slot], meta, from_pod);
    if (!key.has_value()) {
      context.Drop(burst, slot, DropReason::kIcmpNoFlow);
      return false;
    }
    burst.keys[slot] = *key;
    return true;
  });
}

void LookUp(PipelineContext& context, Burst& burst) {
  std::array<const FlowKey*, kBurstPackets> keys;
  uint8_t count = 0;
  for (uint8_t slot : burst.Survivors()) {
    keys[count] = &burst.keys[slot];
    burst.view_of[slot] = count++;
  }
  context.environment.connections->LookupBurst({keys.data(), count},
                                               {burst.views.data(), count});
}

// Whether the connection's packets of the view's direction come in by the
// burst's port: then its source was checked when the connection was judged.
bool ComesThisWay(const Burst& burst, const ConnectionView& view) {
  const auto back = static_cast<uint8_t>(Opposite(view.direction));
  return view.record.judgement.out_port[back] == burst.in_port;
}

bool IsSourceAllowed(const PipelineContext& context, const Burst& burst,
                     const IpAddress& source) {
  const HostLookup hosts(*burst.state, *context.environment.identities);
  return hosts.MaySendFrom(*burst.port, burst.in_port, source);
}

// Whether the packet opens a new connection on the ports of one that is over.
bool Reopens(const rte_mbuf& packet, const PacketMeta& meta,
             const ConnectionView& view) {
  if (meta.key.protocol == IpProtocol::kSctp) {
    return view.state == ConnectionState::kClosed &&
           ReadSctpPacket(packet, meta).Has(SctpChunk::kInit);
  }
  return (meta.tcp_flags & kTcpSyn) != 0 &&
         meta.fragment != FragmentKind::kLater &&
         AdvanceTcp(view.direction, meta.tcp_flags, view.state).action ==
             TrackAction::kReopen;
}

// Returns why a packet of a connection that was cut goes no further.
DropReason Refuse(PipelineContext& context, Burst& burst, uint32_t slot) {
  ConnectionView& view = burst.View(slot);
  if ((view.record.judgement.notes & (kTellSource | kTellDestination)) != 0) {
    // A packet before this one in the burst may have told them: once is enough.
    const ConnectionView again =
        context.environment.connections->Lookup(burst.keys[slot]);
    if (again.found()) view = again;
  }
  return RefuseConnection(context, burst, slot);
}

// Returns why a packet of a connection with a current verdict goes no further,
// or kNone.
DropReason Settle(PipelineContext& context, Burst& burst, uint32_t slot) {
  const ConnectionView& view = burst.View(slot);
  PacketMeta& meta = burst.metas[slot];
  TakeJudgement(view.record.judgement, view.direction, meta);
  if (IsDenied(view.record.judgement)) {
    context.counters().policy_cached_deny.Add(1);
    return Refuse(context, burst, slot);
  }
  context.counters().policy_cached_allow.Add(1);
  burst.judged[slot] = true;
  const FlowDirection direction = kPlantedBug == PlantedBug::kReplyAsOriginal
                                      ? FlowDirection::kOriginal
                                      : view.direction;
  burst.leaving_keys[slot] = view.record.TranslatedKey(direction);
  return FollowConnection(context, burst, slot);
}

// Returns why the packet goes no further, or kNone.
DropReason Handle(PipelineContext& context, Burst& burst, uint32_t slot) {
  ConnectionView& view = burst.View(slot);
  const PacketMeta& meta = burst.metas[slot];
  burst.metas[slot].flow_hash = view.hash;
  const bool is_current =
      view.found() &&
      IsVerdictCurrent(*burst.state, *context.environment.revisions,
                       view.record);
  if (meta.source_unchecked) {
    if (!(is_current && ComesThisWay(burst, view)) &&
        !IsSourceAllowed(context, burst, meta.key.source)) {
      return DropReason::kSpoofIpSrc;
    }
    if (!HasTimeLeft(context, burst, slot)) return DropReason::kTtl;
  }
  if (!view.found()) {
    return meta.icmp == IcmpKind::kError ? DropReason::kIcmpNoFlow
                                         : DropReason::kNone;
  }
  if (Reopens(*burst.packets[slot], meta, view)) {
    context.EraseConnection(view, ConnectionEnd::kReplaced);
    return DropReason::kNone;
  }
  burst.metas[slot].connection = view.index;
  if (!is_current) return DropReason::kNone;
  ConfirmVerdict(context, burst, view);
  return Settle(context, burst, slot);
}

}  // namespace

void RunConnections(PipelineContext& context, Burst& burst) {
  FindKeys(context, burst);
  if (burst.survivor_count == 0) return;
  LookUp(context, burst);
  burst.KeepIf([&](uint32_t slot) {
    const DropReason reason = Handle(context, burst, slot);
    if (reason == DropReason::kNone) return true;
    context.Drop(burst, slot, reason);
    return false;
  });
}

}  // namespace vswitch
