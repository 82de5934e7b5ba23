// vswitchctl policy diff: who could reach whom no longer, or anew, if manifests
// were applied.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/cli/cluster_ends.h"
#include "controlplane/cli/cluster_files.h"
#include "controlplane/cli/cluster_groups.h"
#include "controlplane/cli/cluster_judge.h"
#include "controlplane/cli/manifest_files.h"
#include "controlplane/cli/policy_commands.h"
#include "controlplane/cli/proto_json.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

struct DiffOptions {
  std::vector<std::string> manifests;
  std::vector<std::string> base;
  std::string node;
  bool prune = false;
};

// Both states, and what is asked about them.
struct Comparison {
  DesiredState before;
  DesiredState after;
  std::vector<EndGroup> groups;
  std::vector<TrafficClass> classes;
  std::unique_ptr<ClusterJudge> judge_before;
  std::unique_ptr<ClusterJudge> judge_after;
};

struct PairChange {
  const EndGroup* from;
  const EndGroup* to;
  std::string family;    // "" if it is the same in all that both ends have
  bool allowed = false;  // by the state after
  std::vector<TrafficClass> traffic;
};

struct ConnectionChange {
  v1::Connection connection;
  std::string outcome;  // "dropped", "reset", "kept"
};

bool SameClasses(const PairChange& a, const PairChange& b) {
  return a.allowed == b.allowed &&
         std::equal(a.traffic.begin(), a.traffic.end(), b.traffic.begin(),
                    b.traffic.end(),
                    [](const TrafficClass& x, const TrafficClass& y) {
                      return x.protocol == y.protocol && x.first == y.first;
                    });
}

// The state behind `before`, as `apply` would make it.
absl::StatusOr<DesiredState> Applied(const DesiredState& before,
                                     const DiffOptions& options,
                                     std::istream& in) {
  ManifestReader reader("default");
  absl::Status status = ReadManifestFiles(options.manifests, "", in, reader);
  DesiredState result = before;
  if (options.prune) {
    for (const auto& [key, object] : before.objects()) {
      if (IsPolicy(key.kind)) result.Erase(key);
    }
  }
  status.Update(status.ok() ? AddManifests(reader, result) : status);
  if (!status.ok()) return UsageError(status);
  return result;
}

// The changes of one pair in one family: one for each direction of change.
std::vector<PairChange> ChangesOf(const Comparison& comparison,
                                  const EndGroup& from, const EndGroup& to,
                                  IpFamily family) {
  const FlowEnd from_end{.addresses = from.addresses};
  const FlowEnd to_end{.addresses = to.addresses};
  const IpAddress* source = AddressOf(from_end, family);
  const IpAddress* destination = AddressOf(to_end, family);
  std::vector<PairChange> changes;
  if (source == nullptr || destination == nullptr || *source == *destination) {
    return changes;
  }
  PairChange opened{&from, &to, "", true, {}};
  PairChange closed{&from, &to, "", false, {}};
  for (const TrafficClass& traffic : comparison.classes) {
    const IpProtocol foreign =
        family == IpFamily::kIpv4 ? IpProtocol::kIcmpv6 : IpProtocol::kIcmp;
    const bool is_echo =
        traffic.protocol == IpProtocol::kIcmp && traffic.first == kEchoClass;
    if (traffic.protocol == foreign && !is_echo) continue;
    // Without a type: the family's echo request.
    std::optional<uint8_t> type;
    if (!is_echo) type = static_cast<uint8_t>(traffic.first);
    const JudgeQuery query =
        MakeQuery(*source, *destination, traffic.protocol, traffic.first, type);
    const bool before =
        comparison.judge_before->Ask(query).drop == DropReason::kNone;
    const bool after =
        comparison.judge_after->Ask(query).drop == DropReason::kNone;
    if (before != after) (after ? opened : closed).traffic.push_back(traffic);
  }
  for (PairChange* change : {&opened, &closed}) {
    if (!change->traffic.empty()) changes.push_back(std::move(*change));
  }
  return changes;
}

std::vector<PairChange> FindPairChanges(const Comparison& comparison) {
  std::vector<PairChange> result;
  for (const EndGroup& from : comparison.groups) {
    for (const EndGroup& to : comparison.groups) {
      std::vector<PairChange> v4 =
          ChangesOf(comparison, from, to, IpFamily::kIpv4);
      std::vector<PairChange> v6 =
          ChangesOf(comparison, from, to, IpFamily::kIpv6);
      for (PairChange& change : v4) change.family = "IPv4";
      for (PairChange& change : v6) change.family = "IPv6";
      for (PairChange& change : v4) {
        const auto same = std::find_if(v6.begin(), v6.end(),
                                       [&change](const PairChange& other) {
                                         return SameClasses(change, other);
                                       });
        if (same != v6.end()) {
          v6.erase(same);
          change.family.clear();
        }
        result.push_back(std::move(change));
      }
      std::move(v6.begin(), v6.end(), std::back_inserter(result));
    }
  }
  return result;
}

