// vswitchctl apply and delete: transactions.

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "controlplane/cli/command.h"
#include "controlplane/cli/kinds.h"
#include "controlplane/cli/manifest.h"
#include "controlplane/cli/manifest_files.h"
#include "controlplane/cli/proto_json.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

struct ApplyOptions {
  std::vector<std::string> files;
  std::string ns = "default";
  bool dry_run = false;
  bool force = false;
  std::string wait = "enforced";
};

struct DeleteOptions {
  std::vector<std::string> files;
  std::vector<std::string> words;  // KIND NAME...
  std::string ns = "default";
  bool force = false;
  bool ignore_missing = false;
};

absl::Status ReadInto(const std::vector<std::string>& paths,
                      CommandContext& context, ManifestReader& reader) {
  const absl::Status status = ReadManifestFiles(paths, "", context.in, reader);
  return status.ok() ? status : UsageError(status);
}

std::string OutcomeText(v1::Outcome outcome) {
  switch (outcome) {
    case v1::OUTCOME_CREATED:
      return "created";
    case v1::OUTCOME_UPDATED:
      return "updated";
    case v1::OUTCOME_UNCHANGED:
      return "unchanged";
    case v1::OUTCOME_DELETED:
      return "deleted";
    case v1::OUTCOME_MISSING:
      return "was not there";
    default:
      return "done";
  }
}

template <typename Warnings>
void PrintWarnings(const Warnings& warnings, CommandContext& context) {
  for (const std::string& warning : warnings) {
    context.err << "warning: " << Printable(warning) << "\n";
  }
}

// Sends the transaction and prints what became of it.
absl::StatusOr<int> Send(CommandContext& context,
                         const v1::ApplyRequest& request,
                         const PlaceOf& place_of) {
  ASSIGN_OR_RETURN(SwitchClient * client, context.Client());
  v1::ApplyResponse response;
  RETURN_IF_ERROR(ToStatus(
      client->config().Apply(client->NewContext().get(), request, &response),
      place_of));
  const bool awaited =
      !request.dry_run() && request.wait_for() != v1::WAIT_FOR_ACCEPTED;
  const int exit_status =
      awaited && !response.has_enforced_time() ? kExitTimeout : kExitOk;
  PrintWarnings(response.warnings(), context);
  if (context.PrintMessage(response)) return exit_status;
  for (const auto& result : response.results()) {
    context.out << KeyText(result.key()) << "  "
                << OutcomeText(result.outcome())
                << (request.dry_run() ? " (dry run)" : "") << "\n";
  }
  context.out << "generation " << response.generation();
  if (request.dry_run()) {
    context.out << " would hold this; nothing was changed\n";
  } else if (response.has_enforced_time()) {
    context.out << absl::StrFormat(" accepted, enforced %.1f ms later\n",
                                   response.enforce_micros() / 1e3);
  } else {
    context.out << (awaited ? " accepted, not enforced in time\n"
                            : " accepted\n");
  }
  return exit_status;
}

absl::StatusOr<int> RunApply(CommandContext& context,
                             const ApplyOptions& options) {
  ManifestReader reader(options.ns);
  RETURN_IF_ERROR(ReadInto(options.files, context, reader));
  PrintWarnings(reader.warnings(), context);
  v1::ApplyRequest request;
  for (const Manifest& manifest : reader.manifests()) {
    *request.add_upserts() = manifest.resource;
  }
  context.FillManager(*request.mutable_manager());
  request.set_dry_run(options.dry_run);
  request.set_force(options.force);
  request.set_wait_for(options.wait == "accepted" ? v1::WAIT_FOR_ACCEPTED
                                                  : v1::WAIT_FOR_ENFORCED);
  return Send(context, request, [&reader](const v1::ResourceKey& key) {
    const Manifest* manifest = reader.Find(key);
    return manifest == nullptr ? std::string() : manifest->Place();
  });
}

