// Next hops: asking, waiting, giving up.

#include "dataplane/pipeline/next_hop.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "dataplane/packet/build.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/packet.h"
#include "dataplane/packet/parse.h"
#include "dataplane/pipeline/context.h"
#include "dataplane/pipeline/icmp_error.h"
#include "dataplane/pipeline/stages.h"
#include "dataplane/tables/neighbor_table.h"

namespace vswitch {
namespace {

using Step = NextHopTask::Step;

// RFC 4861 10: DELAY_FIRST_PROBE_TIME.
constexpr uint64_t kDelayNs = 5'000'000'000;

IpFamily FamilyOf(const PacketMeta& meta) {
  return meta.l3 == L3Kind::kIpv6 ? IpFamily::kIpv6 : IpFamily::kIpv4;
}

NextHopTask* FindTask(PipelineContext& context, PortId port, IpFamily family) {
  uint32_t unseen = context.next_hops.count;
  for (NextHopTask& task : context.next_hops.tasks) {
    if (unseen == 0) break;
    if (task.step == Step::kNone) continue;
    if (task.port == port && task.family == family) return &task;
    --unseen;
  }
  return nullptr;
}

// Returns nullptr when there are too many.
NextHopTask* StartTask(PipelineContext& context, Step step, PortId port,
                       IpFamily family, RouterTag tag, uint64_t due_ns) {
  for (NextHopTask& task : context.next_hops.tasks) {
    if (task.step != Step::kNone) continue;
    task.step = step;
    task.port = port;
    task.family = family;
    task.tag = tag;
    task.tries = 0;
    task.due_ns = due_ns;
    ++context.next_hops.count;
    return &task;
  }
  return nullptr;
}

void EndTask(PipelineContext& context, NextHopTask& task) {
  task.step = Step::kNone;
  --context.next_hops.count;
}

// Takes the packets that wait out of the task; returns how many there are.
uint32_t TakeHeld(PipelineContext& context, NextHopTask& task) {
  context.next_hops.held_count -= task.held_count;
  return std::exchange(task.held_count, 0);
}

// The address that the question comes from: one of the node's, for IPv4; a
// router answers one that has none as well (RFC 5227 2.1.1).
IpAddress AskerOf(const Settings& settings, IpFamily family) {
  if (family == IpFamily::kIpv6) return settings.gateway_link_local;
  for (uint32_t i = 0; i < settings.node_address_count; ++i) {
    if (settings.node_addresses[i].IsIpv4()) return settings.node_addresses[i];
  }
  return IpAddress::FromIpv4(Be32{0});
}

// Asks for the next hop; where it was, if `at` says so.
void Ask(PipelineContext& context, const ForwardingState& state,
         const NextHopTask& task, uint64_t now_ns,
         const std::optional<MacAddress>& at) {
  const PortRecord* port = state.port(task.port);
  if (port == nullptr) return;
  if (!context.neighbors->MayAsk(NeighborSlot(task.port, task.family),
                                 now_ns)) {
    return;
  }
  rte_mbuf* question = context.NewPacket();
  if (question == nullptr) return;  // the next try asks
  const Settings& settings = state.settings();
  BuildNeighborRequest(port->routers[FamilyIndex(task.family)],
                       AskerOf(settings, task.family), settings.gateway_mac,
                       *question, at);
  context.SendOwn(*question, task.port);
}

// Makes context.resumed a burst of `held` alone, as it was.
Burst& Resume(PipelineContext& context, const HeldPacket& held,
              const ForwardingState& state, uint64_t now_ns) {
  Counter& gauge = context.counters(held.in_port).held;
  gauge.Set(gauge.value() - 1);
  Burst& burst = context.resumed;
  burst.Start(state, held.in_port, {&held.packet, 1}, now_ns);
  burst.metas[0] = held.meta;
  burst.keys[0] = held.key;
  burst.leaving_keys[0] = held.leaving_key;
  burst.judged[0] = true;
  burst.view_of[0] = 0;
  burst.views[0] = held.view;
  return burst;
}

// Sends what waited.
void SendHeld(PipelineContext& context, NextHopTask& task,
              const ForwardingState& state, uint64_t now_ns) {
  const uint32_t count = TakeHeld(context, task);
  for (uint32_t i = 0; i < count; ++i) {
    const HeldPacket& held = task.held[i];
    Burst& burst = Resume(context, held, state, now_ns);
    // No packet is judged by one generation and sent by another.
    if (burst.port == nullptr || held.generation != state.generation()) {
      context.Drop(burst, 0, DropReason::kNeighborFailed);
      continue;
    }
    RunRewrite(context, burst);
    RunTransmit(context, burst);
  }
  context.Flush();
}

// RFC 4861 7.2.2: each packet that waited in vain is answered.
void RefuseHeld(PipelineContext& context, NextHopTask& task,
                const ForwardingState& state, uint64_t now_ns) {
  const uint32_t count = TakeHeld(context, task);
  for (uint32_t i = 0; i < count; ++i) {
    Burst& burst = Resume(context, task.held[i], state, now_ns);
    if (burst.port != nullptr) {
      SendIcmpError(context, burst, 0, IcmpError::kHostUnreachable);
    }
    context.Drop(burst, 0, DropReason::kNeighborFailed);
  }
  context.Flush();
}

// Keeps the packet in `slot` until the next hop is known; the oldest one makes
// room (RFC 4861 7.2.2).
void Hold(PipelineContext& context, const Burst& burst, uint32_t slot,
          NextHopTask& task) {
  if (task.held_count == kHeldPackets) {
    Burst& oldest = Resume(context, task.held[0], *burst.state, burst.now_ns);
    context.Drop(oldest, 0, DropReason::kNeighborFailed);
    std::move(task.held.begin() + 1, task.held.end(), task.held.begin());
    --task.held_count;
    --context.next_hops.held_count;
  }
  ++context.next_hops.held_count;
  task.held[task.held_count++] = {.packet = burst.packets[slot],
                                  .in_port = burst.in_port,
                                  .generation = burst.state->generation(),
                                  .meta = burst.metas[slot],
                                  .key = burst.keys[slot],
                                  .leaving_key = burst.leaving_keys[slot],
                                  .view = burst.views[burst.view_of[slot]]};
  context.counters(burst.in_port).held.Add(1);
}

// Nothing is known of the next hop.
void RunAskStep(PipelineContext& context, NextHopTask& task,
                const ForwardingState& state, uint64_t now_ns) {
  if (task.tries == kNeighborTries) {
    EndTask(context, task);
    RefuseHeld(context, task, state, now_ns);
    return;
  }
  ++task.tries;
  task.due_ns = now_ns + kRetransmitNs;
  Ask(context, state, task, now_ns, std::nullopt);
}

// The next hop was at `mac`, and is used, but was not heard of for long.
void RunProbeStep(PipelineContext& context, NextHopTask& task,
                  const ForwardingState& state, const MacAddress& mac,
                  uint64_t now_ns) {
  task.step = Step::kProbe;
  if (task.tries == kNeighborTries) {
    EndTask(context, task);
    context.neighbors->Forget(NeighborSlot(task.port, task.family), task.tag,
                              mac);
    return;
  }
  ++task.tries;
  task.due_ns = now_ns + kRetransmitNs;
  Ask(context, state, task, now_ns, mac);
}

// Whether the port still names the router that the task is about.
bool IsNamed(const ForwardingState& state, const NextHopTask& task) {
  const PortRecord* port = state.port(task.port);
  return port != nullptr &&
         port->router_tags[FamilyIndex(task.family)] == task.tag;
}

void RunTask(PipelineContext& context, NextHopTask& task,
             const ForwardingState& state, uint64_t now_ns) {
  const Neighbor neighbor = context.neighbors->Read(
      NeighborSlot(task.port, task.family), task.tag, now_ns);
  const bool is_known = neighbor.state != NeighborState::kUnknown;
  const bool is_answered = task.step == Step::kAsk
                               ? is_known
                               : neighbor.state == NeighborState::kReachable;
  if (is_answered || !IsNamed(state, task)) {
    EndTask(context, task);
    SendHeld(context, task, state, now_ns);
  } else if (now_ns < task.due_ns) {
    return;
  } else if (task.step == Step::kAsk) {
    RunAskStep(context, task, state, now_ns);
  } else if (is_known) {
    RunProbeStep(context, task, state, neighbor.mac, now_ns);
  } else {
    EndTask(context, task);  // another worker gave it up
  }
}

// What the message says about the router that the uplink's port names, or
// nothing.
struct Said {
  bool is_question = false;
  NeighborAnnouncement announcement;
};

std::optional<Said> ReadArp(const rte_mbuf& packet, const PacketMeta& meta,
                            const IpAddress& router) {
  const auto& arp = *HeaderAt<ArpHeader>(packet, meta.l4_offset);
  if (meta.key.source != router) return std::nullopt;
  // RFC 5227 3: an announcement is about everybody, and answers nobody.
  const bool is_announcement = meta.key.source == meta.key.destination;
  const bool is_reply = arp.operation.ToHost() == kArpReply;
  return Said{.is_question = !is_reply && !is_announcement,
              .announcement = {.mac = arp.sender_mac,
                               .is_solicited = is_reply && !is_announcement,
                               .overrides = true}};
}

std::optional<Said> ReadDiscovery(const rte_mbuf& packet,
                                  const PacketMeta& meta,
                                  const IpAddress& router) {
  if (meta.icmp_type == kIcmpv6NeighborAdvertisement) {
    if (NeighborTarget(packet, meta) != router) return std::nullopt;
    const uint8_t flags =
        HeaderAt<NeighborHeader>(packet, meta.l4_offset)->flags;
    return Said{
        .announcement = {
            .mac = FindLinkLayerOption(packet, meta, kNdTargetLinkLayer),
            .is_solicited = (flags & kNeighborSolicited) != 0,
            .overrides = (flags & kNeighborOverride) != 0}};
  }
  if (meta.key.source != router) return std::nullopt;
  const auto mac = FindLinkLayerOption(packet, meta, kNdSourceLinkLayer);
  if (!mac.has_value()) return std::nullopt;
  return Said{.is_question = true, .announcement = {.mac = mac}};
}

}  // namespace

bool ReadRouter(PipelineContext& context, PortId id, IpFamily family,
                RouterTag tag, uint64_t now_ns, MacAddress& mac) {
  const Neighbor neighbor =
      context.neighbors->Read(NeighborSlot(id, family), tag, now_ns);
  if (neighbor.state == NeighborState::kUnknown) return false;
  mac = neighbor.mac;
  if (context.next_hops.held_count > 0) {
    const NextHopTask* task = FindTask(context, id, family);
    if (task != nullptr && task->held_count > 0) return false;
  }
  if (neighbor.state == NeighborState::kStale &&
      FindTask(context, id, family) == nullptr) {
    StartTask(context, Step::kDelay, id, family, tag, now_ns + kDelayNs);
  }
  return true;
}

bool FindNextHop(PipelineContext& context, Burst& burst, uint32_t slot,
                 const PortRecord& out, MacAddress& mac) {
  const PortId port = burst.metas[slot].out_port;
  const IpFamily family = FamilyOf(burst.metas[slot]);
  if (ReadNextHop(context, port, out, family, burst.now_ns, mac)) return true;
  NextHopTask* task = FindTask(context, port, family);
  if (task == nullptr) {
    task = StartTask(context, Step::kDelay, port, family,
                     out.router_tags[FamilyIndex(family)], burst.now_ns);
  }
  if (task == nullptr) {
    context.Drop(burst, slot, DropReason::kNeighborFailed);
    return false;
  }
  // Another worker may have given up what this one had a task about.
  if (task->step != Step::kAsk) {
    task->step = Step::kAsk;
    task->tries = 0;
    RunAskStep(context, *task, *burst.state, burst.now_ns);
  }
  Hold(context, burst, slot, *task);
  return false;
}

bool LearnNextHop(PipelineContext& context, const Burst& burst, uint32_t slot) {
  if (burst.port->kind != PortKind::kUplink) return false;
  const rte_mbuf& packet = *burst.packets[slot];
  const PacketMeta& meta = burst.metas[slot];
  const IpFamily family = FamilyOf(meta);
  const RouterTag tag = burst.port->router_tags[FamilyIndex(family)];
  if (tag == RouterTag::kNone) return false;
  const IpAddress& router = burst.port->routers[FamilyIndex(family)];
  const std::optional<Said> said = family == IpFamily::kIpv4
                                       ? ReadArp(packet, meta, router)
                                       : ReadDiscovery(packet, meta, router);
  if (!said.has_value()) return false;
  const uint32_t table_slot = NeighborSlot(burst.in_port, family);
  const bool was_asked = context.neighbors->WasAsked(table_slot, burst.now_ns);
  const bool has_changed = context.neighbors->Update(
      table_slot, tag, burst.now_ns,
      [&](const Neighbor& before) -> std::optional<NeighborChange> {
        if (said->is_question) {
          return AfterQuestion(before, *said->announcement.mac);
        }
        // RFC 4861 7.2.5: an answer that nobody asked for makes no entry.
        if (before.state == NeighborState::kUnknown && !was_asked) {
          return std::nullopt;
        }
        return AfterAdvertisement(before, said->announcement);
      });
  return !said->is_question && (was_asked || has_changed);
}

void RunNextHopTasks(PipelineContext& context, const ForwardingState& state,
                     uint64_t now_ns) {
  for (NextHopTask& task : context.next_hops.tasks) {
    if (task.step != Step::kNone) RunTask(context, task, state, now_ns);
  }
  context.Flush();
}

void ReleaseHeldPackets(PipelineContext& context) {
  for (NextHopTask& task : context.next_hops.tasks) {
    for (uint32_t i = 0; i < task.held_count; ++i) {
      context.environment.pool->Free({&task.held[i].packet, 1});
    }
    task.held_count = 0;
  }
}

}  // namespace vswitch
