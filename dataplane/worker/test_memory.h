// dataplane/worker/test_memory.h
//
// TestMemory: both segments with every table that a worker needs, and the
// control plane's side of them: it publishes the node of
// pipeline/test_world.h.
//
//   TestMemory memory;
//   memory.Publish(MakeTestNode());
//   auto worker = *Worker::Create({}, memory.EnvironmentOf(pool));
//
// Tests only.  Publish() and the connection table: as the tables say; all else
// immutable after construction.

#ifndef VSWITCH_DATAPLANE_WORKER_TEST_MEMORY_H_
#define VSWITCH_DATAPLANE_WORKER_TEST_MEMORY_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "dataplane/conntrack/connection_table.h"
#include "dataplane/memory/segment.h"
#include "dataplane/memory/table_memory.h"
#include "dataplane/memory/worker_memory.h"
#include "dataplane/pipeline/test_world.h"
#include "dataplane/stats/balance.h"
#include "dataplane/stats/counters.h"
#include "dataplane/worker/worker.h"

namespace vswitch {

class TestMemory {
 public:
  static constexpr uint64_t kIncarnation = 1;
  static constexpr uint32_t kWorkers = 2;

  TestMemory()
      : table_segment_(*Segment::Create("vswitch-test",
                                        TableMemoryWriter::BytesFor(kTables),
                                        HugePages::kOff)),
        worker_segment_(*Segment::Create("vswitch-test",
                                         WorkerMemory::BytesFor(kWorkerOptions),
                                         HugePages::kOff)) {
    EXPECT_TRUE(
        TableMemoryWriter::Format(table_segment_.writable(), kTables).ok());
    EXPECT_TRUE(
        WorkerMemory::Format(worker_segment_.writable(), kWorkerOptions).ok());
    writer = *TableMemoryWriter::Attach(table_segment_.writable());
    tables = *TableMemoryReader::Attach(table_segment_.bytes());
    workers = *WorkerMemory::Attach(worker_segment_.writable());
    EXPECT_TRUE(workers.Begin(kIncarnation).ok());
    counters = *CounterTable::Open(workers.writable_counter_area());
    EXPECT_TRUE(ConnectionTable::Format(workers.writable_connection_area(),
                                        kConnections, kWorkerOptions.secret)
                    .ok());
    connections =
        *ConnectionTable::Attach(workers.writable_connection_area(), kWorkers);
  }

  // Makes `node` the next generation.  What no worker uses any more is freed
  // first.  An address that was bound once stays bound.
  void Publish(const TestNode& node) {
    const Generation current = writer->CurrentGeneration();
    const Generation reached =
        std::min(LowestReached(workers.slots(), 0), current);
    if (reached > 1) {
      ASSERT_TRUE(writer->Retire(reached - 1).ok());
    }
    const OfflineTables compiled = node.Compile();
    const std::vector<absl::string_view> blobs(compiled.blobs.begin(),
                                               compiled.blobs.end());
    writer->identities().BeginGeneration(current + 1, reached);
    const absl::StatusOr<StagedRoot> staged =
        writer->Stage(blobs, compiled.policy_sets);
    ASSERT_TRUE(staged.ok()) << staged.status();
    for (const auto& [address, binding] : compiled.bindings) {
      ASSERT_TRUE(writer->identities().Bind(address, binding).ok());
    }
    writer->revisions().MarkAll(current + 1);
    const absl::Status status = writer->Publish(*staged, current + 1);
    ASSERT_TRUE(status.ok()) << status;
  }

  // The generation that `worker` reported last, or kWorkerOffline.
  Generation ReachedBy(WorkerId worker) const {
    return workers.slots()[ToInt(worker)].reached.LoadSeqCst();
  }

  WorkerEnvironment EnvironmentOf(PacketPool& pool) {
    return {.tables = &tables,
            .memory = &workers,
            .counters = counters,
            .connections = &*connections,
            .pool = &pool};
  }

  // Fails the test unless every packet is accounted for.
  void CheckBalance() const {
    for (const Equation& equation :
         EvaluateBalance(CounterView(counters), connections->CountActive())) {
      EXPECT_TRUE(equation.holds())
          << equation.name << " " << equation.text << ": " << equation.left
          << " and " << equation.right;
    }
  }

 private:
  static constexpr uint32_t kConnections = 1024;
  static inline const TableMemoryOptions kTables{
      .identity_capacity = 256, .heap_bytes = 64ull << 20, .secret = {{1, 2}}};
  static inline const WorkerMemoryOptions kWorkerOptions{
      .counter_bytes = CounterTable::kBytes,
      .connection_bytes = ConnectionTable::BytesFor(kConnections),
      .secret = {{3, 4}}};

  Segment table_segment_;
  Segment worker_segment_;

 public:
  std::optional<TableMemoryWriter> writer;  // control plane
  TableMemoryReader tables;
  WorkerMemory workers;
  CounterTable counters;
  std::optional<ConnectionTable> connections;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_WORKER_TEST_MEMORY_H_
