// controlplane/service/dataplane_commands.h
//
// DataplaneCommands: asks the dataplane's main thread over the command ring and
// waits for its reply.
//
//   Command command{};
//   command.kind = CommandKind::kExplain;
//   ASSIGN_OR_RETURN(Reply reply, commands.Ask(command));
//
// Thread-safe: one question at a time.

#ifndef VSWITCH_CONTROLPLANE_SERVICE_DATAPLANE_COMMANDS_H_
#define VSWITCH_CONTROLPLANE_SERVICE_DATAPLANE_COMMANDS_H_

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "dataplane/memory/worker_memory.h"

namespace vswitch {

class DataplaneCommands {
 public:
  // Both outlive this.
  DataplaneCommands(TableRings& table, const WorkerRings& worker,
                    absl::Duration timeout = absl::Seconds(2));

  // Sends `command`, whose id it sets.  UNAVAILABLE when the dataplane does not
  // answer in time, or says that it cannot.
  absl::StatusOr<Reply> Ask(Command command) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  const absl::Duration timeout_;
  absl::Mutex mutex_;
  CommandProducer commands_ ABSL_GUARDED_BY(mutex_);
  ReplyConsumer replies_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_SERVICE_DATAPLANE_COMMANDS_H_
