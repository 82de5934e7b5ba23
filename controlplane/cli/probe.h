// controlplane/cli/probe.h
//
// Probes: questions to the policies of a cluster, as `vswitchctl policy probe`
// asks them: may `from` open a connection to `to`?
//
//   ASSIGN_OR_RETURN(ProbeFile file, ReadProbes(text));
//   ASSIGN_OR_RETURN(std::vector<ProbeResult> results,
//                    ProbeCluster(desired, file.probes, {}));
//   if (results[0].allowed != file.probes[0].expect_allowed) ...
//
// Pure functions: any thread.

#ifndef VSWITCH_CONTROLPLANE_CLI_PROBE_H_
#define VSWITCH_CONTROLPLANE_CLI_PROBE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/cli/cluster_judge.h"
#include "controlplane/cli/output.h"
#include "controlplane/model/desired_state.h"

namespace vswitch {

struct Probe {
  std::string from;  // "demo/web", "pod:demo/web" or an address
  std::string to;    // likewise, or "demo/service", "service:demo/service"
  IpProtocol protocol = IpProtocol::kTcp;  // kIcmp: ICMPv6 in IPv6
  uint16_t port = 0;                       // 0: the only one of a service
  std::optional<uint8_t> icmp_type;        // default: echo request
  std::optional<IpFamily> family;
  std::optional<bool> expect_allowed;
  Json source;  // the object it was read from; null if it was not
};

struct ProbeResult {
  bool allowed = false;
  DropReason drop = DropReason::kNone;
  ClusterExplanation words;
  // Who decided: the policy of the rule, or the isolating ones; ingress before
  // egress if both allow.  Empty if no policy did.
  std::string policy;

  // Returns whether the probe expects something else.
  bool Disagrees(const Probe& probe) const {
    return probe.expect_allowed.has_value() && *probe.expect_allowed != allowed;
  }
};

struct ProbeFile {
  std::vector<Probe> probes;
  bool is_list = true;  // [...], not {"probes": [...]}
};

// Returns who decided one side: the policy of the rule, "demo/db", or those
// that isolate, "demo/a, demo/b"; empty if no policy did.
std::string DecidedBy(const DirectionExplanation& side);

// Reads a probes file: a JSON list of probes or {"probes": [...]}.  Fields of a
// probe that are not known are kept and mean nothing.  INVALID_ARGUMENT names
// probe and field, "probes[3].port".
absl::StatusOr<ProbeFile> ReadProbes(const std::string& text);

// Returns a result for each probe, in order.  Errors of a probe name it,
// "probes[3].to: there is no Pod or Service demo/x"; others are the
// compiler's.
absl::StatusOr<std::vector<ProbeResult>> ProbeCluster(
    const DesiredState& desired, const std::vector<Probe>& probes,
    const ClusterOptions& options);

// Returns the probe's fields and what was found.
Json ToJson(const Probe& probe, const ProbeResult& result);

// Returns "" or who decided and why, in one line.
std::string ReasonText(const ProbeResult& result);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_CLI_PROBE_H_
