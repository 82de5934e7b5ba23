// vswitchctl policy matrix: who reaches whom, as a table and as a picture.

#include <fstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "controlplane/cli/cluster_ends.h"
#include "controlplane/cli/cluster_files.h"
#include "controlplane/cli/cluster_groups.h"
#include "controlplane/cli/cluster_judge.h"
#include "controlplane/cli/matrix_svg.h"
#include "controlplane/cli/policy_commands.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

struct MatrixOptions {
  std::vector<std::string> manifests;
  std::string protocol = "tcp";
  uint32_t port = 0;
  uint32_t family = 0;
  std::string svg;
  std::string node;
};

const IpAddress* AddressFor(const EndGroup& group, IpFamily family) {
  for (const IpAddress& address : group.addresses) {
    if (address.family() == family) return &address;
  }
  return nullptr;
}

// What is asked of each pair.
struct Questions {
  std::vector<EndGroup> groups;
  std::vector<TrafficClass> classes;  // of the one protocol
  std::optional<IpFamily> family;
};

absl::StatusOr<Questions> MakeQuestions(const MatrixOptions& options,
                                        const DesiredState& desired) {
  const std::optional<IpProtocol> protocol = ProtocolByName(options.protocol);
  if (!protocol.has_value()) {
    return UsageError(absl::InvalidArgumentError(
        absl::StrCat("--protocol ", options.protocol,
                     " is unknown; want tcp, udp, sctp, icmp or a number from "
                     "0 to 255")));
  }
  PolicyBounds bounds;
  AddBounds(desired, bounds);
  Questions questions{.groups = GroupEnds(desired, bounds)};
  if (options.family != 0) {
    questions.family = options.family == 4 ? IpFamily::kIpv4 : IpFamily::kIpv6;
  }
  const auto port = static_cast<uint16_t>(options.port);
  if (options.port != 0 || !HasPorts(*protocol)) {
    questions.classes = {{*protocol, port, port}};
    return questions;
  }
  for (const TrafficClass& traffic : ClassesOf(bounds)) {
    if (traffic.protocol == *protocol) questions.classes.push_back(traffic);
  }
  return questions;
}

MatrixCell CellOf(const ClusterJudge& judge, const Questions& questions,
                  const EndGroup& from, const EndGroup& to) {
  for (IpFamily family : {IpFamily::kIpv4, IpFamily::kIpv6}) {
    if (questions.family.value_or(family) != family) continue;
    const IpAddress* source = AddressFor(from, family);
    const IpAddress* destination = AddressFor(to, family);
    if (source == nullptr || destination == nullptr ||
        *source == *destination) {
      continue;
    }
    std::vector<TrafficClass> allowed;
    for (const TrafficClass& traffic : questions.classes) {
      const ClusterVerdict verdict =
          judge.Ask(MakeQuery(*source, *destination, traffic.protocol,
                              traffic.first, std::nullopt));
      if (verdict.drop == DropReason::kNone) allowed.push_back(traffic);
    }
    if (allowed.empty()) return {Reach::kNone, "none"};
    if (allowed.size() == questions.classes.size()) return {Reach::kAll, "all"};
    return {Reach::kSome, TrafficText(allowed, {})};
  }
  return {Reach::kNotAsked, ""};
}

absl::StatusOr<Matrix> MakeMatrix(const MatrixOptions& options,
                                  const DesiredState& desired) {
  ASSIGN_OR_RETURN(const Questions questions, MakeQuestions(options, desired));
  std::vector<IpAddress> ends;
  for (const EndGroup& group : questions.groups) {
    ends.insert(ends.end(), group.addresses.begin(), group.addresses.end());
  }
  ASSIGN_OR_RETURN(
      const std::unique_ptr<ClusterJudge> judge,
      ClusterJudge::Create(desired, {.node_name = options.node}, ends));
  Matrix matrix{.title = absl::StrCat("who reaches whom by ",
                                      absl::AsciiStrToUpper(options.protocol))};
  if (options.port != 0) absl::StrAppend(&matrix.title, " ", options.port);
  for (const EndGroup& from : questions.groups) {
    matrix.names.push_back(from.name);
    std::vector<MatrixCell>& row = matrix.cells.emplace_back();
    for (const EndGroup& to : questions.groups) {
      row.push_back(CellOf(*judge, questions, from, to));
    }
  }
  return matrix;
}

Json ToJson(const Matrix& matrix) {
  Json json = {{"title", matrix.title},
               {"ends", matrix.names},
               {"pairs", Json::array()}};
  for (size_t from = 0; from < matrix.cells.size(); ++from) {
    for (size_t to = 0; to < matrix.cells[from].size(); ++to) {
      const MatrixCell& cell = matrix.cells[from][to];
      if (cell.reach == Reach::kNotAsked) continue;
      json["pairs"].push_back({{"from", matrix.names[from]},
                               {"to", matrix.names[to]},
                               {"allowed", cell.text}});
    }
  }
  return json;
}

void Print(const Matrix& matrix, CommandContext& context) {
  std::vector<std::string> header = {"FROM \\ TO"};
  header.insert(header.end(), matrix.names.begin(), matrix.names.end());
  Table table(std::move(header));
  for (size_t from = 0; from < matrix.cells.size(); ++from) {
    std::vector<std::string> row = {matrix.names[from]};
    for (const MatrixCell& cell : matrix.cells[from]) row.push_back(cell.text);
    table.AddRow(std::move(row));
  }
  context.out << Printable(matrix.title) << "\n" << table.ToText();
}

absl::StatusOr<int> RunMatrix(CommandContext& context,
                              const MatrixOptions& options) {
  absl::StatusOr<DesiredState> desired =
      options.manifests.empty()
          ? LiveCluster(context)
          : LoadCluster(options.manifests, "", context.in);
  if (!desired.ok()) {
    return options.manifests.empty() ? desired.status()
                                     : UsageError(desired.status());
  }
  ASSIGN_OR_RETURN(const Matrix matrix, MakeMatrix(options, *desired));
  if (!options.svg.empty()) {
    std::ofstream file(options.svg, std::ios::binary);
    file << MatrixSvg(matrix);
    file.close();
    if (!file) {
      return UsageError(absl::InvalidArgumentError(
          absl::StrCat("--svg: ", options.svg, " cannot be written")));
    }
  }
  if (!context.PrintJson(ToJson(matrix))) Print(matrix, context);
  return kExitOk;
}

}  // namespace

void AddPolicyMatrix(CLI::App& group, CommandContext& context) {
  auto options = std::make_shared<MatrixOptions>();
  CLI::App* command = group.add_subcommand("matrix", "Show who reaches whom");
  command->add_option("--manifests", options->manifests,
                      "Files and folders of YAML (default: the switch)");
  command
      ->add_option("--protocol", options->protocol,
                   "tcp, udp, sctp, icmp, icmpv6 or a number")
      ->capture_default_str();
  command
      ->add_option("--port", options->port,
                   "Destination port (default: which ones, by pair)")
      ->check(CLI::Range(1, 65535));
  command->add_option("--family", options->family, "4 or 6")
      ->check(CLI::IsMember({4, 6}));
  command->add_option("--svg", options->svg, "Also write a picture");
  command->add_option("--node", options->node,
                      "Node of pods that name none (default: the only one)");
  command->footer(R"(
Pods that no policy can tell apart are one row.

Example:
  vswitchctl policy matrix --manifests deploy --port 80 --svg reach.svg)");
  command->callback([&context, options] {
    context.run = [&context, options] { return RunMatrix(context, *options); };
  });
}

}  // namespace vswitch
