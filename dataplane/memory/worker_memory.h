// dataplane/memory/worker_memory.h
//
// Worker memory: the segment that only the dataplane writes and the control
// plane maps read-only.  It survives a restart of either: connections and
// counters stay.  The supervisor formats it once.
//
//   slots          one per worker and one of the dataplane's main thread:
//                  what quiescence needs (quiescence.h)
//   port status    how far each port of the port table has come
//   rings          events of each worker, replies, the tail of the commands
//   counter area   dataplane/stats/counters.h lies in it
//   connection area dataplane/conntrack's table lies in it
//
//   ASSIGN_OR_RETURN(WorkerMemory memory,
//                    WorkerMemory::Attach(segment.writable()));
//   memory.SetPortStatus(port, {epoch, PortState::kUp, 0});
//
//   ASSIGN_OR_RETURN(WorkerMemoryView view,
//                    WorkerMemoryView::Attach(segment.bytes()));
//   PortStatus status = view.port_status(port);
//
// Writer: the thread named at each member.  View: any threads.  Both borrow
// the segment.

#ifndef VSWITCH_DATAPLANE_MEMORY_WORKER_MEMORY_H_
#define VSWITCH_DATAPLANE_MEMORY_WORKER_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/base/ids.h"
#include "dataplane/memory/commands.h"
#include "dataplane/memory/layout.h"
#include "dataplane/memory/quiescence.h"
#include "dataplane/memory/ring.h"
#include "dataplane/memory/table_memory.h"
#include "dataplane/tables/atomics.h"
#include "dataplane/tables/hash.h"

namespace vswitch {

struct WorkerMemoryOptions {
  uint64_t counter_bytes = 0;     // CounterTable::kBytes
  uint64_t connection_bytes = 0;  // ConnectionTable::BytesFor(capacity)
  HashSecret secret;              // random, fresh for each segment
};

// The last slot is that of the dataplane's main thread.
inline constexpr uint32_t kWorkerSlotCount = kMaxWorkers + 1;

enum class PortState : uint8_t { kNone, kOpening, kUp, kFailed };

// How far the dataplane has come with one use (epoch) of a port.
struct PortStatus {
  uint32_t epoch = 0;
  PortState state = PortState::kNone;
  uint16_t error = 0;  // errno of kFailed

  friend bool operator==(const PortStatus&, const PortStatus&) = default;
};

using EventRingArea = RingArea<Event, kEventRingEntries>;
using ReplyRingArea = RingArea<Reply, kReplyRingEntries>;
using EventProducer = RingProducer<Event, kEventRingEntries>;
using EventConsumer = RingConsumer<Event, kEventRingEntries>;
using CommandProducer = RingProducer<Command, kCommandRingEntries>;
using CommandConsumer = RingConsumer<Command, kCommandRingEntries>;
using ReplyProducer = RingProducer<Reply, kReplyRingEntries>;
using ReplyConsumer = RingConsumer<Reply, kReplyRingEntries>;

// The rings' parts in worker memory.  The last event ring is that of the
// dataplane's main thread.
struct WorkerRings {
  ReplyRingArea replies;
  RingTail command_tail;
  EventRingArea events[kEventWriterCount];
};

struct WorkerMemoryHeader;  // worker_memory.cc

// Where everything lies in worker memory.
struct WorkerMemoryGeometry {
  Area port_status;
  Area rings;
  Area counters;
  Area connections;
};

// What may be read: by the control plane, and by the dataplane itself.
class WorkerMemoryView {
 public:
  // Checks magic, layout, size and every offset of the header.
  static absl::StatusOr<WorkerMemoryView> Attach(
      std::span<const std::byte> bytes);

  HashSecret secret() const;      // of the connection table
  uint64_t incarnation() const;   // of the dataplane, 0: none ever ran
  uint64_t heartbeat_ns() const;  // CLOCK_MONOTONIC of the main thread

  std::span<const WorkerSlot> slots() const;
  PortStatus port_status(PortId port) const;  // kNone if out of range
  const WorkerRings& rings() const;
  std::span<const std::byte> counter_area() const;
  std::span<const std::byte> connection_area() const;

 protected:
  std::span<const std::byte> bytes_;
  const WorkerMemoryHeader* header_ = nullptr;
  WorkerMemoryGeometry geometry_;  // a copy, checked
};

class WorkerMemory : public WorkerMemoryView {
 public:
  // How many bytes a segment with `options` needs.
  static uint64_t BytesFor(const WorkerMemoryOptions& options);

  // Lays out a zeroed segment (the supervisor, once).  The two areas are the
  // caller's to format.
  static absl::Status Format(std::span<std::byte> bytes,
                             const WorkerMemoryOptions& options);

  static absl::StatusOr<WorkerMemory> Attach(std::span<std::byte> bytes);

  // Begins the life of a dataplane: sets its incarnation, and takes offline
  // every worker and every port of the one before.  REQUIRES: that one is dead,
  // and `incarnation` is larger than its.  Main thread only.
  absl::Status Begin(uint64_t incarnation);
  void SetHeartbeat(uint64_t now_ns);                         // main thread
  void SetPortStatus(PortId port, const PortStatus& status);  // main thread

  // That worker, or WorkerId{kMaxWorkers}: the main thread.
  WorkerSlot& slot(WorkerId worker);
  WorkerRings& writable_rings();  // as the rings say
  std::span<std::byte> writable_counter_area();
  std::span<std::byte> writable_connection_area();

 private:
  std::span<std::byte> writable_;
};

// The ends of the rings, each for the one thread that its comment names.
inline CommandProducer CommandsOut(TableRings& table,
                                   const WorkerRings& worker) {
  return {&table.commands, &worker.command_tail};  // control thread
}
inline CommandConsumer CommandsIn(const TableRings& table,
                                  WorkerRings& worker) {
  return {&table.commands, &worker.command_tail};  // dataplane's main thread
}
inline ReplyProducer RepliesOut(const TableRings& table, WorkerRings& worker) {
  return {&worker.replies, &table.reply_tail};  // dataplane's main thread
}
inline ReplyConsumer RepliesIn(TableRings& table, const WorkerRings& worker) {
  return {&worker.replies, &table.reply_tail};  // control thread
}
// `writer` is a worker's number, or kMaxWorkers for the main thread.
inline EventProducer EventsOut(const TableRings& table, WorkerRings& worker,
                               uint32_t writer) {
  return {&worker.events[writer], &table.event_tails[writer]};
}
inline EventConsumer EventsIn(TableRings& table, const WorkerRings& worker,
                              uint32_t writer) {
  return {&worker.events[writer], &table.event_tails[writer]};
}

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_MEMORY_WORKER_MEMORY_H_
