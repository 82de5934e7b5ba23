// Stage transmit: hands the packets over, grouped by port; within a port they
// keep their order.

#include "dataplane/pipeline/burst.h"
#include "dataplane/pipeline/context.h"
#include "dataplane/pipeline/stages.h"

namespace vswitch {

void RunTransmit(PipelineContext& context, Burst& burst) {
  const auto queue = [&](uint32_t slot) {
    context.Queue(burst.packets[slot], burst.metas[slot].out_port);
  };
  if (burst.done_count == 0) {
    for (uint8_t slot : burst.Survivors()) queue(slot);
  } else {
    // In order of arrival: those that took the short way among the others.
    uint32_t next = 0;
    for (uint32_t slot = 0; slot < burst.packet_count; ++slot) {
      const bool survives =
          next < burst.survivor_count && burst.survivors[next] == slot;
      if (survives) ++next;
      if (survives || burst.is_done[slot]) queue(slot);
    }
  }
  context.counters(burst.in_port)
      .forwarded_in.Add(burst.survivor_count + burst.done_count);
  burst.survivor_count = 0;
  context.Flush();
}

}  // namespace vswitch
