// vswitchctl policy probe: verdicts of a cluster that exists as YAML only.

#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/cli/cluster_files.h"
#include "controlplane/cli/manifest_files.h"
#include "controlplane/cli/policy_commands.h"
#include "controlplane/cli/probe.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

struct ProbeOptions {
  std::vector<std::string> manifests;
  std::string probes;
  std::string node;
};

absl::StatusOr<ProbeFile> ReadProbeFile(const std::string& path,
                                        std::istream& in) {
  ASSIGN_OR_RETURN(const std::string text, ReadTextFile(path, in));
  absl::StatusOr<ProbeFile> file = ReadProbes(text);
  if (file.ok()) return file;
  return absl::Status(file.status().code(),
                      absl::StrCat(path, ": ", file.status().message()));
}

std::string PortText(const Probe& probe) {
  return probe.port == 0
             ? ToString(probe.protocol)
             : absl::StrCat(ToString(probe.protocol), " ", probe.port);
}

void PrintResults(const std::vector<Probe>& probes,
                  const std::vector<ProbeResult>& results,
                  CommandContext& context) {
  Table table({"FROM", "TO", "PORT", "VERDICT", "EXPECTED", "WHY"});
  size_t differ = 0;
  for (size_t i = 0; i < results.size(); ++i) {
    const Probe& probe = probes[i];
    const bool disagrees = results[i].Disagrees(probe);
    if (disagrees) ++differ;
    table.AddRow({probe.from, probe.to, PortText(probe),
                  results[i].allowed ? "allow" : "deny",
                  !probe.expect_allowed.has_value() ? ""
                  : disagrees ? (*probe.expect_allowed ? "ALLOW" : "DENY")
                              : "yes",
                  ReasonText(results[i])});
  }
  context.out << table.ToText();
  if (differ == 0) return;
  context.out << differ << " of " << results.size()
              << " probes give another verdict than expected\n";
}

absl::StatusOr<int> RunProbe(CommandContext& context,
                             const ProbeOptions& options) {
  absl::StatusOr<ProbeFile> file = ReadProbeFile(options.probes, context.in);
  if (!file.ok()) return UsageError(file.status());
  absl::StatusOr<DesiredState> desired =
      LoadCluster(options.manifests, options.probes, context.in);
  if (!desired.ok()) return UsageError(desired.status());
  const std::vector<Probe>& probes = file->probes;
  ASSIGN_OR_RETURN(const std::vector<ProbeResult> results,
                   ProbeCluster(*desired, probes, {.node_name = options.node}));
  int exit_status = kExitOk;
  Json list = Json::array();
  for (size_t i = 0; i < results.size(); ++i) {
    if (results[i].Disagrees(probes[i])) exit_status = kExitNo;
    list.push_back(ToJson(probes[i], results[i]));
  }
  if (!context.PrintJson(file->is_list ? list : Json{{"probes", list}})) {
    PrintResults(probes, results, context);
  }
  return exit_status;
}

}  // namespace

void AddPolicyProbe(CLI::App& group, CommandContext& context) {
  auto options = std::make_shared<ProbeOptions>();
  CLI::App* command = group.add_subcommand(
      "probe", "Judge flows of a cluster that exists as YAML only");
  command
      ->add_option("--manifests", options->manifests,
                   "Files and folders of Kubernetes YAML; may repeat")
      ->required();
  command
      ->add_option("--probes", options->probes,
                   "JSON file of probes, or - for standard input")
      ->required();
  command->add_option("--node", options->node,
                      "Node of pods that name none (default: the only one)");
  command->footer(R"(
No switch is needed.  The verdict is the dataplane's own, on the tables that the
switches of both ends would have.  Exit status 1 if a probe's "expect" differs.

A probe: {"from": "demo/web", "to": "demo/db", "protocol": "TCP", "port": 80,
"expect": "allow"}.  An end is NAMESPACE/POD, NAMESPACE/SERVICE or an address.

Example:
  vswitchctl policy probe --manifests deploy --probes probes.json -o json)");
  command->callback([&context, options] {
    context.run = [&context, options] { return RunProbe(context, *options); };
  });
}

}  // namespace vswitch
