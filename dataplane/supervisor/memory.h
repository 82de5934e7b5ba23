// dataplane/supervisor/memory.h
//
// SwitchMemory: the two segments that outlive both children, created and
// formatted by the supervisor.  Each child gets a writable descriptor of the
// one that it writes and a read-only one of the other.
//
//   ASSIGN_OR_RETURN(SwitchMemory memory, CreateSwitchMemory(options));
//
// Thread rule: main thread only.

#ifndef VSWITCH_DATAPLANE_SUPERVISOR_MEMORY_H_
#define VSWITCH_DATAPLANE_SUPERVISOR_MEMORY_H_

#include "absl/status/statusor.h"
#include "dataplane/memory/segment.h"
#include "dataplane/supervisor/options.h"
#include "nic-drivers/tap/unique_fd.h"

namespace vswitch {

struct SwitchMemory {
  Segment tables;   // the control plane writes it
  Segment workers;  // the dataplane writes it
  UniqueFd tables_read_only;
  UniqueFd workers_read_only;
};

absl::StatusOr<SwitchMemory> CreateSwitchMemory(
    const SupervisorOptions& options);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_SUPERVISOR_MEMORY_H_
