// controlplane/translate/transaction.h
//
// Transaction: a change of desired state as a client asks for it, checked as
// far as that is possible without knowing the present state.
//
//   ASSIGN_OR_RETURN(Transaction transaction, ToTransaction(request));
//   store.Apply(transaction);
//
// A value: any thread.

#ifndef VSWITCH_CONTROLPLANE_TRANSLATE_TRANSACTION_H_
#define VSWITCH_CONTROLPLANE_TRANSLATE_TRANSACTION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/model/desired_state.h"
#include "proto/vswitch/v1/config.pb.h"

namespace vswitch {

// Who writes; see config.proto.
struct Manager {
  std::string name;
  uint64_t epoch = 0;
};

struct Transaction {
  Manager manager;
  // metadata.version is what the object must have now, 0: whatever.
  std::vector<Object> upserts;
  std::vector<ObjectKey> deletes;
  std::vector<ObjectKey> must_be_new;  // ALREADY_EXISTS if one exists
  bool dry_run = false;
  bool force = false;           // take over what others own
  bool ignore_missing = false;  // deleting what is not there is no error
};

// Both report every fault of the request together.
absl::StatusOr<Transaction> ToTransaction(const v1::ApplyRequest& request);
absl::StatusOr<Manager> ToModel(const v1::Manager& manager);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_TRANSLATE_TRANSACTION_H_
