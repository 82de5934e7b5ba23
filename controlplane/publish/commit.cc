// What happens to a transaction, from the rules of ownership to the published
// generation.

#include <string>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "controlplane/publish/control_plane.h"
#include "controlplane/publish/log.h"
#include "controlplane/publish/monotonic_clock.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

constexpr size_t kMaxWarnings = 100;  // a person reads no more

// A warning is news when it first comes true, not with every later change.
std::vector<std::string> NewWarnings(const Snapshot* present,
                                     const Snapshot& next) {
  absl::flat_hash_set<absl::string_view> known;
  if (present != nullptr) {
    known.insert(present->compiled.warnings.begin(),
                 present->compiled.warnings.end());
  }
  std::vector<std::string> warnings;
  for (const std::string& warning : next.compiled.warnings) {
    if (known.contains(warning)) continue;
    if (warnings.size() == kMaxWarnings) {
      warnings.push_back("and more");
      break;
    }
    warnings.push_back(warning);
  }
  return warnings;
}

}  // namespace

void ControlPlane::Handle(const std::vector<Pending*>& batch) {
  std::vector<Pending*> together;
  for (Pending* pending : batch) {
    if (pending->transaction.dry_run) {
      Answer(pending, DryRun(pending->transaction));
    } else {
      together.push_back(pending);
    }
  }
  if (together.empty()) return;
  absl::Status status = Commit(together);
  if (status.ok()) return;
  if (together.size() == 1) {
    Answer(together[0], status);
    return;
  }
  // One of them is bad: each on its own, so that it refuses only itself.
  for (Pending* pending : together) {
    absl::Status alone = Commit({pending});
    if (!alone.ok()) Answer(pending, alone);
  }
}

absl::Status ControlPlane::Commit(const std::vector<Pending*>& batch) {
  Draft draft = NewDraft();
  std::vector<absl::StatusOr<StateChange>> changes;
  std::string records;
  bool objects_changed = false;
  for (Pending* pending : batch) {
    changes.push_back(Change(pending->transaction, draft.stored));
    const absl::StatusOr<StateChange>& change = changes.back();
    if (!change.ok() || !change->IsDurable()) continue;
    records +=
        EncodeChange(draft.stored, *change, pending->transaction.manager.name);
    objects_changed |= change->HasObjectChanges();
  }

  std::vector<PortEpoch> attached;
  std::vector<std::string> warnings;
  if (objects_changed) {
    RETURN_IF_ERROR(PrepareDraft(draft));
    warnings = NewWarnings(snapshot().get(), *draft.snapshot);
    auto abandon = absl::MakeCleanup([&] { publisher_.Abandon(); });
    if (ChangesPorts(*draft.snapshot)) {
      ASSIGN_OR_RETURN(std::vector<AttachPortRequest> wanted,
                       devices_.Wanted(draft.stored.desired, draft.ports,
                                       draft.snapshot->node_name));
      ASSIGN_OR_RETURN(attached, devices_.Attach(wanted));
    }
    std::move(abandon).Cancel();
    records += EncodeIdentities(draft.stored, draft.identities.saved());
    draft.stored.identities = draft.identities.saved();
  }
  if (absl::Status durable = journal_->Append(records); !durable.ok()) {
    devices_.Detach(attached);
    publisher_.Abandon();
    return durable;
  }
  absl::Time accepted = absl::Now();
  if (objects_changed) {
    PublishDraft(std::move(draft));
  } else {
    stored_ = std::move(draft.stored);
  }
  for (size_t i = 0; i < batch.size(); ++i) {
    if (!changes[i].ok()) {
      Answer(batch[i], changes[i].status());
    } else {
      Answer(batch[i], Accepted{publisher_.current(), accepted,
                                *std::move(changes[i]), warnings});
    }
  }
  if (journal_->WantsCompaction()) journal_->StartCompaction(stored_);
  return absl::OkStatus();
}