absl::Status AddKeys(const DeleteOptions& options, v1::ApplyRequest& request) {
  if (options.words.empty()) return absl::OkStatus();
  const KindInfo* info = KindByCommandName(options.words[0]);
  if (info == nullptr) {
    return UsageError(absl::InvalidArgumentError(
        absl::StrCat("unknown kind ", options.words[0])));
  }
  if (options.words.size() == 1) {
    return UsageError(absl::InvalidArgumentError(
        absl::StrCat("delete ", options.words[0], " needs a name")));
  }
  for (size_t i = 1; i < options.words.size(); ++i) {
    v1::ResourceKey& key = *request.add_deletes();
    key.set_kind(info->kind);
    key.set_name(options.words[i]);
    if (!info->namespaced) continue;
    const size_t slash = options.words[i].find('/');
    key.set_namespace_(slash == std::string::npos
                           ? options.ns
                           : options.words[i].substr(0, slash));
    if (slash != std::string::npos) {
      key.set_name(options.words[i].substr(slash + 1));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<int> RunDelete(CommandContext& context,
                              const DeleteOptions& options) {
  ManifestReader reader(options.ns);
  v1::ApplyRequest request;
  if (!options.files.empty()) {
    RETURN_IF_ERROR(ReadInto(options.files, context, reader));
    for (const Manifest& manifest : reader.manifests()) {
      *request.add_deletes() = KeyOf(manifest.resource);
    }
  }
  RETURN_IF_ERROR(AddKeys(options, request));
  if (request.deletes().empty()) {
    return UsageError(
        absl::InvalidArgumentError("delete needs KIND NAME... or -f FILE"));
  }
  context.FillManager(*request.mutable_manager());
  request.set_force(options.force);
  request.set_ignore_missing(options.ignore_missing);
  request.set_wait_for(v1::WAIT_FOR_ENFORCED);
  return Send(context, request, {});
}

}  // namespace

void AddApplyCommand(CLI::App& app, CommandContext& context) {
  auto options = std::make_shared<ApplyOptions>();
  CLI::App* command = app.add_subcommand(
      "apply", "Create or replace resources from YAML, as one transaction");
  command
      ->add_option("-f,--filename", options->files,
                   "File, folder or - for standard input; may repeat")
      ->required();
  command
      ->add_option("-n,--namespace", options->ns,
                   "Namespace of resources that name none")
      ->capture_default_str();
  command->add_flag("--dry-run", options->dry_run,
                    "Check and compile only; change nothing");
  command->add_flag("--force", options->force,
                    "Take over resources that another manager owns");
  command
      ->add_option("--wait", options->wait,
                   "Answer when accepted (stored) or enforced (every worker "
                   "forwards by it)")
      ->capture_default_str()
      ->check(CLI::IsMember({"accepted", "enforced"}));
  command->footer(R"(
Takes Kubernetes' Namespace, Pod, Service, EndpointSlice, NetworkPolicy,
ClusterNetworkPolicy and Node, Cilium's CiliumNetworkPolicy and
CiliumClusterwideNetworkPolicy, and the switch's own Port and Settings
(vswitch.dev/v1).  All or nothing: one fault anywhere, and nothing changes.
What is accepted and may not be what was meant is a warning on standard error.

Examples:
  vswitchctl apply -f policy.yaml
  vswitchctl apply -f deploy/examples/quickstart --dry-run
  kubectl get networkpolicy -A -o yaml | vswitchctl apply -f -)");
  command->callback([&context, options] {
    context.run = [&context, options] { return RunApply(context, *options); };
  });
}

void AddDeleteCommand(CLI::App& app, CommandContext& context) {
  auto options = std::make_shared<DeleteOptions>();
  CLI::App* command =
      app.add_subcommand("delete", "Delete resources, as one transaction");
  command->add_option("resource", options->words, "KIND NAME...: pod demo/web");
  command->add_option("-f,--filename", options->files,
                      "Delete the resources of a file, a folder or -");
  command
      ->add_option("-n,--namespace", options->ns,
                   "Namespace of names without one")
      ->capture_default_str();
  command->add_flag("--force", options->force,
                    "Delete resources that another manager owns");
  command->add_flag("--ignore-missing", options->ignore_missing,
                    "What is not there is not an error");
  command->footer(R"(
Examples:
  vswitchctl delete networkpolicy demo/backend-from-frontend
  vswitchctl delete -f policy.yaml --ignore-missing)");
  command->callback([&context, options] {
    context.run = [&context, options] { return RunDelete(context, *options); };
  });
}

}  // namespace vswitch
