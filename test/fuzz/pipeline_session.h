// test/fuzz/pipeline_session.h
//
// PipelineSession: one run of the fuzz target of the pipeline: a node, and
// packets and events in an order that the input chooses, each held against the
// rules of packet_rules.h and what flow_model.h knows.
//
//   PipelineSession session(source);
//   while (session.Step()) {
//   }
//
// Tests only; thread-compatible.

#ifndef VSWITCH_TEST_FUZZ_PIPELINE_SESSION_H_
#define VSWITCH_TEST_FUZZ_PIPELINE_SESSION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "test/fuzz/byte_source.h"
#include "test/fuzz/flow_model.h"
#include "test/fuzz/flow_packets.h"
#include "test/fuzz/fuzz_node.h"

namespace vswitch {

// Tells that something happened, if VSWITCH_FUZZ_TRACE is in the environment.
void TraceEvent(const std::string& event);

class PipelineSession {
 public:
  static constexpr uint32_t kMaxPackets = 64;

  explicit PipelineSession(ByteSource& source);

  // Does what the next bytes say; returns whether there is more to do.
  bool Step();

  // Checks what must hold when all is quiet, and the balance if asked to.
  void CheckAtEnd(bool with_balance) const;

 private:
  // What the input may ask for, one step each.
  void OpenFlow();
  void OpenAgainstMapping();
  void ContinueFlow();
  void SendChunk();
  void SendError();
  void SendFragments();
  void SendDamaged();
  void SendRaw();
  void SendBurst();
  void AskForNeighbor();
  void LetTimePass();
  void ChangeNode();

  Flow& ChooseFlow();
  Way ChooseWay(const Flow& flow);
  Bytes ChooseData();

  // Sends a packet of `flow`, dressed as the input says; returns whether it was
  // forwarded.
  bool SendOf(Flow& flow, Way way, PlainPacket packet);
  void SendPlain(Flow& flow, Way way);
  bool SendSegment(Flow& flow, Way way, TcpFields fields, const Bytes& data);
  void SendNextSegment(Flow& flow);
  void SendNextData(Flow& flow);
  void SendOddSegment(Flow& flow);

  // Returns some packet of the flow, and what became of an error about it.
  PlainPacket SomePacket(Flow& flow, const Tuple& tuple, PortId in, Way way,
                         const Bytes& data);
  void CheckError(const Flow& flow, Way way, const FuzzResult& result) const;
  void CheckPairs(PortId in, FuzzInput input, DropReason drop);
  void SendFragment(Flow& flow, Way way, const PlainPacket& fragment,
                    bool& may_ask);

  // Takes a packet through the node and checks what came out.
  FuzzResult Inject(PortId in, const FuzzInput& input);
  void NoteMappings(PortId in, const PlainPacket& before,
                    const FuzzOutput& output);

  ByteSource& source_;
  FuzzNode node_;
  FlowModel flows_;
  FragmentModel fragments_;
  uint32_t packets_ = 0;
  uint32_t next_datagram_ = 1;
};

}  // namespace vswitch

#endif  // VSWITCH_TEST_FUZZ_PIPELINE_SESSION_H_
