// Captured packets, one after the other, through the offline switch.

#include "controlplane/cli/replay.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "controlplane/cli/probe.h"
#include "controlplane/compile/explain.h"
#include "dataplane/base/status_macros.h"
#include "dataplane/offline/offline_replay.h"

namespace vswitch {
namespace {

// That the daemon tracks by default (dataplane/supervisor/options.cc).
constexpr uint32_t kTrackedConnections = 262144;

struct InputPlace {
  size_t input;
  size_t index;
};

// The packets of all inputs by time, then in the order given.
std::vector<InputPlace> InOrderOfTime(const std::vector<ReplayInput>& inputs) {
  std::vector<InputPlace> places;
  for (size_t input = 0; input < inputs.size(); ++input) {
    for (size_t i = 0; i < inputs[input].capture.size(); ++i) {
      places.push_back({input, i});
    }
  }
  auto time_of = [&inputs](const InputPlace& place) {
    return inputs[place.input].capture.time_ns(place.index);
  };
  std::stable_sort(places.begin(), places.end(),
                   [&](const InputPlace& a, const InputPlace& b) {
                     return time_of(a) < time_of(b);
                   });
  return places;
}

// The finest of the inputs: no time is cut.
CaptureResolution ResolutionOf(const std::vector<ReplayInput>& inputs) {
  const bool is_fine =
      std::any_of(inputs.begin(), inputs.end(), [](const ReplayInput& input) {
        return input.capture.resolution() == CaptureResolution::kNanoseconds;
      });
  return is_fine ? CaptureResolution::kNanoseconds
                 : CaptureResolution::kMicroseconds;
}

std::string DenyingPolicy(const ReplaySwitch& node,
                          const ReplayResult& result) {
  if (!result.denial.has_value()) return "";
  const JudgeResult& denial = *result.denial;
  const Explanation words =
      ExplainVerdict(node.state, node.desired,
                     {denial.translated, denial.source.identity,
                      denial.destination.identity, result.drop});
  return DecidedBy(words.egress.allowed ? words.ingress : words.egress);
}

class Replayer {
 public:
  Replayer(const ReplaySwitch& node, const std::vector<ReplayInput>& inputs,
           OfflineReplay& offline)
      : node_(node), inputs_(inputs), offline_(offline) {
    const CaptureResolution resolution = ResolutionOf(inputs);
    for (const auto& [name, id] : node.ports) {
      names_[id] = name;
      report_.sent[name].set_resolution(resolution);
    }
  }

  absl::StatusOr<ReplayReport> Run() {
    for (const InputPlace& place : InOrderOfTime(inputs_)) {
      RETURN_IF_ERROR(RunPacket(place));
    }
    // Without what is noted beside them, about ports outside for instance.
    offline_.offline().connections().ForEach(
        [this](const ConnectionInfo& info) {
          report_.connections += (info.record.flags & kNotAConnection) == 0;
        });
    return std::move(report_);
  }

 private:
  absl::Status RunPacket(const InputPlace& place) {
    const ReplayInput& input = inputs_[place.input];
    const uint64_t time_ns = input.capture.time_ns(place.index);
    const absl::StatusOr<ReplayResult> result = offline_.Run(
        node_.ports.at(input.port), input.capture.bytes(place.index), time_ns);
    if (!result.ok()) {
      return absl::Status(result.status().code(),
                          absl::StrCat(input.path, ": packet ", place.index,
                                       ": ", result.status().message()));
    }
    ReplayedInput packet{.in = {input.port, place.index},
                         .drop = result->drop,
                         .policy = DenyingPolicy(node_, *result)};
    for (const ReplayedPacket& sent : result->out) {
      const std::string& port = names_.at(sent.port);
      Capture& capture = report_.sent[port];
      const PacketPlace out{port, capture.size()};
      capture.Add(time_ns, sent.bytes);
      if (sent.is_generated) {
        report_.generated.push_back({out, report_.packets.size()});
      } else {
        packet.out.push_back(out);
      }
    }
    if (packet.drop != DropReason::kNone) {
      ++report_.drops[{packet.drop, packet.policy}];
    }
    report_.packets.push_back(std::move(packet));
    return absl::OkStatus();
  }

  const ReplaySwitch& node_;
  const std::vector<ReplayInput>& inputs_;
  OfflineReplay& offline_;
  std::map<PortId, std::string> names_;
  ReplayReport report_;
};

}  // namespace

absl::StatusOr<ReplayReport> Replay(const ReplaySwitch& node,
                                    const std::vector<ReplayInput>& inputs,
                                    uint64_t seed) {
  ASSIGN_OR_RETURN(
      std::unique_ptr<OfflineReplay> offline,
      OfflineReplay::Create(
          node.tables, {.max_connections = kTrackedConnections, .seed = seed}));
  return Replayer(node, inputs, *offline).Run();
}

}  // namespace vswitch
