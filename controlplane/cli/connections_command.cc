// vswitchctl connections: tracked connections, listed, summed up by end and
// forgotten.

#include <algorithm>
#include <map>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "controlplane/cli/command.h"
#include "controlplane/cli/proto_json.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

struct ConnectionsOptions {
  std::string address;
  std::string pod;
  std::string protocol;
  uint32_t port = 0;
  std::string state;
  std::string service;
  uint64_t limit = 0;
  uint32_t top = 0;  // 0: list connections
};

absl::Status FillFilter(const ConnectionsOptions& options,
                        v1::ConnectionFilter& filter) {
  filter.set_address(options.address);
  filter.set_pod(options.pod);
  filter.set_port(options.port);
  filter.set_state(absl::AsciiStrToUpper(options.state));
  filter.set_service(options.service);
  if (!options.protocol.empty()) {
    ASSIGN_OR_RETURN(const uint32_t protocol, ProtocolNumber(options.protocol));
    filter.set_protocol(protocol);
  }
  return absl::OkStatus();
}

void AddRow(const v1::Connection& connection, Table& table) {
  const v1::Flow& flow = connection.original();
  // What answers is who the destination was translated to.
  const v1::Flow& reply = connection.reply();
  table.AddRow(
      {flow.protocol_name(),
       EndText(PeerText(connection.source(), flow.source()),
               flow.source_port()),
       EndText(flow.destination(), flow.destination_port()),
       EndText(PeerText(connection.destination(), reply.source()),
               reply.source_port()),
       connection.service(), connection.state(),
       connection.allowed()
           ? absl::StrCat("allowed", connection.policy().empty()
                                         ? ""
                                         : " by " + connection.policy())
           : connection.reason(),
       absl::StrCat(connection.original_packets(), "/",
                    connection.reply_packets()),
       absl::StrCat(connection.original_bytes(), "/", connection.reply_bytes()),
       Duration(static_cast<double>(connection.idle_seconds()))});
}

// Visits the connections that the options choose.
absl::Status ForEachConnection(
    CommandContext& context, const ConnectionsOptions& options,
    absl::FunctionRef<void(const v1::Connection&)> visit) {
  v1::ListConnectionsRequest request;
  RETURN_IF_ERROR(FillFilter(options, *request.mutable_filter()));
  request.set_limit(options.limit);
  ASSIGN_OR_RETURN(SwitchClient * client, context.Client());
  const auto call = client->NewContext();
  const auto stream = client->observe().ListConnections(call.get(), request);
  v1::ListConnectionsResponse response;
  while (stream->Read(&response)) {
    for (const auto& connection : response.connections()) visit(connection);
  }
  return ToStatus(stream->Finish());
}

// One end's share of the connection table.
struct Talker {
  std::string name;
  uint64_t connections = 0;
  uint64_t bytes_sent = 0;
  uint64_t bytes_received = 0;

  uint64_t bytes() const { return bytes_sent + bytes_received; }
};

// The ends with most bytes, each with the connections that it is an end of.
absl::StatusOr<std::vector<Talker>> TopTalkers(
    CommandContext& context, const ConnectionsOptions& options) {
  std::map<std::string, Talker> talkers;
  auto count = [&talkers](const std::string& name, uint64_t sent,
                          uint64_t received) {
    Talker& talker = talkers[name];
    talker.name = name;
    ++talker.connections;
    talker.bytes_sent += sent;
    talker.bytes_received += received;
  };
  RETURN_IF_ERROR(ForEachConnection(
      context, options, [&](const v1::Connection& connection) {
        const uint64_t original = connection.original_bytes();
        const uint64_t reply = connection.reply_bytes();
        count(PeerText(connection.source(), connection.original().source()),
              original, reply);
        count(PeerText(connection.destination(), connection.reply().source()),
              reply, original);
      }));
  std::vector<Talker> result;
  for (auto& [name, talker] : talkers) result.push_back(std::move(talker));
  // Of equal ones the first by name: the order is always the same.
  std::stable_sort(result.begin(), result.end(),
                   [](const Talker& a, const Talker& b) {
                     return std::pair(a.bytes(), a.connections) >
                            std::pair(b.bytes(), b.connections);
                   });
  if (result.size() > options.top) result.resize(options.top);
  return result;
}

