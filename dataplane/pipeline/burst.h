// dataplane/pipeline/burst.h
//
// Burst: up to 64 packets that came in together by one port, what is known
// about each, and which of them are still on their way.  Stages work on the
// survivors, in order:
//
//   burst.KeepIf([&](uint32_t slot) { return burst.metas[slot].ttl > 1; });
//
// A packet keeps its slot; only the list of survivors gets shorter, so that no
// metadata is copied.  Worker thread only.

#ifndef VSWITCH_DATAPLANE_PIPELINE_BURST_H_
#define VSWITCH_DATAPLANE_PIPELINE_BURST_H_

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/base/ids.h"
#include "dataplane/conntrack/connection.h"
#include "dataplane/forwarding/forwarding_state.h"
#include "dataplane/packet/packet_meta.h"

struct rte_mbuf;

namespace vswitch {

struct Burst {
  const ForwardingState* state = nullptr;  // judges the whole burst
  const PortRecord* port = nullptr;        // it came in by; nullptr: gone
  PortId in_port = kNoPort;
  uint64_t now_ns = 0;

  std::array<rte_mbuf*, kBurstPackets> packets;
  std::array<PacketMeta, kBurstPackets> metas;
  std::array<uint8_t, kBurstPackets> survivors;  // slots, in order of arrival
  uint32_t survivor_count = 0;

  // By slot: stage established has done everything with it but transmit it.
  // Holds where done_count > 0; such a packet has only its meta's out_port.
  std::array<bool, kBurstPackets> is_done;
  uint32_t done_count = 0;
  uint32_t packet_count = 0;  // that came in

  // --- by slot, from stage connections on ---
  std::array<FlowKey, kBurstPackets> keys;  // of the connection (flow_keys.h)
  std::array<bool, kBurstPackets> judged;   // has a verdict of its generation
  // The key that the packet's direction leaves with, as `keys` has it.
  std::array<FlowKey, kBurstPackets> leaving_keys;
  std::array<uint8_t, kBurstPackets> view_of;  // index of its view
  std::array<ConnectionView, kBurstPackets> views;

  ConnectionView& View(uint32_t slot) { return views[view_of[slot]]; }

  // Begins a new burst.  REQUIRES: received.size() <= kBurstPackets.
  void Start(const ForwardingState& forwarding_state, PortId in,
             std::span<rte_mbuf* const> received, uint64_t now) {
    state = &forwarding_state;
    port = forwarding_state.port(in);
    in_port = in;
    now_ns = now;
    packet_count = survivor_count = static_cast<uint32_t>(received.size());
    for (uint32_t slot = 0; slot < survivor_count; ++slot) {
      packets[slot] = received[slot];
      survivors[slot] = static_cast<uint8_t>(slot);
    }
  }

  std::span<const uint8_t> Survivors() const {
    return {survivors.data(), survivor_count};
  }

  // Calls keep(slot) for each survivor, in order; those for which it returns
  // false are survivors no longer.
  template <typename Keep>
  void KeepIf(Keep&& keep) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < survivor_count; ++i) {
      const uint8_t slot = survivors[i];
      if (keep(uint32_t{slot})) survivors[kept++] = slot;
    }
    survivor_count = kept;
  }
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_PIPELINE_BURST_H_
