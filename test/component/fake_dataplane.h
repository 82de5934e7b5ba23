// test/component/fake_dataplane.h
//
// FakeDataplane: a dataplane without packets, over the real memory: two workers
// that report each generation, a main thread that opens ports and answers
// commands.
//
//   FakeDataplane dataplane(tables, memory);
//   dataplane.Freeze();    // no worker passes a quiescent point any more
//   dataplane.SetExplain([](const Command& command, Reply& reply) {...});
//
// Thread-safe; its own thread calls the function of SetExplain().

#ifndef VSWITCH_TEST_COMPONENT_FAKE_DATAPLANE_H_
#define VSWITCH_TEST_COMPONENT_FAKE_DATAPLANE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "controlplane/publish/monotonic_clock.h"
#include "dataplane/memory/table_memory.h"
#include "dataplane/memory/worker_memory.h"

namespace vswitch {

class FakeDataplane {
 public:
  using Explain = std::function<void(const Command& command, Reply& reply)>;
  static constexpr uint32_t kWorkerCount = 2;
  static constexpr uint64_t kIncarnation = 1;

  // Both outlive this.
  FakeDataplane(const TableMemoryReader& tables, WorkerMemory& memory);
  ~FakeDataplane();

  // The workers stay in the burst that they are in; Resume() ends it.
  void Freeze() { Set(frozen_, true); }
  void Resume() { Set(frozen_, false); }
  // New ports stay closed, without an error.
  void LeavePortsClosed() { Set(leaves_ports_closed_, true); }
  // New ports cannot be opened: errno.
  void FailPorts(uint16_t error);
  // Commands are not answered.
  void BeSilent() { Set(silent_, true); }

  // Fills in the reply to kExplain; id and generation are set already.
  void SetExplain(Explain explain);
  // How many connections each kFlushConnections is said to have erased.
  void SetFlushed(uint64_t count);

  // The commands that came.
  std::vector<Command> commands() const;

 private:
  void Set(bool& flag, bool value);
  void Run();
  void RunOnce() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OpenPorts(Generation generation) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AnswerCommands(Generation generation)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const TableMemoryReader& tables_;
  WorkerMemory& memory_;
  CommandConsumer commands_in_;
  ReplyProducer replies_;
  std::vector<WorkerPresence> workers_;

  mutable absl::Mutex mutex_;  // guards all below but the thread
  bool frozen_ = false;
  bool leaves_ports_closed_ = false;
  bool silent_ = false;
  bool stopping_ = false;
  uint16_t port_error_ = 0;
  Explain explain_;
  uint64_t flushed_ = 0;
  std::vector<Command> commands_;

  std::thread thread_;  // last: starts when all above is made
};

}  // namespace vswitch

#endif  // VSWITCH_TEST_COMPONENT_FAKE_DATAPLANE_H_
