// vswitchctl policy list, get, wait and promote: policies of a running switch.

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "controlplane/cli/kinds.h"
#include "controlplane/cli/manifest_writer.h"
#include "controlplane/cli/policy_commands.h"
#include "controlplane/cli/proto_json.h"
#include "controlplane/model/policy_objects.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

struct NameOptions {
  std::string name;
  double timeout_seconds = 10;
  bool force = false;
};

absl::StatusOr<v1::ListPoliciesResponse> List(CommandContext& context,
                                              const std::string& name) {
  ASSIGN_OR_RETURN(SwitchClient * client, context.Client());
  v1::ListPoliciesRequest request;
  request.set_name(name);
  v1::ListPoliciesResponse response;
  RETURN_IF_ERROR(ToStatus(client->observe().ListPolicies(
      client->NewContext().get(), request, &response)));
  return response;
}

void PrintTable(const v1::ListPoliciesResponse& response,
                CommandContext& context) {
  if (response.policies().empty()) {
    context.out << "no policies\n";
    return;
  }
  Table table({"KIND", "NAME", "NAMESPACE", "TIER", "PRIORITY", "MODE", "PODS",
               "GENERATION", "ENFORCED"});
  for (const v1::PolicyStatus& policy : response.policies()) {
    const KindInfo* kind = KindOf(policy.key().kind());
    const bool has_priority =
        policy.key().kind() == v1::RESOURCE_KIND_CLUSTER_NETWORK_POLICY;
    table.AddRow({kind == nullptr ? "?" : std::string(kind->name),
                  policy.key().name(), policy.key().namespace_(), policy.tier(),
                  has_priority ? absl::StrCat(policy.priority()) : "",
                  policy.shadow() ? "shadow" : "enforce",
                  absl::StrCat(policy.selected_pods()),
                  absl::StrCat(policy.generation()),
                  policy.enforced() ? "yes" : "NO"});
  }
  context.out << table.ToText();
}

absl::StatusOr<int> RunList(CommandContext& context) {
  ASSIGN_OR_RETURN(const v1::ListPoliciesResponse response, List(context, ""));
  if (!context.PrintMessage(response)) PrintTable(response, context);
  return kExitOk;
}

absl::StatusOr<v1::Resource> GetResource(CommandContext& context,
                                         const v1::ResourceKey& key) {
  ASSIGN_OR_RETURN(SwitchClient * client, context.Client());
  v1::GetRequest request;
  *request.mutable_key() = key;
  v1::GetResponse response;
  RETURN_IF_ERROR(ToStatus(
      client->config().Get(client->NewContext().get(), request, &response)));
  return response.resource();
}

// Returns the status of the policy called `name`; the switch says so if there
// is none, or more than one.
absl::StatusOr<v1::PolicyStatus> FindOne(CommandContext& context,
                                         const std::string& name) {
  ASSIGN_OR_RETURN(const v1::ListPoliciesResponse response,
                   List(context, name));
  if (response.policies_size() == 1) return response.policies(0);
  return absl::NotFoundError(absl::StrCat("there is no policy ", name));
}

absl::StatusOr<int> RunGet(CommandContext& context,
                           const NameOptions& options) {
  ASSIGN_OR_RETURN(const v1::PolicyStatus policy,
                   FindOne(context, options.name));
  if (context.output_format() != OutputFormat::kTable) {
    ASSIGN_OR_RETURN(const v1::Resource resource,
                     GetResource(context, policy.key()));
    context.PrintJson(ToManifest(resource));
    return kExitOk;
  }
  v1::ListPoliciesResponse one;
  *one.add_policies() = policy;
  PrintTable(one, context);
  if (!policy.rules().empty()) context.out << "\n";
  for (const std::string& rule : policy.rules()) {
    context.out << "  " << Printable(rule) << "\n";
  }
  return kExitOk;
}

