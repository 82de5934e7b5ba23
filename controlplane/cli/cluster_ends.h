// controlplane/cli/cluster_ends.h
//
// Ends of flows as a user names them: "demo/web", "pod:demo/web",
// "service:demo/web" or an address, and the flow between two of them.
//
//   ASSIGN_OR_RETURN(FlowEnd from,
//                    FindEnd(desired, "demo/web", EndUse::kSource));
//
// Pure functions: any thread.

#ifndef VSWITCH_CONTROLPLANE_CLI_CLUSTER_ENDS_H_
#define VSWITCH_CONTROLPLANE_CLI_CLUSTER_ENDS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "controlplane/model/desired_state.h"
#include "dataplane/pipeline/judge.h"

namespace vswitch {

// What an end may be.
enum class EndUse : uint8_t { kSource, kDestination };

struct FlowEnd {
  std::string name;
  std::vector<IpAddress> addresses;
  bool is_address = false;           // it was written as an address
  const Service* service = nullptr;  // lives as long as the desired state
};

// NOT_FOUND if nothing has that name, INVALID_ARGUMENT if it is no name or
// nothing that can be this end, FAILED_PRECONDITION if it has no address.
absl::StatusOr<FlowEnd> FindEnd(const DesiredState& desired,
                                const std::string& text, EndUse use);

// Returns the first address of `end` in that family, or nullptr.
const IpAddress* AddressOf(const FlowEnd& end, IpFamily family);

// The family of a flow: the one that is wanted; else that of an address given;
// else that of the first address of `from`, if `to` has one of it; else the
// first that both have.
absl::StatusOr<IpFamily> FamilyBetween(const FlowEnd& from, const FlowEnd& to,
                                       std::optional<IpFamily> wanted);

// Returns the question whether `source` may open a connection to `destination`.
// kIcmp means ICMPv6 in IPv6; `icmp_type` is an echo request's by default.
// `port` counts for protocols with ports only, see HasPorts().
JudgeQuery MakeQuery(const IpAddress& source, const IpAddress& destination,
                     IpProtocol protocol, uint16_t port,
                     std::optional<uint8_t> icmp_type);

// Whether policies know ports of `protocol`: TCP, UDP and SCTP.
bool HasPorts(IpProtocol protocol);

// Returns the number of "tcp", "UDP", "icmp" or "47", or nothing.
std::optional<IpProtocol> ProtocolByName(absl::string_view text);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_CLI_CLUSTER_ENDS_H_
