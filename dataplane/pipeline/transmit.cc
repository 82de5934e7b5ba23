// Stage transmit: hands the packets over, grouped by port; within a port they
// keep their order.  A packet that is to leave in fragments is cut here, in its
// turn, so that its connection's packets stay in order.

#include "dataplane/packet/ipv4_cutter.h"
#include "dataplane/pipeline/burst.h"
#include "dataplane/pipeline/context.h"
#include "dataplane/pipeline/stages.h"

namespace vswitch {
namespace {

// What is cut when the pool runs empty has lost its end, and the receiver will
// ask for all of it again.
void ForwardInFragments(PipelineContext& context, Burst& burst, uint32_t slot) {
  const PacketMeta& meta = burst.metas[slot];
  Ipv4Cutter cutter(*burst.packets[slot], meta, meta.cut_to_bytes);
  while (true) {
    rte_mbuf* fragment = context.NewPacket();
    if (fragment == nullptr) {
      context.Drop(burst, slot, DropReason::kNoMbuf);
      return;
    }
    cutter.WriteNext(*fragment);
    if (cutter.done()) {
      context.ForwardAs(burst, slot, *fragment, meta.out_port);
      return;
    }
    context.SendOwn(*fragment, meta.out_port);
  }
}

}  // namespace

void RunTransmit(PipelineContext& context, Burst& burst) {
  uint32_t whole = 0;  // packets that leave as they came
  const auto forward = [&](uint32_t slot, bool is_done) {
    if (!is_done && burst.metas[slot].cut_to_bytes != 0) {
      ForwardInFragments(context, burst, slot);
      return;
    }
    context.Queue(burst.packets[slot], burst.metas[slot].out_port);
    ++whole;
  };
  if (burst.done_count == 0) {
    for (uint8_t slot : burst.Survivors()) forward(slot, false);
  } else {
    // In order of arrival: those that took the short way among the others.
    uint32_t next = 0;
    for (uint32_t slot = 0; slot < burst.packet_count; ++slot) {
      const bool survives =
          next < burst.survivor_count && burst.survivors[next] == slot;
      if (survives) ++next;
      if (survives || burst.is_done[slot]) forward(slot, !survives);
    }
  }
  context.counters(burst.in_port).forwarded_in.Add(whole);
  burst.survivor_count = 0;
  context.Flush();
}

}  // namespace vswitch
