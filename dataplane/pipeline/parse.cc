// Stage parse: reads the headers of each packet.

#include "dataplane/packet/parse.h"

#include "dataplane/packet/headers.h"
#include "dataplane/packet/packet.h"
#include "dataplane/pipeline/burst.h"
#include "dataplane/pipeline/context.h"
#include "dataplane/pipeline/stages.h"

namespace vswitch {
namespace {

// IEEE 802.1D 7.12.6: addresses that no bridge forwards.  What is sent to them
// is LLC or a type that is not ours, but the address says more about it.
bool IsReservedGroup(const rte_mbuf& packet) {
  const MacAddress& to = HeaderAt<EthernetHeader>(packet, 0)->destination;
  return to.bytes[0] == 0x01 && to.bytes[1] == 0x80 && to.bytes[2] == 0xc2 &&
         to.bytes[3] == 0 && to.bytes[4] == 0 && to.bytes[5] < 0x10;
}

DropReason ParseOne(const rte_mbuf& packet, const Burst& burst,
                    PacketMeta& meta) {
  const bool trusted = burst.port->kind != PortKind::kPod;
  const DropReason reason = Parse(packet, burst.in_port, trusted, meta);
  if ((reason == DropReason::kL2Llc || reason == DropReason::kL2Type) &&
      IsReservedGroup(packet)) {
    return DropReason::kL2Reserved;
  }
  return reason;
}

}  // namespace

void RunParse(PipelineContext& context, Burst& burst) {
  // A closed port is closed for everything, so this comes before any look at
  // the packets.
  const bool open = burst.port != nullptr && burst.port->ready != 0;
  burst.KeepIf([&](uint32_t slot) {
    PacketMeta& meta = burst.metas[slot];
    DropReason reason = DropReason::kPortNotReady;
    if (open) {
      reason = ParseOne(*burst.packets[slot], burst, meta);
    } else {
      meta = PacketMeta{};
      meta.in_port = burst.in_port;
    }
    if (reason == DropReason::kNone) return true;
    context.Drop(burst, slot, reason);
    return false;
  });
}

}  // namespace vswitch
