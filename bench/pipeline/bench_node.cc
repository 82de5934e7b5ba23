// Memory, control plane and the worker's process of the benchmark's node.

#include "bench/pipeline/bench_node.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <iterator>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "bench/pipeline/cluster.h"
#include "dataplane/base/status_macros.h"
#include "dataplane/conntrack/connection_table.h"

namespace vswitch {
namespace {

// About what gRPC lets in with one message.
constexpr size_t kObjectsPerTransaction = 20000;
constexpr absl::Duration kPatience = absl::Seconds(30);
// Two segments, each rounded up to pages of 2 MB.
constexpr uint64_t kHugePageRounding = 4 << 20;

// The program lies beside this one.
std::string WorkerPath() {
  return std::filesystem::read_symlink("/proc/self/exe")
      .replace_filename("policy_churn_worker");
}

// Starts `path` with `fds` as descriptors 3, 4... and its arguments.
absl::StatusOr<pid_t> Spawn(const std::string& path,
                            std::vector<std::string> arguments,
                            const std::vector<int>& fds) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  auto destroy = absl::MakeCleanup(
      [&actions] { posix_spawn_file_actions_destroy(&actions); });
  for (size_t i = 0; i < fds.size(); ++i) {
    posix_spawn_file_actions_adddup2(&actions, fds[i], static_cast<int>(3 + i));
  }
  arguments.insert(arguments.begin(), path);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_t pid = -1;
  const int error =
      posix_spawn(&pid, path.c_str(), &actions, nullptr, argv.data(), environ);
  if (error != 0) {
    return absl::ErrnoToStatus(error, absl::StrCat("cannot start ", path));
  }
  return pid;
}

}  // namespace

absl::StatusOr<std::unique_ptr<BenchNode>> BenchNode::Create(
    const BenchNodeOptions& options) {
  std::unique_ptr<BenchNode> node(new BenchNode());
  RETURN_IF_ERROR(node->MakeMemory(options));
  const SharedMemory shared{*node->writer_, node->tables_, node->view_};
  ASSIGN_OR_RETURN(node->plane_,
                   ControlPlane::Start({.node_name = kBenchNode,
                                        .state_dir = options.state_dir},
                                       shared, node->supervisor_));
  return node;
}