absl::StatusOr<Accepted> ControlPlane::DryRun(const Transaction& transaction) {
  Draft draft = NewDraft();
  ASSIGN_OR_RETURN(StateChange change, Change(transaction, draft.stored));
  Generation generation = publisher_.current();
  std::vector<std::string> warnings;
  if (change.HasObjectChanges()) {
    generation = publisher_.next();
    RETURN_IF_ERROR(PrepareDraft(draft));
    warnings = NewWarnings(snapshot().get(), *draft.snapshot);
    publisher_.Abandon();
  }
  return Accepted{generation, absl::InfinitePast(), std::move(change),
                  std::move(warnings)};
}

ControlPlane::Draft ControlPlane::NewDraft() const {
  return {stored_, identities_, ports_, nullptr};
}

absl::Status ControlPlane::CompileDraft(Draft& draft) {
  Generation generation = publisher_.next();
  std::shared_ptr<const Snapshot> present = snapshot();
  RETURN_IF_ERROR(draft.ports.Update(
      draft.stored.desired, generation,
      present == nullptr ? nullptr : &present->stored.desired));
  draft.snapshot = std::make_shared<Snapshot>();
  draft.snapshot->generation = generation;
  draft.snapshot->node_name = NodeName(draft.stored.desired);
  CompileOptions options;
  options.node_name = draft.snapshot->node_name;
  options.generation = generation;
  options.now_s = absl::ToUnixSeconds(absl::Now());
  options.monotonic_s = MonotonicSeconds();
  ASSIGN_OR_RETURN(
      draft.snapshot->compiled,
      Compile(draft.stored.desired, options, draft.ports, draft.identities,
              present == nullptr ? nullptr : &present->compiled));
  return absl::OkStatus();
}

absl::Status ControlPlane::PrepareDraft(Draft& draft) {
  RETURN_IF_ERROR(CompileDraft(draft));
  absl::Status status = publisher_.Prepare(draft.snapshot->compiled);
  // What services were before is good to have, and no reason to refuse what
  // they are to be.
  constexpr auto kEarlier = static_cast<size_t>(BlobKind::kEarlierServices);
  SharedBytes& earlier = draft.snapshot->compiled.blobs[kEarlier];
  if (!absl::IsResourceExhausted(status) || earlier.empty()) return status;
  earlier = SharedBytes();
  return publisher_.Prepare(draft.snapshot->compiled);
}

// The compiler keeps the table of ports when nothing about them changed.
bool ControlPlane::ChangesPorts(const Snapshot& next) const {
  constexpr auto kPorts = static_cast<size_t>(BlobKind::kPorts);
  std::shared_ptr<const Snapshot> present = snapshot();
  return present == nullptr ||
         !next.compiled.blobs[kPorts].IsSameAs(present->compiled.blobs[kPorts]);
}

void ControlPlane::PublishDraft(Draft draft) {
  devices_to_remove_ |= ChangesPorts(*draft.snapshot);
  publisher_.Publish(draft.snapshot->compiled);
  published_time_ = absl::Now();
  stored_ = std::move(draft.stored);
  identities_ = std::move(draft.identities);
  ports_ = std::move(draft.ports);
  draft.snapshot->stored = stored_;
  draft.snapshot->ports = ports_;
  absl::MutexLock lock(&mutex_);
  snapshot_ = std::move(draft.snapshot);
}

absl::Status ControlPlane::MakePortsReady() {
  Draft draft = NewDraft();
  for (const std::string& name : draft.ports.NotReady()) {
    draft.ports.SetReady(name, draft.ports.Find(name)->epoch);
  }
  RETURN_IF_ERROR(PrepareDraft(draft));
  PublishDraft(std::move(draft));
  return absl::OkStatus();
}

void ControlPlane::RemoveDevices() {
  absl::StatusOr<std::vector<AttachPortRequest>> wanted =
      devices_.Wanted(stored_.desired, ports_, NodeName(stored_.desired));
  if (!wanted.ok()) return;  // cannot be: this state has been published
  devices_.RemoveUnwanted(*wanted);
  devices_to_remove_ = false;
  absl::MutexLock lock(&mutex_);
  for (auto it = device_errors_.begin(); it != device_errors_.end();) {
    it = ports_.Find(it->first) == nullptr ? device_errors_.erase(it)
                                           : std::next(it);
  }
}

}  // namespace vswitch
