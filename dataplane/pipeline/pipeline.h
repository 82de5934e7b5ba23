// dataplane/pipeline/pipeline.h
//
// Pipeline: what happens to a burst of packets between the port it came in by
// and the ports it leaves by.  It runs the stages of stages.h, in order, over
// the whole burst; every packet is transmitted, consumed by the switch itself
// or dropped with one DropReason, and is counted as that.
//
//   Pipeline pipeline(environment);
//   pipeline.Run(state, PortId{3}, packets, now_ns);   // takes the packets
//   pipeline.Housekeep(state, now_ns);                 // between bursts
//
// Run() neither allocates nor locks nor reads a clock.  Worker thread only: one
// pipeline per worker.

#ifndef VSWITCH_DATAPLANE_PIPELINE_PIPELINE_H_
#define VSWITCH_DATAPLANE_PIPELINE_PIPELINE_H_

#include <cstdint>
#include <memory>
#include <span>

#include "dataplane/base/ids.h"
#include "dataplane/forwarding/forwarding_state.h"
#include "dataplane/pipeline/environment.h"

struct rte_mbuf;

namespace vswitch {

struct PipelineContext;
struct Burst;

class Pipeline {
 public:
  explicit Pipeline(const PipelineEnvironment& environment);
  ~Pipeline();

  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  // Takes `packets`, which came in by `in`, through the whole path, judged by
  // `state` alone.  `now_ns` never goes back.  Owns the packets from here on.
  void Run(const ForwardingState& state, PortId in,
           std::span<rte_mbuf* const> packets, uint64_t now_ns);

  // Forgets what has waited too long: connections, fragments, and packets for a
  // next hop that does not answer, which is asked for again meanwhile.  Does a
  // bounded amount of work; called between bursts and while idle.
  void Housekeep(const ForwardingState& state, uint64_t now_ns,
                 uint32_t budget = kHousekeepingBudget);
  // Whether Housekeep() has something to do.
  bool HousekeepingIsDue(uint64_t now_ns) const;

  // Entries that one call of Housekeep() looks at when nothing else is said:
  // about as long as a few bursts take.
  static constexpr uint32_t kHousekeepingBudget = 256;

 private:
  void RunBurst(const ForwardingState& state, PortId in,
                std::span<rte_mbuf* const> packets, uint64_t now_ns);
  void RunTasks(const ForwardingState& state, uint64_t now_ns);
  void DropExpiredFragments(const ForwardingState& state, uint64_t now_ns);
  void Expire(const ForwardingState& state, uint64_t now_ns, uint32_t budget);

  std::unique_ptr<PipelineContext> context_;
  std::unique_ptr<Burst> burst_;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_PIPELINE_PIPELINE_H_
