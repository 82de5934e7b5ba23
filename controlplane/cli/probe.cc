// Probes to flows, and verdicts to results.

#include "controlplane/cli/probe.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/cli/cluster_ends.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

absl::Status AtProbe(size_t index, absl::string_view field,
                     const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat("probes[", index, "]", field,
                                                  ": ", status.message()));
}

absl::StatusOr<uint16_t> PortOf(const Probe& probe, const FlowEnd& to) {
  if (!HasPorts(probe.protocol)) return uint16_t{0};
  if (probe.port != 0) return probe.port;
  if (to.service != nullptr && to.service->ports.size() == 1) {
    return to.service->ports[0].port;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("is missing; ", ToString(probe.protocol), " needs one"));
}

absl::StatusOr<JudgeQuery> QueryOf(const DesiredState& desired,
                                   const Probe& probe, size_t index) {
  const auto from = FindEnd(desired, probe.from, EndUse::kSource);
  if (!from.ok()) return AtProbe(index, ".from", from.status());
  const auto to = FindEnd(desired, probe.to, EndUse::kDestination);
  if (!to.ok()) return AtProbe(index, ".to", to.status());
  const auto family = FamilyBetween(*from, *to, probe.family);
  if (!family.ok()) return AtProbe(index, "", family.status());
  const auto port = PortOf(probe, *to);
  if (!port.ok()) return AtProbe(index, ".port", port.status());
  return MakeQuery(*AddressOf(*from, *family), *AddressOf(*to, *family),
                   probe.protocol, *port, probe.icmp_type);
}

ProbeResult ResultOf(const ClusterJudge& judge, const JudgeQuery& query) {
  const ClusterVerdict verdict = judge.Ask(query);
  ProbeResult result{.allowed = verdict.drop == DropReason::kNone,
                     .drop = verdict.drop,
                     .words = judge.Explain(verdict)};
  const auto& [egress, ingress] = result.words;
  const bool egress_decides =
      result.allowed ? DecidedBy(ingress.words).empty() : !egress.words.allowed;
  result.policy = DecidedBy((egress_decides ? egress : ingress).words);
  return result;
}

}  // namespace

std::string DecidedBy(const DirectionExplanation& side) {
  return side.policy.empty() && !side.allowed
             ? absl::StrJoin(side.isolating, ", ")
             : side.policy;
}

absl::StatusOr<std::vector<ProbeResult>> ProbeCluster(
    const DesiredState& desired, const std::vector<Probe>& probes,
    const ClusterOptions& options) {
  std::vector<JudgeQuery> queries;
  std::vector<IpAddress> ends;
  for (size_t i = 0; i < probes.size(); ++i) {
    ASSIGN_OR_RETURN(JudgeQuery query, QueryOf(desired, probes[i], i));
    ends.push_back(query.key.source);
    ends.push_back(query.key.destination);
    queries.push_back(query);
  }
  ASSIGN_OR_RETURN(std::unique_ptr<ClusterJudge> judge,
                   ClusterJudge::Create(desired, options, ends));
  std::vector<ProbeResult> results;
  results.reserve(queries.size());
  for (const JudgeQuery& query : queries) {
    results.push_back(ResultOf(*judge, query));
  }
  return results;
}

}  // namespace vswitch
