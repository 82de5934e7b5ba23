// The grammar of the fuzz target of the pipeline.

#include "test/fuzz/pipeline_session.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <optional>

#include "dataplane/pipeline/test_world.h"
#include "test/fuzz/fuzz_ends.h"
#include "test/fuzz/packet_rules.h"
#include "test/testing/packet_text.h"

namespace vswitch {
namespace {

constexpr IpProtocol kProtocols[] = {
    IpProtocol::kTcp,  IpProtocol::kUdp,     IpProtocol::kUdp,
    IpProtocol::kIcmp, IpProtocol::kTcp,     IpProtocol::kUdp,
    IpProtocol::kSctp, IpProtocol::kUdpLite, IpProtocol::kEsp};

// How often each step is taken, of 16 times.
enum class Action : uint8_t {
  kOpen,
  kOpenAgainstMapping,
  kContinue,
  kChunk,
  kError,
  kFragments,
  kDamaged,
  kRaw,
  kBurst,
  kNeighbor,
  kTime,
  kChange,
};
constexpr Action kActions[16] = {
    Action::kOpen,     Action::kContinue, Action::kContinue,
    Action::kError,    Action::kTime,     Action::kFragments,
    Action::kDamaged,  Action::kContinue, Action::kOpen,
    Action::kContinue, Action::kBurst,    Action::kChange,
    Action::kNeighbor, Action::kRaw,      Action::kOpenAgainstMapping,
    Action::kChunk};

bool HasPorts(IpProtocol protocol) {
  return protocol == IpProtocol::kTcp || protocol == IpProtocol::kUdp ||
         protocol == IpProtocol::kUdpLite || protocol == IpProtocol::kSctp;
}

// Whether every link carries a packet, whole or in fragments.
bool Fits(const PlainPacket& packet) {
  const size_t bytes = (packet.IsIpv4() ? 20 : 40) + packet.options.size() +
                       packet.payload.size();
  return bytes <= kUplinkMtu || (packet.IsIpv4() && !packet.dont_fragment);
}

bool IsTraced() {
  static const bool is_traced = std::getenv("VSWITCH_FUZZ_TRACE") != nullptr;
  return is_traced;
}

void TracePacket(const FuzzNode& node, PortId in, const FuzzInput& input,
                 const FuzzResult& result) {
  if (!IsTraced()) return;
  std::cerr << node.now_ns() / kSecondNs << " s: " << TestWorld::NameOf(in)
            << " <- " << PacketToText(input.bytes) << "\n  "
            << DropReasonName(result.drop) << "\n";
  for (const FuzzOutput& output : result.outputs) {
    std::cerr << "  " << TestWorld::NameOf(output.port) << " -> "
              << PacketToText(output.bytes) << "\n";
  }
}

std::optional<FlowModel::Left> WhatLeft(const FuzzResult& result) {
  if (!result.forwarded) return std::nullopt;
  return FlowModel::Left{TupleOf(*FromFrame(result.outputs[0].bytes)),
                         result.outputs[0].port};
}

}  // namespace

void TraceEvent(const std::string& event) {
  if (IsTraced()) std::cerr << event << "\n";
}

PipelineSession::PipelineSession(ByteSource& source)
    : source_(source), node_(NodeChoices::FromByte(source.Next())) {}

bool PipelineSession::Step() {
  switch (kActions[source_.Below(16)]) {
    case Action::kOpen:
      OpenFlow();
      break;
    case Action::kOpenAgainstMapping:
      OpenAgainstMapping();
      break;
    case Action::kContinue:
      ContinueFlow();
      break;
    case Action::kChunk:
      SendChunk();
      break;
    case Action::kError:
      SendError();
      break;
    case Action::kFragments:
      SendFragments();
      break;
    case Action::kDamaged:
      SendDamaged();
      break;
    case Action::kRaw:
      SendRaw();
      break;
    case Action::kBurst:
      SendBurst();
      break;
    case Action::kNeighbor:
      AskForNeighbor();
      break;
    case Action::kTime:
      LetTimePass();
      break;
    case Action::kChange:
      ChangeNode();
      break;
  }
  return !source_.empty() && packets_ < kMaxPackets;
}

void PipelineSession::CheckAtEnd(bool with_balance) const {
  CheckConnections(node_);
  if (with_balance) node_.CheckBalance();
}

FuzzResult PipelineSession::Inject(PortId in, const FuzzInput& input) {
  ++packets_;
  if (node_.choices().is_crowded) flows_.OnPressure();
  FuzzResult result = node_.Run(in, input);
  TracePacket(node_, in, input, result);
  CheckResult(node_, in, input, result);
  const std::optional<PlainPacket> before = FromFrame(input.bytes);
  if (!before.has_value()) return result;
  fragments_.Note(in, *before, result.forwarded, node_.now_ns());
  if (result.forwarded && before->HasL4Header()) {
    NoteMappings(in, *before, result.outputs[0]);
  }
  if (packets_ % 8 == 0) CheckConnections(node_);
  return result;
}

void PipelineSession::NoteMappings(PortId in, const PlainPacket& before,
                                   const FuzzOutput& output) {
  const Tuple inside = TupleOf(before);
  const Tuple outside = TupleOf(*FromFrame(output.bytes));
  const PortKind out_kind = node_.port(output.port).kind;
  if (node_.port(in).kind == PortKind::kPod && out_kind == PortKind::kUplink) {
    flows_.NoteMapping(inside, outside, node_.now_ns());
  } else if (in == kUplink && out_kind == PortKind::kPod) {
    flows_.CheckMapped(inside, outside);
  }
}

Flow& PipelineSession::ChooseFlow() {
  const uint8_t choice = source_.Next();
  // Mostly the last one: what follows a first packet belongs to it.
  return flows_.at((choice & 0x80) == 0 ? flows_.size() - 1
                                        : choice % flows_.size());
}

Way PipelineSession::ChooseWay(const Flow& flow) {
  const bool is_back = (source_.Next() & 1) != 0;
  return is_back && flow.is_known ? Way::kBack : Way::kThere;
}

Bytes PipelineSession::ChooseData() {
  static constexpr size_t kCounts[] = {0, 1, 8, 33, 100, 700, 1300, 18};
  return DataBytes(kCounts[source_.Below(std::size(kCounts))]);
}

void PipelineSession::OpenFlow() {
  const uint8_t what = source_.Next();
  const bool is_ipv4 = (what & 0x80) == 0;
  const FuzzEnd from = SourceEnd(source_.Next(), is_ipv4);
  IpProtocol protocol = kProtocols[(what & 0x7f) % std::size(kProtocols)];
  if (protocol == IpProtocol::kIcmp && !is_ipv4) protocol = IpProtocol::kIcmpv6;
  Tuple tuple{from.address, DestinationAddress(source_.Next(), is_ipv4),
              protocol};
  const uint8_t ports = source_.Next();
  if (HasPorts(protocol)) {
    tuple.source_port = ClientPort(ports & 15);
    tuple.destination_port = ServerPort(ports >> 4);
  } else if (protocol == IpProtocol::kIcmp || protocol == IpProtocol::kIcmpv6) {
    tuple.source_port = tuple.destination_port = ClientPort(ports & 15);
  }
  Flow& flow = flows_.Open(tuple, from.port);
  if (flow.IsTcp()) {
    SendNextSegment(flow);
  } else {
    SendPlain(flow, Way::kThere);
  }
}

// Sends to what a pod is known as outside: from its peer, from another port of
// that, from others, or from another pod.
void PipelineSession::OpenAgainstMapping() {
  if (flows_.empty()) return OpenFlow();
  const Flow& flow = ChooseFlow();
  const uint8_t choice = source_.Next();
  if (!flow.is_known || !HasPorts(flow.original.protocol)) return;
  const bool is_ipv4 = flow.leaving.source.IsIpv4();
  Tuple tuple = flow.leaving.Reversed();
  PortId port = flow.server_port;
  if ((choice & 1) != 0) tuple.source_port = ClientPort(choice >> 4);
  if ((choice & 2) != 0) {
    const FuzzEnd from = SourceEnd(choice >> 3, is_ipv4);
    tuple.source = from.address;
    port = from.port;
  }
  Flow& opened = flows_.Open(tuple, port);
  if (opened.IsTcp()) {
    SendNextSegment(opened);
  } else {
    SendPlain(opened, Way::kThere);
  }
}

void PipelineSession::ContinueFlow() {
  if (flows_.empty()) return OpenFlow();
  Flow& flow = ChooseFlow();
  if (!flow.IsTcp()) {
    SendPlain(flow, ChooseWay(flow));
  } else if (source_.Below(4) != 0) {
    SendNextSegment(flow);
  } else {
    SendOddSegment(flow);
  }
}

bool PipelineSession::SendOf(Flow& flow, Way way, PlainPacket packet) {
  const bool may_pass = Dress(packet, source_.Next()) && Fits(packet);
  const FuzzInput input = ToInput(packet, source_.Next());
  const FuzzResult result = Inject(flow.InPort(way), input);
  flows_.Note(flow, way, WhatLeft(result), may_pass, node_.now_ns());
  return result.forwarded;
}

void PipelineSession::SendPlain(Flow& flow, Way way) {
  SendOf(flow, way,
         FlowPacket(flow.Incoming(way), flow.InPort(way), way, ChooseData()));
}

bool PipelineSession::SendSegment(Flow& flow, Way way, TcpFields fields,
                                  const Bytes& data) {
  return SendOf(flow, way,
                TcpPacket(flow.Incoming(way), flow.InPort(way), fields, data));
}

// Sends what an end of the connection would send next.
void PipelineSession::SendNextSegment(Flow& flow) {
  auto& [client, server] = flow.next;
  switch (flow.stage) {
    case TcpStage::kNone:
      flow.next = {0xfffffff0, 0x7ffffff0};  // about to wrap around
      if (SendSegment(flow, Way::kThere,
                      {.sequence = client,
                       .flags = kSyn,
                       .options = TcpOptions(
                           static_cast<uint8_t>(source_.Below(3)), 0)},
                      {})) {
        ++client;
        flow.stage = TcpStage::kSynSent;
      }
      return;
    case TcpStage::kSynSent:
      if (SendSegment(flow, Way::kBack,
                      {.sequence = server,
                       .acknowledgment = client,
                       .flags = kSyn | kAck,
                       .options = TcpOptions(
                           static_cast<uint8_t>(source_.Below(3)), 0)},
                      {})) {
        ++server;
        flow.stage = TcpStage::kSynAnswered;
      }
      return;
    case TcpStage::kSynAnswered:
      if (SendSegment(
              flow, Way::kThere,
              {.sequence = client, .acknowledgment = server, .flags = kAck},
              {})) {
        flow.stage = TcpStage::kOpen;
      }
      return;
    case TcpStage::kOpen:
      SendNextData(flow);
      return;
  }
}

void PipelineSession::SendNextData(Flow& flow) {
  const Way way = ChooseWay(flow);
  const auto own = static_cast<size_t>(way);
  const Bytes data = ChooseData();
  if (SendSegment(flow, way,
                  {.sequence = flow.next[own],
                   .acknowledgment = flow.next[1 - own],
                   .flags = kAck | kPsh},
                  data)) {
    flow.next[own] += static_cast<uint32_t>(data.size());
  }
}

// Sends what an end would send at another time: the connection's end, a reset,
// numbers out of the window.
void PipelineSession::SendOddSegment(Flow& flow) {
  static constexpr uint8_t kFlags[] = {
      kFin | kAck, kRst, kSyn, kRst | kAck, kSyn | kAck, kAck, kAck | kPsh, 0};
  static constexpr uint32_t kSkips[] = {0, 0,     0,      0,
                                        1, 70000, 0u - 1, 0u - 70000};
  flow.is_odd = true;
  flow.is_certain = false;
  const Way way = ChooseWay(flow);
  const auto own = static_cast<size_t>(way);
  const uint8_t choice = source_.Next();
  TcpFields fields{.sequence = flow.next[own] + kSkips[choice >> 3 & 7],
                   .flags = kFlags[choice & 7],
                   .options = TcpOptions(source_.Next(), flow.next[1 - own])};
  if ((fields.flags & kAck) != 0) fields.acknowledgment = flow.next[1 - own];
  if ((choice & 0x40) != 0) fields.window = 0;
  const Bytes data((choice & 0x80) != 0 ? 100 : 0);
  if (!SendSegment(flow, way, fields, data)) return;
  const bool takes_number = (fields.flags & (kFin | kSyn)) != 0;
  if ((choice >> 3 & 7) < 4) {
    flow.next[own] += static_cast<uint32_t>(data.size()) + takes_number;
  }
}

}  // namespace vswitch
