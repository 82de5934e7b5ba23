// controlplane/service/policy_times.h
//
// PolicyTimes: in which generation each policy was changed last and when that
// was accepted, so that a client can ask later when it was enforced.
//
//   times.Record(accepted);
//   std::optional<PolicyTime> time = times.Find(key);
//
// Holds what changed while this process runs, for policies that exist.
// Thread-safe.

#ifndef VSWITCH_CONTROLPLANE_SERVICE_POLICY_TIMES_H_
#define VSWITCH_CONTROLPLANE_SERVICE_POLICY_TIMES_H_

#include <map>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "controlplane/publish/control_plane.h"

namespace vswitch {

struct PolicyTime {
  Generation generation = 0;
  absl::Time accepted;
};

class PolicyTimes {
 public:
  // Takes note of the policies that a transaction changed.
  void Record(const Accepted& accepted) ABSL_LOCKS_EXCLUDED(mutex_);
  std::optional<PolicyTime> Find(const ObjectKey& key) const
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  mutable absl::Mutex mutex_;
  std::map<ObjectKey, PolicyTime> times_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_SERVICE_POLICY_TIMES_H_
