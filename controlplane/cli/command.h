// controlplane/cli/command.h
//
// What the commands of vswitchctl share: each Add...Command() hangs its
// options on the CLI11 tree and, when it was the one chosen, sets
// `CommandContext::run`.  Printing goes through the context, so tests run
// whole command lines in process.
//
// Control thread only.

#ifndef VSWITCH_CONTROLPLANE_CLI_COMMAND_H_
#define VSWITCH_CONTROLPLANE_CLI_COMMAND_H_

#include <functional>
#include <istream>
#include <memory>
#include <ostream>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controlplane/cli/client.h"
#include "controlplane/cli/output.h"
#include "google/protobuf/message.h"

namespace vswitch {

struct CommandContext {
  std::ostream& out;
  std::ostream& err;
  std::istream& in;

  // Global options.
  std::string socket;
  std::string format = "table";
  double timeout_seconds = 30;
  std::string manager = "cli";
  uint64_t epoch = 0;

  // The chosen command; returns the exit status or an error.
  std::function<absl::StatusOr<int>()> run;

  // Returns the connection, made at the first call.
  absl::StatusOr<SwitchClient*> Client();
  OutputFormat output_format() const;
  // Prints `json` unless the format is kTable; returns whether it did.
  bool PrintJson(const Json& json);
  bool PrintMessage(const google::protobuf::Message& message);
  // Sets name and epoch of the manager.
  void FillManager(v1::Manager& result) const;

  std::unique_ptr<SwitchClient> client;
};

void AddApplyCommand(CLI::App& app, CommandContext& context);
void AddGetCommand(CLI::App& app, CommandContext& context);
void AddDeleteCommand(CLI::App& app, CommandContext& context);
void AddPortCommand(CLI::App& app, CommandContext& context);
void AddDropsCommand(CLI::App& app, CommandContext& context);
void AddCountersCommand(CLI::App& app, CommandContext& context);
void AddConnectionsCommand(CLI::App& app, CommandContext& context);
void AddNatCommand(CLI::App& app, CommandContext& context);
void AddExplainCommand(CLI::App& app, CommandContext& context);
void AddPolicyCommand(CLI::App& app, CommandContext& context);
void AddReplayCommand(CLI::App& app, CommandContext& context);
void AddServiceCommand(CLI::App& app, CommandContext& context);
void AddStatusCommand(CLI::App& app, CommandContext& context);
void AddCheckCommand(CLI::App& app, CommandContext& context);
void AddRestartCommand(CLI::App& app, CommandContext& context);
void AddVersionCommand(CLI::App& app, CommandContext& context);
void AddCompletionCommand(CLI::App& app, CommandContext& context);

// An error of the command line or of a file: exit status 2 instead of what the
// code stands for.
absl::Status UsageError(const absl::Status& status);
bool IsUsageError(const absl::Status& status);

// Returns "10.0.0.1:80", "[fd00::1]:80", or the address alone without a port.
std::string EndText(const std::string& address, uint32_t port);
// Returns "demo/web", or "10.0.0.1" when the peer has no name.
std::string PeerText(const v1::FlowPeer& peer, const std::string& address);
// Returns "17 Mar 12:30:01.250" in local time.
std::string TimeText(const google::protobuf::Timestamp& time);
// Returns the number of "tcp", "UDP", "icmp" or "47".
absl::StatusOr<uint32_t> ProtocolNumber(const std::string& text);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_CLI_COMMAND_H_
