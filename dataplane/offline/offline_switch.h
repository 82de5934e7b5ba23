// dataplane/offline/offline_switch.h
//
// OfflineSwitch: the daemon's pipeline on the daemon's tables, without ports,
// processes and EAL: one worker, memory of its own, and a clock that the caller
// winds.  What probe, replay and the golden tests stand on.
//
//   ASSIGN_OR_RETURN(auto offline,
//                    OfflineSwitch::Create(options, pool, transmitter));
//   RETURN_IF_ERROR(offline->Publish(tables));
//   offline->Run(port, packets, now_ns);     // packets leave by transmitter
//   JudgeResult verdict = offline->AskJudge(query);
//
// Deterministic: the same calls give the same packets, unless the options'
// seed differs.  Thread-compatible.

#ifndef VSWITCH_DATAPLANE_OFFLINE_OFFLINE_SWITCH_H_
#define VSWITCH_DATAPLANE_OFFLINE_OFFLINE_SWITCH_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/conntrack/connection_table.h"
#include "dataplane/forwarding/forwarding_state.h"
#include "dataplane/memory/worker_memory.h"
#include "dataplane/offline/offline_tables.h"
#include "dataplane/packet/packet_pool.h"
#include "dataplane/pipeline/environment.h"
#include "dataplane/pipeline/judge.h"
#include "dataplane/pipeline/pipeline.h"
#include "dataplane/stats/balance.h"
#include "dataplane/stats/counters.h"

namespace vswitch {

struct OfflineOptions {
  uint32_t max_connections = 65536;
  uint32_t max_addresses = 65536;  // endpoints' and others' with an identity
  uint64_t seed = 1;               // of the hash secrets
  // See PipelineEnvironment.
  uint32_t drop_records_per_second = kDropRecordsPerSecond;
  bool takes_short_way = true;
  NeighborTable* neighbors = nullptr;
};

class OfflineSwitch {
 public:
  // `pool` gets back every packet that Run() takes and does not transmit; both
  // must outlive the switch.
  static absl::StatusOr<std::unique_ptr<OfflineSwitch>> Create(
      const OfflineOptions& options, PacketPool& pool,
      Transmitter& transmitter);
  ~OfflineSwitch();

  // Makes `tables` the next generation, or leaves everything as it was.
  absl::Status Publish(const OfflineTables& tables);

  // Takes packets that came in by `in` through the pipeline; at most
  // kBurstPackets of them are one burst.  `now_ns` never goes back.
  void Run(PortId in, std::span<rte_mbuf* const> packets, uint64_t now_ns);

  // Forgets all connections and fragments whose time has come, and asks again
  // for next hops.
  void Housekeep(uint64_t now_ns);

  // Judges a new connection, changing nothing.
  JudgeResult AskJudge(const JudgeQuery& query) const;

  // Takes the oldest drop record, or returns false when there is none.
  bool PopDropRecord(Event& event);

  const ForwardingState& state() const { return state_; }
  const ConnectionTable& connections() const { return *connections_; }
  const CounterTable& counters() const { return counters_; }

  // Evaluates the balance equations.
  std::vector<Equation> Balance() const;

 private:
  struct Memory;

  OfflineSwitch();

  std::unique_ptr<Memory> memory_;  // what the tables below lie in
  ForwardingState state_;
  IdentityTableWriter identity_writer_;
  RevisionTableWriter revision_writer_;
  IdentityTable identities_;
  RevisionTable revisions_;
  std::optional<ConnectionTable> connections_;
  CounterTable counters_;
  EventProducer events_;
  EventConsumer drop_records_;
  std::unique_ptr<Pipeline> pipeline_;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_OFFLINE_OFFLINE_SWITCH_H_
