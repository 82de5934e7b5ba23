// Making and applying transactions.

#include "bench/pipeline/changes.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "bench/pipeline/addresses.h"
#include "bench/pipeline/cluster.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

// A deleted pod stays away for so many others: nothing of it is left then.
constexpr size_t kGone = 256;

using SetPointer = std::shared_ptr<const std::string>;

// How many sets of `now` were not among those of `before`.
uint64_t CountNewSets(const std::vector<SetPointer>& before,
                      const std::vector<SetPointer>& now) {
  auto sorted = [](const std::vector<SetPointer>& sets) {
    std::vector<const std::string*> pointers;
    pointers.reserve(sets.size());
    for (const SetPointer& set : sets) pointers.push_back(set.get());
    std::sort(pointers.begin(), pointers.end());
    return pointers;
  };
  std::vector<const std::string*> fresh;
  const auto old = sorted(before);
  const auto present = sorted(now);
  std::set_difference(present.begin(), present.end(), old.begin(), old.end(),
                      std::back_inserter(fresh));
  return fresh.size();
}

uint64_t CountChangedAddresses(const StateChange& change) {
  return kAddressesPerPod *
         static_cast<uint64_t>(std::count_if(
             change.results.begin(), change.results.end(),
             [](const ObjectResult& result) {
               return result.key.kind == ObjectKind::kPod &&
                      result.outcome != ObjectOutcome::kUnchanged &&
                      result.outcome != ObjectOutcome::kMissing;
             }));
}

// How many of `rate` are due in batch `index`, so that none is lost to
// rounding.
uint32_t DueIn(uint64_t index, double rate, double batch_s) {
  const auto until = [&](uint64_t batch) {
    return static_cast<uint64_t>(static_cast<double>(batch) * batch_s * rate);
  };
  return static_cast<uint32_t>(until(index + 1) - until(index));
}

}  // namespace

Changes::Changes(uint32_t remote_pods, uint32_t local_pods)
    : remote_pods_(remote_pods), local_pods_(local_pods) {}

Transaction Changes::Next(uint32_t pod_count, uint32_t policy_count) {
  Transaction transaction = BenchTransaction({});
  for (uint32_t i = 0; i < pod_count; ++i) {
    switch (turn_++ % 4) {
      case 0:
        ChangeClient(transaction);
        break;
      case 1:
        MoveRemote(transaction);
        break;
      case 2:
        DeleteRemote(transaction);
        break;
      case 3:
        CreateRemote(transaction);
        break;
    }
  }
  for (uint32_t i = 0; i < policy_count; ++i) {
    const uint32_t pod = policy_ % local_pods_;
    transaction.upserts.push_back(Policy(absl::StrCat("churn-", pod), pod,
                                         {.rules = 1, .peers = 1, .ports = 1},
                                         policy_, Clients::kRefused));
    ++policy_;
  }
  return transaction;
}

void Changes::ChangeClient(Transaction& transaction) {
  const uint32_t round = client_ / kClientCount + 1;
  const uint32_t index = client_++ % kClientCount;
  transaction.upserts.push_back(
      ClientPod(index, (index + round) % kClientApps));
}

void Changes::MoveRemote(Transaction& transaction) {
  const uint32_t half = remote_pods_ / 2;
  const uint32_t round = moved_ / half + 1;
  transaction.upserts.push_back(RemotePod(moved_++ % half, round));
}

void Changes::DeleteRemote(Transaction& transaction) {
  const uint32_t half = remote_pods_ - remote_pods_ / 2;
  const uint32_t index = remote_pods_ / 2 + erased_++ % half;
  const Object pod = RemotePod(index, 0);
  transaction.deletes.push_back(DesiredState::KeyOf(pod));
  gone_.push_back(index);
}

void Changes::CreateRemote(Transaction& transaction) {
  if (gone_.size() <= std::min<size_t>(kGone, remote_pods_ / 4)) {
    DeleteRemote(transaction);
    return;
  }
  transaction.upserts.push_back(RemotePod(gone_.front(), 0));
  gone_.pop_front();
}

absl::StatusOr<Applied> ApplyInTime(Changes& changes, const ChangeRates& rates,
                                    double seconds, ControlPlane& plane) {
  Applied applied;
  std::shared_ptr<const Snapshot> snapshot = plane.snapshot();
  const Generation first = snapshot->generation;
  const absl::Time start = absl::Now();
  const absl::Time end = start + absl::Seconds(seconds);
  const double pods_per_second = rates.addresses_per_second / kAddressesPerPod;
  for (uint64_t batch = 0;; ++batch) {
    const absl::Time due =
        start + absl::Seconds(rates.batch_s * static_cast<double>(batch + 1));
    if (due > end || absl::Now() > end) break;
    Transaction transaction =
        changes.Next(DueIn(batch, pods_per_second, rates.batch_s),
                     DueIn(batch, rates.policies_per_second, rates.batch_s));
    absl::SleepFor(due - absl::Now());
    const absl::Time submitted = absl::Now();
    ASSIGN_OR_RETURN(const Accepted accepted,
                     plane.Apply(std::move(transaction)));
    applied.apply_ns.Add(static_cast<uint64_t>(
        absl::ToInt64Nanoseconds(absl::Now() - submitted)));
    ++applied.transactions;
    applied.addresses += CountChangedAddresses(accepted.change);
    std::shared_ptr<const Snapshot> next = plane.snapshot();
    applied.policy_sets += CountNewSets(snapshot->compiled.policy_sets,
                                        next->compiled.policy_sets);
    snapshot = std::move(next);
  }
  // Late ones are not cut: the rate is what was done in the time that it took.
  applied.seconds =
      std::max(seconds, absl::ToDoubleSeconds(absl::Now() - start));
  applied.generations = snapshot->generation - first;
  return applied;
}

}  // namespace vswitch
