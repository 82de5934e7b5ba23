// dataplane/main/dataplane.h
//
// Dataplane: the composition root of vswitch-dataplane.  Create() makes every
// object in the order in which they depend on each other; Run() starts the
// workers and then does the main thread's rounds until it is told to stop:
// ports, commands, heartbeat.
//
//   ASSIGN_OR_RETURN(auto dataplane, Dataplane::Create(options));
//   RETURN_IF_ERROR(dataplane->Run(stop_fd));
//
// Main thread only.

#ifndef VSWITCH_DATAPLANE_MAIN_DATAPLANE_H_
#define VSWITCH_DATAPLANE_MAIN_DATAPLANE_H_

#include <sched.h>

#include <memory>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/conntrack/connection_table.h"
#include "dataplane/main/command_handler.h"
#include "dataplane/main/options.h"
#include "dataplane/main/port_reconciler.h"
#include "dataplane/memory/quiescence.h"
#include "dataplane/memory/segment.h"
#include "dataplane/memory/table_memory.h"
#include "dataplane/memory/worker_memory.h"
#include "dataplane/stats/counters.h"
#include "dataplane/supervisor/client.h"
#include "dataplane/tables/neighbor_table.h"
#include "dataplane/worker/worker.h"
#include "nic-drivers/dpdk/mbuf_pool.h"

namespace vswitch {

class Dataplane {
 public:
  // Starts DPDK, maps both segments, takes the connections over and books what
  // a killed predecessor held.
  static absl::StatusOr<std::unique_ptr<Dataplane>> Create(
      const DataplaneOptions& options);
  ~Dataplane();

  // Works until `stop_fd` becomes readable or the supervisor is gone.
  absl::Status Run(int stop_fd);

 private:
  Dataplane() = default;

  absl::Status MapMemory(const DataplaneOptions& options);
  absl::Status TakeConnectionsOver(const DataplaneOptions& options);
  absl::Status MakeWorkers(const DataplaneOptions& options);
  absl::StatusOr<std::unique_ptr<Port>> OpenPort(PortId id,
                                                 const PortRecord& record);
  void StartWorkers();
  void StopWorkers();
  // Opens and closes ports, answers commands, shows that it lives.
  void Round(uint64_t now_ns);
  // Holds the current generation for as long as it copies the port table and
  // answers commands: opening a port may take long, and must not keep the
  // control plane from freeing what it replaced.
  void ServeGeneration();
  bool SupervisorGone() const;

  // A round of the main thread comes this often.
  static constexpr int kRoundMs = 5;

  DataplaneOptions options_;
  cpu_set_t cpus_{};            // that the process may run on
  int gone_fds_[2] = {-1, -1};  // readable when the supervisor is gone
  std::unique_ptr<SupervisorClient> supervisor_;
  Segment table_segment_;
  Segment worker_segment_;
  TableMemoryReader tables_;
  WorkerMemory memory_;
  CounterTable counters_;
  std::unique_ptr<ConnectionTable> connections_;
  const std::unique_ptr<NeighborTable> neighbors_ =
      std::make_unique<NeighborTable>();
  std::unique_ptr<MbufPool> pool_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::thread> threads_;
  std::unique_ptr<PortReconciler> ports_;
  std::unique_ptr<CommandHandler> commands_;
  std::unique_ptr<WorkerPresence> presence_;  // of the main thread
  ForwardingState state_;  // referred to in ServeGeneration() only
  std::vector<PortRecord> wanted_ports_;  // of state_, indexed by PortId
  bool ready_reported_ = false;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_MAIN_DATAPLANE_H_
