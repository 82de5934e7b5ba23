// dataplane/pipeline/environment.h
//
// PipelineEnvironment: everything that a pipeline touches outside of itself.
// The pipeline has no global state, reads no clock and opens nothing, so the
// same code runs in the daemon, in a test with a virtual clock and in the
// offline tools; only the environment differs.
//
//   PipelineEnvironment environment{.worker = WorkerId{0}, ...};
//   Pipeline pipeline(environment);
//   pipeline.Run(state, in_port, packets, now_ns);
//
// The environment borrows: what it points to outlives the pipeline.  Everything
// in it that is written is written by one worker, the pipeline's.

#ifndef VSWITCH_DATAPLANE_PIPELINE_ENVIRONMENT_H_
#define VSWITCH_DATAPLANE_PIPELINE_ENVIRONMENT_H_

#include <cstdint>
#include <span>

#include "dataplane/base/ids.h"
#include "dataplane/conntrack/connection_table.h"
#include "dataplane/memory/worker_memory.h"
#include "dataplane/packet/packet_pool.h"
#include "dataplane/stats/counters.h"
#include "dataplane/tables/identity_table.h"
#include "dataplane/tables/neighbor_table.h"
#include "dataplane/tables/revision_table.h"

struct rte_mbuf;

namespace vswitch {

// Where packets leave.  Owns what it is given: it counts tx_try, tx_ok and the
// drops of stage kTransmit, and frees what cannot be sent.
class Transmitter {
 public:
  virtual ~Transmitter() = default;

  // Sends `packets` by `out`, in order.  `out` may be a port that is gone.
  virtual void Transmit(PortId out, std::span<rte_mbuf* const> packets) = 0;
};

// How many drops a worker records in a second (spec/faults.md 5.1).
inline constexpr uint32_t kDropRecordsPerSecond = 1000;

struct PipelineEnvironment {
  WorkerId worker{0};
  ConnectionTable* connections = nullptr;
  const IdentityTable* identities = nullptr;
  const RevisionTable* revisions = nullptr;
  CounterTable counters;            // the pipeline writes the rows of `worker`
  EventProducer* events = nullptr;  // nullptr: nobody wants drop records
  // At most so many of them a second, and as many of shadow denials.
  uint32_t drop_records_per_second = kDropRecordsPerSecond;
  // Whether ordinary packets of known connections are done with in stage
  // established; the outcome is the same without.
  bool takes_short_way = true;
  // What all workers know of routers; nullptr: this one is the only one.
  NeighborTable* neighbors = nullptr;
  PacketPool* pool = nullptr;
  Transmitter* transmitter = nullptr;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_PIPELINE_ENVIRONMENT_H_
