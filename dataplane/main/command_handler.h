// dataplane/main/command_handler.h
//
// CommandHandler: carries out what the control plane asks for over the command
// ring, on the dataplane's main thread: explain judges with the pipeline's own
// judge on the live tables, flush erases connections.
//
// Main thread only, while it is present (quiescence.h) in `state`'s generation.

#ifndef VSWITCH_DATAPLANE_MAIN_COMMAND_HANDLER_H_
#define VSWITCH_DATAPLANE_MAIN_COMMAND_HANDLER_H_

#include "dataplane/conntrack/connection_table.h"
#include "dataplane/forwarding/forwarding_state.h"
#include "dataplane/memory/commands.h"
#include "dataplane/memory/table_memory.h"
#include "dataplane/memory/worker_memory.h"
#include "dataplane/stats/counters.h"

namespace vswitch {

class CommandHandler {
 public:
  // Borrows everything.
  CommandHandler(const TableMemoryReader& tables, WorkerMemory& memory,
                 ConnectionTable& connections, const CounterTable& counters);

  // Answers every command that waits.  Returns how many.
  uint32_t HandleAll(const ForwardingState& state);

  // Carries one command out.
  Reply Handle(const Command& command, const ForwardingState& state);

 private:
  void Explain(const Command& command, const ForwardingState& state,
               Reply& reply);
  void Flush(const Command& command, Reply& reply);
  uint64_t FlushByState(const Command& command);

  const TableMemoryReader& tables_;
  ConnectionTable& connections_;
  const CounterTable& counters_;
  CommandConsumer commands_;
  ReplyProducer replies_;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_MAIN_COMMAND_HANDLER_H_
