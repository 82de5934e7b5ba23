// vswitchctl nat: which ports pods have outside.

#include "absl/strings/str_cat.h"
#include "controlplane/cli/command.h"
#include "controlplane/cli/proto_json.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

struct NatOptions {
  std::string address;
  std::string protocol;
  uint64_t limit = 0;
};

void AddRow(const v1::NatMapping& mapping, Table& table) {
  table.AddRow({mapping.protocol_name(),
                EndText(mapping.inside_address(), mapping.inside_port()),
                PeerText(mapping.inside(), ""),
                EndText(mapping.outside_address(), mapping.outside_port()),
                absl::StrCat(mapping.contacts()),
                Duration(static_cast<double>(mapping.age_seconds())),
                Duration(static_cast<double>(mapping.expires_in_seconds()))});
}

absl::StatusOr<int> RunNat(CommandContext& context, const NatOptions& options) {
  v1::ListNatMappingsRequest request;
  request.set_address(options.address);
  request.set_limit(options.limit);
  if (!options.protocol.empty()) {
    ASSIGN_OR_RETURN(const uint32_t protocol, ProtocolNumber(options.protocol));
    request.set_protocol(protocol);
  }
  ASSIGN_OR_RETURN(SwitchClient * client, context.Client());
  const auto call = client->NewContext();
  const auto stream = client->observe().ListNatMappings(call.get(), request);
  Table table({"PROTOCOL", "INSIDE", "POD", "OUTSIDE", "CONTACTS", "AGE",
               "EXPIRES IN"});
  Json list = Json::array();
  v1::ListNatMappingsResponse response;
  while (stream->Read(&response)) {
    for (const v1::NatMapping& mapping : response.mappings()) {
      if (context.output_format() == OutputFormat::kTable) {
        AddRow(mapping, table);
      } else {
        list.push_back(ToJson(mapping));
      }
    }
  }
  RETURN_IF_ERROR(ToStatus(stream->Finish()));
  if (context.PrintJson({{"mappings", list}})) return kExitOk;
  context.out << (table.empty() ? "no mappings\n" : table.ToText());
  return kExitOk;
}

}  // namespace

void AddNatCommand(CLI::App& app, CommandContext& context) {
  auto options = std::make_shared<NatOptions>();
  CLI::App* command =
      app.add_subcommand("nat", "Show the ports that pods have outside");
  command->add_option("--address,--ip", options->address,
                      "Inside or outside, it is this one");
  command->add_option("--protocol", options->protocol,
                      "udp, or 136 for UDP-Lite");
  command->add_option("--limit", options->limit, "At most so many; 0: all");
  command->footer(R"(
A mapping holds for every remote end.  CONTACTS counts the remote addresses
that may send to it.  TCP and ICMP have none: see vswitchctl connections.

Examples:
  vswitchctl nat
  vswitchctl nat --ip 192.0.2.1 --protocol udp)");
  command->callback([&context, options] {
    context.run = [&context, options] { return RunNat(context, *options); };
  });
}

}  // namespace vswitch