BenchNode::~BenchNode() {
  if (worker_pid_ < 0) return;
  close(stop_fd_);
  while (waitpid(worker_pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

absl::Status BenchNode::MakeMemory(const BenchNodeOptions& options) {
  const TableMemoryOptions tables{.identity_capacity = options.addresses,
                                  .heap_bytes = options.heap_bytes,
                                  .secret = {{1, 2}}};
  const WorkerMemoryOptions workers{
      .counter_bytes = CounterTable::kBytes,
      .connection_bytes = ConnectionTable::BytesFor(options.connections),
      .secret = {{3, 4}}};
  const uint64_t table_bytes = TableMemoryWriter::BytesFor(tables);
  const uint64_t worker_bytes = WorkerMemory::BytesFor(workers);
  huge_pages_.emplace(table_bytes + worker_bytes + kHugePageRounding);
  ASSIGN_OR_RETURN(table_segment_, Segment::Create("bench-tables", table_bytes,
                                                   HugePages::kAuto));
  ASSIGN_OR_RETURN(
      worker_segment_,
      Segment::Create("bench-workers", worker_bytes, HugePages::kAuto));
  ASSIGN_OR_RETURN(traffic_segment_,
                   Segment::Create("bench-traffic", sizeof(TrafficControl),
                                   HugePages::kOff));
  traffic_ =
      reinterpret_cast<TrafficControl*>(traffic_segment_.writable().data());
  RETURN_IF_ERROR(TableMemoryWriter::Format(table_segment_.writable(), tables));
  RETURN_IF_ERROR(WorkerMemory::Format(worker_segment_.writable(), workers));
  ASSIGN_OR_RETURN(WorkerMemory memory,
                   WorkerMemory::Attach(worker_segment_.writable()));
  RETURN_IF_ERROR(ConnectionTable::Format(memory.writable_connection_area(),
                                          options.connections, workers.secret));
  ASSIGN_OR_RETURN(writer_,
                   TableMemoryWriter::Attach(table_segment_.writable()));
  ASSIGN_OR_RETURN(tables_, TableMemoryReader::Attach(table_segment_.bytes()));
  ASSIGN_OR_RETURN(view_, WorkerMemoryView::Attach(worker_segment_.bytes()));
  ASSIGN_OR_RETURN(counters_, CounterView::Open(view_.counter_area()));
  return absl::OkStatus();
}

absl::Status BenchNode::Load(std::vector<Object> objects) {
  for (size_t i = 0; i < objects.size(); i += kObjectsPerTransaction) {
    const size_t end = std::min(i + kObjectsPerTransaction, objects.size());
    std::vector<Object> part(
        std::make_move_iterator(objects.begin() + static_cast<ptrdiff_t>(i)),
        std::make_move_iterator(objects.begin() + static_cast<ptrdiff_t>(end)));
    RETURN_IF_ERROR(plane_->Apply(BenchTransaction(std::move(part))).status());
  }
  return AwaitReady();
}

// A port becomes ready in a generation that the control plane adds by itself.
absl::Status BenchNode::AwaitReady() {
  const absl::Time deadline = absl::Now() + kPatience;
  while (absl::Now() < deadline) {
    const std::shared_ptr<const Snapshot> snapshot = plane_->snapshot();
    if (snapshot->ports.NotReady().empty() &&
        plane_->enforced_generation() >= snapshot->generation) {
      return absl::OkStatus();
    }
    absl::SleepFor(absl::Milliseconds(1));
  }
  return absl::DeadlineExceededError("the ports do not become ready");
}

absl::Status BenchNode::StartWorker(const BenchWorkerOptions& options) {
  ASSIGN_OR_RETURN(const int table_fd, table_segment_.ReopenReadOnly());
  auto close_table = absl::MakeCleanup([table_fd] { close(table_fd); });
  int stop_fds[2];
  if (pipe2(stop_fds, O_CLOEXEC) != 0) {
    return absl::ErrnoToStatus(errno, "cannot make a pipe");
  }
  stop_fd_ = stop_fds[1];
  auto close_stop = absl::MakeCleanup([&stop_fds] { close(stop_fds[0]); });
  ASSIGN_OR_RETURN(worker_pid_,
                   Spawn(WorkerPath(),
                         {"--table-fd=3", "--worker-fd=4", "--control-fd=5",
                          "--stop-fd=6", absl::StrCat("--cpu=", options.cpu),
                          absl::StrCat("--main-cpu=", options.main_cpu),
                          absl::StrCat("--flows=", options.flows)},
                         {table_fd, worker_segment_.fd(), traffic_segment_.fd(),
                          stop_fds[0]}));
  const absl::Time deadline = absl::Now() + kPatience;
  while (traffic_->ready.LoadAcquire() == 0) {
    if (waitpid(worker_pid_, nullptr, WNOHANG) != 0) {
      worker_pid_ = -1;
      return absl::UnavailableError("the worker's process ended");
    }
    if (absl::Now() > deadline) {
      return absl::DeadlineExceededError("the worker does not become ready");
    }
    absl::SleepFor(absl::Milliseconds(1));
  }
  return AwaitReady();
}

WorkerTotals BenchNode::CountWorkers() const { return counters_.SumWorkers(); }

std::vector<uint64_t> BenchNode::CountDrops() const {
  std::vector<uint64_t> drops(kDropReasonCount, 0);
  for (uint32_t i = 0; i < kMaxPorts; ++i) {
    const PortTotals totals =
        counters_.SumPort(PortId{static_cast<uint16_t>(i)});
    for (uint32_t j = 0; j < kDropReasonCount; ++j) drops[j] += totals.drops[j];
  }
  return drops;
}

}  // namespace vswitch
