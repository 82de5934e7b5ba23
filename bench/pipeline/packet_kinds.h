// bench/pipeline/packet_kinds.h
//
// PacketKind: one kind of packet that somebody may send in any number: the
// packets of the golden cases, which are malformed, in fragments, refused or
// ordinary, and packets that begin flows, of each outcome.
//
//   ASSIGN_OR_RETURN(std::vector<PacketKind> kinds, GoldenKinds(paths));
//   ASSIGN_OR_RETURN(std::vector<uint8_t> frame, kinds[0].Frame(17));
//
// Values.

#ifndef VSWITCH_BENCH_PIPELINE_PACKET_KINDS_H_
#define VSWITCH_BENCH_PIPELINE_PACKET_KINDS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/base/ids.h"
#include "dataplane/pipeline/test_world.h"

namespace vswitch {

struct PacketKind {
  std::string name;  // "fragment: v4-overlap #2", "first: UDP to a pod, ip4"
  PortId port = kNoPort;
  // As packet_text.h has it, with {16} for a number of 1 to 65535 and {8} for
  // one of 1 to 250, other ones in each packet.
  std::string text;

  // Whether no two packets are the same.
  bool IsVaried() const;
  // Returns the packet of that number.
  absl::StatusOr<std::vector<uint8_t>> Frame(uint32_t number) const;
};

// The packets that come in in the golden cases of these files, each once; a
// fragment is each time of another datagram.
absl::StatusOr<std::vector<PacketKind>> GoldenKinds(
    const std::vector<std::string>& paths);

// Packets that each begin a flow of their own, in both families.
std::vector<PacketKind> FirstPacketKinds();

// The node that they come to: that of TestWorld with source NAT, that answers
// everybody, and whose ports of source NAT are soon taken.
TestNode MakeKindsNode();

}  // namespace vswitch

#endif  // VSWITCH_BENCH_PIPELINE_PACKET_KINDS_H_