absl::StatusOr<int> RunWait(CommandContext& context,
                            const NameOptions& options) {
  v1::WaitPolicyRequest request;
  request.set_name(options.name);
  request.set_timeout_ms(static_cast<uint32_t>(options.timeout_seconds * 1e3));
  // The switch answers in time itself; the call must not end before.
  context.timeout_seconds += options.timeout_seconds;
  ASSIGN_OR_RETURN(SwitchClient * client, context.Client());
  v1::WaitPolicyResponse response;
  RETURN_IF_ERROR(ToStatus(client->observe().WaitPolicy(
      client->NewContext().get(), request, &response)));
  const v1::PolicyStatus& policy = response.policy();
  const int exit_status = policy.enforced() ? kExitOk : kExitTimeout;
  if (context.PrintMessage(response)) return exit_status;
  context.out << Printable(policy.name()) << ": ";
  if (!policy.enforced()) {
    context.out << "not enforced in time; generation " << policy.generation()
                << " is not on every worker\n";
  } else if (policy.has_enforced_time()) {
    context.out << absl::StrFormat(
        "enforced on every worker %.1f ms after it was accepted (generation "
        "%d)\n",
        static_cast<double>(policy.enforce_micros()) / 1e3,
        policy.generation());
  } else {
    context.out << "enforced on every worker; the control plane has started "
                   "since, so the time is not known\n";
  }
  return exit_status;
}

absl::StatusOr<int> RunPromote(CommandContext& context,
                               const NameOptions& options) {
  ASSIGN_OR_RETURN(const v1::PolicyStatus policy,
                   FindOne(context, options.name));
  if (!policy.shadow()) {
    return absl::FailedPreconditionError(
        absl::StrCat(policy.name(), " is not in shadow mode: it is enforced"));
  }
  // The resource keeps its version, so a change in between is a conflict and
  // nothing is lost.
  ASSIGN_OR_RETURN(v1::Resource resource, GetResource(context, policy.key()));
  resource.mutable_metadata()->mutable_annotations()->erase(kModeAnnotation);
  v1::ApplyRequest request;
  context.FillManager(*request.mutable_manager());
  request.set_force(options.force);
  request.set_wait_for(v1::WAIT_FOR_ENFORCED);
  resource.mutable_metadata()->clear_owner();
  resource.mutable_metadata()->clear_created_version();
  *request.add_upserts() = std::move(resource);
  ASSIGN_OR_RETURN(SwitchClient * client, context.Client());
  v1::ApplyResponse response;
  RETURN_IF_ERROR(ToStatus(
      client->config().Apply(client->NewContext().get(), request, &response)));
  const bool enforced = response.has_enforced_time();
  const int exit_status = enforced ? kExitOk : kExitTimeout;
  if (context.PrintMessage(response)) return exit_status;
  context.out << Printable(policy.name()) << " acts since generation "
              << response.generation()
              << (enforced ? absl::StrFormat(", enforced %.1f ms later",
                                             static_cast<double>(
                                                 response.enforce_micros()) /
                                                 1e3)
                           : std::string(", not enforced in time"))
              << "\n";
  return exit_status;
}

CLI::App* AddNamed(CLI::App& group, const std::string& command,
                   const std::string& help, NameOptions& options) {
  CLI::App* result = group.add_subcommand(command, help);
  result
      ->add_option("name", options.name,
                   "NAMESPACE/NAME or NAME; KIND/... where several have it")
      ->required();
  return result;
}

}  // namespace

void AddPolicyList(CLI::App& group, CommandContext& context) {
  group.add_subcommand("list", "List the policies of every kind")
      ->callback([&context] {
        context.run = [&context] { return RunList(context); };
      });
}

void AddPolicyGet(CLI::App& group, CommandContext& context) {
  auto options = std::make_shared<NameOptions>();
  AddNamed(group, "get", "Show one policy and its rules", *options)
      ->callback([&context, options] {
        context.run = [&context, options] { return RunGet(context, *options); };
      });
}

void AddPolicyWait(CLI::App& group, CommandContext& context) {
  auto options = std::make_shared<NameOptions>();
  CLI::App* command = AddNamed(
      group, "wait", "Wait until every worker enforces a policy", *options);
  command
      ->add_option("--timeout", options->timeout_seconds,
                   "Seconds to wait; exit status 8 when they are over")
      ->capture_default_str()
      ->check(CLI::Range(0.001, 86400.0));
  command->callback([&context, options] {
    context.run = [&context, options] { return RunWait(context, *options); };
  });
}

void AddPolicyPromote(CLI::App& group, CommandContext& context) {
  auto options = std::make_shared<NameOptions>();
  CLI::App* command =
      AddNamed(group, "promote", "Make a shadow policy act, in one transaction",
               *options);
  command->add_flag("--force", options->force,
                    "Take over a policy that another manager owns");
  command->callback([&context, options] {
    context.run = [&context, options] { return RunPromote(context, *options); };
  });
}

}  // namespace vswitch
