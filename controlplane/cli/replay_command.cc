// vswitchctl replay: captured packets through a switch that exists as YAML
// only.

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "controlplane/cli/cluster_files.h"
#include "controlplane/cli/command.h"
#include "controlplane/cli/replay.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

namespace fs = std::filesystem;

// Names of ports that an error lists.
constexpr size_t kMaxListed = 20;

struct ReplayOptions {
  std::vector<std::string> manifests;
  std::vector<std::string> inputs;  // "PORT=FILE"
  std::string out;
  bool is_json = false;
  std::string node;
  std::vector<std::string> neighbors;  // "IP=MAC"
  std::string profile;
  uint32_t uplink_mtu = 0;
  uint64_t seed = 1;
};

// The words before and behind the first "=".
using Pair = std::pair<std::string, std::string>;

absl::StatusOr<Pair> SplitPair(absl::string_view option,
                               const std::string& text,
                               absl::string_view want) {
  Pair pair = absl::StrSplit(text, absl::MaxSplits('=', 1));
  if (!pair.first.empty() && !pair.second.empty()) return pair;
  return absl::InvalidArgumentError(
      absl::StrCat(option, " ", text, ": want ", want));
}

// Returns the MAC address of the uplink's next hop.  The dataplane has one for
// all that leaves.
absl::StatusOr<std::optional<MacAddress>> NextHopOf(
    const std::vector<std::string>& neighbors) {
  std::optional<MacAddress> next_hop;
  for (const std::string& text : neighbors) {
    ASSIGN_OR_RETURN(
        const Pair pair,
        SplitPair("--neighbor", text, "IP=MAC as 192.0.2.1=02:00:00:00:00:01"));
    const auto address = IpAddress::Parse(pair.first);
    const auto mac = MacAddress::Parse(pair.second);
    if (!address.ok() || !mac.ok() || mac->IsMulticast() || mac->IsZero()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--neighbor ", text, ": \"",
                       address.ok() ? pair.second : pair.first, "\" is no ",
                       address.ok() ? "unicast MAC address as 02:00:00:00:00:01"
                                    : "address as 192.0.2.1"));
    }
    if (next_hop.has_value() && *next_hop != *mac) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--neighbor ", text, ": another one has ", next_hop->ToString(),
          "; the uplink has one next hop, give one MAC address"));
    }
    next_hop = *mac;
  }
  return next_hop;
}

absl::StatusOr<ReplaySwitch> LoadSwitch(CommandContext& context,
                                        const ReplayOptions& options) {
  ReplaySwitchOptions wanted{.node_name = options.node,
                             .uplink_mtu = options.uplink_mtu};
  ASSIGN_OR_RETURN(wanted.uplink_mac, NextHopOf(options.neighbors));
  if (!options.profile.empty()) {
    wanted.profile = options.profile == "linux" ? TimeoutProfile::kLinux
                                                : TimeoutProfile::kRfc;
  }
  ASSIGN_OR_RETURN(const DesiredState desired,
                   LoadCluster(options.manifests, "", context.in));
  return MakeReplaySwitch(desired, wanted);
}

std::string PortList(const ReplaySwitch& node) {
  std::vector<std::string> names = {kReplayUplinkPort, kReplayHostPort};
  for (const auto& [name, id] : node.ports) {
    if (name != kReplayUplinkPort && name != kReplayHostPort) {
      names.push_back(name);
    }
  }
  const size_t left_off = names.size() - std::min(names.size(), kMaxListed);
  names.resize(names.size() - left_off);
  return absl::StrCat(
      absl::StrJoin(names, ", "),
      left_off == 0 ? "" : absl::StrCat(" and ", left_off, " more"));
}

absl::StatusOr<std::vector<ReplayInput>> ReadInputs(
    const ReplaySwitch& node, const std::vector<std::string>& texts) {
  std::vector<ReplayInput> inputs;
  std::set<std::string> ports;
  for (const std::string& text : texts) {
    ASSIGN_OR_RETURN(const Pair pair,
                     SplitPair("--in", text, "PORT=FILE as demo/web=web.pcap"));
    if (!node.ports.contains(pair.first)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--in ", text, ": ",
          node.node_name.empty()
              ? "the switch"
              : absl::StrCat("the switch of Node ", node.node_name),
          " has no port ", pair.first, "; want one of ", PortList(node)));
    }
    if (!ports.insert(pair.first).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("--in ", text, ": ", pair.first,
                       " is given twice; want one file (see mergecap)"));
    }
    ASSIGN_OR_RETURN(Capture capture, ReadCapture(pair.second));
    inputs.push_back({pair.first, pair.second, std::move(capture)});
  }
  return inputs;
}

