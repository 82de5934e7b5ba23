// vswitchctl policy shadow: what a policy in shadow mode would have dropped.

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/cli/policy_commands.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

std::string PortText(const v1::Flow& flow) {
  return flow.destination_port() == 0
             ? flow.protocol_name()
             : absl::StrCat(flow.protocol_name(), " ", flow.destination_port());
}

std::string WhyText(const v1::ShadowDenial& denial) {
  if (!denial.policy().empty()) {
    return absl::StrCat(denial.policy(), ", ", denial.rule());
  }
  return absl::StrCat(denial.direction(), " isolated by ",
                      absl::StrJoin(denial.isolating_policies(), ", "));
}

absl::StatusOr<int> RunShadow(CommandContext& context,
                              const std::string& name) {
  ASSIGN_OR_RETURN(SwitchClient * client, context.Client());
  v1::GetShadowDenialsRequest request;
  request.set_policy(name);
  v1::GetShadowDenialsResponse response;
  RETURN_IF_ERROR(ToStatus(client->observe().GetShadowDenials(
      client->NewContext().get(), request, &response)));
  if (context.PrintMessage(response)) return kExitOk;
  if (response.denials().empty()) {
    context.out << "nothing would have been dropped\n";
    return kExitOk;
  }
  Table table({"FROM", "TO", "PORT", "CONNECTIONS", "LAST", "BY"});
  for (const v1::ShadowDenial& denial : response.denials()) {
    const v1::Flow& flow = denial.latest();
    table.AddRow({PeerText(denial.source(), flow.source()),
                  PeerText(denial.destination(), flow.destination()),
                  PortText(flow), absl::StrCat(denial.connections()),
                  TimeText(denial.last_time()), WhyText(denial)});
  }
  context.out << table.ToText();
  if (response.untold_connections() != 0) {
    context.out << response.untold_connections()
                << " connections more, of pairs that found no room\n";
  }
  return kExitOk;
}

}  // namespace

void AddPolicyShadow(CLI::App& group, CommandContext& context) {
  auto name = std::make_shared<std::string>();
  CLI::App* command = group.add_subcommand(
      "shadow", "Show what a shadow policy would have dropped");
  command->add_option("name", *name,
                      "NAMESPACE/NAME or NAME; all shadow policies if missing");
  command->footer(R"(
A policy with the annotation vswitch.dev/mode: shadow drops nothing; first
packets that it would have denied are counted by pair and port.

Examples:
  vswitchctl policy shadow demo/db
  vswitchctl policy promote demo/db      make it act)");
  command->callback([&context, name] {
    context.run = [&context, name] { return RunShadow(context, *name); };
  });
}

}  // namespace vswitch
