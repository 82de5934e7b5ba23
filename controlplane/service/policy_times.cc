// PolicyTimes: what Apply answered, by policy.

#include "controlplane/service/policy_times.h"

namespace vswitch {

void PolicyTimes::Record(const Accepted& accepted) {
  absl::MutexLock lock(&mutex_);
  for (const ObjectResult& result : accepted.change.results) {
    if (!IsPolicy(result.key.kind)) continue;
    switch (result.outcome) {
      case ObjectOutcome::kCreated:
      case ObjectOutcome::kUpdated: {
        // Transactions may answer out of order.
        PolicyTime& time = times_[result.key];
        if (accepted.generation >= time.generation) {
          time = {accepted.generation, accepted.time};
        }
        break;
      }
      case ObjectOutcome::kDeleted:
        times_.erase(result.key);
        break;
      case ObjectOutcome::kUnchanged:
      case ObjectOutcome::kMissing:
        break;
    }
  }
}

std::optional<PolicyTime> PolicyTimes::Find(const ObjectKey& key) const {
  absl::MutexLock lock(&mutex_);
  auto found = times_.find(key);
  if (found == times_.end()) return std::nullopt;
  return found->second;
}

}  // namespace vswitch
