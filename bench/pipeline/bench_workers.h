// bench/pipeline/bench_workers.h
//
// BenchWorkers: the pipelines of several workers over the tables and the
// connections that they share, as in the dataplane, without ports.  Each worker
// has packets and counters of its own.
//
//   ASSIGN_OR_RETURN(auto bench, BenchWorkers::Create(traffic, 65536, 2));
//   bench->Run(0, BenchDirection::kToServer, flow, flows, now_ns);
//
// A worker's Run() is for one thread at a time; different workers may run at
// once.

#ifndef VSWITCH_BENCH_PIPELINE_BENCH_WORKERS_H_
#define VSWITCH_BENCH_PIPELINE_BENCH_WORKERS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/pipeline/bench_traffic.h"
#include "dataplane/conntrack/connection_table.h"
#include "dataplane/offline/offline_tables.h"
#include "dataplane/offline/zeroed_memory.h"
#include "dataplane/pipeline/pipeline.h"
#include "dataplane/stats/counters.h"
#include "dataplane/tables/identity_table.h"
#include "dataplane/tables/revision_table.h"

namespace vswitch {

class BenchWorkers {
 public:
  // `connections`: capacity of the table.
  static absl::StatusOr<std::unique_ptr<BenchWorkers>> Create(
      const BenchTraffic& traffic, uint32_t connections, uint32_t workers);

  // Takes one burst of kBurstPackets packets through the pipeline of a worker.
  void Run(uint32_t worker, BenchDirection direction, uint64_t flow,
           uint64_t flows, uint64_t now_ns);

  // Returns how many packets a worker has sent.
  uint64_t sent(uint32_t worker) const { return workers_[worker]->sink.sent(); }

 private:
  struct alignas(64) OneWorker {
    BenchPackets packets;
    BenchSink sink;
    std::unique_ptr<Pipeline> pipeline;
  };

  explicit BenchWorkers(BenchFrames frames) : frames_(std::move(frames)) {}
  absl::Status MakeTables(const TestNode& node);
  absl::Status MakeConnections(uint32_t connections, uint32_t workers);

  const BenchFrames frames_;
  LoadedTables tables_;
  IdentityArea identity_area_;
  IdentityTable identities_;
  ZeroedMemory revision_memory_;
  RevisionTable revisions_;
  ZeroedMemory connection_memory_;
  std::optional<ConnectionTable> connections_;
  ZeroedMemory counter_memory_;
  std::vector<std::unique_ptr<OneWorker>> workers_;
};

}  // namespace vswitch

#endif  // VSWITCH_BENCH_PIPELINE_BENCH_WORKERS_H_
