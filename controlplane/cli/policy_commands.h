// controlplane/cli/policy_commands.h
//
// The commands below `vswitchctl policy`; each hangs its options on the group
// and sets CommandContext::run when it was the one chosen.
//
// Control thread only.

#ifndef VSWITCH_CONTROLPLANE_CLI_POLICY_COMMANDS_H_
#define VSWITCH_CONTROLPLANE_CLI_POLICY_COMMANDS_H_

#include "controlplane/cli/command.h"
#include "controlplane/model/desired_state.h"

namespace vswitch {

void AddPolicyDiff(CLI::App& group, CommandContext& context);
void AddPolicyGet(CLI::App& group, CommandContext& context);
void AddPolicyList(CLI::App& group, CommandContext& context);
void AddPolicyMatrix(CLI::App& group, CommandContext& context);
void AddPolicyProbe(CLI::App& group, CommandContext& context);
void AddPolicyPromote(CLI::App& group, CommandContext& context);
void AddPolicyShadow(CLI::App& group, CommandContext& context);
void AddPolicyWait(CLI::App& group, CommandContext& context);

// The desired state of the running switch.
absl::StatusOr<DesiredState> LiveCluster(CommandContext& context);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_CLI_POLICY_COMMANDS_H_
