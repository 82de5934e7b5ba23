// dataplane/pipeline/stages.h
//
// The stages of the packet path, in order.  Each is a function over a whole
// burst, in a file named as the stage: it keeps a packet, consumes it or drops
// it with one DropReason.  kStages is the one list: pipeline.cc runs it, and a
// test compares it with ARCHITECTURE.md.
//
//   for (const Stage& stage : kStages) stage.run(context, burst);
//
// Worker thread only.

#ifndef VSWITCH_DATAPLANE_PIPELINE_STAGES_H_
#define VSWITCH_DATAPLANE_PIPELINE_STAGES_H_

#include <array>

#include "absl/strings/string_view.h"

namespace vswitch {

struct PipelineContext;
struct Burst;

// Takes the ordinary packets of known connections through at once, and leaves
// all others to the stages behind.
void RunEstablished(PipelineContext& context, Burst& burst);

// Reads the headers of each packet into its PacketMeta.
void RunParse(PipelineContext& context, Burst& burst);

// Refuses what a port may not send: spoofed, martian, meant for others.
void RunGuard(PipelineContext& context, Burst& burst);

// Answers what is meant for the switch itself: ARP, neighbour discovery, ping.
void RunLocal(PipelineContext& context, Burst& burst);

// Gives later fragments the ports of their first one.
void RunFragments(PipelineContext& context, Burst& burst);

// Looks all flows up at once; a connection whose verdict is current needs no
// judge.
void RunConnections(PipelineContext& context, Burst& burst);

// Judges what had no current verdict and notes the answer in the connection.
void RunFirstPacket(PipelineContext& context, Burst& burst);

// Makes each packet what leaves: translation, TTL, MAC addresses, offloads.
void RunRewrite(PipelineContext& context, Burst& burst);

// Hands everything to the transmitter, grouped by port.
void RunTransmit(PipelineContext& context, Burst& burst);

struct Stage {
  absl::string_view name;
  void (*run)(PipelineContext& context, Burst& burst);
};

inline constexpr std::array<Stage, 9> kStages = {{
    {"established", RunEstablished},
    {"parse", RunParse},
    {"guard", RunGuard},
    {"local", RunLocal},
    {"fragments", RunFragments},
    {"connections", RunConnections},
    {"first_packet", RunFirstPacket},
    {"rewrite", RunRewrite},
    {"transmit", RunTransmit},
}};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_PIPELINE_STAGES_H_