// Kubernetes' names hold no underscore, so no two ports share a file.
std::string FileOf(const std::string& folder, const std::string& port) {
  return (fs::path(folder) /
          absl::StrCat(absl::StrReplaceAll(port, {{"/", "_"}}), ".pcap"))
      .string();
}

absl::Status WriteOutputs(const std::string& folder,
                          const std::vector<ReplayInput>& inputs,
                          const std::map<std::string, Capture>& sent) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    return absl::InvalidArgumentError(
        absl::StrCat("--out ", folder, ": ", error.message()));
  }
  for (const auto& [port, capture] : sent) {
    for (const ReplayInput& input : inputs) {
      if (fs::equivalent(FileOf(folder, port), input.path, error)) {
        return absl::InvalidArgumentError(
            absl::StrCat("--out ", folder, ": ", input.path,
                         " would be overwritten; want another folder"));
      }
    }
  }
  for (const auto& [port, capture] : sent) {
    RETURN_IF_ERROR(WriteCapture(FileOf(folder, port), capture));
  }
  return absl::OkStatus();
}

absl::Status RunChecked(CommandContext& context, const ReplayOptions& options) {
  ASSIGN_OR_RETURN(const ReplaySwitch node, LoadSwitch(context, options));
  ASSIGN_OR_RETURN(const std::vector<ReplayInput> inputs,
                   ReadInputs(node, options.inputs));
  ASSIGN_OR_RETURN(const ReplayReport report,
                   Replay(node, inputs, options.seed));
  RETURN_IF_ERROR(WriteOutputs(options.out, inputs, report.sent));
  if (options.is_json) context.format = "json";
  if (!context.PrintJson(ToJson(report))) context.out << ReplayText(report);
  return absl::OkStatus();
}

absl::StatusOr<int> RunReplay(CommandContext& context,
                              const ReplayOptions& options) {
  const absl::Status status = RunChecked(context, options);
  if (!status.ok()) return UsageError(status);
  return kExitOk;
}

void AddOptions(CLI::App& command, ReplayOptions& options) {
  command
      .add_option("--manifests", options.manifests,
                  "Files and folders of Kubernetes YAML; may repeat")
      ->required();
  command
      .add_option("--in", options.inputs,
                  "PORT=FILE: what a port received, a pcap or pcapng file; "
                  "may repeat")
      ->required();
  command
      .add_option("--out", options.out,
                  "Folder for what each port sent, a pcap file for each")
      ->required();
  command.add_flag("--json", options.is_json, "The same as -o json");
  command.add_option("--node", options.node,
                     "Node whose switch is played (default: the only one)");
  command.add_option("--neighbor", options.neighbors,
                     "IP=MAC of the next hop on the uplink (default: the MAC "
                     "address of Port uplink, else a derived one)");
  command
      .add_option("--profile", options.profile,
                  "Timeouts of connections: rfc or linux (default: as Settings "
                  "say, else rfc)")
      ->check(CLI::IsMember({"rfc", "linux"}));
  command
      .add_option("--uplink-mtu", options.uplink_mtu,
                  "Bytes of the uplink's largest IP packet (default: as Port "
                  "uplink or Settings say, else 1500)")
      ->check(CLI::Range(68, 65535));
  command
      .add_option("--seed", options.seed,
                  "Of what the switch chooses at random")
      ->capture_default_str();
}

}  // namespace

void AddReplayCommand(CLI::App& app, CommandContext& context) {
  auto options = std::make_shared<ReplayOptions>();
  CLI::App* command = app.add_subcommand(
      "replay", "Run captured packets through a switch that exists as YAML");
  AddOptions(*command, *options);
  command->footer(R"(
No switch is needed.  The packets go through the dataplane's own pipeline on the
tables that the Node's switch would have; the times of the captures are its
clock.  PORT is NAMESPACE/POD, uplink or host.  Same input, same output.

Example:
  vswitchctl replay --manifests deploy --in demo/web=web.pcap
      --in uplink=eth0.pcap --out sent --json)");
  command->callback([&context, options] {
    context.run = [&context, options] { return RunReplay(context, *options); };
  });
}

}  // namespace vswitch