absl::StatusOr<int> RunTop(CommandContext& context,
                           const ConnectionsOptions& options) {
  ASSIGN_OR_RETURN(const std::vector<Talker> talkers,
                   TopTalkers(context, options));
  Table table({"END", "CONNECTIONS", "BYTES SENT", "BYTES RECEIVED"});
  Json list = Json::array();
  for (const Talker& talker : talkers) {
    list.push_back({{"name", talker.name},
                    {"connections", talker.connections},
                    {"bytesSent", talker.bytes_sent},
                    {"bytesReceived", talker.bytes_received}});
    table.AddRow({talker.name, absl::StrCat(talker.connections),
                  absl::StrCat(talker.bytes_sent),
                  absl::StrCat(talker.bytes_received)});
  }
  if (context.PrintJson({{"top", list}})) return kExitOk;
  context.out << (table.empty() ? "no connections\n" : table.ToText());
  return kExitOk;
}

absl::StatusOr<int> RunConnections(CommandContext& context,
                                   const ConnectionsOptions& options) {
  if (options.top != 0) return RunTop(context, options);
  Table table({"PROTOCOL", "FROM", "TO", "ANSWERED BY", "SERVICE", "STATE",
               "VERDICT", "PACKETS", "BYTES", "IDLE"});
  Json list = Json::array();
  RETURN_IF_ERROR(ForEachConnection(
      context, options, [&](const v1::Connection& connection) {
        if (context.output_format() == OutputFormat::kTable) {
          AddRow(connection, table);
        } else {
          list.push_back(ToJson(connection));
        }
      }));
  if (context.PrintJson({{"connections", list}})) return kExitOk;
  context.out << (table.empty() ? "no connections\n" : table.ToText());
  return kExitOk;
}

absl::StatusOr<int> RunFlush(CommandContext& context,
                             const ConnectionsOptions& options) {
  v1::FlushConnectionsRequest request;
  RETURN_IF_ERROR(FillFilter(options, *request.mutable_filter()));
  ASSIGN_OR_RETURN(SwitchClient * client, context.Client());
  v1::FlushConnectionsResponse response;
  RETURN_IF_ERROR(ToStatus(client->observe().FlushConnections(
      client->NewContext().get(), request, &response)));
  if (context.PrintMessage(response)) return kExitOk;
  context.out << response.flushed() << " connections forgotten\n";
  return kExitOk;
}

void AddFilterOptions(CLI::App* command, ConnectionsOptions& options) {
  command->add_option("--address,--ip", options.address,
                      "Either end is this one");
  command->add_option("--pod", options.pod,
                      "Either end is this pod, NAMESPACE/NAME");
  command->add_option("--protocol", options.protocol,
                      "tcp, udp, sctp, icmp, icmpv6 or a number");
  command->add_option("--port", options.port, "Either port is this one")
      ->check(CLI::Range(1, 65535));
  command->add_option("--service", options.service,
                      "Reached by this Service, NAMESPACE/NAME");
  command->add_option("--state", options.state,
                      "In this state: established, unreplied...");
}

}  // namespace

void AddConnectionsCommand(CLI::App& app, CommandContext& context) {
  auto options = std::make_shared<ConnectionsOptions>();
  CLI::App* command =
      app.add_subcommand("connections", "Show or forget tracked connections");
  AddFilterOptions(command, *options);
  command->add_option("--limit", options->limit, "At most so many; 0: all");
  command
      ->add_option("--top", options->top,
                   "Show the so many ends with most bytes instead")
      ->check(CLI::PositiveNumber);
  command->require_subcommand(0, 1);
  command->footer(R"(
PACKETS and BYTES are those of the asking and of the answering side.

Examples:
  vswitchctl connections --pod demo/backend
  vswitchctl connections --top 10 --service demo/backend
  vswitchctl connections flush --protocol udp --port 53
  vswitchctl connections flush --state time_wait)");
  command->callback([&context, options] {
    if (context.run) return;  // a subcommand was chosen
    context.run = [&context, options] {
      return RunConnections(context, *options);
    };
  });
  auto flush_options = std::make_shared<ConnectionsOptions>();
  CLI::App* flush = command->add_subcommand(
      "flush", "Forget connections; what goes on is judged anew");
  AddFilterOptions(flush, *flush_options);
  flush->callback([&context, flush_options] {
    context.run = [&context, flush_options] {
      return RunFlush(context, *flush_options);
    };
  });
}

}  // namespace vswitch
