// What a session sends of SCTP's own: chunks that open and close associations,
// with right tags and wrong ones.

#include <array>

#include "test/fuzz/flow_packets.h"
#include "test/fuzz/pipeline_session.h"
#include "test/fuzz/plain_packet.h"

namespace vswitch {
namespace {

// Of RFC 9260 3.2: INIT, INIT ACK, COOKIE ECHO, COOKIE ACK, DATA, HEARTBEAT and
// its answer, SHUTDOWN, SHUTDOWN ACK, SHUTDOWN COMPLETE, ABORT, SACK, ERROR,
// one that nobody knows.
constexpr std::array<uint8_t, 16> kChunkTypes = {1, 2,  10, 11, 0, 4,  5, 7,
                                                 8, 14, 6,  3,  9, 64, 1, 2};
// Few, so that both ends' tags come again: the one that data has is one of
// them.
constexpr std::array<uint32_t, 4> kTags = {0, 7, 1000, 2000};
constexpr uint8_t kReflectedTag = 1;  // the T bit of the chunk's flags

}  // namespace

// Of the last flow, if that is SCTP's; else its next packet.
void PipelineSession::SendChunk() {
  if (flows_.empty()) return OpenFlow();
  Flow& flow = flows_.at(flows_.size() - 1);
  if (flow.original.protocol != IpProtocol::kSctp) return ContinueFlow();
  flow.is_odd = true;
  flow.is_certain = false;
  const Way way = ChooseWay(flow);
  const uint8_t type = source_.Next();
  const uint8_t tags = source_.Next();
  PlainPacket packet =
      FlowPacket(flow.Incoming(way), flow.InPort(way), way, Bytes(16));
  WriteBe32(packet.payload, 4, kTags[tags & 3]);
  packet.payload[12] = kChunkTypes[type & 15];
  packet.payload[13] = (type & 16) != 0 ? kReflectedTag : 0;
  WriteBe32(packet.payload, 16, kTags[tags >> 2 & 3]);  // INIT's own
  CompleteChecksum(packet);
  SendOf(flow, way, packet);
}

}  // namespace vswitch
