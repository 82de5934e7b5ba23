// Puts the dataplane together, and the main thread's rounds.

#include "dataplane/main/dataplane.h"

#include <fcntl.h>
#include <poll.h>
#include <rte_lcore.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/base/status_macros.h"
#include "dataplane/stats/balance.h"
#include "nic-drivers/dpdk/dpdk_port.h"
#include "nic-drivers/dpdk/eal.h"
#include "nic-drivers/tap/tap_port.h"

namespace vswitch {
namespace {

uint64_t MonotonicNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000u +
         static_cast<uint64_t>(now.tv_nsec);
}

// Returns the text in a record's field, whether it is terminated or not.
template <size_t size>
std::string FieldText(const char (&field)[size]) {
  return std::string(field, strnlen(field, size));
}

MbufPoolConfig PoolConfig(const DataplaneOptions& options) {
  return {.packet_count = options.packet_buffers,
          .segment_count = options.large_buffers};
}

absl::Status StartDpdk(const DataplaneOptions& options) {
  EalConfig config;
  config.hugepages = options.hugepages;
  config.pci_devices = options.pci_devices;
  // Beside the buffers: rings and descriptors of the drivers.
  constexpr uint64_t kDriverBytes = 64ull << 20;
  config.memory_mb = static_cast<uint32_t>(
      (MbufPool::BytesFor(PoolConfig(options)) + kDriverBytes) >> 20);
  return StartEal(config);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Dataplane>> Dataplane::Create(
    const DataplaneOptions& options) {
  std::unique_ptr<Dataplane> dataplane(new Dataplane());
  dataplane->options_ = options;
  // DPDK pins the main thread; workers without a core of their own get these.
  sched_getaffinity(0, sizeof(dataplane->cpus_), &dataplane->cpus_);
  if (pipe2(dataplane->gone_fds_, O_CLOEXEC | O_NONBLOCK) != 0) {
    return absl::InternalError(absl::StrCat("pipe2: ", strerror(errno)));
  }
  RETURN_IF_ERROR(dataplane->MapMemory(options));
  RETURN_IF_ERROR(StartDpdk(options));
  ASSIGN_OR_RETURN(dataplane->pool_, MbufPool::Create(PoolConfig(options)));
  RETURN_IF_ERROR(dataplane->TakeConnectionsOver(options));
  const int gone_fd = dataplane->gone_fds_[1];
  ASSIGN_OR_RETURN(dataplane->supervisor_,
                   SupervisorClient::Create(
                       options.supervisor_fd, [gone_fd](const Notice& notice) {
                         if (notice.kind != Notice::Kind::kSupervisorGone)
                           return;
                         [[maybe_unused]] const ssize_t written =
                             write(gone_fd, "x", 1);
                       }));
  RETURN_IF_ERROR(dataplane->MakeWorkers(options));
  return dataplane;
}

absl::Status Dataplane::MapMemory(const DataplaneOptions& options) {
  ASSIGN_OR_RETURN(table_segment_,
                   Segment::Map(options.table_memory_fd, SegmentAccess::kRead));
  ASSIGN_OR_RETURN(worker_segment_, Segment::Map(options.worker_memory_fd,
                                                 SegmentAccess::kReadWrite));
  ASSIGN_OR_RETURN(tables_, TableMemoryReader::Attach(table_segment_.bytes()));
  ASSIGN_OR_RETURN(memory_, WorkerMemory::Attach(worker_segment_.writable()));
  RETURN_IF_ERROR(memory_.Begin(options.incarnation));
  ASSIGN_OR_RETURN(counters_,
                   CounterTable::Open(memory_.writable_counter_area()));
  return absl::OkStatus();
}

absl::Status Dataplane::TakeConnectionsOver(const DataplaneOptions& options) {
  const std::span<std::byte> area = memory_.writable_connection_area();
  absl::StatusOr<ConnectionTable> table =
      ConnectionTable::Attach(area, options.workers);
  if (!table.ok()) {
    // The first dataplane of a segment, or a table that cannot be trusted:
    // forwarding without the old connections is better than none.
    std::cerr << "vswitch-dataplane: new connection table: " << table.status()
              << "\n";
    RETURN_IF_ERROR(ConnectionTable::Format(
        area, ConnectionTable::CapacityFor(area.size()), memory_.secret()));
    table = ConnectionTable::Attach(area, options.workers);
    RETURN_IF_ERROR(table.status());
  }
  connections_ = std::make_unique<ConnectionTable>(*std::move(table));
  BookRestart(counters_, connections_->CountActive());
  return absl::OkStatus();
}

absl::Status Dataplane::MakeWorkers(const DataplaneOptions& options) {
  std::vector<Mailbox*> mailboxes;
  for (uint32_t i = 0; i < options.workers; ++i) {
    ASSIGN_OR_RETURN(std::unique_ptr<Worker> worker,
                     Worker::Create({.id = WorkerId{static_cast<uint8_t>(i)},
                                     .poll = options.poll,
                                     .incarnation = options.incarnation},
                                    {.tables = &tables_,
                                     .memory = &memory_,
                                     .counters = counters_,
                                     .connections = connections_.get(),
                                     .neighbors = neighbors_.get(),
                                     .pool = pool_.get()}));
    mailboxes.push_back(&worker->mailbox());
    workers_.push_back(std::move(worker));
  }
  ports_ = std::make_unique<PortReconciler>(
      [this](PortId id, const PortRecord& record) {
        return OpenPort(id, record);
      },
      std::move(mailboxes), memory_);
  commands_ = std::make_unique<CommandHandler>(tables_, memory_, *connections_,
                                               counters_);
  presence_ = std::make_unique<WorkerPresence>(
      &memory_.slot(kMainThread), tables_.generation(), options.incarnation);
  return absl::OkStatus();
}

Dataplane::~Dataplane() {
  ports_.reset();  // closes every port before the pool goes
  workers_.clear();
  supervisor_.reset();
  pool_.reset();
  for (int fd : gone_fds_) {
    if (fd >= 0) close(fd);
  }
}

absl::StatusOr<std::unique_ptr<Port>> Dataplane::OpenPort(
    PortId id, const PortRecord& record) {
  const std::string name = FieldText(record.name);
  if (record.driver == PortDriver::kTap) {
    ASSIGN_OR_RETURN(std::vector<UniqueFd> fds,
                     supervisor_->GetPortFds(id, record.epoch));
    return TapPort::Open({.name = name, .mtu = record.mtu}, std::move(fds),
                         *pool_);
  }
  return DpdkPort::Open({.name = name,
                         .devargs = FieldText(record.device),
                         .mtu = record.mtu,
                         .queues = static_cast<uint16_t>(options_.workers)},
                        *pool_);
}

absl::Status Dataplane::Run(int stop_fd) {
  StartWorkers();
  pollfd waits[2] = {{.fd = stop_fd, .events = POLLIN, .revents = 0},
                     {.fd = gone_fds_[0], .events = POLLIN, .revents = 0}};
  while (poll(waits, 2, kRoundMs) <= 0) Round(MonotonicNs());
  StopWorkers();
  return absl::OkStatus();
}

void Dataplane::StartWorkers() {
  for (uint32_t i = 0; i < workers_.size(); ++i) {
    cpu_set_t cpus = cpus_;
    if (!options_.cpus.empty()) {
      CPU_ZERO(&cpus);
      CPU_SET(options_.cpus[i], &cpus);
    }
    threads_.emplace_back([worker = workers_[i].get(), cpus] {
      sched_setaffinity(0, sizeof(cpus), &cpus);
      // Known to DPDK, the thread has packet caches of its own; without, it
      // is slower but right.
      const bool registered = rte_thread_register() == 0;
      worker->Run();
      if (registered) rte_thread_unregister();
    });
  }
}

void Dataplane::StopWorkers() {
  for (const std::unique_ptr<Worker>& worker : workers_) {
    const absl::Status sent =
        worker->mailbox().Send({.kind = PortChange::Kind::kStop});
    if (!sent.ok()) std::cerr << "vswitch-dataplane: " << sent << "\n";
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void Dataplane::Round(uint64_t now_ns) {
  ServeGeneration();
  // Without a generation nothing is known of ports: those that are open stay.
  if (state_.generation() != 0) {
    const bool settled = ports_->Reconcile(wanted_ports_, now_ns);
    if (settled && !ready_reported_) {
      ready_reported_ = supervisor_->ReportReady(options_.incarnation).ok();
    }
  }
  memory_.SetHeartbeat(now_ns);
}

void Dataplane::ServeGeneration() {
  const Generation current = presence_->GoOnline();
  if (current != state_.generation()) {
    state_ = ForwardingState();
    absl::StatusOr<GenerationRoot> root = tables_.Root(current);
    if (root.ok()) {
      absl::StatusOr<ForwardingState> opened = ForwardingState::Open(
          current, root->First<kBlobKindCount>(), root->pieces);
      if (opened.ok()) state_ = *std::move(opened);
    }
    wanted_ports_.assign(state_.ports().begin(), state_.ports().end());
  }
  commands_->HandleAll(state_);
  presence_->GoOffline();
}

}  // namespace vswitch
