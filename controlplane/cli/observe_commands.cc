// vswitchctl drops and counters: what the dataplane does.

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/cli/command.h"
#include "controlplane/cli/proto_json.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

struct DropsOptions {
  std::vector<std::string> ports;
  std::vector<std::string> reasons;
  uint32_t records = 5;
  bool watch = false;
};

std::string DropLine(const v1::DropRecord& record) {
  const v1::Flow& flow = record.flow();
  std::string line = absl::StrCat(
      TimeText(record.time()), "  ", record.port(), "  ", record.reason(), "  ",
      PeerText(record.source(), flow.source()), " -> ",
      EndText(PeerText(record.destination(), flow.destination()),
              flow.destination_port()),
      " ", flow.protocol_name());
  if (!record.source().identity_text().empty()) {
    absl::StrAppend(&line, "  from ", record.source().identity_text());
  }
  if (!record.policy().empty()) {
    absl::StrAppend(&line, "  by ", record.policy(), ", ", record.rule());
  } else if (!record.isolating_policies().empty()) {
    absl::StrAppend(&line, "  isolated by ",
                    absl::StrJoin(record.isolating_policies(), ", "));
  }
  return Printable(line) + "\n";
}

absl::StatusOr<int> RunWatch(CommandContext& context,
                             const DropsOptions& options) {
  v1::WatchDropsRequest request;
  for (const std::string& port : options.ports) request.add_ports(port);
  for (const std::string& reason : options.reasons) {
    request.add_reasons(absl::AsciiStrToUpper(reason));
  }
  ASSIGN_OR_RETURN(SwitchClient * client, context.Client());
  const auto call = client->NewEndlessContext();
  const auto stream = client->observe().WatchDrops(call.get(), request);
  v1::DropRecord record;
  while (stream->Read(&record)) {
    switch (context.output_format()) {
      case OutputFormat::kTable:
        context.out << DropLine(record);
        break;
      case OutputFormat::kJson:
        context.out << ToJson(record).dump() << "\n";
        break;
      case OutputFormat::kYaml:
        context.out << "---\n" << ToYamlText(ToJson(record));
        break;
    }
    context.out.flush();
  }
  RETURN_IF_ERROR(ToStatus(stream->Finish()));
  return kExitOk;
}

bool Wanted(const DropsOptions& options, const std::string& reason) {
  if (options.reasons.empty()) return true;
  for (const std::string& wanted : options.reasons) {
    if (absl::AsciiStrToUpper(wanted) == reason) return true;
  }
  return false;
}

// The service filters by port, not by reason.
void KeepWantedReasons(const DropsOptions& options,
                       v1::GetDropsResponse& response) {
  v1::GetDropsResponse kept;
  for (auto& drop : *response.mutable_drops()) {
    if (Wanted(options, drop.reason())) kept.add_drops()->Swap(&drop);
  }
  for (auto& record : *response.mutable_records()) {
    if (Wanted(options, record.reason())) kept.add_records()->Swap(&record);
  }
  response.Swap(&kept);
}

absl::StatusOr<int> RunDrops(CommandContext& context,
                             const DropsOptions& options) {
  if (options.watch) return RunWatch(context, options);
  v1::GetDropsRequest request;
  for (const std::string& port : options.ports) request.add_ports(port);
  request.set_max_records(options.records);
  ASSIGN_OR_RETURN(SwitchClient * client, context.Client());
  v1::GetDropsResponse response;
  RETURN_IF_ERROR(ToStatus(client->observe().GetDrops(
      client->NewContext().get(), request, &response)));
  KeepWantedReasons(options, response);
  if (context.PrintMessage(response)) return kExitOk;
  if (response.drops().empty()) {
    context.out << "no packet was dropped\n";
    return kExitOk;
  }
  Table table({"PORT", "REASON", "PACKETS", "STAGE", "SEVERITY", "MEANING"});
  for (const auto& drop : response.drops()) {
    const auto* severity =
        v1::DropSeverity_descriptor()->FindValueByNumber(drop.severity());
    table.AddRow(
        {drop.port(), drop.reason(), absl::StrCat(drop.packets()), drop.stage(),
         severity == nullptr ? "" : absl::AsciiStrToLower(EnumText(*severity)),
         drop.text()});
  }
  context.out << table.ToText();
  if (!response.records().empty()) context.out << "\nlatest:\n";
  for (const auto& record : response.records()) {
    context.out << "  " << DropLine(record);
  }
  return kExitOk;
}

