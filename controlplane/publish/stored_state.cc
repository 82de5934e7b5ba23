// The rules of ownership and fencing.

#include "controlplane/publish/stored_state.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/translate/errors.h"
#include "controlplane/translate/resources.h"
#include "dataplane/base/status_macros.h"
#include "google/protobuf/util/message_differencer.h"

namespace vswitch {
namespace {

// Collects refusals; the first one's code is the answer's.
class Refusals {
 public:
  void Add(absl::StatusCode code, const ObjectKey& key, std::string field,
           std::string message) {
    if (faults_.empty()) code_ = code;
    faults_.push_back({key, std::move(field), std::move(message)});
  }
  absl::Status status() const {
    if (faults_.empty()) return absl::OkStatus();
    return FaultStatus(code_, faults_);
  }

 private:
  absl::StatusCode code_ = absl::StatusCode::kOk;
  std::vector<Fault> faults_;
};

// Whether the two ask for the same; what the store sets does not count.
bool SameRequest(const Object& a, const Object& b) {
  v1::Resource left = ToProto(a);
  v1::Resource right = ToProto(b);
  for (v1::Resource* resource : {&left, &right}) {
    resource->mutable_metadata()->clear_version();
    resource->mutable_metadata()->clear_owner();
    resource->mutable_metadata()->clear_created_version();
  }
  return google::protobuf::util::MessageDifferencer::Equals(left, right);
}

absl::Status CheckEpoch(const Manager& manager, const StoredState& state) {
  auto highest = state.manager_epochs.find(manager.name);
  if (highest == state.manager_epochs.end() ||
      manager.epoch >= highest->second) {
    return absl::OkStatus();
  }
  return FaultStatus(
      absl::StatusCode::kFailedPrecondition,
      Fault{std::nullopt, "manager.epoch",
            absl::StrCat("manager \"", manager.name, "\" writes with epoch ",
                         manager.epoch, ", lower than epoch ", highest->second,
                         " that a newer leader has written with")});
}

// Checks whether `manager` may change `present`.
void CheckOwner(const Transaction& transaction, const Object& present,
                Refusals& refusals) {
  const std::string& owner = present.metadata.owner;
  if (transaction.force || owner == transaction.manager.name) return;
  refusals.Add(absl::StatusCode::kPermissionDenied,
               DesiredState::KeyOf(present), "metadata.owner",
               absl::StrCat("belongs to manager \"", owner, "\", not to \"",
                            transaction.manager.name,
                            "\"; a forced write takes it over"));
}

void CheckUpsert(const Transaction& transaction, const Object& wanted,
                 const StoredState& state, Refusals& refusals) {
  ObjectKey key = DesiredState::KeyOf(wanted);
  const Object* present = state.desired.FindObject(key);
  uint64_t version = present == nullptr ? 0 : present->metadata.version;
  if (wanted.metadata.version != 0 && wanted.metadata.version != version) {
    refusals.Add(absl::StatusCode::kAborted, key, "metadata.version",
                 absl::StrCat("is ", wanted.metadata.version,
                              " in the request, but the resource has version ",
                              version, "; read it again"));
  }
  if (present != nullptr) CheckOwner(transaction, *present, refusals);
}

void CheckDelete(const Transaction& transaction, const ObjectKey& key,
                 const StoredState& state, Refusals& refusals) {
  const Object* present = state.desired.FindObject(key);
  if (present != nullptr) {
    CheckOwner(transaction, *present, refusals);
  } else if (!transaction.ignore_missing) {
    refusals.Add(absl::StatusCode::kNotFound, key, "", "does not exist");
  }
}

// Says since when the object is the one that it is.  Another uid is another
// object, though nobody has told us that the first one was deleted.
void SetCreation(const Object* present, uint64_t version, Metadata& metadata) {
  metadata.created_version = version;
  if (present == nullptr) return;
  const Metadata& before = present->metadata;
  if (!metadata.uid.empty() && metadata.uid != before.uid) return;
  metadata.uid = before.uid;
  metadata.created_version = before.created_version;
}

ObjectResult Upsert(const Transaction& transaction, const Object& wanted,
                    StoredState& state) {
  ObjectKey key = DesiredState::KeyOf(wanted);
  const Object* present = state.desired.FindObject(key);
  Object object = wanted;
  object.metadata.owner = transaction.manager.name;
  object.metadata.version = state.transaction + 1;
  SetCreation(present, object.metadata.version, object.metadata);
  if (present != nullptr &&
      present->metadata.owner == transaction.manager.name &&
      SameRequest(*present, object)) {
    return {key, ObjectOutcome::kUnchanged, present->metadata.version};
  }
  ObjectOutcome outcome =
      present == nullptr ? ObjectOutcome::kCreated : ObjectOutcome::kUpdated;
  state.desired.Upsert(std::move(object));
  return {key, outcome, state.transaction + 1};
}

}  // namespace

bool StateChange::HasObjectChanges() const {
  return std::any_of(results.begin(), results.end(),
                     [](const ObjectResult& result) {
                       return result.outcome != ObjectOutcome::kUnchanged &&
                              result.outcome != ObjectOutcome::kMissing;
                     });
}

absl::StatusOr<StateChange> Change(const Transaction& transaction,
                                   StoredState& state) {
  RETURN_IF_ERROR(CheckEpoch(transaction.manager, state));
  Refusals refusals;
  for (const ObjectKey& key : transaction.must_be_new) {
    if (state.desired.FindObject(key) == nullptr) continue;
    refusals.Add(absl::StatusCode::kAlreadyExists, key, "metadata.name",
                 "exists already");
  }
  for (const Object& object : transaction.upserts) {
    CheckUpsert(transaction, object, state, refusals);
  }
  for (const ObjectKey& key : transaction.deletes) {
    CheckDelete(transaction, key, state, refusals);
  }
#ifdef VSWITCH_PLANTED_BUG_APPLY
  // test/fuzz: a refused write fences off other writers all the same.
  state.manager_epochs[transaction.manager.name] = transaction.manager.epoch;
#endif
  RETURN_IF_ERROR(refusals.status());

  StateChange change;
  uint64_t& epoch = state.manager_epochs[transaction.manager.name];
  change.epoch_raised = transaction.manager.epoch > epoch;
  epoch = transaction.manager.epoch;
  for (const Object& object : transaction.upserts) {
    change.results.push_back(Upsert(transaction, object, state));
  }
  for (const ObjectKey& key : transaction.deletes) {
    bool existed = state.desired.Erase(key);
    change.results.push_back(
        {key, existed ? ObjectOutcome::kDeleted : ObjectOutcome::kMissing, 0});
  }
  if (change.IsDurable()) ++state.transaction;
  return change;
}

}  // namespace vswitch
