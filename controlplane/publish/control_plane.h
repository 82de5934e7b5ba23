// controlplane/publish/control_plane.h
//
// ControlPlane: desired state and its way into the dataplane.  One thread, the
// control thread, takes transactions one batch at a time:
//
//   change (owners, epochs) → number ports → compile → prepare (fits?)
//     → attach devices → journal (durable) → publish → ACCEPTED
//     → every worker has reached it → ENFORCED
//
// Everything before "journal" can refuse, and leaves no trace.  Transactions
// that wait together share one compilation, one fsync and one generation; if
// they fail together each is tried alone, so that a bad one refuses only
// itself.  A port becomes ready in a second generation, published by itself
// once the first one is enforced (PORT_NOT_READY until then).
//
//   ASSIGN_OR_RETURN(auto plane, ControlPlane::Start(options, parts));
//   ASSIGN_OR_RETURN(Accepted accepted, plane->Apply(transaction));
//   plane->WaitEnforced(accepted.generation, deadline);
//
// Readers take a Snapshot: an immutable picture of one generation.
//
// Thread-safe.

#ifndef VSWITCH_CONTROLPLANE_PUBLISH_CONTROL_PLANE_H_
#define VSWITCH_CONTROLPLANE_PUBLISH_CONTROL_PLANE_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "controlplane/compile/compile.h"
#include "controlplane/publish/devices.h"
#include "controlplane/publish/journal.h"
#include "controlplane/publish/publisher.h"
#include "controlplane/publish/stored_state.h"
#include "dataplane/supervisor/client.h"

namespace vswitch {

// One generation as it was published.  Immutable.
struct Snapshot {
  Generation generation = 0;
  std::string node_name;  // whose switch this is
  StoredState stored;
  CompiledState compiled;
  PortNumbering ports;
};

// The answer to a transaction.
struct Accepted {
  Generation generation = 0;  // that holds it
  absl::Time time;            // when it was durable
  StateChange change;
  // Of the compiled state: those that the state before did not have.
  std::vector<std::string> warnings;
};

struct ControlPlaneOptions {
  // Empty: the Node named like the host, or else the only Node there is.
  std::string node_name;
  std::string state_dir;
  uint16_t queues_per_port = 1;
};

// The two segments as the control plane sees them; all outlive their users.
struct SharedMemory {
  TableMemoryWriter& tables;
  const TableMemoryReader& published;  // the same segment, as workers see it
  const WorkerMemoryView& workers;
};

class ControlPlane {
 public:
  // Reads the journal, takes over the ports of the living generation and
  // publishes what the journal says; until then the generation in memory stays
  // in place.  All references outlive the result.
  static absl::StatusOr<std::unique_ptr<ControlPlane>> Start(
      const ControlPlaneOptions& options, const SharedMemory& memory,
      SupervisorClient& supervisor);
  ~ControlPlane();

  // Waits until `transaction` is durable and published, or refused.
  absl::StatusOr<Accepted> Apply(Transaction transaction)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Returns when every worker had reached `generation`, or nothing if they had
  // not by `deadline`.
  std::optional<absl::Time> WaitEnforced(Generation generation,
                                         absl::Time deadline)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // The present generation.
  std::shared_ptr<const Snapshot> snapshot() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Returns a generation later than `seen`, or the present one at `deadline`.
  std::shared_ptr<const Snapshot> WaitForLater(Generation seen,
                                               absl::Time deadline) const
      ABSL_LOCKS_EXCLUDED(mutex_);

  Generation enforced_generation() const ABSL_LOCKS_EXCLUDED(mutex_);
  // What is not as it should be, a line each.
  std::vector<std::string> Conditions() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Why the device of a port is missing; empty if it is not.
  std::string DeviceError(const std::string& port) const
      ABSL_LOCKS_EXCLUDED(mutex_);
  // How full the memory is: heap bytes and bound addresses.
  struct MemoryUse {
    uint64_t heap_used = 0, heap_capacity = 0;
    uint64_t bindings_used = 0, bindings_capacity = 0;
  };
  MemoryUse memory_use() const ABSL_LOCKS_EXCLUDED(mutex_);

  // To be called with every notice of the supervisor.
  void OnNotice(const Notice& notice) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Pending {
    Transaction transaction;
    std::optional<absl::StatusOr<Accepted>> answer;
  };
  // A change that is compiled but not yet published.
  struct Draft {
    StoredState stored;
    IdentityAllocator identities;
    PortNumbering ports;
    std::shared_ptr<Snapshot> snapshot;
  };

  ControlPlane(const ControlPlaneOptions& options, const SharedMemory& memory,
               SupervisorClient& supervisor);

  // --- control thread, and Start() before there is one ---
  absl::Status Recover();
  absl::Status RestorePorts();
  void Run();
  std::vector<Pending*> TakeBatch() ABSL_LOCKS_EXCLUDED(mutex_);
  void Handle(const std::vector<Pending*>& batch);
  // All of `batch` together, or (on an error) none.
  absl::Status Commit(const std::vector<Pending*>& batch);
  absl::Status PrepareDraft(Draft& draft);
  absl::StatusOr<Accepted> DryRun(const Transaction& transaction);
  Draft NewDraft() const;
  absl::Status CompileDraft(Draft& draft);
  // Whether devices may have to come or go with `next`.
  bool ChangesPorts(const Snapshot& next) const ABSL_LOCKS_EXCLUDED(mutex_);
  void PublishDraft(Draft draft) ABSL_LOCKS_EXCLUDED(mutex_);
  // What follows a publish: enforcement, ready ports, devices to remove.
  void FollowUp() ABSL_LOCKS_EXCLUDED(mutex_);
  void Report(Generation enforced, absl::Time now) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status MakePortsReady();
  void RemoveDevices();
  void ForgetGoneDevices() ABSL_LOCKS_EXCLUDED(mutex_);
  void Answer(Pending* pending, absl::StatusOr<Accepted> answer)
      ABSL_LOCKS_EXCLUDED(mutex_);
  std::string NodeName(const DesiredState& desired) const;

  const ControlPlaneOptions options_;
  const SharedMemory memory_;
  SupervisorClient& supervisor_;
  std::unique_ptr<Journal> journal_;
  Publisher publisher_;
  Devices devices_;
  StoredState stored_;
  IdentityAllocator identities_;
  PortNumbering ports_;
  bool devices_to_remove_ = false;
  absl::Time published_time_ = absl::InfinitePast();
  absl::Time next_ready_try_ = absl::InfinitePast();

  mutable absl::Mutex mutex_;
  std::deque<Pending*> queue_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const Snapshot> snapshot_ ABSL_GUARDED_BY(mutex_);
  Generation enforced_ ABSL_GUARDED_BY(mutex_) = 0;
  // Of the latest generations: when each was seen enforced, in order.
  std::deque<std::pair<Generation, absl::Time>> enforced_times_
      ABSL_GUARDED_BY(mutex_);
  uint64_t dead_incarnation_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<PortEpoch> gone_devices_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> conditions_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> device_errors_ ABSL_GUARDED_BY(mutex_);
  MemoryUse memory_use_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  std::thread thread_;
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_PUBLISH_CONTROL_PLANE_H_
