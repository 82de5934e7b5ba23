// bench/pipeline/changes.h
//
// Changes: the stream of changes that a cluster in motion makes, and a client
// that applies it in time.
//
// Pods come by turns: a client gets another identity, another pod elsewhere
// does, one is deleted, one is created; each pod is two addresses.  Clients are
// never deleted: what they send is allowed before and after.  A policy change
// makes or replaces a policy of one rule about one local pod.
//
//   Changes changes(shape);
//   ASSIGN_OR_RETURN(Applied applied,
//                    ApplyInTime(changes, rates, seconds, control_plane));
//
// Thread-compatible.

#ifndef VSWITCH_BENCH_PIPELINE_CHANGES_H_
#define VSWITCH_BENCH_PIPELINE_CHANGES_H_

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/pipeline/histogram.h"
#include "controlplane/publish/control_plane.h"
#include "controlplane/translate/transaction.h"

namespace vswitch {

class Changes {
 public:
  // `remote_pods` exist, with shift 0; clients have the app of their index.
  Changes(uint32_t remote_pods, uint32_t local_pods);

  // Returns the next transaction.
  Transaction Next(uint32_t pod_count, uint32_t policy_count);

 private:
  void ChangeClient(Transaction& transaction);
  void MoveRemote(Transaction& transaction);
  void DeleteRemote(Transaction& transaction);
  void CreateRemote(Transaction& transaction);

  const uint32_t remote_pods_;
  const uint32_t local_pods_;
  uint32_t turn_ = 0;
  uint32_t client_ = 0;
  uint32_t moved_ = 0;   // in the lower half of the pods elsewhere
  uint32_t erased_ = 0;  // in the upper half
  std::deque<uint32_t> gone_;
  uint32_t policy_ = 0;
};

struct ChangeRates {
  double addresses_per_second = 0;
  double policies_per_second = 0;
  double batch_s = 0;
};

// What was done, and in how long.
struct Applied {
  double seconds = 0;
  uint64_t transactions = 0;
  uint64_t addresses = 0;
  uint64_t policy_sets = 0;  // sets of the dataplane with other bytes
  uint64_t generations = 0;
  Histogram apply_ns;  // of each transaction, from submitted to answered
};

// Applies `changes` at `rates` for `seconds`, one transaction after the other;
// one that is late is not skipped.
absl::StatusOr<Applied> ApplyInTime(Changes& changes, const ChangeRates& rates,
                                    double seconds, ControlPlane& plane);

}  // namespace vswitch

#endif  // VSWITCH_BENCH_PIPELINE_CHANGES_H_
