// The command tree of vswitchctl.

#include "controlplane/cli/cli.h"

#include <algorithm>

#include "absl/strings/str_split.h"
#include "controlplane/cli/command.h"

namespace vswitch {
namespace {

constexpr char kFooter[] = R"(
Examples:
  vswitchctl status                          is it running, since when?
  vswitchctl apply -f policy.yaml            Kubernetes YAML, all or nothing
  vswitchctl port add demo/web --netns web   connect a pod
  vswitchctl explain demo/a demo/b --port 80 would it pass, by which rule?
  vswitchctl policy diff --manifests deploy  what would this change?
  vswitchctl drops --watch                   what is dropped, and why
  vswitchctl COMMAND --help                  more about one command

Exit status: 0 done; 1 a check does not hold; 2 wrong command line or file;
3 the switch does not answer; 4 invalid; 5 conflict; 6 not found; 7 full;
8 timed out; 9 any other error.)";

void AddGlobalOptions(CLI::App& app, CommandContext& context) {
  app.add_option("--socket", context.socket,
                 "Socket of the switch (default: $VSWITCH_SOCKET, else "
                 "/run/vswitch/vswitch.sock)");
  app.add_option("-o,--output", context.format, "table, json or yaml")
      ->capture_default_str()
      ->check(CLI::IsMember({"table", "json", "yaml"}));
  app.add_option("--timeout", context.timeout_seconds,
                 "Seconds to wait for an answer")
      ->capture_default_str()
      ->check(CLI::Range(0.1, 86400.0));
  app.add_option("--manager", context.manager, "Who owns what is written")
      ->capture_default_str();
  app.add_option("--epoch", context.epoch,
                 "Fencing epoch of the manager; a lower one than seen before "
                 "is refused")
      ->capture_default_str();
}

int Execute(CommandContext& context) {
  const absl::StatusOr<int> result = context.run();
  if (result.ok()) return *result;
  for (absl::string_view line :
       absl::StrSplit(result.status().message(), '\n')) {
    context.err << "vswitchctl: " << Printable(line) << "\n";
  }
  return IsUsageError(result.status()) ? kExitUsage
                                       : ExitStatusOf(result.status());
}

}  // namespace

int RunCli(std::vector<std::string> arguments, std::ostream& out,
           std::ostream& err, std::istream& in) {
  CLI::App app("vswitchctl: drives a vswitch over its API", "vswitchctl");
  CommandContext context{.out = out, .err = err, .in = in};
  app.fallthrough();  // global options may follow the command
  app.require_subcommand(1);
  app.footer(kFooter);
  AddGlobalOptions(app, context);
  AddApplyCommand(app, context);
  AddGetCommand(app, context);
  AddDeleteCommand(app, context);
  AddPortCommand(app, context);
  AddExplainCommand(app, context);
  AddPolicyCommand(app, context);
  AddReplayCommand(app, context);
  AddDropsCommand(app, context);
  AddCountersCommand(app, context);
  AddConnectionsCommand(app, context);
  AddNatCommand(app, context);
  AddServiceCommand(app, context);
  AddStatusCommand(app, context);
  AddCheckCommand(app, context);
  AddRestartCommand(app, context);
  AddVersionCommand(app, context);
  AddCompletionCommand(app, context);
  try {
    std::reverse(arguments.begin(), arguments.end());  // CLI11 pops the back
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    return app.exit(error, out, err) == 0 ? kExitOk : kExitUsage;
  }
  return Execute(context);
}

}  // namespace vswitch