// The connection as policy sees it, or nothing if it cannot be told.
std::optional<JudgeQuery> QueryOf(const v1::Connection& connection) {
  const auto source = IpAddress::Parse(connection.original().source());
  // What answers is who the destination was translated to.
  const auto destination = IpAddress::Parse(connection.reply().source());
  if (!source.ok() || !destination.ok() ||
      connection.original().protocol() > 255) {
    return std::nullopt;
  }
  const auto protocol =
      static_cast<IpProtocol>(connection.original().protocol());
  const uint32_t port = HasPorts(protocol)
                            ? connection.reply().source_port()
                            : connection.original().destination_port();
  return MakeQuery(*source, *destination, protocol, static_cast<uint16_t>(port),
                   static_cast<uint8_t>(port));
}

std::string OutcomeOf(const ClusterVerdict& verdict) {
  const JudgeResult& side = verdict.source_side.drop != DropReason::kNone
                                ? verdict.source_side
                                : verdict.destination_side;
  switch (side.Denial().established) {
    case EstablishedAction::kKeep:
      return "kept";
    case EstablishedAction::kReset:
      return "reset";
    case EstablishedAction::kReEvaluate:
      break;
  }
  return "dropped";
}

std::vector<ConnectionChange> FindConnectionChanges(
    const Comparison& comparison,
    const std::vector<v1::Connection>& connections) {
  std::vector<ConnectionChange> result;
  for (const v1::Connection& connection : connections) {
    const std::optional<JudgeQuery> query = QueryOf(connection);
    if (!query.has_value()) continue;
    const ClusterVerdict before = comparison.judge_before->Ask(*query);
    const ClusterVerdict after = comparison.judge_after->Ask(*query);
    if (before.drop == DropReason::kNone && after.drop != DropReason::kNone) {
      result.push_back({connection, OutcomeOf(after)});
    }
  }
  return result;
}

absl::StatusOr<std::vector<v1::Connection>> LiveConnections(
    CommandContext& context) {
  ASSIGN_OR_RETURN(SwitchClient * client, context.Client());
  const auto call = client->NewContext();
  const auto stream = client->observe().ListConnections(
      call.get(), v1::ListConnectionsRequest());
  std::vector<v1::Connection> connections;
  v1::ListConnectionsResponse response;
  while (stream->Read(&response)) {
    for (auto& connection : *response.mutable_connections()) {
      connections.push_back(std::move(connection));
    }
  }
  RETURN_IF_ERROR(ToStatus(stream->Finish()));
  return connections;
}

// Keeps the pods that both states have with the same addresses: verdicts of
// others have nothing to be compared with.
void KeepCommonEnds(const DesiredState& before, std::vector<EndGroup>& groups) {
  std::set<IpAddress> known;
  before.ForEach<Pod>([&known](const Metadata&, const Pod& pod) {
    known.insert(pod.addresses.begin(), pod.addresses.end());
  });
  std::erase_if(groups, [&known](const EndGroup& group) {
    const bool is_pod = group.names[0].find('/') != std::string::npos &&
                        group.names[0].find(' ') == std::string::npos;
    return is_pod && !known.contains(group.addresses[0]);
  });
}

absl::Status Compile(const DiffOptions& options,
                     const std::vector<v1::Connection>& connections,
                     Comparison& comparison) {
  PolicyBounds bounds;
  AddBounds(comparison.before, bounds);
  AddBounds(comparison.after, bounds);
  comparison.classes = ClassesOf(bounds);
  comparison.groups = GroupEnds(comparison.after, bounds);
  KeepCommonEnds(comparison.before, comparison.groups);
  std::vector<IpAddress> ends;
  for (const EndGroup& group : comparison.groups) {
    ends.insert(ends.end(), group.addresses.begin(), group.addresses.end());
  }
  for (const v1::Connection& connection : connections) {
    const std::optional<JudgeQuery> query = QueryOf(connection);
    if (!query.has_value()) continue;
    ends.push_back(query->key.source);
    ends.push_back(query->key.destination);
  }
  const ClusterOptions cluster{.node_name = options.node};
  ASSIGN_OR_RETURN(comparison.judge_before,
                   ClusterJudge::Create(comparison.before, cluster, ends));
  ASSIGN_OR_RETURN(comparison.judge_after,
                   ClusterJudge::Create(comparison.after, cluster, ends));
  return absl::OkStatus();
}

