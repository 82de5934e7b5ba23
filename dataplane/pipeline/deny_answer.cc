// Answers to denied packets.

#include "dataplane/pipeline/deny_answer.h"

#include "dataplane/packet/headers.h"
#include "dataplane/packet/packet.h"
#include "dataplane/packet/tcp_reset.h"
#include "dataplane/pipeline/next_hop.h"

namespace vswitch {
namespace {

bool IsTcp(const PacketMeta& meta) {
  return meta.key.protocol == IpProtocol::kTcp;
}

// Sends `reset` by `out` to the host behind `destination`, or counts that it
// could not be.  Returns whether it was sent.
bool SendReset(PipelineContext& context, const Burst& burst,
               const TcpReset& reset, PortId out,
               const MacAddress& destination) {
  rte_mbuf* packet = context.NewPacket();
  if (packet == nullptr) {
    context.counters().resets_suppressed.Add(1);
    return false;
  }
  BuildTcpReset(reset,
                {.source = burst.state->settings().gateway_mac,
                 .destination = destination},
                *packet);
  context.SendOwn(*packet, out);
  context.counters().resets_sent.Add(1);
  return true;
}

bool ResetSender(PipelineContext& context, const Burst& burst, uint32_t slot) {
  const rte_mbuf& packet = *burst.packets[slot];
  return SendReset(context, burst, ResetForSender(packet, burst.metas[slot]),
                   burst.in_port, HeaderAt<EthernetHeader>(packet, 0)->source);
}

bool ResetReceiver(PipelineContext& context, Burst& burst, uint32_t slot,
                   PortId out) {
  const PortRecord* port = burst.state->port(out);
  if (port == nullptr) return false;
  const PacketMeta& meta = burst.metas[slot];
  MacAddress next_hop;
  if (!ReadNextHop(context, out, *port,
                   meta.l3 == L3Kind::kIpv6 ? IpFamily::kIpv6 : IpFamily::kIpv4,
                   burst.now_ns, next_hop)) {
    context.counters().resets_suppressed.Add(1);
    return false;
  }
  const ConnectionView& view = burst.View(slot);
  const TcpReset reset = ResetForReceiver(
      *burst.packets[slot], view.record.TranslatedKey(view.direction), meta);
  return SendReset(context, burst, reset, out, next_hop);
}

// Returns whether the sender knows now that its connection is no more.
bool TellSender(PipelineContext& context, Burst& burst, uint32_t slot) {
  const PacketMeta& meta = burst.metas[slot];
  if (!IsTcp(meta)) {
    return SendProhibited(context, burst, slot, SentToOf(burst.View(slot)));
  }
  // It ended the connection itself.
  if ((meta.tcp_flags & kTcpRst) != 0) return true;
  if (MayCauseTcpReset(meta, *burst.packets[slot])) {
    return ResetSender(context, burst, slot);
  }
  context.counters().resets_suppressed.Add(1);
  return false;
}

}  // namespace

void AnswerDenial(PipelineContext& context, Burst& burst, uint32_t slot,
                  DenyResponse response, SentTo sent_to) {
  const PacketMeta& meta = burst.metas[slot];
  if (response == DenyResponse::kSilent) return;
  if (response == DenyResponse::kIcmp || !IsTcp(meta)) {
    SendProhibited(context, burst, slot, sent_to);
    return;
  }
  if (!MayCauseTcpReset(meta, *burst.packets[slot]) ||
      !context.icmp_limiter.Take(burst.state->settings(), burst.in_port,
                                 burst.now_ns)) {
    context.counters().resets_suppressed.Add(1);
    return;
  }
  ResetSender(context, burst, slot);
}

uint8_t TellEnds(PipelineContext& context, Burst& burst, uint32_t slot,
                 uint8_t ends, PortId receiver_port) {
  const PacketMeta& meta = burst.metas[slot];
  // A later fragment has no numbers, and an ICMP error is no packet of the
  // connection: a later packet has to do.
  if (meta.fragment == FragmentKind::kLater || meta.icmp == IcmpKind::kError) {
    return 0;
  }
  const bool is_reply = burst.View(slot).direction == FlowDirection::kReply;
  const uint8_t sender = is_reply ? kTellDestination : kTellSource;
  const uint8_t receiver = is_reply ? kTellSource : kTellDestination;
  uint8_t told = 0;
  if ((ends & sender) != 0 && TellSender(context, burst, slot)) {
    told |= sender;
  }
  if ((ends & receiver) != 0 && IsTcp(meta) &&
      ResetReceiver(context, burst, slot, receiver_port)) {
    told |= receiver;
  }
  return told;
}

}  // namespace vswitch
