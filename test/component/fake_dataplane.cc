// One thread stands for the workers and for the main thread.

#include "test/component/fake_dataplane.h"

#include <utility>

#include "absl/time/clock.h"
#include "dataplane/forwarding/forwarding_state.h"

namespace vswitch {
namespace {

constexpr absl::Duration kPause = absl::Microseconds(200);

}  // namespace

FakeDataplane::FakeDataplane(const TableMemoryReader& tables,
                             WorkerMemory& memory)
    : tables_(tables),
      memory_(memory),
      commands_in_(CommandsIn(tables.rings(), memory.writable_rings())),
      replies_(RepliesOut(tables.rings(), memory.writable_rings())) {
  // Can only fail for an incarnation that does not grow.
  static_cast<void>(memory_.Begin(kIncarnation));
  for (uint8_t i = 0; i < kWorkerCount; ++i) {
    workers_.emplace_back(&memory_.slot(WorkerId{i}), tables_.generation(),
                          kIncarnation);
    workers_.back().GoOnline();
  }
  thread_ = std::thread([this] { Run(); });
}

FakeDataplane::~FakeDataplane() {
  Set(stopping_, true);
  thread_.join();
  for (WorkerPresence& worker : workers_) worker.GoOffline();
}

void FakeDataplane::Set(bool& flag, bool value) {
  absl::MutexLock lock(&mutex_);
  flag = value;
}

void FakeDataplane::FailPorts(uint16_t error) {
  absl::MutexLock lock(&mutex_);
  port_error_ = error;
}

void FakeDataplane::SetExplain(Explain explain) {
  absl::MutexLock lock(&mutex_);
  explain_ = std::move(explain);
}

void FakeDataplane::SetFlushed(uint64_t count) {
  absl::MutexLock lock(&mutex_);
  flushed_ = count;
}

std::vector<Command> FakeDataplane::commands() const {
  absl::MutexLock lock(&mutex_);
  return commands_;
}

void FakeDataplane::Run() {
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      if (stopping_) return;
      RunOnce();
    }
    absl::SleepFor(kPause);
  }
}

void FakeDataplane::RunOnce() {
  memory_.SetHeartbeat(MonotonicNs());
  const Generation generation = tables_.CurrentGeneration();
  OpenPorts(generation);
  AnswerCommands(generation);
  if (frozen_) return;
  for (WorkerPresence& worker : workers_) worker.Report(generation);
}

void FakeDataplane::OpenPorts(Generation generation) {
  absl::StatusOr<GenerationRoot> root = tables_.Root(generation);
  if (!root.ok()) return;
  absl::StatusOr<ForwardingState> state = ForwardingState::Open(
      generation, root->First<kBlobKindCount>(), root->pieces);
  if (!state.ok()) return;
  for (uint16_t i = 0; i < kMaxPorts; ++i) {
    const PortId id{i};
    const PortStatus now = memory_.port_status(id);
    const PortRecord* wanted = state->port(id);
    if (wanted == nullptr) {
      if (now != PortStatus{}) memory_.SetPortStatus(id, {});
    } else if (now.epoch != wanted->epoch && !leaves_ports_closed_) {
      const PortState reached =
          port_error_ == 0 ? PortState::kUp : PortState::kFailed;
      memory_.SetPortStatus(id, {wanted->epoch, reached, port_error_});
    }
  }
}

void FakeDataplane::AnswerCommands(Generation generation) {
  Command command;
  while (!silent_ && commands_in_.Pop(command) == RingPop::kEntry) {
    commands_.push_back(command);
    Reply reply{};
    reply.id = command.id;
    reply.kind = command.kind;
    reply.generation = generation;
    reply.out_port = kNoPort;
    reply.key_after = command.key;
    if (command.kind == CommandKind::kExplain && explain_) {
      explain_(command, reply);
    } else if (command.kind == CommandKind::kFlushConnections) {
      reply.flushed_count = flushed_;
    }
    static_cast<void>(replies_.PushOrCount(reply));
  }
}

}  // namespace vswitch
