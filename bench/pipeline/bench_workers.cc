// What the workers of a scaling benchmark share, and what each has.

#include "bench/pipeline/bench_workers.h"

#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

constexpr Generation kGeneration = 1;
constexpr uint32_t kMaxAddresses = 1024;
constexpr HashSecret kTableSecret{{1, 2}};
constexpr HashSecret kConnectionSecret{{3, 4}};

}  // namespace

absl::StatusOr<std::unique_ptr<BenchWorkers>> BenchWorkers::Create(
    const BenchTraffic& traffic, uint32_t connections, uint32_t workers) {
  ASSIGN_OR_RETURN(BenchFrames frames, BenchFrames::Make(traffic));
  std::unique_ptr<BenchWorkers> bench(new BenchWorkers(std::move(frames)));
  ASSIGN_OR_RETURN(const TestNode node, MakeBenchNode(traffic));
  RETURN_IF_ERROR(bench->MakeTables(node));
  RETURN_IF_ERROR(bench->MakeConnections(connections, workers));
  bench->counter_memory_ = ZeroedMemory(CounterTable::kBytes);
  ASSIGN_OR_RETURN(const CounterTable counters,
                   CounterTable::Open(bench->counter_memory_.bytes()));
  for (uint32_t i = 0; i < workers; ++i) {
    auto worker = std::make_unique<OneWorker>();
    worker->pipeline = std::make_unique<Pipeline>(
        PipelineEnvironment{.worker = static_cast<WorkerId>(i),
                            .connections = &*bench->connections_,
                            .identities = &bench->identities_,
                            .revisions = &bench->revisions_,
                            .counters = counters,
                            .pool = &worker->packets,
                            .transmitter = &worker->sink});
    bench->workers_.push_back(std::move(worker));
  }
  return bench;
}

absl::Status BenchWorkers::MakeTables(const TestNode& node) {
  const OfflineTables tables = node.Compile();
  ASSIGN_OR_RETURN(tables_, LoadedTables::Load(tables, kGeneration));
  identity_area_ = IdentityArea(kMaxAddresses);
  IdentityTableWriter writer(identity_area_.memory(), kTableSecret, 0);
  identities_ = IdentityTable(identity_area_.memory(), kTableSecret);
  writer.BeginGeneration(kGeneration, 0);
  for (const auto& [address, binding] : tables.bindings) {
    RETURN_IF_ERROR(writer.Bind(address, binding));
  }
  revision_memory_ =
      ZeroedMemory(kRevisionNumberCount * sizeof(RevisionSlot<StdAtomics>));
  revisions_ = RevisionTable(reinterpret_cast<RevisionSlot<StdAtomics>*>(
                                 revision_memory_.bytes().data()),
                             kRevisionSlotCount, kTableSecret);
  return absl::OkStatus();
}

absl::Status BenchWorkers::MakeConnections(uint32_t connections,
                                           uint32_t workers) {
  connection_memory_ = ZeroedMemory(ConnectionTable::BytesFor(connections));
  RETURN_IF_ERROR(ConnectionTable::Format(connection_memory_.bytes(),
                                          connections, kConnectionSecret));
  ASSIGN_OR_RETURN(connections_, ConnectionTable::Attach(
                                     connection_memory_.bytes(), workers));
  return absl::OkStatus();
}

void BenchWorkers::Run(uint32_t worker, BenchDirection direction, uint64_t flow,
                       uint64_t flows, uint64_t now_ns) {
  OneWorker& one = *workers_[worker];
  frames_.Write(direction, flow, flows, one.packets.all());
  one.pipeline->Run(tables_.state(), BenchFrames::PortOf(direction),
                    one.packets.all(), now_ns);
}

}  // namespace vswitch
