// Stage transmit: hands the packets over, grouped by port; within a port they
// keep their order.

#include "dataplane/pipeline/burst.h"
#include "dataplane/pipeline/context.h"
#include "dataplane/pipeline/stages.h"

namespace vswitch {

void RunTransmit(PipelineContext& context, Burst& burst) {
  burst.KeepIf([&](uint32_t slot) {
    context.Forward(burst, slot, burst.metas[slot].out_port);
    return false;
  });
  context.Flush();
}

}  // namespace vswitch
