// One question, one reply.

#include "controlplane/service/dataplane_commands.h"

#include "absl/time/clock.h"

namespace vswitch {
namespace {

constexpr absl::Duration kPollPause = absl::Microseconds(200);

}  // namespace

DataplaneCommands::DataplaneCommands(TableRings& table,
                                     const WorkerRings& worker,
                                     absl::Duration timeout)
    : timeout_(timeout),
      commands_(CommandsOut(table, worker)),
      replies_(RepliesIn(table, worker)) {}

absl::StatusOr<Reply> DataplaneCommands::Ask(Command command) {
  absl::MutexLock lock(&mutex_);
  // Replies to a process before us, or to a question that we gave up.
  replies_.Skip();
  command.id = commands_.next_number() + 1;
  if (!commands_.Push(command)) {
    return absl::UnavailableError(
        "the dataplane takes no commands: does it run?");
  }
  absl::Time deadline = absl::Now() + timeout_;
  while (absl::Now() < deadline) {
    Reply reply;
    RingPop popped = replies_.Pop(reply);
    if (popped == RingPop::kCorrupt) replies_.Skip();
    if (popped != RingPop::kEntry) {
      absl::SleepFor(kPollPause);
      continue;
    }
    if (reply.id != command.id) continue;
    if (reply.status == ReplyStatus::kOk) return reply;
    if (reply.status == ReplyStatus::kUnknownCommand) {
      return absl::UnimplementedError(
          "the dataplane is of a version that does not know this command");
    }
    return absl::UnavailableError("the dataplane has no tables yet");
  }
  return absl::UnavailableError("the dataplane does not answer: does it run?");
}

}  // namespace vswitch
