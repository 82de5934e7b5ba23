// vswitchctl status, check, restart and version.

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "controlplane/cli/command.h"
#include "controlplane/cli/version.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

std::string Ago(const google::protobuf::Timestamp& time) {
  const absl::Time start =
      absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
  return Duration(absl::ToDoubleSeconds(absl::Now() - start));
}

void PrintProcesses(const v1::GetStatusResponse& status,
                    CommandContext& context) {
  Table table(
      {"PROCESS", "STATE", "PID", "RUNNING FOR", "RESTARTS", "LAST GAP"});
  for (const auto& process : status.processes()) {
    table.AddRow({process.name(), process.running() ? "running" : "dead",
                  absl::StrCat(process.pid()),
                  process.has_start_time() ? Ago(process.start_time()) : "",
                  absl::StrCat(process.restarts()),
                  process.restarts() == 0
                      ? ""
                      : absl::StrCat(process.last_gap_ms(), " ms")});
  }
  context.out << table.ToText();
}

void PrintStatus(const v1::GetStatusResponse& status, CommandContext& context) {
  context.out << "vswitch " << Printable(status.version()) << " on node "
              << Printable(status.node_name()) << "\n"
              << "generation: " << status.enforced_generation() << " enforced, "
              << status.accepted_generation() << " accepted\n"
              << "poll mode: " << Printable(status.poll_mode())
              << "; memory in hugepages: "
              << (status.hugepages() ? "yes" : "no") << "\n\n";
  PrintProcesses(status, context);
  Table workers({"WORKER", "STATE", "GENERATION"});
  for (const auto& worker : status.workers()) {
    workers.AddRow({absl::StrCat(worker.id()),
                    worker.online() ? "polling" : "asleep",
                    absl::StrCat(worker.generation())});
  }
  if (!workers.empty()) context.out << "\n" << workers.ToText();
  Table usage({"MEMORY", "USED", "OF", "UNIT", "FULL"});
  for (const auto& row : status.usage()) {
    const double share = row.capacity() == 0
                             ? 0
                             : 100.0 * static_cast<double>(row.used()) /
                                   static_cast<double>(row.capacity());
    usage.AddRow({row.name(), absl::StrCat(row.used()),
                  absl::StrCat(row.capacity()), row.unit(),
                  absl::StrFormat("%.1f %%", share)});
  }
  if (!usage.empty()) context.out << "\n" << usage.ToText();
  for (const std::string& condition : status.conditions()) {
    context.out << "\nattention: " << Printable(condition) << "\n";
  }
}

absl::StatusOr<int> RunStatus(CommandContext& context) {
  ASSIGN_OR_RETURN(SwitchClient * client, context.Client());
  v1::GetStatusResponse response;
  RETURN_IF_ERROR(ToStatus(client->admin().GetStatus(
      client->NewContext().get(), v1::GetStatusRequest(), &response)));
  if (!context.PrintMessage(response)) PrintStatus(response, context);
  return kExitOk;
}

absl::StatusOr<int> RunCheckBalance(CommandContext& context) {
  ASSIGN_OR_RETURN(SwitchClient * client, context.Client());
  v1::CheckBalanceResponse response;
  RETURN_IF_ERROR(ToStatus(client->admin().CheckBalance(
      client->NewContext().get(), v1::CheckBalanceRequest(), &response)));
  const int exit_status = response.holds() ? kExitOk : kExitNo;
  if (context.PrintMessage(response)) return exit_status;
  Table table({"EQUATION", "PORT", "LEFT", "RIGHT", "HOLDS", "MEANING"});
  for (const auto& equation : response.equations()) {
    table.AddRow({equation.name(), equation.port(),
                  absl::StrCat(equation.left()), absl::StrCat(equation.right()),
                  equation.holds() ? "yes" : "NO", equation.text()});
  }
  context.out << table.ToText()
              << (response.holds() ? "the balance holds\n"
                                   : "the balance does NOT hold\n");
  return exit_status;
}

absl::StatusOr<int> RunRestart(CommandContext& context) {
  v1::RestartRequest request;
  request.set_process(v1::RestartRequest::PROCESS_DATAPLANE);
  ASSIGN_OR_RETURN(SwitchClient * client, context.Client());
  v1::RestartResponse response;
  RETURN_IF_ERROR(ToStatus(
      client->admin().Restart(client->NewContext().get(), request, &response)));
  context.out << "the dataplane restarts; vswitchctl status shows the gap\n";
  return kExitOk;
}

// The program's own version needs no switch; that of a switch is added when
// one answers.
absl::StatusOr<int> RunVersion(CommandContext& context) {
  Json json = {{"vswitchctl", kVersion}, {"switch", nullptr}};
  absl::StatusOr<SwitchClient*> client = context.Client();
  v1::GetStatusResponse response;
  const bool answers =
      client.ok() && (*client)
                         ->admin()
                         .GetStatus((*client)->NewContext().get(),
                                    v1::GetStatusRequest(), &response)
                         .ok();
  if (answers) json["switch"] = response.version();
  if (context.PrintJson(json)) return kExitOk;
  context.out << "vswitchctl " << kVersion << "\n";
  if (answers) {
    context.out << "switch " << Printable(response.version()) << "\n";
  }
  return kExitOk;
}

}  // namespace

void AddStatusCommand(CLI::App& app, CommandContext& context) {
  app.add_subcommand("status",
                     "Show processes, workers, generations and memory")
      ->callback([&context] {
        context.run = [&context] { return RunStatus(context); };
      });
}

void AddCheckCommand(CLI::App& app, CommandContext& context) {
  CLI::App* group = app.add_subcommand("check", "Check the switch");
  group->require_subcommand(1);
  group
      ->add_subcommand("balance",
                       "Is every packet accounted for? Exit status 1 if not")
      ->callback([&context] {
        context.run = [&context] { return RunCheckBalance(context); };
      });
}

void AddRestartCommand(CLI::App& app, CommandContext& context) {
  CLI::App* group = app.add_subcommand(
      "restart", "Restart a process; connections and policy survive");
  group->require_subcommand(1);
  group->add_subcommand("dataplane", "Restart the dataplane")
      ->callback([&context] {
        context.run = [&context] { return RunRestart(context); };
      });
}

void AddVersionCommand(CLI::App& app, CommandContext& context) {
  app.add_subcommand("version", "Show the versions of vswitchctl and switch")
      ->callback([&context] {
        context.run = [&context] { return RunVersion(context); };
      });
}

}  // namespace vswitch
