// vswitchctl port: add, delete, list, check.

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/cli/command.h"
#include "controlplane/cli/proto_json.h"
#include "controlplane/cli/spellings.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

struct AddOptions {
  std::string name;
  std::string kind = "pod";
  std::string driver;
  std::string pod;
  v1::Port port;
  std::vector<std::string> addresses;
  std::vector<std::string> gateways;
  std::vector<std::string> routes;
};

struct DeleteOptions {
  std::string name;
  bool force = false;
  bool ignore_missing = false;
};

std::string StateText(const v1::PortInfo& port) {
  switch (port.state()) {
    case v1::PORT_STATE_UP:
      return port.ready() ? "up" : "closed";
    case v1::PORT_STATE_OPENING:
      return "opening";
    case v1::PORT_STATE_FAILED:
      return "failed";
    default:
      return "unknown";
  }
}

void PrintPorts(const google::protobuf::RepeatedPtrField<v1::PortInfo>& ports,
                CommandContext& context) {
  if (ports.empty()) {
    context.out << "no ports\n";
    return;
  }
  Table table({"PORT", "ID", "KIND", "STATE", "DRIVER", "ADDRESSES", "MAC",
               "MTU", "WHERE", "ERROR"});
  for (const v1::PortInfo& port : ports) {
    const v1::Port& wanted = port.resource().port();
    const std::string kind = Spell(kPortKindSpellings, wanted.kind());
    const std::string driver = Spell(kPortDriverSpellings, wanted.driver());
    const bool dpdk = wanted.driver() == v1::PORT_DRIVER_DPDK;
    table.AddRow({port.resource().metadata().name(), absl::StrCat(port.id()),
                  kind.empty() ? "Pod" : kind, StateText(port),
                  driver.empty() ? "TAP" : driver,
                  absl::StrJoin(port.addresses(), ","), port.mac(),
                  absl::StrCat(port.mtu()),
                  dpdk ? wanted.device() : wanted.netns(), port.error()});
  }
  context.out << table.ToText();
}

// Fills the request from the words of the command line.
absl::Status FillPort(const AddOptions& options, v1::Port& port) {
  port = options.port;
  for (const std::string& text : options.addresses) port.add_addresses(text);
  for (const std::string& text : options.gateways) port.add_gateways(text);
  for (const std::string& text : options.routes) port.add_routes(text);
  port.set_kind(options.kind == "host"     ? v1::PORT_KIND_HOST
                : options.kind == "uplink" ? v1::PORT_KIND_UPLINK
                                           : v1::PORT_KIND_POD);
  const bool dpdk = options.driver == "dpdk" ||
                    (options.driver.empty() && !options.port.device().empty());
  port.set_driver(dpdk ? v1::PORT_DRIVER_DPDK : v1::PORT_DRIVER_TAP);
  // `ip netns` names a namespace by its file here.
  if (!port.netns().empty() && port.netns().find('/') == std::string::npos) {
    port.set_netns(absl::StrCat("/run/netns/", port.netns()));
  }
  if (options.kind != "pod") return absl::OkStatus();
  // "demo/web" is the usual name of a pod's port.
  const std::string& pod = options.pod.empty() ? options.name : options.pod;
  const size_t slash = pod.find('/');
  if (slash == std::string::npos) {
    return UsageError(absl::InvalidArgumentError(absl::StrCat(
        "port ", options.name,
        ": which pod is it? Name the port NAMESPACE/POD or give --pod "
        "NAMESPACE/POD")));
  }
  port.set_pod_namespace(pod.substr(0, slash));
  port.set_pod_name(pod.substr(slash + 1));
  return absl::OkStatus();
}

absl::StatusOr<int> RunAdd(CommandContext& context, const AddOptions& options) {
  v1::AddPortRequest request;
  request.set_name(options.name);
  RETURN_IF_ERROR(FillPort(options, *request.mutable_port()));
  context.FillManager(*request.mutable_manager());
  ASSIGN_OR_RETURN(SwitchClient * client, context.Client());
  v1::AddPortResponse response;
  RETURN_IF_ERROR(ToStatus(
      client->ports().AddPort(client->NewContext().get(), request, &response)));
  if (context.PrintMessage(response)) return kExitOk;
  google::protobuf::RepeatedPtrField<v1::PortInfo> one;
  *one.Add() = response.port();
  PrintPorts(one, context);
  return kExitOk;
}

absl::StatusOr<int> RunDelete(CommandContext& context,
                              const DeleteOptions& options) {
  v1::DeletePortRequest request;
  request.set_name(options.name);
  request.set_force(options.force);
  request.set_ignore_missing(options.ignore_missing);
  context.FillManager(*request.mutable_manager());
  ASSIGN_OR_RETURN(SwitchClient * client, context.Client());
  v1::DeletePortResponse response;
  RETURN_IF_ERROR(ToStatus(client->ports().DeletePort(
      client->NewContext().get(), request, &response)));
  if (context.PrintMessage(response)) return kExitOk;
  context.out << "port " << options.name
              << (response.existed() ? " deleted\n" : " was not there\n");
  return kExitOk;
}

