// dataplane/pipeline/context.h
//
// PipelineContext: what the stages of one worker share from burst to burst: the
// environment, the fragments, the limits on ICMP errors and drop records,
// and the packets that wait for the end of the burst, to be sent or freed.
//
//   context.Send(port, *packet);                  // leaves in transmit
//   context.Drop(burst, slot, DropReason::kTtl);  // counted, freed at the end
//
// A packet ends in exactly one call: Queue(), ForwardAs() or Drop(), or, when
// the switch takes it for itself, Consume() or AnswerInPlace().  Worker thread
// only.

#ifndef VSWITCH_DATAPLANE_PIPELINE_CONTEXT_H_
#define VSWITCH_DATAPLANE_PIPELINE_CONTEXT_H_

#include <array>
#include <cstdint>
#include <memory>

#include "dataplane/base/drop_reason.h"
#include "dataplane/base/ids.h"
#include "dataplane/conntrack/connection.h"
#include "dataplane/pipeline/burst.h"
#include "dataplane/pipeline/datagram_ids.h"
#include "dataplane/pipeline/environment.h"
#include "dataplane/pipeline/fragment_table.h"
#include "dataplane/pipeline/held_fragments.h"
#include "dataplane/pipeline/icmp_limiter.h"
#include "dataplane/pipeline/judge.h"
#include "dataplane/pipeline/next_hop.h"
#include "dataplane/pipeline/port_limiter.h"
#include "dataplane/pipeline/token_bucket.h"
#include "dataplane/stats/counters.h"

namespace vswitch {

struct PipelineContext {
  explicit PipelineContext(const PipelineEnvironment& pipeline_environment);
  ~PipelineContext();

  PipelineContext(const PipelineContext&) = delete;
  PipelineContext& operator=(const PipelineContext&) = delete;

  // Counts a packet as forwarded that leaves in pieces, of which `last` is the
  // last one; those before it went by SendOwn().
  void ForwardAs(Burst& burst, uint32_t slot, rte_mbuf& last, PortId out);

  // Counts the packet as dropped for `reason`, which is not of stage kTransmit,
  // and gives it back to the pool at the end of the burst.  A sample of drops
  // becomes events.
  void Drop(Burst& burst, uint32_t slot, DropReason reason);

  // Counts a connection that passes though shadow policies deny it, and makes a
  // sample of them events.  REQUIRES: result.shadow_denial.
  void RecordShadowDenial(const Burst& burst, uint32_t slot,
                          const JudgeResult& result);

  // Counts the packet as the switch's own business and gives it back.
  void Consume(Burst& burst, uint32_t slot);

  // Counts the packet as the switch's own business; it has become the answer,
  // which goes back where it came from.
  void AnswerInPlace(Burst& burst, uint32_t slot);

  // Returns an empty packet for an answer, or nullptr when the pool is empty.
  rte_mbuf* NewPacket() { return environment.pool->Allocate(); }

  // Counts `packet`, one of the switch's own, and queues it for `out`.
  void SendOwn(rte_mbuf& packet, PortId out);

  // Forgets the connection, counts why, and makes `view` one of nothing.
  void EraseConnection(ConnectionView& view, ConnectionEnd end);

  WorkerCounters& counters() const {
    return environment.counters.worker(environment.worker);
  }
  PortCounters& counters(PortId port) const {
    return environment.counters.port(environment.worker, port);
  }

  // Sends all that is queued and frees all that died.
  void Flush();

  // Sends all that is queued.
  void FlushOutgoing();

  // Queues a packet for `out`.
  void Queue(rte_mbuf* packet, PortId out) {
    if (outgoing_count == outgoing.size()) FlushOutgoing();
    outgoing[outgoing_count++] = {packet, out};
  }

  // Each packet that comes in goes on or causes at most two others: the resets
  // to both ends of a connection that is cut.  Only fragments can be more.
  struct Outgoing {
    rte_mbuf* packet;
    PortId port;
  };

  PipelineEnvironment environment;
  const std::unique_ptr<NeighborTable> own_neighbors;
  NeighborTable* const neighbors;
  NextHopTasks next_hops;
  Burst resumed;  // of one packet that has waited
  FragmentTable fragments;
  HeldFragments held_fragments;
  DatagramIds datagram_ids;
  IcmpLimiter icmp_limiter;
  PortLimiter neighbor_limiter;
  TokenBucket drop_records;
  TokenBucket shadow_records;
  std::array<Outgoing, 2 * kBurstPackets> outgoing;
  uint32_t outgoing_count = 0;
  // Fragments that waited, of the burst's port, to be the next burst: those of
  // before the burst and those that came in it.
  std::array<rte_mbuf*, HeldFragments::kPerPort + kBurstPackets> released;
  uint32_t released_count = 0;
  std::array<rte_mbuf*, kBurstPackets> dead;
  uint32_t dead_count = 0;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_PIPELINE_CONTEXT_H_
