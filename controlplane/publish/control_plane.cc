// The public face, the start and the loop of the control thread; commit.cc has
// what happens to a transaction.

#include "controlplane/publish/control_plane.h"

#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controlplane/publish/log.h"
#include "dataplane/base/status_macros.h"
#include "dataplane/forwarding/forwarding_state.h"

namespace vswitch {
namespace {

constexpr size_t kMaxBatch = 256;
constexpr size_t kEnforcedTimesKept = 256;
constexpr absl::Duration kIdlePause = absl::Seconds(1);
constexpr absl::Duration kLaggardPatience = absl::Milliseconds(100);
constexpr absl::Duration kStartPatience = absl::Seconds(10);

std::string HostName() {
  char name[256] = "";
  gethostname(name, sizeof(name) - 1);
  // The kubelet's rule for the name of its Node.
  return absl::AsciiStrToLower(name);
}

// How long to wait before looking at the workers again: they report within one
// burst, unless something is wrong.
absl::Duration PauseAfter(absl::Duration since_publish) {
  if (since_publish < absl::Milliseconds(2)) return absl::Microseconds(50);
  if (since_publish < absl::Milliseconds(100)) return absl::Milliseconds(1);
  return absl::Milliseconds(10);
}

}  // namespace

ControlPlane::ControlPlane(const ControlPlaneOptions& options,
                           const SharedMemory& memory,
                           SupervisorClient& supervisor)
    : options_(options),
      memory_(memory),
      supervisor_(supervisor),
      publisher_(memory.tables, memory.workers, {}),
      devices_(supervisor, options.queues_per_port) {}

absl::StatusOr<std::unique_ptr<ControlPlane>> ControlPlane::Start(
    const ControlPlaneOptions& options, const SharedMemory& memory,
    SupervisorClient& supervisor) {
  auto plane = std::unique_ptr<ControlPlane>(
      new ControlPlane(options, memory, supervisor));
  RETURN_IF_ERROR(plane->Recover());
  plane->thread_ = std::thread([&plane = *plane] { plane.Run(); });
  return plane;
}

ControlPlane::~ControlPlane() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

absl::Status ControlPlane::Recover() {
  ASSIGN_OR_RETURN(journal_, Journal::Open(options_.state_dir, &stored_));
  for (const auto& [key, numbered] : stored_.identities) {
    identities_.Restore(key, numbered);
  }
  ASSIGN_OR_RETURN(SupervisorStatus status, supervisor_.GetStatus());
  bool runs = status.dataplane.pid != 0;
  uint64_t incarnation = status.dataplane.incarnation;
  publisher_.SetDeadIncarnation(runs && incarnation > 0 ? incarnation - 1
                                                        : incarnation);
  RETURN_IF_ERROR(RestorePorts());
  RETURN_IF_ERROR(devices_.Adopt());

  Draft draft = NewDraft();
  absl::Time deadline = absl::Now() + kStartPatience;
  absl::Status compiled = CompileDraft(draft);
  if (!compiled.ok()) {
    return absl::Status(compiled.code(),
                        absl::StrCat("the journal in ", options_.state_dir,
                                     " holds a state that this version does ",
                                     "not accept: ", compiled.message()));
  }
  ASSIGN_OR_RETURN(std::vector<AttachPortRequest> wanted,
                   devices_.Wanted(draft.stored.desired, draft.ports,
                                   draft.snapshot->node_name));
  devices_.RemoveUnwanted(wanted);
  std::map<std::string, std::string> errors;
  devices_.AttachAll(wanted, errors);
  for (const auto& [port, error] : errors) {
    Log("port ", port, " has no device: ", error);
  }
  absl::Status prepared = publisher_.Prepare(draft.snapshot->compiled);
  while (absl::IsUnavailable(prepared) && absl::Now() < deadline) {
    prepared = publisher_.Prepare(draft.snapshot->compiled);
  }
  RETURN_IF_ERROR(prepared);
  PublishDraft(std::move(draft));
  absl::MutexLock lock(&mutex_);
  device_errors_ = std::move(errors);
  return absl::OkStatus();
}

// Ports keep their numbers, so that packets flow on while we start again.
absl::Status ControlPlane::RestorePorts() {
  Generation generation = publisher_.current();
  if (generation == 0) return absl::OkStatus();
  ASSIGN_OR_RETURN(GenerationRoot root, memory_.published.Root(generation));
  ASSIGN_OR_RETURN(ForwardingState state,
                   ForwardingState::Open(
                       generation, root.First<kBlobKindCount>(), root.pieces));
  ports_.Restore(state.ports());
  return absl::OkStatus();
}

std::string ControlPlane::NodeName(const DesiredState& desired) const {
  if (!options_.node_name.empty()) return options_.node_name;
  std::string host = HostName();
  if (desired.Find<Node>("", host) != nullptr) return host;
  auto is_node = [&desired](const auto& it) {
    return it != desired.objects().end() && it->first.kind == ObjectKind::kNode;
  };
  auto first = desired.objects().lower_bound({ObjectKind::kNode, "", ""});
  if (!is_node(first)) return host;
  bool only = !is_node(std::next(first));
  return only ? first->first.name : host;
}

absl::StatusOr<Accepted> ControlPlane::Apply(Transaction transaction) {
  Pending pending{std::move(transaction), std::nullopt};
  absl::MutexLock lock(&mutex_);
  if (stopping_) return absl::UnavailableError("the control plane is stopping");
  queue_.push_back(&pending);
  mutex_.Await(absl::Condition(
      +[](Pending* waiting) { return waiting->answer.has_value(); }, &pending));
  return *std::move(pending.answer);
}

void ControlPlane::Answer(Pending* pending, absl::StatusOr<Accepted> answer) {
  absl::MutexLock lock(&mutex_);
  pending->answer = std::move(answer);
}

std::optional<absl::Time> ControlPlane::WaitEnforced(Generation generation,
                                                     absl::Time deadline) {
  absl::MutexLock lock(&mutex_);
  auto reached = [this, generation]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return enforced_ >= generation || stopping_;
  };
  mutex_.AwaitWithDeadline(absl::Condition(&reached), deadline);
  for (const auto& [enforced, time] : enforced_times_) {
    if (enforced >= generation) return time;
  }
  return std::nullopt;
}

