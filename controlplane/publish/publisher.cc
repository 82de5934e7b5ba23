// Writing, publishing and retiring generations.

#include "controlplane/publish/publisher.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controlplane/publish/log.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

// Long enough to let a worker end its burst, short against any client.
constexpr absl::Duration kPollPause = absl::Microseconds(50);

}  // namespace

Publisher::Publisher(TableMemoryWriter& tables, const WorkerMemoryView& workers,
                     const Options& options)
    : tables_(tables), workers_(workers), options_(options) {
  published_time_ = absl::Now();
  ReadBindings();
}

// After a restart the table itself says what is bound.
void Publisher::ReadBindings() {
  std::vector<Bindings::value_type> bound;
  tables_.identities().ForEach(
      [&bound](const IpAddress& address, const HostBinding& binding) {
        bound.emplace_back(address, binding);
      });
  std::sort(bound.begin(), bound.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  bound_ = Bindings::FromSorted(std::move(bound));
}

absl::Status Publisher::Prepare(const CompiledState& compiled) {
  RETURN_IF_ERROR(AwaitCurrent());
  tables_.identities().BeginGeneration(next(), current());
  if (absl::Status status = WriteBindings(compiled.bindings); !status.ok()) {
    tables_.identities().Rollback();
    return status;
  }
  std::array<absl::string_view, kBlobKindCount> blobs;
  std::transform(compiled.blobs.begin(), compiled.blobs.end(), blobs.begin(),
                 [](const SharedBytes& blob) { return blob.view(); });
  absl::StatusOr<StagedRoot> staged =
      tables_.Stage(blobs, compiled.policy_sets);
  if (!staged.ok()) {
    tables_.identities().Rollback();
    return staged.status();
  }
  staged_ = *staged;
  return absl::OkStatus();
}

absl::Status Publisher::WriteBindings(const Bindings& wanted) {
  absl::Status status;
  Bindings::ForEachDifference(
      bound_, wanted,
      [&](const IpAddress& address, const HostBinding*,
          const HostBinding* binding) {
        if (!status.ok()) return;
        status = binding == nullptr
                     ? tables_.identities().Unbind(address)
                     : tables_.identities().Bind(address, *binding);
      });
  return status;
}

void Publisher::Abandon() {
  if (!staged_) return;
  tables_.Discard(*staged_);
  tables_.identities().Rollback();
  staged_.reset();
}

void Publisher::Publish(const CompiledState& compiled) {
  Generation generation = next();
  // Before the number: see revision_table.h.  With all_changed the settings
  // make every verdict stale.
  if (!compiled.all_changed) {
    for (const IpAddress& address : compiled.changed_addresses) {
      tables_.revisions().Mark(address, generation);
    }
  }
  // Prepare() has seen the generation before enforced and what was below it
  // retired, so the number and the slot are right.  Should they not be, the
  // change is durable already: starting again publishes it.
  absl::Status status = tables_.Publish(*staged_, generation);
  if (!status.ok()) {
    Log("generation ", generation, " not published: ", status.message());
    std::abort();
  }
  staged_.reset();
  bound_ = compiled.bindings;
  published_time_ = absl::Now();
}

Generation Publisher::Poll() {
  if (enforced_ == current()) return enforced_;
  Generation lowest =
      LowestReached<StdAtomics>(workers_.slots(), dead_incarnation_);
  // An online worker that has reported nothing yet stands at 0.
  enforced_ = std::max(enforced_, std::min(lowest, current()));
  // All workers have reached enforced_, so nobody uses what came before it.
  if (enforced_ > retired_ + 1 && tables_.Retire(enforced_ - 1).ok()) {
    retired_ = enforced_ - 1;
  }
  return enforced_;
}

absl::Status Publisher::AwaitCurrent() {
  absl::Time deadline = absl::Now() + options_.patience;
  while (Poll() != current()) {
    if (absl::Now() >= deadline) {
      return absl::UnavailableError(
          absl::StrCat("the dataplane does not follow: ", DescribeLaggards(),
                       "; the change was not made, try again"));
    }
    absl::SleepFor(kPollPause);
  }
  return absl::OkStatus();
}

void Publisher::SetDeadIncarnation(uint64_t incarnation) {
  dead_incarnation_ = std::max(dead_incarnation_, incarnation);
}

std::string Publisher::DescribeLaggards() const {
  std::string text;
  std::span<const WorkerSlot> slots = workers_.slots();
  for (size_t i = 0; i < slots.size(); ++i) {
    Generation reached = slots[i].reached.LoadSeqCst();
    if (reached >= current() ||
        slots[i].incarnation.LoadSeqCst() <= dead_incarnation_) {
      continue;
    }
    absl::StrAppend(&text, text.empty() ? "" : ", ", "worker ", i,
                    " is at generation ", reached);
  }
  if (text.empty()) return text;
  return absl::StrCat(
      text, "; generation ", current(), " was published ",
      absl::FormatDuration(
          absl::Trunc(absl::Now() - published_time_, absl::Milliseconds(1))),
      " ago");
}

}  // namespace vswitch
