// dataplane/worker/worker.h
//
// Worker: one pinned thread that polls its queue of every port and takes each
// burst through the pipeline.  One turn (RunOnce) is: learn which ports are
// readable, load the generation, receive and run a burst of each, report the
// generation, and now and then keep house.  Between turns the worker refers to
// no forwarding state but its own current one.
//
//   ASSIGN_OR_RETURN(auto worker, Worker::Create(options, environment));
//   std::thread thread([&] { worker->Run(); });
//   worker->mailbox().Send({.kind = PortChange::Kind::kAttach, ...});
//
// Thread rule: Run() and RunOnce() on the worker's own thread; the mailbox's
// sending side on the main thread.

#ifndef VSWITCH_DATAPLANE_WORKER_WORKER_H_
#define VSWITCH_DATAPLANE_WORKER_WORKER_H_

#include <array>
#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "dataplane/base/ids.h"
#include "dataplane/forwarding/forwarding_state.h"
#include "dataplane/memory/quiescence.h"
#include "dataplane/memory/table_memory.h"
#include "dataplane/memory/worker_memory.h"
#include "dataplane/pipeline/environment.h"
#include "dataplane/pipeline/pipeline.h"
#include "dataplane/stats/counters.h"
#include "dataplane/worker/idle_policy.h"
#include "dataplane/worker/mailbox.h"
#include "dataplane/worker/port_poller.h"
#include "dataplane/worker/port_transmitter.h"

namespace vswitch {

struct WorkerOptions {
  WorkerId id{0};
  PollMode poll = PollMode::kAdaptive;
  uint64_t incarnation = 0;  // of the dataplane, as the supervisor counts
};

// What the worker borrows; everything outlives it.
struct WorkerEnvironment {
  const TableMemoryReader* tables = nullptr;
  WorkerMemory* memory = nullptr;
  CounterTable counters;
  ConnectionTable* connections = nullptr;
  NeighborTable* neighbors = nullptr;  // of all workers
  PacketPool* pool = nullptr;
};

class Worker {
 public:
  static absl::StatusOr<std::unique_ptr<Worker>> Create(
      const WorkerOptions& options, const WorkerEnvironment& environment);
  ~Worker();

  // Turns until the mailbox says kStop.
  void Run();

  // Does one turn at `now_ns` (CLOCK_MONOTONIC); returns how many packets it
  // received.
  uint32_t RunOnce(uint64_t now_ns);

  Mailbox& mailbox() { return *mailbox_; }

 private:
  Worker(const WorkerOptions& options, const WorkerEnvironment& environment,
         std::unique_ptr<Mailbox> mailbox, std::unique_ptr<PortPoller> poller);

  void KeepHouse(uint64_t now_ns);
  void TakeMail();
  void RefreshForwardingState();
  uint32_t Receive(PortId id, Port& port, uint64_t now_ns);
  void CountDriverDrops(PortId id, Port& port);
  void Sleep();

  // House is kept this often while no packets come, and a sleeping worker wakes
  // this often to do it: sooner if there is more to do, or a port to poll.
  static constexpr uint64_t kHousekeepingNs = 1'000'000;
  static constexpr int kSleepMs = 50;
  static constexpr int kShortSleepMs = 1;
  static constexpr uint32_t kSpareHousekeeping = 16;
  // Busy turns between two looks at the descriptors of silent ports.
  static constexpr uint32_t kTurnsPerWait = 8;

  const WorkerOptions options_;
  const WorkerEnvironment environment_;
  const std::unique_ptr<Mailbox> mailbox_;
  const std::unique_ptr<PortPoller> poller_;
  PortTransmitter transmitter_;
  EventProducer events_;
  Pipeline pipeline_;
  WorkerPresence presence_;
  ForwardingState state_;
  IdlePolicy idle_;
  std::array<rte_mbuf*, kBurstPackets> burst_;
  uint64_t last_housekeeping_ns_ = 0;
  uint32_t turns_since_wait_ = 0;
  uint32_t received_ = 0;  // in the last turn
  bool stop_ = false;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_WORKER_WORKER_H_
