// controlplane/publish/stored_state.h
//
// StoredState: everything that is durable, and the rules by which a transaction
// changes it: owners, fencing epochs, versions, and what exists.
//
//   ASSIGN_OR_RETURN(StateChange change, Change(transaction, state));
//
// Values: any thread.

#ifndef VSWITCH_CONTROLPLANE_PUBLISH_STORED_STATE_H_
#define VSWITCH_CONTROLPLANE_PUBLISH_STORED_STATE_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/compile/identity_allocator.h"
#include "controlplane/model/desired_state.h"
#include "controlplane/translate/transaction.h"

namespace vswitch {

struct StoredState {
  DesiredState desired;
  std::map<std::string, uint64_t> manager_epochs;  // the highest seen
  uint64_t transaction = 0;  // number of the last one that changed anything
  IdentityAllocator::ByKey identities;  // IdentityAllocator::saved()
};

enum class ObjectOutcome : uint8_t {
  kCreated,
  kUpdated,
  kUnchanged,
  kDeleted,
  kMissing,
};

struct ObjectResult {
  ObjectKey key;
  ObjectOutcome outcome = ObjectOutcome::kUnchanged;
  uint64_t version = 0;  // 0: it is gone
};

// What a transaction did.
struct StateChange {
  std::vector<ObjectResult> results;  // upserts, then deletes, as asked for
  bool epoch_raised = false;

  // Whether any object differs now.
  bool HasObjectChanges() const;
  // Whether there is anything to make durable.
  bool IsDurable() const { return epoch_raised || HasObjectChanges(); }
};

// Applies `transaction` to `state`.  Reports every refusal together, with one
// code: FAILED_PRECONDITION for an epoch that is too low, PERMISSION_DENIED for
// an object of another owner, ALREADY_EXISTS, NOT_FOUND for a deletion of what
// is not there, ABORTED for an object that has another version; `state` is
// unchanged then.
absl::StatusOr<StateChange> Change(const Transaction& transaction,
                                   StoredState& state);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_PUBLISH_STORED_STATE_H_
