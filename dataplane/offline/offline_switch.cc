// OfflineSwitch: one worker's environment on the heap.

#include "dataplane/offline/offline_switch.h"

#include <set>

#include "dataplane/base/status_macros.h"
#include "dataplane/offline/zeroed_memory.h"

namespace vswitch {
namespace {

constexpr WorkerId kWorker{0};

}  // namespace

struct OfflineSwitch::Memory {
  LoadedTables tables;
  IdentityArea identities;
  ZeroedMemory revisions;
  ZeroedMemory connections;
  ZeroedMemory counters;
  EventRingArea events;
  RingTail event_tail;
  std::set<IpAddress> bound;
};

OfflineSwitch::OfflineSwitch() : memory_(std::make_unique<Memory>()) {}
OfflineSwitch::~OfflineSwitch() = default;

absl::StatusOr<std::unique_ptr<OfflineSwitch>> OfflineSwitch::Create(
    const OfflineOptions& options, PacketPool& pool, Transmitter& transmitter) {
  std::unique_ptr<OfflineSwitch> result(new OfflineSwitch());
  Memory& memory = *result->memory_;
  const HashSecret table_secret{options.seed, ~options.seed};
  const HashSecret connection_secret{options.seed * 3, ~options.seed * 5};

  memory.identities = IdentityArea(options.max_addresses);
  const IdentityTableMemory<StdAtomics> identities = memory.identities.memory();
  result->identity_writer_ = IdentityTableWriter(identities, table_secret, 0);
  result->identities_ = IdentityTable(identities, table_secret);

  memory.revisions =
      ZeroedMemory(kRevisionNumberCount * sizeof(RevisionSlot<StdAtomics>));
  auto* revisions = reinterpret_cast<RevisionSlot<StdAtomics>*>(
      memory.revisions.bytes().data());
  result->revision_writer_ =
      RevisionTableWriter(revisions, kRevisionSlotCount, table_secret);
  result->revisions_ =
      RevisionTable(revisions, kRevisionSlotCount, table_secret);

  memory.connections =
      ZeroedMemory(ConnectionTable::BytesFor(options.max_connections));
  RETURN_IF_ERROR(ConnectionTable::Format(
      memory.connections.bytes(), options.max_connections, connection_secret));
  ASSIGN_OR_RETURN(result->connections_,
                   ConnectionTable::Attach(memory.connections.bytes(), 1));
  memory.counters = ZeroedMemory(CounterTable::kBytes);
  ASSIGN_OR_RETURN(result->counters_,
                   CounterTable::Open(memory.counters.bytes()));
  result->events_ = EventProducer(&memory.events, &memory.event_tail);
  result->drop_records_ = EventConsumer(&memory.events, &memory.event_tail);

  result->pipeline_ = std::make_unique<Pipeline>(PipelineEnvironment{
      .worker = kWorker,
      .connections = &*result->connections_,
      .identities = &result->identities_,
      .revisions = &result->revisions_,
      .counters = result->counters_,
      .events = &result->events_,
      .drop_records_per_second = options.drop_records_per_second,
      .takes_short_way = options.takes_short_way,
      .neighbors = options.neighbors,
      .pool = &pool,
      .transmitter = &transmitter});
  return result;
}

absl::Status OfflineSwitch::Publish(const OfflineTables& tables) {
  const Generation next = state_.generation() + 1;
  ASSIGN_OR_RETURN(LoadedTables loaded, LoadedTables::Load(tables, next));

  // There is one reader, and it runs in this thread: it has reached every
  // generation that was published.
  identity_writer_.BeginGeneration(next, state_.generation());
  std::set<IpAddress> bound;
  absl::Status status;
  for (const auto& [address, binding] : tables.bindings) {
    status.Update(identity_writer_.Bind(address, binding));
    bound.insert(address);
  }
  for (const IpAddress& address : memory_->bound) {
    if (!bound.contains(address)) {
      status.Update(identity_writer_.Unbind(address));
    }
  }
  if (!status.ok()) {
    identity_writer_.Rollback();
    return status;
  }
  if (tables.changed.has_value()) {
    for (const IpAddress& address : *tables.changed) {
      revision_writer_.Mark(address, next);
    }
  } else {
    revision_writer_.MarkAll(next);
  }
  memory_->bound = std::move(bound);
  state_ = loaded.state();
  memory_->tables = std::move(loaded);
  return absl::OkStatus();
}

void OfflineSwitch::Run(PortId in, std::span<rte_mbuf* const> packets,
                        uint64_t now_ns) {
  pipeline_->Run(state_, in, packets, now_ns);
}

void OfflineSwitch::Housekeep(uint64_t now_ns) {
  do {
    pipeline_->Housekeep(state_, now_ns);
  } while (connections_->ExpireIsDue(kWorker, now_ns));
}

JudgeResult OfflineSwitch::AskJudge(const JudgeQuery& query) const {
  JudgeQuery with_affinities = query;
  with_affinities.connections = &*connections_;
  return Judge(state_, identities_, with_affinities);
}

bool OfflineSwitch::PopDropRecord(Event& event) {
  return drop_records_.Pop(event) == RingPop::kEntry;
}

std::vector<Equation> OfflineSwitch::Balance() const {
  return EvaluateBalance(CounterView(counters_), connections_->CountActive());
}

}  // namespace vswitch
