// Sizes and formats the two segments.

#include "dataplane/supervisor/memory.h"

#include <errno.h>
#include <sys/random.h>

#include "absl/strings/str_cat.h"
#include "dataplane/base/status_macros.h"
#include "dataplane/conntrack/connection_table.h"
#include "dataplane/memory/table_memory.h"
#include "dataplane/memory/worker_memory.h"
#include "dataplane/stats/counters.h"

namespace vswitch {
namespace {

HugePages HugePagesOf(const SupervisorOptions& options) {
  if (options.hugepages == "off") return HugePages::kOff;
  if (options.hugepages == "require") return HugePages::kRequire;
  return HugePages::kAuto;
}

// A secret that nobody outside can guess: with it the tables' hash is no target
// for flooding one bucket.
absl::StatusOr<HashSecret> MakeSecret() {
  HashSecret secret;
  if (getrandom(&secret, sizeof(secret), 0) !=
      static_cast<ssize_t>(sizeof(secret))) {
    return absl::ErrnoToStatus(errno, "cannot get random bytes");
  }
  return secret;
}

absl::Status Explain(const absl::Status& status, absl::string_view options) {
  return absl::Status(status.code(), absl::StrCat(status.message(),
                                                  " (options ", options, ")"));
}

absl::StatusOr<Segment> MakeTables(const SupervisorOptions& options) {
  TableMemoryOptions layout;
  layout.identity_capacity = options.identities;
  layout.heap_bytes = uint64_t{options.table_memory_mb} << 20;
  ASSIGN_OR_RETURN(layout.secret, MakeSecret());
  absl::StatusOr<Segment> segment =
      Segment::Create("vswitch-tables", TableMemoryWriter::BytesFor(layout),
                      HugePagesOf(options));
  if (!segment.ok()) {
    return Explain(segment.status(),
                   "--hugepages, --table-memory-mb, --identities");
  }
  RETURN_IF_ERROR(TableMemoryWriter::Format(segment->writable(), layout));
  return segment;
}

absl::StatusOr<Segment> MakeWorkers(const SupervisorOptions& options) {
  WorkerMemoryOptions layout;
  layout.counter_bytes = CounterTable::kBytes;
  layout.connection_bytes = ConnectionTable::BytesFor(options.connections);
  ASSIGN_OR_RETURN(layout.secret, MakeSecret());
  absl::StatusOr<Segment> segment = Segment::Create(
      "vswitch-workers", WorkerMemory::BytesFor(layout), HugePagesOf(options));
  if (!segment.ok()) {
    return Explain(segment.status(), "--hugepages, --connections");
  }
  RETURN_IF_ERROR(WorkerMemory::Format(segment->writable(), layout));
  ASSIGN_OR_RETURN(WorkerMemory memory,
                   WorkerMemory::Attach(segment->writable()));
  RETURN_IF_ERROR(ConnectionTable::Format(memory.writable_connection_area(),
                                          options.connections, layout.secret));
  return segment;
}

}  // namespace

absl::StatusOr<SwitchMemory> CreateSwitchMemory(
    const SupervisorOptions& options) {
  SwitchMemory memory;
  ASSIGN_OR_RETURN(memory.tables, MakeTables(options));
  ASSIGN_OR_RETURN(memory.workers, MakeWorkers(options));
  ASSIGN_OR_RETURN(const int tables_fd, memory.tables.ReopenReadOnly());
  memory.tables_read_only.reset(tables_fd);
  ASSIGN_OR_RETURN(const int workers_fd, memory.workers.ReopenReadOnly());
  memory.workers_read_only.reset(workers_fd);
  return memory;
}

}  // namespace vswitch
