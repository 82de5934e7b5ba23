// PipelineContext: how packets end.

#include "dataplane/pipeline/context.h"

#include <algorithm>
#include <span>

#include "dataplane/conntrack/connection_table.h"
#include "dataplane/packet/packet.h"
#include "dataplane/pipeline/flow_keys.h"

namespace vswitch {
namespace {

// Fills what the packet in `slot` says.
void FillEvent(const PipelineContext& context, const Burst& burst,
               uint32_t slot, Event& event) {
  const rte_mbuf& packet = *burst.packets[slot];
  const PacketMeta& meta = burst.metas[slot];
  event.time_ns = burst.now_ns;
  event.generation = burst.state->generation();
  event.port = burst.in_port;
  event.rule = meta.rule;
  event.source_identity = meta.source_identity;
  event.destination_identity = meta.destination_identity;
  event.key = ConnectionKey(meta);
  event.packet_bytes = PacketBytes(packet);
  event.captured_bytes =
      static_cast<uint16_t>(std::min(PacketBytes(packet), kEventPacketBytes));
  event.worker = context.environment.worker;
  CopyFromPacket(packet, 0, event.captured_bytes, event.packet);
}

}  // namespace

// The hash of any key is a secret that all workers share.
PipelineContext::PipelineContext(
    const PipelineEnvironment& pipeline_environment)
    : environment(pipeline_environment),
      own_neighbors(pipeline_environment.neighbors == nullptr
                        ? std::make_unique<NeighborTable>()
                        : nullptr),
      neighbors(own_neighbors != nullptr ? own_neighbors.get()
                                         : pipeline_environment.neighbors),
      datagram_ids(pipeline_environment.worker,
                   pipeline_environment.connections->Hash(FlowKey{})) {}

PipelineContext::~PipelineContext() {
  while (const uint32_t count = held_fragments.TakeAny(dead)) {
    environment.pool->Free({dead.data(), count});
  }
}

void PipelineContext::ForwardAs(Burst& burst, uint32_t slot, rte_mbuf& last,
                                PortId out) {
  counters(burst.in_port).forwarded_in.Add(1);
  Queue(&last, out);
  dead[dead_count++] = burst.packets[slot];
}

void PipelineContext::Drop(Burst& burst, uint32_t slot, DropReason reason) {
  counters(burst.in_port).drops[ToIndex(reason)].Add(1);
  burst.metas[slot].drop = reason;
  dead[dead_count++] = burst.packets[slot];
  if (environment.events == nullptr) return;
  const uint32_t rate = environment.drop_records_per_second;
  if (!drop_records.MayTake(rate, burst.now_ns)) {
    counters().events_suppressed.Add(1);
    return;
  }
  drop_records.Take(rate, burst.now_ns);
  Event event{};
  FillEvent(*this, burst, slot, event);
  event.kind = EventKind::kDrop;
  event.reason = reason;
  environment.events->PushOrCount(event);
}

void PipelineContext::RecordShadowDenial(const Burst& burst, uint32_t slot,
                                         const JudgeResult& result) {
  counters().policy_shadow_denied.Add(1);
  Event event{};
  FillEvent(*this, burst, slot, event);
  event.kind = EventKind::kShadow;
  event.rule = result.shadow_denial->rule;
  event.direction = result.shadow_denial->direction;
  event.source_identity = result.source.identity;
  event.destination_identity = result.destination.identity;
  event.key = result.translated;
  const uint32_t rate = environment.drop_records_per_second;
  const bool may_record = environment.events != nullptr &&
                          shadow_records.MayTake(rate, burst.now_ns);
  if (may_record) shadow_records.Take(rate, burst.now_ns);
  if (!may_record || !environment.events->Push(event)) {
    counters().policy_shadow_suppressed.Add(1);
  }
}

void PipelineContext::Consume(Burst& burst, uint32_t slot) {
  counters(burst.in_port).local_in.Add(1);
  dead[dead_count++] = burst.packets[slot];
}

void PipelineContext::AnswerInPlace(Burst& burst, uint32_t slot) {
  counters(burst.in_port).local_in.Add(1);
  SendOwn(*burst.packets[slot], burst.in_port);
}

void PipelineContext::SendOwn(rte_mbuf& packet, PortId out) {
  counters().generated.Add(1);
  Queue(&packet, out);
}

void PipelineContext::EraseConnection(ConnectionView& view, ConnectionEnd end) {
  if (environment.connections->Erase(view)) {
    counters().connections_deleted[static_cast<uint32_t>(end)].Add(1);
  }
  view.index = kNoConnection;
}

void PipelineContext::FlushOutgoing() {
  std::array<rte_mbuf*, 2 * kBurstPackets> group;
  for (uint32_t first = 0; first < outgoing_count; ++first) {
    if (outgoing[first].packet == nullptr) continue;
    const PortId port = outgoing[first].port;
    uint32_t count = 0;
    for (uint32_t i = first; i < outgoing_count; ++i) {
      if (outgoing[i].port != port || outgoing[i].packet == nullptr) continue;
      group[count++] = outgoing[i].packet;
      outgoing[i].packet = nullptr;
    }
    environment.transmitter->Transmit(port, {group.data(), count});
  }
  outgoing_count = 0;
}

void PipelineContext::Flush() {
  FlushOutgoing();
  if (dead_count > 0) environment.pool->Free({dead.data(), dead_count});
  dead_count = 0;
}

}  // namespace vswitch