void PrintTotals(const v1::SwitchCounters& totals, CommandContext& context) {
  uint64_t deleted = 0;
  for (const auto& [reason, count] : totals.connections_deleted()) {
    deleted += count;
  }
  context.out << "\nconnections: " << totals.connections_active() << " active, "
              << totals.connections_inserted() << " made, " << deleted
              << " ended\n"
              << "policy: " << totals.policy_lookups() << " lookups, "
              << totals.policy_allowed() << " allowed, "
              << totals.policy_denied() << " denied; by connections "
              << totals.policy_cached_allow() << " packets allowed, "
              << totals.policy_cached_deny() << " denied, "
              << totals.policy_kept()
              << " verdicts not heeded for connections that are kept\n"
              << "shadow policies: " << totals.policy_shadow_denied()
              << " connections would be denied, "
              << totals.policy_shadow_suppressed() << " of them not listed\n"
              << "made by the switch: " << totals.generated_packets()
              << " packets; ICMP errors " << totals.icmp_sent() << " sent of "
              << totals.icmp_wanted() << "; TCP resets " << totals.resets_sent()
              << " sent, " << totals.resets_suppressed() << " suppressed\n";
  if (totals.events_lost() != 0) {
    context.out << "drop records lost: " << totals.events_lost() << "\n";
  }
}

absl::StatusOr<int> RunCounters(CommandContext& context,
                                const std::vector<std::string>& ports) {
  v1::GetCountersRequest request;
  for (const std::string& port : ports) request.add_ports(port);
  ASSIGN_OR_RETURN(SwitchClient * client, context.Client());
  v1::GetCountersResponse response;
  RETURN_IF_ERROR(ToStatus(client->observe().GetCounters(
      client->NewContext().get(), request, &response)));
  if (context.PrintMessage(response)) return kExitOk;
  Table table({"PORT", "RX", "RX BYTES", "FORWARDED", "LOCAL", "RX DROPPED",
               "TX", "TX BYTES", "TX DROPPED"});
  for (const auto& port : response.ports()) {
    table.AddRow(
        {port.port(), absl::StrCat(port.rx_packets()),
         absl::StrCat(port.rx_bytes()), absl::StrCat(port.forwarded_packets()),
         absl::StrCat(port.local_packets()),
         absl::StrCat(port.rx_dropped_packets()),
         absl::StrCat(port.tx_packets()), absl::StrCat(port.tx_bytes()),
         absl::StrCat(port.tx_dropped_packets())});
  }
  context.out << table.ToText();
  PrintTotals(response.totals(), context);
  return kExitOk;
}

}  // namespace

void AddDropsCommand(CLI::App& app, CommandContext& context) {
  auto options = std::make_shared<DropsOptions>();
  CLI::App* command =
      app.add_subcommand("drops", "Show which packets were dropped, and why");
  command->add_option("--port", options->ports, "Only this port; may repeat");
  command->add_option("--reason", options->reasons,
                      "Only this reason: POLICY_DENIED; may repeat");
  command
      ->add_option("--records", options->records,
                   "How many of the latest packets to show")
      ->capture_default_str();
  command->add_flag("--watch", options->watch,
                    "Print drops as they come, until Ctrl-C");
  command->footer(R"(
Every reason is explained in docs/drop-reasons.md.

Examples:
  vswitchctl drops
  vswitchctl drops --watch --reason POLICY_DENIED
  vswitchctl drops -o json)");
  command->callback([&context, options] {
    context.run = [&context, options] { return RunDrops(context, *options); };
  });
}

void AddCountersCommand(CLI::App& app, CommandContext& context) {
  auto ports = std::make_shared<std::vector<std::string>>();
  CLI::App* command =
      app.add_subcommand("counters", "Show packets and bytes by port");
  command->add_option("--port", *ports, "Only this port; may repeat");
  command->callback([&context, ports] {
    context.run = [&context, ports] { return RunCounters(context, *ports); };
  });
}

}  // namespace vswitch
