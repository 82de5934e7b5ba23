// policy_churn_worker: the dataplane's half of policy_churn, which starts it:
// one real worker over ports that make packets and take them.
//
// It learns its ports from the published generation, and ends when the
// descriptor --stop-fd is closed at its other end.

#include <rte_cycles.h>
#include <rte_lcore.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "bench/pipeline/flows.h"
#include "bench/pipeline/machine.h"
#include "bench/pipeline/scheduled_port.h"
#include "bench/pipeline/traffic_control.h"
#include "dataplane/base/status_macros.h"
#include "dataplane/conntrack/connection_table.h"
#include "dataplane/forwarding/forwarding_state.h"
#include "dataplane/memory/segment.h"
#include "dataplane/worker/worker.h"
#include "nic-drivers/dpdk/eal.h"
#include "nic-drivers/dpdk/mbuf_pool.h"

namespace vswitch {
namespace {

constexpr uint64_t kIncarnation = 1;

struct Flags {
  int table_fd = -1;
  int worker_fd = -1;
  int control_fd = -1;
  int stop_fd = -1;
  uint32_t cpu = 0;
  uint32_t main_cpu = 0;
  uint32_t flows = 1;
};

// Everything that a worker needs, in the order in which it is made.
class WorkerProcess {
 public:
  explicit WorkerProcess(const Flags& flags) : flags_(flags) {}
  ~WorkerProcess() {
    if (!thread_.joinable()) return;
    static_cast<void>(
        worker_->mailbox().Send({.kind = PortChange::Kind::kStop}));
    thread_.join();
  }

  absl::Status Run() {
    RETURN_IF_ERROR(MapMemory());
    RETURN_IF_ERROR(StartDpdk());
    RETURN_IF_ERROR(MakeTraffic());
    StartThread();
    RETURN_IF_ERROR(AwaitPorts());
    control_->ready.StoreRelease(1);
    char byte;
    while (read(flags_.stop_fd, &byte, 1) > 0) {
    }
    return absl::OkStatus();
  }

 private:
  absl::Status MapMemory() {
    ASSIGN_OR_RETURN(table_segment_,
                     Segment::Map(flags_.table_fd, SegmentAccess::kRead));
    ASSIGN_OR_RETURN(worker_segment_,
                     Segment::Map(flags_.worker_fd, SegmentAccess::kReadWrite));
    ASSIGN_OR_RETURN(control_segment_, Segment::Map(flags_.control_fd,
                                                    SegmentAccess::kReadWrite));
    control_ =
        reinterpret_cast<TrafficControl*>(control_segment_.writable().data());
    ASSIGN_OR_RETURN(tables_,
                     TableMemoryReader::Attach(table_segment_.bytes()));
    ASSIGN_OR_RETURN(memory_, WorkerMemory::Attach(worker_segment_.writable()));
    RETURN_IF_ERROR(memory_.Begin(kIncarnation));
    ASSIGN_OR_RETURN(counters_,
                     CounterTable::Open(memory_.writable_counter_area()));
    ASSIGN_OR_RETURN(
        ConnectionTable connections,
        ConnectionTable::Attach(memory_.writable_connection_area(), 1));
    connections_ = std::make_unique<ConnectionTable>(std::move(connections));
    return absl::OkStatus();
  }

  absl::Status StartDpdk() {
    EalConfig eal;
    eal.drivers.clear();
    eal.main_cpus = {static_cast<uint16_t>(flags_.main_cpu)};
    RETURN_IF_ERROR(StartEal(eal));
    ASSIGN_OR_RETURN(pool_, MbufPool::Create({.segment_count = 64}));
    return absl::OkStatus();
  }

  // Gives every pod's port a sink and the uplink the arrivals.
  absl::Status MakeTraffic() {
    ASSIGN_OR_RETURN(GenerationRoot root,
                     tables_.Root(tables_.CurrentGeneration()));
    ASSIGN_OR_RETURN(
        ForwardingState state,
        ForwardingState::Open(root.generation, root.First<kBlobKindCount>(),
                              root.pieces));
    ASSIGN_OR_RETURN(worker_, Worker::Create({.poll = PollMode::kBusy,
                                              .incarnation = kIncarnation},
                                             {.tables = &tables_,
                                              .memory = &memory_,
                                              .counters = counters_,
                                              .connections = connections_.get(),
                                              .pool = pool_.get()}));
    const std::span<const PortRecord> records = state.ports();
    PortId uplink = kNoPort;
    for (size_t i = 0; i < records.size(); ++i) {
      const PortId id{static_cast<uint16_t>(i)};
      if (records[i].kind == PortKind::kUplink) uplink = id;
      if (records[i].kind != PortKind::kPod) continue;
      ports_.push_back(std::make_unique<SinkPort>(control_->arrivals.sent));
      RETURN_IF_ERROR(Attach(id, *ports_.back()));
    }
    ASSIGN_OR_RETURN(
        Flows flows,
        Flows::Make(flags_.flows, static_cast<uint32_t>(ports_.size()),
                    state.settings().gateway_mac));
    flows_ = std::make_unique<Flows>(std::move(flows));
    ports_.push_back(std::make_unique<ScheduledPort>(
        *flows_, *pool_, static_cast<double>(rte_get_tsc_hz()), *control_));
    return Attach(uplink, *ports_.back());
  }

  absl::Status Attach(PortId id, Port& port) {
    return worker_->mailbox().Send(
        {.kind = PortChange::Kind::kAttach, .id = id, .port = &port});
  }

  void StartThread() {
    thread_ = std::thread([this] {
      const absl::Status pinned = PinThread(flags_.cpu);
      if (!pinned.ok()) std::cerr << pinned << "\n";
      PreferThread();
      const bool registered = rte_thread_register() == 0;
      worker_->Run();
      if (registered) rte_thread_unregister();
    });
  }

  absl::Status AwaitPorts() {
    for (size_t i = 0; i < ports_.size();) {
      const std::optional<PortChange> answer = worker_->mailbox().TakeAnswer();
      if (!answer.has_value()) {
        std::this_thread::yield();
        continue;
      }
      if (answer->port == nullptr) {
        return absl::InternalError("the worker does not poll a port");
      }
      ++i;
    }
    return absl::OkStatus();
  }

  const Flags flags_;
  Segment table_segment_;
  Segment worker_segment_;
  Segment control_segment_;
  TrafficControl* control_ = nullptr;
  TableMemoryReader tables_;
  WorkerMemory memory_;
  CounterTable counters_;
  std::unique_ptr<ConnectionTable> connections_;
  std::unique_ptr<MbufPool> pool_;
  std::unique_ptr<Flows> flows_;
  std::vector<std::unique_ptr<Port>> ports_;
  std::unique_ptr<Worker> worker_;
  std::thread thread_;
};

int Main(int argc, char** argv) {
  Flags flags;
  CLI::App app("The dataplane's half of policy_churn, which starts it.");
  app.add_option("--table-fd", flags.table_fd)->required();
  app.add_option("--worker-fd", flags.worker_fd)->required();
  app.add_option("--control-fd", flags.control_fd)->required();
  app.add_option("--stop-fd", flags.stop_fd)->required();
  app.add_option("--cpu", flags.cpu, "Core of the worker.");
  app.add_option("--main-cpu", flags.main_cpu, "Core of all else.");
  app.add_option("--flows", flags.flows, "Established flows.");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = WorkerProcess(flags).Run();
  if (status.ok()) return 0;
  std::cerr << "policy_churn_worker: " << status << "\n";
  return 1;
}

}  // namespace
}  // namespace vswitch

int main(int argc, char** argv) { return vswitch::Main(argc, argv); }