Json ToJson(const std::vector<PairChange>& pairs,
            const std::vector<ConnectionChange>& connections,
            const std::vector<TrafficClass>& all) {
  Json json = {{"pairs", Json::array()}, {"connections", Json::array()}};
  for (const PairChange& change : pairs) {
    json["pairs"].push_back(
        {{"from", change.from->names},
         {"to", change.to->names},
         {"traffic", TrafficText(change.traffic, all)},
         {"family",
          change.family.empty() ? Json(nullptr) : Json(change.family)},
         {"before", change.allowed ? "deny" : "allow"},
         {"after", change.allowed ? "allow" : "deny"}});
  }
  for (const ConnectionChange& change : connections) {
    Json connection = vswitch::ToJson(change.connection);
    connection["outcome"] = change.outcome;
    json["connections"].push_back(std::move(connection));
  }
  return json;
}

void Print(const std::vector<PairChange>& pairs,
           const std::vector<ConnectionChange>& connections,
           const std::vector<TrafficClass>& all, CommandContext& context) {
  if (pairs.empty() && connections.empty()) {
    context.out << "no verdict would change\n";
    return;
  }
  Table table({"FROM", "TO", "TRAFFIC", "BEFORE", "AFTER"});
  for (const PairChange& change : pairs) {
    std::string traffic = TrafficText(change.traffic, all);
    if (!change.family.empty()) absl::StrAppend(&traffic, ", ", change.family);
    table.AddRow({change.from->name, change.to->name, traffic,
                  change.allowed ? "deny" : "allow",
                  change.allowed ? "allow" : "deny"});
  }
  context.out << table.ToText();
  if (connections.empty()) return;
  Table open({"CONNECTION", "FROM", "TO", "WOULD BE"});
  for (const ConnectionChange& change : connections) {
    const v1::Connection& connection = change.connection;
    open.AddRow(
        {connection.original().protocol_name(),
         EndText(PeerText(connection.source(), connection.original().source()),
                 connection.original().source_port()),
         EndText(
             PeerText(connection.destination(), connection.reply().source()),
             connection.reply().source_port()),
         change.outcome});
  }
  context.out << "\n" << open.ToText();
}

absl::StatusOr<int> RunDiff(CommandContext& context,
                            const DiffOptions& options) {
  Comparison comparison;
  std::vector<v1::Connection> connections;
  if (options.base.empty()) {
    ASSIGN_OR_RETURN(comparison.before, LiveCluster(context));
    ASSIGN_OR_RETURN(connections, LiveConnections(context));
  } else {
    absl::StatusOr<DesiredState> base =
        LoadCluster(options.base, "", context.in);
    if (!base.ok()) return UsageError(base.status());
    comparison.before = *std::move(base);
  }
  ASSIGN_OR_RETURN(comparison.after,
                   Applied(comparison.before, options, context.in));
  RETURN_IF_ERROR(Compile(options, connections, comparison));
  const std::vector<PairChange> pairs = FindPairChanges(comparison);
  const std::vector<ConnectionChange> changed =
      FindConnectionChanges(comparison, connections);
  if (!context.PrintJson(ToJson(pairs, changed, comparison.classes))) {
    Print(pairs, changed, comparison.classes, context);
  }
  return pairs.empty() && changed.empty() ? kExitOk : kExitChanged;
}

// That the switch does not answer must not look like a change.
absl::StatusOr<int> RunDiffForScripts(CommandContext& context,
                                      const DiffOptions& options) {
  absl::StatusOr<int> result = RunDiff(context, options);
  if (result.ok() || !absl::IsUnavailable(result.status())) return result;
  return absl::UnknownError(result.status().message());
}

}  // namespace

void AddPolicyDiff(CLI::App& group, CommandContext& context) {
  auto options = std::make_shared<DiffOptions>();
  CLI::App* command = group.add_subcommand(
      "diff", "Show which verdicts manifests would change if applied");
  command
      ->add_option("--manifests", options->manifests,
                   "Files and folders to be applied; may repeat")
      ->required();
  command->add_option("--base", options->base,
                      "Compare with these manifests, not with the switch");
  command->add_flag("--prune", options->prune,
                    "The manifests hold all policies: others are deleted");
  command->add_option("--node", options->node,
                      "Node of pods that name none (default: the only one)");
  command->footer(R"(
Every pair of pods, nodes and outside addresses is judged on every port that a
policy can tell from others, before and after; and every present connection.
Exit status 0 if nothing would change, 3 if something would, 9 if the switch
does not answer.

Examples:
  vswitchctl policy diff --manifests policy.yaml
  vswitchctl policy diff --base main --manifests branch --prune)");
  command->callback([&context, options] {
    context.run = [&context, options] {
      return RunDiffForScripts(context, *options);
    };
  });
}

}  // namespace vswitch
