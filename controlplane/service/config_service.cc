// Apply, Get, List and Watch.

#include "controlplane/service/config_service.h"

#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controlplane/translate/errors.h"
#include "controlplane/translate/field_reader.h"
#include "controlplane/translate/resources.h"
#include "controlplane/translate/transaction.h"

namespace vswitch {
namespace {

// How long a watch sleeps before it looks whether its client is still there.
constexpr absl::Duration kWatchPause = absl::Milliseconds(200);

v1::Outcome ToProto(ObjectOutcome outcome) {
  // The API's numbers begin with UNSPECIFIED.
  return static_cast<v1::Outcome>(static_cast<int>(outcome) +
                                  v1::OUTCOME_CREATED);
}

void Fill(const Accepted& accepted, bool dry_run, v1::ApplyResponse& response) {
  response.set_generation(accepted.generation);
  if (!dry_run) *response.mutable_accepted_time() = ToTimestamp(accepted.time);
  for (const ObjectResult& result : accepted.change.results) {
    v1::ResourceResult* added = response.add_results();
    *added->mutable_key() = ToProto(result.key);
    added->set_outcome(ToProto(result.outcome));
    added->set_version(result.version);
  }
  for (const std::string& warning : accepted.warnings) {
    response.add_warnings(warning);
  }
}

// Which objects a request is about.
struct Filter {
  std::optional<ObjectKind> kind;
  std::string ns;
  std::optional<LabelSelector> labels;

  bool Matches(const Object& object) const {
    return (!kind || object.kind() == *kind) &&
           (ns.empty() || object.metadata.ns == ns) &&
           (!labels || labels->Matches(object.metadata.labels));
  }
};

template <typename Request>
Filter FilterOf(const Request& request) {
  return {ToModel(request.kind()), request.namespace_(), std::nullopt};
}

// The differences between two generations as events, deletions first: a client
// that follows them never holds two objects where one replaced the other.
std::vector<v1::WatchEvent> Difference(const DesiredState& before,
                                       const Snapshot& after,
                                       const Filter& filter) {
  std::vector<v1::WatchEvent> deleted, upserted;
  auto add = [&](std::vector<v1::WatchEvent>& events, v1::WatchEvent::Type type,
                 const Object& object) {
    if (!filter.Matches(object)) return;
    v1::WatchEvent& event = events.emplace_back();
    event.set_type(type);
    event.set_generation(after.generation);
    *event.mutable_resource() = ToProto(object);
  };
  DesiredState::ForEachDifference(
      before, after.stored.desired,
      [&](const ObjectKey&, const Object* old, const Object* object) {
        if (object != nullptr) {
          add(upserted, v1::WatchEvent::TYPE_UPSERTED, *object);
        } else {
          add(deleted, v1::WatchEvent::TYPE_DELETED, *old);
        }
      });
  deleted.insert(deleted.end(), std::make_move_iterator(upserted.begin()),
                 std::make_move_iterator(upserted.end()));
  return deleted;
}

}  // namespace

grpc::Status ConfigServiceImpl::Apply(grpc::ServerContext* call,
                                      const v1::ApplyRequest* request,
                                      v1::ApplyResponse* response) {
  absl::StatusOr<Transaction> transaction = ToTransaction(*request);
  if (!transaction.ok()) return ToGrpc(transaction.status());
  absl::StatusOr<Accepted> accepted =
      context_.plane.Apply(*std::move(transaction));
  if (!accepted.ok()) return ToGrpc(accepted.status());
  if (!request->dry_run()) times_.Record(*accepted);
  Fill(*accepted, request->dry_run(), *response);
  if (request->dry_run() || request->wait_for() == v1::WAIT_FOR_ACCEPTED) {
    return grpc::Status::OK;
  }
  absl::Time deadline =
      std::min(DeadlineAfter(request->timeout_ms(), kDefaultTimeout),
               absl::FromChrono(call->deadline()));
  std::optional<absl::Time> enforced =
      context_.plane.WaitEnforced(accepted->generation, deadline);
  if (enforced) {
    // A transaction without changes was enforced before it came.
    absl::Time time = std::max(*enforced, accepted->time);
    *response->mutable_enforced_time() = ToTimestamp(time);
    response->set_enforce_micros(static_cast<uint64_t>(
        absl::ToInt64Microseconds(time - accepted->time)));
  }
  return grpc::Status::OK;
}

grpc::Status ConfigServiceImpl::Get(grpc::ServerContext*,
                                    const v1::GetRequest* request,
                                    v1::GetResponse* response) {
  if (absl::Status known = CheckRequest(*request); !known.ok()) {
    return ToGrpc(known);
  }
  absl::StatusOr<ObjectKey> key = ToModel(request->key());
  if (!key.ok()) return ToGrpc(key.status());
  std::shared_ptr<const Snapshot> snapshot = context_.plane.snapshot();
  const Object* object = snapshot->stored.desired.FindObject(*key);
  if (object == nullptr) {
    return ToGrpc(FaultStatus(absl::StatusCode::kNotFound,
                              Fault{*key, "", "does not exist"}));
  }
  *response->mutable_resource() = ToProto(*object);
  return grpc::Status::OK;
}

grpc::Status ConfigServiceImpl::List(grpc::ServerContext*,
                                     const v1::ListRequest* request,
                                     v1::ListResponse* response) {
  if (absl::Status known = CheckRequest(*request); !known.ok()) {
    return ToGrpc(known);
  }
  Filter filter = FilterOf(*request);
  if (request->has_label_selector()) {
    absl::StatusOr<LabelSelector> labels = ToModel(request->label_selector());
    if (!labels.ok()) return ToGrpc(labels.status());
    filter.labels = *std::move(labels);
  }
  std::shared_ptr<const Snapshot> snapshot = context_.plane.snapshot();
  response->set_generation(snapshot->generation);
  for (const auto& [key, object] : snapshot->stored.desired.objects()) {
    if (filter.Matches(*object)) {
      *response->add_resources() = ToProto(*object);
    }
  }
  return grpc::Status::OK;
}

// A slow client gets the sum of several changes: nothing is queued for it.
grpc::Status ConfigServiceImpl::Watch(
    grpc::ServerContext* call, const v1::WatchRequest* request,
    grpc::ServerWriter<v1::WatchEvent>* writer) {
  if (absl::Status known = CheckRequest(*request); !known.ok()) {
    return ToGrpc(known);
  }
  Filter filter = FilterOf(*request);
  std::shared_ptr<const Snapshot> seen = context_.plane.snapshot();
  for (const v1::WatchEvent& event : Difference({}, *seen, filter)) {
    if (!writer->Write(event)) return grpc::Status::CANCELLED;
  }
  v1::WatchEvent synced;
  synced.set_type(v1::WatchEvent::TYPE_SYNCED);
  synced.set_generation(seen->generation);
  if (!writer->Write(synced)) return grpc::Status::CANCELLED;
  while (!call->IsCancelled()) {
    std::shared_ptr<const Snapshot> later = context_.plane.WaitForLater(
        seen->generation, absl::Now() + kWatchPause);
    if (later->generation == seen->generation) continue;
    for (const v1::WatchEvent& event :
         Difference(seen->stored.desired, *later, filter)) {
      if (!writer->Write(event)) return grpc::Status::CANCELLED;
    }
    seen = std::move(later);
  }
  return grpc::Status::CANCELLED;
}

}  // namespace vswitch
