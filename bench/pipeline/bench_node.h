// bench/pipeline/bench_node.h
//
// BenchNode: the control plane's half of a node: the real ControlPlane with its
// journal, both memories, and on request a process with one real worker
// (policy_churn_worker.cc).  Only the supervisor is a fake: nothing here has a
// TAP.
//
//   ASSIGN_OR_RETURN(auto node, BenchNode::Create(options));
//   RETURN_IF_ERROR(node->Load(objects));
//   RETURN_IF_ERROR(node->StartWorker({.cpu = 1, .flows = 65536}));
//   StartArrivals(schedule, node->traffic());
//
// The control thread runs where the thread that called Create() may run.
//
// One thread, the main thread; control_plane() as ControlPlane says.

#ifndef VSWITCH_BENCH_PIPELINE_BENCH_NODE_H_
#define VSWITCH_BENCH_PIPELINE_BENCH_NODE_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bench/pipeline/machine.h"
#include "bench/pipeline/traffic_control.h"
#include "controlplane/publish/control_plane.h"
#include "dataplane/memory/segment.h"
#include "dataplane/memory/table_memory.h"
#include "dataplane/memory/worker_memory.h"
#include "dataplane/stats/counters.h"
#include "test/component/fake_supervisor.h"

namespace vswitch {

struct BenchNodeOptions {
  std::string state_dir;  // of the journal; must exist
  uint32_t addresses = 65536;
  uint64_t heap_bytes = 512ull << 20;
  uint32_t connections = 65536;
};

struct BenchWorkerOptions {
  uint32_t cpu = 1;       // of the worker
  uint32_t main_cpu = 0;  // of its process otherwise
  uint32_t flows = 1;
};

class BenchNode {
 public:
  static absl::StatusOr<std::unique_ptr<BenchNode>> Create(
      const BenchNodeOptions& options);
  ~BenchNode();

  // Applies `objects` in transactions of bounded size and waits until every
  // worker has the last one and every port is ready.
  absl::Status Load(std::vector<Object> objects);

  // Starts the worker's process, with the ports that are there, and waits until
  // it polls them.  At most once.
  absl::Status StartWorker(const BenchWorkerOptions& options);

  ControlPlane& control_plane() { return *plane_; }
  TrafficControl& traffic() { return *traffic_; }
  // Sums over all ports.
  WorkerTotals CountWorkers() const;
  // Packets that the switch dropped, by reason.
  std::vector<uint64_t> CountDrops() const;

 private:
  BenchNode() = default;
  absl::Status MakeMemory(const BenchNodeOptions& options);
  absl::Status AwaitReady();

  std::optional<HugePageReservation> huge_pages_;  // outlives its users
  Segment table_segment_;
  Segment worker_segment_;
  Segment traffic_segment_;
  TrafficControl* traffic_ = nullptr;
  std::optional<TableMemoryWriter> writer_;
  TableMemoryReader tables_;
  WorkerMemoryView view_;
  CounterView counters_;
  FakeSupervisor supervisor_;
  std::unique_ptr<ControlPlane> plane_;
  pid_t worker_pid_ = -1;
  int stop_fd_ = -1;  // the worker's process ends when it is closed
};

}  // namespace vswitch

#endif  // VSWITCH_BENCH_PIPELINE_BENCH_NODE_H_
