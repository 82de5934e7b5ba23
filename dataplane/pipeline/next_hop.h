// dataplane/pipeline/next_hop.h
//
// Next hops: where on an uplink packets go, when the port names its routers by
// their addresses (PortRecord::routers).  The MAC address is asked for by ARP
// or neighbour discovery; meanwhile up to kHeldPackets of each worker wait, as
// they came in, in their order.  A router that was not heard of for a while is
// asked again, while packets go on (RFC 4861 7.3).
//
//   MacAddress mac;
//   if (!FindNextHop(context, burst, slot, *out, mac)) return false;
//
// What answers say stands in the NeighborTable that all workers share; what a
// worker does about a router it does not know, or not well, is a NextHopTask.
// Worker thread only.

#ifndef VSWITCH_DATAPLANE_PIPELINE_NEXT_HOP_H_
#define VSWITCH_DATAPLANE_PIPELINE_NEXT_HOP_H_

#include <array>
#include <cstdint>

#include "dataplane/base/address.h"
#include "dataplane/base/flow_key.h"
#include "dataplane/base/ids.h"
#include "dataplane/base/router_tag.h"
#include "dataplane/conntrack/connection.h"
#include "dataplane/forwarding/forwarding_state.h"
#include "dataplane/packet/packet_meta.h"
#include "dataplane/pipeline/burst.h"

struct rte_mbuf;

namespace vswitch {

struct PipelineContext;

// RFC 1122 2.3.2.2 and RFC 4861 7.2.2 ask for at least one for each neighbour,
// the latest.
inline constexpr uint32_t kHeldPackets = 3;

// A packet that waits for its next hop, and what the stages before found out.
struct HeldPacket {
  rte_mbuf* packet = nullptr;
  PortId in_port = kNoPort;
  Generation generation = 0;  // that judged it
  PacketMeta meta;
  FlowKey key;
  FlowKey leaving_key;
  ConnectionView view;
};

// What a worker does about one next hop.
struct NextHopTask {
  enum class Step : uint8_t {
    kNone,
    kAsk,    // INCOMPLETE: nothing is known
    kDelay,  // stale, and used: perhaps it is heard of
    kProbe,  // it was not: asked where it was
  };

  Step step = Step::kNone;
  PortId port = kNoPort;
  IpFamily family = IpFamily::kIpv4;
  RouterTag tag = RouterTag::kNone;
  uint32_t tries = 0;
  uint64_t due_ns = 0;
  uint32_t held_count = 0;                    // 0 but in step kAsk
  std::array<HeldPacket, kHeldPackets> held;  // the oldest first
};

// More uplinks than a node has, in two families.
struct NextHopTasks {
  std::array<NextHopTask, 16> tasks;
  uint32_t count = 0;       // of those under way
  uint32_t held_count = 0;  // of all their packets
};

// Reads where packets to the router with `tag` go, which is one of port `id`.
// Returns whether they may go on at once: false if that is not known, or others
// wait that were there before.
bool ReadRouter(PipelineContext& context, PortId id, IpFamily family,
                RouterTag tag, uint64_t now_ns, MacAddress& mac);

// Reads where packets of `family` go that leave by port `id`, whose record is
// `out`, to the router of the port, if it names one; returns as ReadRouter()
// does.
inline bool ReadNextHop(PipelineContext& context, PortId id,
                        const PortRecord& out, IpFamily family, uint64_t now_ns,
                        MacAddress& mac) {
  mac = out.peer_mac;
  const RouterTag tag = out.router_tags[FamilyIndex(family)];
  return tag == RouterTag::kNone ||
         ReadRouter(context, id, family, tag, now_ns, mac);
}

// Finds where a packet goes that leaves by `out`.  Returns false if it waits,
// or was dropped: it is a survivor no longer.  Called before the packet is
// changed.
bool FindNextHop(PipelineContext& context, Burst& burst, uint32_t slot,
                 const PortRecord& out, MacAddress& mac);

// Takes note of an ARP packet or a neighbour discovery message that came in by
// an uplink.  Returns whether it was about one of its routers, and wanted.
bool LearnNextHop(PipelineContext& context, const Burst& burst, uint32_t slot);

// Does what is due: sends what waited for an answer that came, asks again,
// gives up.  Called between bursts, while a task is under way.
void RunNextHopTasks(PipelineContext& context, const ForwardingState& state,
                     uint64_t now_ns);

// Gives the packets that wait back to the pool.
void ReleaseHeldPackets(PipelineContext& context);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_PIPELINE_NEXT_HOP_H_
