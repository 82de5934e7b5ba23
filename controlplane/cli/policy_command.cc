// vswitchctl policy: the group of what concerns policies.

#include "controlplane/cli/cluster_files.h"
#include "controlplane/cli/policy_commands.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {

absl::StatusOr<DesiredState> LiveCluster(CommandContext& context) {
  ASSIGN_OR_RETURN(SwitchClient * client, context.Client());
  v1::ListResponse response;
  RETURN_IF_ERROR(ToStatus(client->config().List(
      client->NewContext().get(), v1::ListRequest(), &response)));
  return ToDesiredState(response.resources());
}

void AddPolicyCommand(CLI::App& app, CommandContext& context) {
  CLI::App* group =
      app.add_subcommand("policy", "Ask and check policies, live or offline");
  group->require_subcommand(1);
  AddPolicyList(*group, context);
  AddPolicyGet(*group, context);
  AddPolicyWait(*group, context);
  AddPolicyShadow(*group, context);
  AddPolicyPromote(*group, context);
  AddPolicyProbe(*group, context);
  AddPolicyMatrix(*group, context);
  AddPolicyDiff(*group, context);
}

}  // namespace vswitch
