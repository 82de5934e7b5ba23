// Listing policies, waiting for them, and what shadow ones would have dropped.

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controlplane/compile/rule_text.h"
#include "controlplane/service/observe_service.h"
#include "controlplane/service/policy_list.h"
#include "controlplane/translate/errors.h"
#include "controlplane/translate/field_reader.h"
#include "controlplane/translate/resources.h"

namespace vswitch {
namespace {

// Fills in how far the last change got, waiting for it until `deadline`.
void FillTimes(const ServiceContext& context, const PolicyTimes& times,
               const ObjectKey& key, absl::Time deadline,
               v1::PolicyStatus& status) {
  const std::optional<PolicyTime> time = times.Find(key);
  // What is older than this process was in its first generation.
  const Generation generation = time.has_value() ? time->generation : 1;
  const std::optional<absl::Time> enforced =
      context.plane.WaitEnforced(generation, deadline);
  status.set_generation(generation);
  status.set_enforced(context.plane.enforced_generation() >= generation);
  if (!time.has_value()) return;
  *status.mutable_accepted_time() = ToTimestamp(time->accepted);
  if (!status.enforced() || !enforced.has_value()) return;
  const absl::Time at = std::max(*enforced, time->accepted);
  *status.mutable_enforced_time() = ToTimestamp(at);
  status.set_enforce_micros(
      static_cast<uint64_t>(absl::ToInt64Microseconds(at - time->accepted)));
}

v1::PolicyStatus Describe(const ListedPolicy& policy) {
  v1::PolicyStatus status;
  *status.mutable_key() = ToProto(policy.key);
  status.set_name(policy.name);
  status.set_tier(ToString(policy.sources.front()->tier));
  status.set_priority(policy.priority);
  status.set_shadow(policy.is_shadow());
  status.set_selected_pods(policy.selected_pods);
  status.set_version(policy.version);
  return status;
}

// The policies that would isolate the end that a row is about.
std::vector<std::string> Isolating(const RuleCatalog& catalog,
                                   const ShadowRow& row) {
  const IdentityInfo* self = catalog.FindIdentity(
      row.direction == PolicyDirection::kIngress ? row.destination
                                                 : row.source);
  if (self == nullptr) return {};
  return self->Of(row.direction, SetKind::kShadow).Isolating(row.direction);
}

v1::ShadowDenial Describe(const ShadowRow& row, const Names& names) {
  const RuleCatalog& catalog = *names.snapshot().compiled.catalog;
  v1::ShadowDenial denial;
  if (const std::optional<RuleInfo> rule = catalog.FindRule(row.rule)) {
    denial.set_policy(rule->policy);
    denial.set_rule(
        absl::StrCat(rule->section, " rule ", rule->index, ": ", rule->text));
  } else {
    for (std::string& policy : Isolating(catalog, row)) {
      denial.add_isolating_policies(std::move(policy));
    }
  }
  denial.set_direction(ToString(row.direction));
  *denial.mutable_source() = names.Peer(row.latest.source, row.source);
  *denial.mutable_destination() =
      names.Peer(row.latest.destination, row.destination);
  *denial.mutable_latest() = ToProto(row.latest);
  denial.set_connections(row.connection_count);
  *denial.mutable_first_time() = ToTimestamp(row.first_time);
  *denial.mutable_last_time() = ToTimestamp(row.last_time);
  return denial;
}

bool IsBy(const v1::ShadowDenial& denial, const std::string& policy) {
  if (denial.policy() == policy) return true;
  for (const std::string& isolating : denial.isolating_policies()) {
    if (isolating == policy) return true;
  }
  return false;
}

}  // namespace

grpc::Status ObserveServiceImpl::ListPolicies(
    grpc::ServerContext*, const v1::ListPoliciesRequest* request,
    v1::ListPoliciesResponse* response) {
  if (absl::Status known = CheckRequest(*request); !known.ok()) {
    return ToGrpc(known);
  }
  const std::shared_ptr<const Snapshot> snapshot = context_.plane.snapshot();
  const absl::StatusOr<std::vector<ListedPolicy>> policies =
      vswitch::ListPolicies(snapshot->stored.desired, request->name());
  if (!policies.ok()) return ToGrpc(policies.status());
  for (const ListedPolicy& policy : *policies) {
    v1::PolicyStatus& status = *response->add_policies();
    status = Describe(policy);
    FillTimes(context_, times_, policy.key, absl::InfinitePast(), status);
    if (request->name().empty()) continue;
    for (std::string& rule : RulesInWords(policy)) {
      status.add_rules(std::move(rule));
    }
  }
  response->set_enforced_generation(context_.plane.enforced_generation());
  return grpc::Status::OK;
}

grpc::Status ObserveServiceImpl::WaitPolicy(
    grpc::ServerContext* call, const v1::WaitPolicyRequest* request,
    v1::WaitPolicyResponse* response) {
  if (absl::Status known = CheckRequest(*request); !known.ok()) {
    return ToGrpc(known);
  }
  if (request->name().empty()) {
    return ToGrpc(FaultStatus(absl::StatusCode::kInvalidArgument,
                              Fault{std::nullopt, "name", "must be set"}));
  }
  const std::shared_ptr<const Snapshot> snapshot = context_.plane.snapshot();
  const absl::StatusOr<std::vector<ListedPolicy>> policies =
      vswitch::ListPolicies(snapshot->stored.desired, request->name());
  if (!policies.ok()) return ToGrpc(policies.status());
  const absl::Time deadline =
      std::min(DeadlineAfter(request->timeout_ms(), kDefaultTimeout),
               absl::FromChrono(call->deadline()));
  const ListedPolicy& policy = policies->front();
  v1::PolicyStatus& status = *response->mutable_policy();
  status = Describe(policy);
  FillTimes(context_, times_, policy.key, deadline, status);
  return grpc::Status::OK;
}

grpc::Status ObserveServiceImpl::GetShadowDenials(
    grpc::ServerContext*, const v1::GetShadowDenialsRequest* request,
    v1::GetShadowDenialsResponse* response) {
  if (absl::Status known = CheckRequest(*request); !known.ok()) {
    return ToGrpc(known);
  }
  const std::shared_ptr<const Names> names = CurrentNames();
  std::string wanted;
  if (!request->policy().empty()) {
    const absl::StatusOr<std::vector<ListedPolicy>> policies =
        vswitch::ListPolicies(names->snapshot().stored.desired,
                              request->policy(), "policy");
    if (!policies.ok()) return ToGrpc(policies.status());
    wanted = policies->front().name;
  }
  for (const ShadowRow& row : context_.drops.shadow().Rows()) {
    v1::ShadowDenial denial = Describe(row, *names);
    if (wanted.empty() || IsBy(denial, wanted)) {
      *response->add_denials() = std::move(denial);
    }
  }
  response->set_untold_connections(context_.drops.shadow().untold_count());
  return grpc::Status::OK;
}

}  // namespace vswitch