absl::StatusOr<int> RunList(CommandContext& context) {
  ASSIGN_OR_RETURN(SwitchClient * client, context.Client());
  v1::ListPortsResponse response;
  RETURN_IF_ERROR(ToStatus(client->ports().ListPorts(
      client->NewContext().get(), v1::ListPortsRequest(), &response)));
  if (context.PrintMessage(response)) return kExitOk;
  PrintPorts(response.ports(), context);
  return kExitOk;
}

absl::StatusOr<int> RunCheck(CommandContext& context, const std::string& name) {
  v1::CheckPortRequest request;
  request.set_name(name);
  ASSIGN_OR_RETURN(SwitchClient * client, context.Client());
  v1::CheckPortResponse response;
  const absl::Status status = ToStatus(client->ports().CheckPort(
      client->NewContext().get(), request, &response));
  if (absl::IsFailedPrecondition(status)) {
    context.err << "vswitchctl: " << status.message() << "\n";
    return kExitNo;
  }
  RETURN_IF_ERROR(status);
  if (context.PrintMessage(response)) return kExitOk;
  context.out << "port " << name << " is as it was asked for\n";
  return kExitOk;
}

// CLI11 writes into variables; protobuf has setters.
void AddText(CLI::App* command, const std::string& name,
             const std::function<void(const std::string&)>& set,
             const std::string& help) {
  command->add_option_function<std::string>(name, set, help);
}

void AddPortOptions(CLI::App* add, AddOptions* options) {
  add->add_option("--kind", options->kind, "What is behind it")
      ->capture_default_str()
      ->check(CLI::IsMember({"pod", "host", "uplink"}));
  add->add_option("--driver", options->driver,
                  "tap, or dpdk when --device is given")
      ->check(CLI::IsMember({"tap", "dpdk"}));
  add->add_option("--pod", options->pod, "NAMESPACE/POD, if not the name");
  v1::Port* port = &options->port;
  AddText(
      add, "--netns", [port](auto& text) { port->set_netns(text); },
      "Network namespace: a name of `ip netns`, or a path");
  AddText(
      add, "--interface",
      [port](auto& text) { port->set_interface_name(text); },
      "Name of the interface in it (default eth0)");
  AddText(
      add, "--device", [port](auto& text) { port->set_device(text); },
      "DPDK device: net_af_packet0,iface=eth1 or 0000:03:00.0");
  AddText(
      add, "--mac", [port](auto& text) { port->set_mac(text); },
      "MAC address of the interface behind the port");
  add->add_option_function<uint32_t>(
         "--mtu", [port](uint32_t mtu) { port->set_mtu(mtu); },
         "Largest IP packet, bytes")
      ->check(CLI::Range(1280, 65535));
  add->add_option("--address", options->addresses,
                  "Address that it may send from (default: the pod's)");
  add->add_option("--gateway", options->gateways,
                  "One a family: a pod's gateway (default: the switch's), or "
                  "an uplink's router (default: all goes to --mac)");
  add->add_option("--route", options->routes,
                  "Prefix reached through it (host and uplink)");
}

void AddAddCommand(CLI::App* group, CommandContext& context) {
  auto options = std::make_shared<AddOptions>();
  CLI::App* add = group->add_subcommand("add", "Add a port while traffic runs");
  add->add_option("name", options->name, "NAMESPACE/POD, or any unique name")
      ->required();
  AddPortOptions(add, options.get());
  add->footer(R"(
Examples:
  vswitchctl port add demo/web --netns web
  vswitchctl port add node --kind host --interface vswitch0 --address 192.0.2.1
  vswitchctl port add wan --kind uplink --device net_af_packet0,iface=eth1)");
  add->callback([&context, options] {
    context.run = [&context, options] { return RunAdd(context, *options); };
  });
}

}  // namespace

void AddPortCommand(CLI::App& app, CommandContext& context) {
  CLI::App* group =
      app.add_subcommand("port", "Add, delete, list and check ports");
  group->require_subcommand(1);
  AddAddCommand(group, context);

  auto options = std::make_shared<DeleteOptions>();
  CLI::App* remove =
      group->add_subcommand("delete", "Delete a port and its device");
  remove->add_option("name", options->name)->required();
  remove->add_flag("--force", options->force,
                   "Delete it though another manager owns it");
  remove->add_flag("--ignore-missing", options->ignore_missing,
                   "What is not there is not an error");
  remove->callback([&context, options] {
    context.run = [&context, options] { return RunDelete(context, *options); };
  });

  group->add_subcommand("list", "List the ports with their states")
      ->callback([&context] {
        context.run = [&context] { return RunList(context); };
      });

  auto name = std::make_shared<std::string>();
  CLI::App* check = group->add_subcommand(
      "check", "Check that a port is as asked for and carries packets");
  check->add_option("name", *name)->required();
  check->callback([&context, name] {
    context.run = [&context, name] { return RunCheck(context, *name); };
  });
}

}  // namespace vswitch