std::shared_ptr<const Snapshot> ControlPlane::snapshot() const {
  absl::MutexLock lock(&mutex_);
  return snapshot_;
}

std::shared_ptr<const Snapshot> ControlPlane::WaitForLater(
    Generation seen, absl::Time deadline) const {
  absl::MutexLock lock(&mutex_);
  auto later = [this, seen]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return snapshot_->generation > seen || stopping_;
  };
  mutex_.AwaitWithDeadline(absl::Condition(&later), deadline);
  return snapshot_;
}

Generation ControlPlane::enforced_generation() const {
  absl::MutexLock lock(&mutex_);
  return enforced_;
}

std::vector<std::string> ControlPlane::Conditions() const {
  absl::MutexLock lock(&mutex_);
  std::vector<std::string> result = conditions_;
  for (const auto& [port, error] : device_errors_) {
    result.push_back(absl::StrCat("port ", port, " has no device: ", error));
  }
  return result;
}

std::string ControlPlane::DeviceError(const std::string& port) const {
  absl::MutexLock lock(&mutex_);
  auto found = device_errors_.find(port);
  return found == device_errors_.end() ? "" : found->second;
}

ControlPlane::MemoryUse ControlPlane::memory_use() const {
  absl::MutexLock lock(&mutex_);
  return memory_use_;
}

void ControlPlane::OnNotice(const Notice& notice) {
  absl::MutexLock lock(&mutex_);
  if (notice.kind == Notice::Kind::kDataplaneDied) {
    dead_incarnation_ = std::max(dead_incarnation_, notice.incarnation);
  } else if (notice.kind == Notice::Kind::kPortGone) {
    gone_devices_.push_back(notice.port);
  }
}

void ControlPlane::Run() {
  while (true) {
    std::vector<Pending*> batch = TakeBatch();
    if (!batch.empty()) Handle(batch);
    ForgetGoneDevices();
    FollowUp();
    if (absl::Status compacted = journal_->FinishCompaction();
        !compacted.ok()) {
      Log("journal not compacted: ", compacted.message());
    }
    absl::MutexLock lock(&mutex_);
    if (!stopping_) continue;
    for (Pending* pending : queue_) {
      pending->answer = absl::UnavailableError("the control plane is stopping");
    }
    queue_.clear();
    return;
  }
}

// Waits for something to do, and takes it.
std::vector<ControlPlane::Pending*> ControlPlane::TakeBatch() {
  absl::MutexLock lock(&mutex_);
  auto busy = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return stopping_ || !queue_.empty() || !gone_devices_.empty();
  };
  absl::Duration pause = enforced_ < snapshot_->generation
                             ? PauseAfter(absl::Now() - published_time_)
                             : kIdlePause;
  mutex_.AwaitWithTimeout(absl::Condition(&busy), pause);
  publisher_.SetDeadIncarnation(dead_incarnation_);
  std::vector<Pending*> batch;
  while (!stopping_ && !queue_.empty() && batch.size() < kMaxBatch) {
    batch.push_back(queue_.front());
    queue_.pop_front();
  }
  return batch;
}

void ControlPlane::ForgetGoneDevices() {
  std::vector<PortEpoch> gone;
  {
    absl::MutexLock lock(&mutex_);
    gone.swap(gone_devices_);
  }
  for (const PortEpoch& device : gone) {
    std::string name = devices_.Forget(device);
    if (name.empty()) continue;
    Log("port ", name, " lost its device: its network namespace is gone");
    absl::MutexLock lock(&mutex_);
    device_errors_[name] = "it went with its network namespace";
  }
}

void ControlPlane::FollowUp() {
  Generation enforced = publisher_.Poll();
  bool all = enforced == publisher_.current();
  absl::Time now = absl::Now();
  // First the devices: who waits for a deletion to be enforced may make a new
  // device of the same name the moment we say so.
  if (all && devices_to_remove_) RemoveDevices();
  Report(enforced, now);
  if (!all || ports_.NotReady().empty() || now < next_ready_try_) return;
  if (absl::Status status = MakePortsReady(); !status.ok()) {
    next_ready_try_ = now + kIdlePause;
    Log("ports stay closed: ", status.message());
  }
}

void ControlPlane::Report(Generation enforced, absl::Time now) {
  absl::MutexLock lock(&mutex_);
  if (enforced > enforced_) {
    enforced_ = enforced;
    enforced_times_.emplace_back(enforced, now);
    if (enforced_times_.size() > kEnforcedTimesKept) {
      enforced_times_.pop_front();
    }
  }
  conditions_.clear();
  std::string laggards = publisher_.DescribeLaggards();
  if (!laggards.empty() && now - published_time_ > kLaggardPatience) {
    conditions_.push_back(laggards);
  }
  memory_use_ = {publisher_.heap().used_bytes(),
                 publisher_.heap().capacity_bytes(),
                 publisher_.identities().bound_count(),
                 publisher_.identities().slot_count()};
}

}  // namespace vswitch
