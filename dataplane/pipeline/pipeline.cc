// Pipeline: the whole path of a packet.

#include "dataplane/pipeline/pipeline.h"

#include <algorithm>
#include <array>

#include "dataplane/conntrack/connection_table.h"
#include "dataplane/packet/packet.h"
#include "dataplane/pipeline/burst.h"
#include "dataplane/pipeline/context.h"
#include "dataplane/pipeline/next_hop.h"
#include "dataplane/pipeline/stages.h"

namespace vswitch {
namespace {

void CountReceived(PipelineContext& context, PortId in,
                   std::span<rte_mbuf* const> packets) {
  PortCounters& counters = context.counters(in);
  uint64_t bytes = 0;
  for (const rte_mbuf* packet : packets) bytes += PacketBytes(*packet);
  counters.rx_packets.Add(packets.size());
  counters.rx_bytes.Add(bytes);
}

}  // namespace

Pipeline::Pipeline(const PipelineEnvironment& environment)
    : context_(std::make_unique<PipelineContext>(environment)),
      burst_(std::make_unique<Burst>()) {}

Pipeline::~Pipeline() { ReleaseHeldPackets(*context_); }

void Pipeline::Run(const ForwardingState& state, PortId in,
                   std::span<rte_mbuf* const> packets, uint64_t now_ns) {
  // Before the packets of this burst, so that none overtakes one that waits.
  RunTasks(state, now_ns);
  while (!packets.empty()) {
    const auto received =
        packets.first(std::min<size_t>(packets.size(), kBurstPackets));
    packets = packets.subspan(received.size());
    CountReceived(*context_, in, received);
    context_->released_count = 0;
    RunBurst(state, in, received, now_ns);
    // Fragments that had waited for one of those.  They are no first ones, so
    // they release no others.
    for (std::span<rte_mbuf* const> released(context_->released.data(),
                                             context_->released_count);
         !released.empty();) {
      const auto next =
          released.first(std::min<size_t>(released.size(), kBurstPackets));
      released = released.subspan(next.size());
      RunBurst(state, in, next, now_ns);
    }
  }
  RunTasks(state, now_ns);
}

void Pipeline::RunTasks(const ForwardingState& state, uint64_t now_ns) {
  if (context_->next_hops.count == 0) return;
  RunNextHopTasks(*context_, state, now_ns);
}

void Pipeline::RunBurst(const ForwardingState& state, PortId in,
                        std::span<rte_mbuf* const> packets, uint64_t now_ns) {
  burst_->Start(state, in, packets, now_ns);
  for (const Stage& stage : kStages) stage.run(*context_, *burst_);
}

void Pipeline::Housekeep(const ForwardingState& state, uint64_t now_ns,
                         uint32_t budget) {
  RunTasks(state, now_ns);
  DropExpiredFragments(state, now_ns);
  Expire(state, now_ns, budget);
}

void Pipeline::DropExpiredFragments(const ForwardingState& state,
                                    uint64_t now_ns) {
  std::array<rte_mbuf*, kBurstPackets> expired;
  PortId port = kNoPort;
  while (const uint32_t count =
             context_->held_fragments.TakeExpired(now_ns, port, expired)) {
    Counter& held = context_->counters(port).held;
    held.Set(held.value() - count);
    burst_->Start(state, port, {expired.data(), count}, now_ns);
    RunParse(*context_, *burst_);
    burst_->KeepIf([&](uint32_t slot) {
      context_->Drop(*burst_, slot, DropReason::kFragTimeout);
      return false;
    });
    context_->Flush();
  }
}

void Pipeline::Expire(const ForwardingState& state, uint64_t now_ns,
                      uint32_t budget) {
  const PipelineEnvironment& environment = context_->environment;
  if (!environment.connections->ExpireIsDue(environment.worker, now_ns)) {
    return;
  }
  const ExpireResult result = environment.connections->Expire(
      environment.worker, now_ns, state.settings().timeouts, budget);
  // The table counts here only what time ended.
  Counter* deleted = context_->counters().connections_deleted;
  const auto ended = [&](DeleteReason reason) {
    return result.deleted[static_cast<uint32_t>(reason)];
  };
  deleted[static_cast<uint32_t>(ConnectionEnd::kExpired)].Add(
      ended(DeleteReason::kTimeout));
  deleted[static_cast<uint32_t>(ConnectionEnd::kClosed)].Add(
      ended(DeleteReason::kClosed));
}

bool Pipeline::HousekeepingIsDue(uint64_t now_ns) const {
  // Another worker may have got the answer that packets wait for.
  return context_->next_hops.held_count > 0 ||
         context_->environment.connections->ExpireIsDue(
             context_->environment.worker, now_ns);
}

}  // namespace vswitch
