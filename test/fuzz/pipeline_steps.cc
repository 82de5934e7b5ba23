// The steps of the fuzz target that are no conversation: errors, fragments,
// damaged packets, bursts, time and changes.

#include <algorithm>
#include <iterator>
#include <optional>
#include <span>

#include "absl/strings/str_cat.h"
#include "dataplane/pipeline/test_world.h"
#include "test/fuzz/fuzz_ends.h"
#include "test/fuzz/packet_rules.h"
#include "test/fuzz/pipeline_session.h"

namespace vswitch {
namespace {

constexpr uint32_t kSharedDatagram = 77;
constexpr size_t kMaxBurst = 8;

// A host on the way, which no connection is with.
IpAddress Router(bool is_ipv4) {
  return *IpAddress::Parse(is_ipv4 ? "203.0.113.1" : "2001:db8::1");
}

// Returns the order in which `count` fragments come.
std::vector<size_t> Order(size_t count, uint8_t choice) {
  std::vector<size_t> order(count);
  for (size_t i = 0; i < count; ++i) order[i] = i;
  switch (choice & 7) {
    case 1:
      std::reverse(order.begin(), order.end());
      break;
    case 2:  // all behind the first
      std::reverse(order.begin() + 1, order.end());
      break;
    case 3:  // one twice
      order.insert(order.begin() + 1, (choice >> 4 & 1) % count);
      break;
    case 4:  // one is lost
      if (count > 1) order.erase(order.begin() + 1);
      break;
    case 5:  // every other one first
      std::stable_partition(order.begin() + 1, order.end(),
                            [](size_t i) { return i % 2 == 0; });
      break;
    default:
      break;
  }
  return order;
}

Bytes ArpRequest(PortId in, const IpAddress& sender, const IpAddress& target) {
  Bytes frame(42);
  std::fill_n(frame.begin(), 6, 0xff);
  const MacAddress mac = TestWorld::PeerMac(in);
  std::copy(mac.bytes.begin(), mac.bytes.end(), frame.begin() + 6);
  static constexpr uint8_t kFixed[] = {8, 6, 0, 1, 8, 0, 6, 4, 0, 1};
  std::copy(std::begin(kFixed), std::end(kFixed), frame.begin() + 12);
  std::copy(mac.bytes.begin(), mac.bytes.end(), frame.begin() + 22);
  std::copy_n(sender.WireBytes(), 4, frame.begin() + 28);
  std::copy_n(target.WireBytes(), 4, frame.begin() + 38);
  return frame;
}

// A message of neighbour discovery or MLD about `target`.
PlainPacket LinkMessage(PortId in, const IpAddress& sender,
                        const IpAddress& target, uint8_t choice) {
  static constexpr uint8_t kTypes[] = {135, 136, 133, 134, 137, 130, 131, 143};
  const uint8_t type = kTypes[choice & 7];
  const bool is_mld = type < 133 || type > 137;
  PlainPacket packet =
      PacketOf({sender, target, IpProtocol::kIcmpv6, 0, 0}, in);
  packet.ttl = is_mld ? 1 : 255;
  Bytes body(target.bytes.begin(), target.bytes.end());
  if ((choice & 8) != 0) body.insert(body.end(), 24, 0);
  if ((choice & 16) != 0) {
    body.insert(body.end(), {static_cast<uint8_t>(1 + (choice >> 5 & 1)), 1});
    body.insert(body.end(), packet.source_mac.bytes.begin(),
                packet.source_mac.bytes.end());
  }
  packet.payload = IcmpPayload(type, 0, 0, body);
  CompleteChecksum(packet);
  return packet;
}

}  // namespace

PlainPacket PipelineSession::SomePacket(Flow& flow, const Tuple& tuple,
                                        PortId in, Way way, const Bytes& data) {
  if (!flow.IsTcp()) return FlowPacket(tuple, in, way, data);
  const auto own = static_cast<size_t>(way);
  return TcpPacket(tuple, in,
                   {.sequence = flow.next[own],
                    .acknowledgment = flow.next[1 - own],
                    .flags = kAck},
                   data);
}

// An error about the last packet of a way, from its receiver or from a router.
void PipelineSession::SendError() {
  if (flows_.empty()) return OpenFlow();
  Flow& flow = ChooseFlow();
  const Way way = ChooseWay(flow);
  if (!flow.is_known) return;
  const Tuple quoted = flow.Outgoing(way);
  const PortId in = flow.InPort(Other(way));
  const uint8_t kind = source_.Next();
  const bool is_ipv4 = quoted.source.IsIpv4();
  const bool from_router = in == kUplink && (kind & 0x40) != 0;
  PlainPacket error =
      ErrorAbout(SomePacket(flow, quoted, in, way, DataBytes(kind & 0x30)),
                 from_router ? Router(is_ipv4) : quoted.destination, in, kind);
  const bool may_pass = Dress(error, source_.Next());
  const FuzzResult result = Inject(in, ToInput(error, source_.Next()));
  if (!result.forwarded) {
    Require(!flow.is_certain || !may_pass,
            "an error about a live connection passes");
    return;
  }
  if (flow.is_certain) CheckError(flow, way, result);
}

void PipelineSession::CheckError(const Flow& flow, Way way,
                                 const FuzzResult& result) const {
  const FuzzOutput& output = result.outputs[0];
  const PlainPacket error = *FromFrame(output.bytes);
  const auto inner = FromIp(std::span(error.payload).subspan(8), Extent::kCut);
  Require(output.port == flow.InPort(way),
          "an error goes to the sender's port");
  Require(TupleOf(*inner) == flow.Incoming(way),
          "an error quotes the packet as it was sent");
  Require(error.source != flow.Outgoing(way).destination ||
              error.source == flow.Incoming(way).destination,
          "an error comes from whom the packet was sent to");
}

void PipelineSession::SendFragment(Flow& flow, Way way,
                                   const PlainPacket& fragment, bool& may_ask) {
  const FuzzResult result =
      Inject(flow.InPort(way), {.bytes = ToFrame(fragment)});
  const bool must_pass = may_ask && flow.is_certain;
  if (!result.forwarded) {
    Require(!must_pass, "a fragment of a live connection passes");
    may_ask = false;
    return;
  }
  const PlainPacket after = *FromFrame(result.outputs[0].bytes);
  if (!must_pass) return;
  const Tuple outgoing = flow.Outgoing(way);
  Require(after.source == outgoing.source &&
              after.destination == outgoing.destination &&
              result.outputs[0].port == flow.InPort(Other(way)),
          "a fragment goes the way of its first one");
  if (after.HasL4Header()) {
    Require(TupleOf(after) == outgoing, "a first fragment is translated");
  }
}

void PipelineSession::SendFragments() {
  static constexpr size_t kCounts[] = {100, 33, 60, 180};
  if (flows_.empty()) return OpenFlow();
  Flow& flow = ChooseFlow();
  const Way way = ChooseWay(flow);
  const uint8_t order = source_.Next();
  const uint8_t shape = source_.Next();
  if (flow.IsTcp()) flows_.OnOddPacket();
  PlainPacket packet = SomePacket(flow, flow.Incoming(way), flow.InPort(way),
                                  way, DataBytes(kCounts[shape & 3]));
  if ((shape & 4) != 0) Dress(packet, 1);
  const bool is_shared = (order & 0x40) != 0;
  const uint32_t id = is_shared ? kSharedDatagram : 1000 + next_datagram_++;
  std::vector<PlainPacket> fragments = Fragments(packet, id, shape);
  const bool overlaps = (order & 0x80) != 0 && fragments.size() > 2;
  if (overlaps) fragments[2].fragment_offset -= 8;
  const bool has_two_ends = (order & 8) != 0 && fragments.size() > 2;
  if (has_two_ends) fragments[1].more_fragments = false;
  // Later ones may be asked for once the first one has passed, unless one of
  // them contradicts another.
  bool may_ask = !is_shared && !overlaps && !has_two_ends && (order & 7) != 1 &&
                 (order & 7) != 3 && packet.protocol != IpProtocol::kEsp;
  for (const size_t index : Order(fragments.size(), order)) {
    SendFragment(flow, way, fragments[index], may_ask);
  }
}

void PipelineSession::SendDamaged() {
  if (flows_.empty()) return OpenFlow();
  Flow& flow = ChooseFlow();
  const Way way = ChooseWay(flow);
  PlainPacket packet =
      SomePacket(flow, flow.Incoming(way), flow.InPort(way), way, ChooseData());
  if ((source_.Next() & 1) != 0 && flow.is_known) {
    packet = ErrorAbout(
        SomePacket(flow, flow.Outgoing(Other(way)), kUplink, way, {}),
        flow.Outgoing(Other(way)).destination, flow.InPort(way),
        source_.Next());
  }
  FuzzInput input = ToInput(packet, 0);
  Damage(input.bytes, source_);
  flows_.OnOddPacket();
  const FuzzResult result = Inject(flow.InPort(way), input);
  if (!result.forwarded) CheckPairs(flow.InPort(way), input, result.drop);
}

// The pair rules of spec/faults.md 3.6: what is dropped is dropped with bytes
// behind its end as well, for the same reason, and cut short, too.
void PipelineSession::CheckPairs(PortId in, FuzzInput input, DropReason drop) {
  const std::optional<PlainPacket> packet = FromFrame(input.bytes);
  if (!packet.has_value() || !packet->IsWhole()) return;
  const size_t size = input.bytes.size();
  input.bytes.resize(size + 1 + source_.Next() % 16);
  const FuzzResult longer = Inject(in, input);
  // A segment of TCP that is dropped may still be noted.
  Require(!longer.forwarded &&
              (longer.drop == drop || packet->protocol == IpProtocol::kTcp),
          "bytes behind a packet do not change its verdict");
  input.bytes.resize(size -
                     std::min<size_t>(size - 1, 1 + source_.Next() % 16));
  Require(!Inject(in, input).forwarded,
          "a packet that is dropped is not let pass cut short");
}

void PipelineSession::SendRaw() {
  const PortId in{static_cast<uint16_t>(source_.Below(8))};
  FuzzInput input;
  input.bytes.resize(source_.Next());
  for (uint8_t& byte : input.bytes) byte = source_.Next();
  flows_.OnOddPacket();
  Inject(in, input);
}

// Several packets at once, of flows that begin at one port.
void PipelineSession::SendBurst() {
  if (flows_.empty()) return OpenFlow();
  const PortId in = ChooseFlow().client_port;
  std::vector<FuzzInput> inputs;
  for (size_t count = 1 + source_.Below(kMaxBurst); count > 0; --count) {
    Flow& flow = flows_.at(source_.Next() % flows_.size());
    if (flow.client_port != in) continue;
    if (flow.IsTcp()) flow.is_odd = true;
    flow.is_certain = false;
    inputs.push_back(ToInput(
        SomePacket(flow, flow.original, in, Way::kThere, ChooseData()), 0));
  }
  packets_ += static_cast<uint32_t>(inputs.size());
  const std::vector<FuzzOutput> outputs = node_.RunBurst(in, inputs);
  Require(outputs.size() <= 2 * inputs.size(),
          "a packet causes two others at most");
  for (const FuzzOutput& output : outputs) CheckOutput(node_, output);
}

void PipelineSession::AskForNeighbor() {
  const uint8_t from = source_.Next();
  const bool is_ipv4 = (from & 0x80) != 0;
  const FuzzEnd sender = SourceEnd(from & 0x7f, is_ipv4);
  const uint8_t target_number = source_.Next();
  const IpAddress target = (target_number & 0x80) != 0
                               ? sender.address
                               : DestinationAddress(target_number, is_ipv4);
  if (is_ipv4) {
    Inject(sender.port,
           {.bytes = ArpRequest(sender.port, sender.address, target)});
    return;
  }
  Inject(sender.port, {.bytes = ToFrame(LinkMessage(sender.port, sender.address,
                                                    target, source_.Next()))});
}

void PipelineSession::LetTimePass() {
  static constexpr uint64_t kSteps[] = {
      kSecondNs / 10, kSecondNs,       29 * kSecondNs,  31 * kSecondNs,
      61 * kSecondNs, 121 * kSecondNs, 241 * kSecondNs, 299 * kSecondNs,
      3 * kSecondNs,  601 * kSecondNs, 33 * kSecondNs,  7441 * kSecondNs};
  const uint64_t step_ns = kSteps[source_.Below(std::size(kSteps))];
  TraceEvent(absl::StrCat(step_ns / 1'000'000, " ms pass"));
  node_.Advance(step_ns);
  flows_.OnTime(node_.now_ns(), node_.choices().has_linux_timeouts);
  CheckConnections(node_);
}

void PipelineSession::ChangeNode() {
  const NodeChoices choices = NodeChoices::FromByte(source_.Next());
  TraceEvent(absl::StrCat("configuration ", choices.ToByte()));
  node_.Change(choices);
  flows_.OnChange();
}

}  // namespace vswitch
