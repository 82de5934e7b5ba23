// OfflineSwitch: one worker's environment on the heap.

#include "dataplane/offline/offline_switch.h"

#include <cstdlib>
#include <cstring>
#include <set>

#include "dataplane/base/piece_copies.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

constexpr WorkerId kWorker{0};

// Zeroed memory aligned to a cache line.  Pages that are never written cost
// nothing: most of the counters' rows are not.
class ZeroedMemory {
 public:
  ZeroedMemory() = default;
  explicit ZeroedMemory(size_t bytes)
      : block_(std::calloc(1, bytes + kAlignment)), bytes_(bytes) {
    // As `new` ends a program that catches nothing.
    if (block_ == nullptr) std::abort();
  }
  ZeroedMemory(ZeroedMemory&& other) noexcept
      : block_(std::exchange(other.block_, nullptr)),
        bytes_(std::exchange(other.bytes_, 0)) {}
  ZeroedMemory& operator=(ZeroedMemory&& other) noexcept {
    std::swap(block_, other.block_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~ZeroedMemory() { std::free(block_); }

  std::span<std::byte> bytes() const {
    if (block_ == nullptr) return {};
    void* aligned = block_;
    size_t room = bytes_ + kAlignment;
    std::align(kAlignment, bytes_, aligned, room);
    return {static_cast<std::byte*>(aligned), bytes_};
  }

 private:
  static constexpr size_t kAlignment = 64;

  void* block_ = nullptr;
  size_t bytes_ = 0;
};

ZeroedMemory CopyOf(const std::string& blob) {
  if (blob.empty()) return {};
  ZeroedMemory result(blob.size());
  std::memcpy(result.bytes().data(), blob.data(), blob.size());
  return result;
}

uint32_t GroupCountFor(uint32_t addresses) {
  // Half full at most: see identity_table.h.
  uint32_t groups = 16;
  while (uint64_t{groups} * kSlotsPerIdentityGroup < 2 * uint64_t{addresses})
    groups *= 2;
  return groups;
}

}  // namespace

struct OfflineSwitch::Memory {
  std::array<ZeroedMemory, kBlobKindCount> blobs;
  PieceCopies policy_sets;
  ZeroedMemory identity_tags;
  ZeroedMemory identity_slots;
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

  const size_t groups = GroupCountFor(options.max_addresses);
  memory.identity_tags =
      ZeroedMemory(groups * sizeof(IdentityTags<StdAtomics>));
  memory.identity_slots = ZeroedMemory(groups * kSlotsPerIdentityGroup *
                                       sizeof(IdentitySlot<StdAtomics>));
  const IdentityTableMemory<StdAtomics> identities{
      .tags = reinterpret_cast<IdentityTags<StdAtomics>*>(
          memory.identity_tags.bytes().data()),
      .slots = reinterpret_cast<IdentitySlot<StdAtomics>*>(
          memory.identity_slots.bytes().data()),
      .group_count = static_cast<uint32_t>(groups)};
  result->identity_writer_ = IdentityTableWriter(identities, table_secret, 0);
  result->identities_ = IdentityTable(identities, table_secret);

  memory.revisions =
      ZeroedMemory(kRevisionSlotCount * sizeof(RevisionSlot<StdAtomics>));
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

  result->pipeline_ = std::make_unique<Pipeline>(
      PipelineEnvironment{.worker = kWorker,
                          .connections = &*result->connections_,
                          .identities = &result->identities_,
                          .revisions = &result->revisions_,
                          .counters = result->counters_,
                          .events = &result->events_,
                          .pool = &pool,
                          .transmitter = &transmitter});
  return result;
}

absl::Status OfflineSwitch::Publish(const OfflineTables& tables) {
  const Generation next = state_.generation() + 1;
  std::array<ZeroedMemory, kBlobKindCount> blobs;
  BlobSpans spans;
  for (uint32_t kind = 0; kind < kBlobKindCount; ++kind) {
    blobs[kind] = CopyOf(tables.blobs[kind]);
    spans[kind] = blobs[kind].bytes();
  }
  PieceCopies policy_sets(tables.policy_sets);
  ASSIGN_OR_RETURN(ForwardingState state,
                   ForwardingState::Open(next, spans, policy_sets.list()));

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
  memory_->blobs = std::move(blobs);
  memory_->policy_sets = std::move(policy_sets);
  state_ = state;
  return absl::OkStatus();
}

void OfflineSwitch::Run(PortId in, std::span<rte_mbuf* const> packets,
                        uint64_t now_ns) {
  pipeline_->Run(state_, in, packets, now_ns);
}

void OfflineSwitch::Housekeep(uint64_t now_ns) {
  while (connections_->ExpireIsDue(kWorker, now_ns)) {
    pipeline_->Housekeep(state_, now_ns);
  }
}

JudgeResult OfflineSwitch::AskJudge(const JudgeQuery& query) const {
  return Judge(state_, identities_, query);
}

bool OfflineSwitch::PopDropRecord(Event& event) {
  return drop_records_.Pop(event) == RingPop::kEntry;
}

std::vector<Equation> OfflineSwitch::Balance() const {
  return EvaluateBalance(CounterView(counters_), connections_->CountActive());
}

}  // namespace vswitch
