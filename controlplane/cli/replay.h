// controlplane/cli/replay.h
//
// Replay(): captured packets through the switch of one node, in the order of
// their times, and what became of each.
//
//   ASSIGN_OR_RETURN(ReplayReport report, Replay(node, inputs, seed));
//   std::cout << ReplayText(report);
//
// Pure functions: any thread.

#ifndef VSWITCH_CONTROLPLANE_CLI_REPLAY_H_
#define VSWITCH_CONTROLPLANE_CLI_REPLAY_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/cli/output.h"
#include "controlplane/cli/replay_switch.h"
#include "dataplane/base/drop_reason.h"
#include "dataplane/base/ids.h"
#include "dataplane/offline/capture_file.h"

namespace vswitch {

// What one port received.
struct ReplayInput {
  std::string port;  // as ReplaySwitch::ports has it
  std::string path;  // for errors
  Capture capture;
};

// A packet in the file of a port, from 0.
struct PacketPlace {
  std::string port;
  size_t index = 0;
};

struct ReplayedInput {
  PacketPlace in;
  std::vector<PacketPlace> out;  // where it left; not what it caused
  DropReason drop = DropReason::kNone;
  std::string policy;  // that denied it, as a probe's result names it
};

// A packet that the switch made itself.
struct GeneratedPacket {
  PacketPlace out;
  size_t cause = 0;  // index in ReplayReport::packets
};

struct ReplayReport {
  std::vector<ReplayedInput> packets;  // in the order of their times
  std::vector<GeneratedPacket> generated;
  // By reason and policy; the policy is empty where none denied.
  std::map<std::pair<DropReason, std::string>, uint64_t> drops;
  uint64_t connections = 0;             // at the end
  std::map<std::string, Capture> sent;  // by port, of every port
};

// Packets of equal time go in the order of `inputs`.  INVALID_ARGUMENT names
// file and packet.  REQUIRES: the inputs' ports are among those of `node`, each
// once.
absl::StatusOr<ReplayReport> Replay(const ReplaySwitch& node,
                                    const std::vector<ReplayInput>& inputs,
                                    uint64_t seed);

Json ToJson(const ReplayReport& report);

// Returns tables of ports and of drops, and the number of connections.
std::string ReplayText(const ReplayReport& report);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_CLI_REPLAY_H_
