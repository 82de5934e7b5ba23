// Rules about one packet.

#include "test/fuzz/packet_rules.h"

#include <rte_mbuf.h>

#include <algorithm>

namespace vswitch {
namespace {

constexpr size_t kEthernetBytes = 14;
// RFC 1812 4.3.2.3, RFC 4443 2.4 (c).
constexpr size_t kLongestIcmpError = 576;
constexpr size_t kLongestIcmpv6Error = 1280;
constexpr uint64_t kCompletesChecksum =
    RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_UDP_CKSUM;

// Whether two folded sums are the same number: 0 has two forms.
bool IsSameSum(uint16_t a, uint16_t b) { return a % 0xffff == b % 0xffff; }

// REQUIRES: FromFrame() made it, which leaves all headers in `options`.
size_t FrameBytes(const PlainPacket& packet) {
  return kEthernetBytes + (packet.IsIpv4() ? 20 : 40) + packet.options.size() +
         packet.payload.size();
}

PlainPacket Read(const Bytes& frame, const char* rule) {
  const std::optional<PlainPacket> packet = FromFrame(frame);
  Require(packet.has_value(), rule);
  return *packet;
}

void CheckLengths(const PlainPacket& packet) {
  if (!packet.IsWhole()) return;
  const Bytes& l4 = packet.payload;
  switch (packet.protocol) {
    case IpProtocol::kTcp:
      Require(l4.size() >= 20 && (l4[12] >> 4) * 4u >= 20 &&
                  (l4[12] >> 4) * 4u <= l4.size(),
              "the TCP header lies in the packet");
      return;
    case IpProtocol::kUdp:
      Require(l4.size() >= 8 && ReadBe16(l4, 4) >= 8 &&
                  ReadBe16(l4, 4) <= l4.size(),
              "the UDP datagram lies in the packet");
      return;
    default:
      return;
  }
}

// Checks the sum that covers a translated packet, or one quoted in an error.
void CheckSum(const PlainPacket& before, const PlainPacket& after) {
  const auto sum_before = ChecksumSumOf(before);
  const auto sum_after = ChecksumSumOf(after);
  Require(sum_before.has_value() == sum_after.has_value(),
          "a translation neither adds nor takes away a checksum");
  if (sum_before.has_value()) {
    Require(IsSameSum(*sum_before, *sum_after),
            "a checksum covers what was translated");
  }
}

void CheckPartialSum(const PlainPacket& after, const FuzzOutput& output) {
  Require((output.transmit_flags & kCompletesChecksum) != 0,
          "the port completes a partial checksum");
  Require(IsSameSum(ChecksumFieldOf(after), PseudoHeaderSumOf(after)),
          "a partial checksum is the sum of the pseudo-header");
}

// Checks that the quotation of an ICMP error was translated as a whole.
void CheckQuotation(const PlainPacket& before, const PlainPacket& after) {
  const auto quoted_before =
      FromIp(std::span(before.payload).subspan(8), Extent::kCut);
  const auto quoted_after =
      FromIp(std::span(after.payload).subspan(8), Extent::kCut);
  Require(quoted_before.has_value() && quoted_after.has_value(),
          "an error quotes a packet");
  Require(quoted_before->ttl == quoted_after->ttl &&
              quoted_before->id == quoted_after->id &&
              quoted_before->options == quoted_after->options,
          "a quotation keeps its header");
  Require(UntranslatedPart(*quoted_before) == UntranslatedPart(*quoted_after),
          "a quotation keeps its data");
  // SCTP's CRC covers more than what is quoted.
  if (quoted_before->protocol != IpProtocol::kSctp) {
    CheckSum(*quoted_before, *quoted_after);
  }
  if (!before.IsWhole()) return;
  Require(TupleOf(*quoted_after).source == after.destination,
          "an error goes to whom it quotes");
}

void CheckHeader(const PlainPacket& before, const PlainPacket& after) {
  Require(before.ttl > 1 && after.ttl == before.ttl - 1,
          "TTL goes down by one");
  // An address that several share has identifications of its own for what can
  // be in fragments (RFC 6864).
  const bool may_have_own_id = FuzzNode::IsPoolAddress(after.source) &&
                               !(before.IsWhole() && before.dont_fragment);
  // IPv6 has the identification in an extension header.
  const bool keeps_options = after.options == before.options ||
                             (may_have_own_id && !before.IsIpv4() &&
                              after.options.size() == before.options.size());
  Require(after.IsIpv4() == before.IsIpv4() &&
              after.protocol == before.protocol &&
              after.traffic_class == before.traffic_class && keeps_options,
          "a translation keeps the IP header");
  Require((after.id == before.id || may_have_own_id) &&
              after.fragment_offset == before.fragment_offset &&
              after.more_fragments == before.more_fragments &&
              after.dont_fragment == before.dont_fragment,
          "a fragment stays the same fragment");
}

void CheckPayload(const FuzzInput& input, const PlainPacket& before,
                  const PlainPacket& after, const FuzzOutput& output) {
  if (IsIcmpError(before)) {
    CheckQuotation(before, after);
    Require(std::equal(before.payload.begin() + 4, before.payload.begin() + 8,
                       after.payload.begin() + 4),
            "an error keeps its MTU");
  } else {
    Require(UntranslatedPart(before) == UntranslatedPart(after),
            "a translation keeps the payload");
  }
  const bool has_partial = input.receive_flags == RTE_MBUF_F_RX_L4_CKSUM_NONE &&
                           before.IsWhole() &&
                           (before.protocol == IpProtocol::kTcp ||
                            before.protocol == IpProtocol::kUdp);
  if (has_partial && ChecksumFieldOf(before) != 0) {
    CheckPartialSum(after, output);
  } else {
    CheckSum(before, after);
  }
}

// Nothing leaves under an address that is not its sender's (RFC 2827).
void CheckSourceOutside(const FuzzNode& node, PortId in,
                        const PlainPacket& after) {
  const PortRecord& port = node.port(in);
  if (port.kind != PortKind::kPod) return;
  const auto* end = port.addresses + port.address_count;
  if (std::find(port.addresses, end, after.source) != end) return;
  if (FuzzNode::IsServiceOutside(after.source)) return;
  Require(FuzzNode::IsPoolAddress(after.source),
          "a pod's packet leaves with a source that it owns");
  if (!after.HasL4Header()) return;
  const uint16_t source_port = TupleOf(after).source_port;
  Require(source_port == 0 || source_port == kNodePort ||
              source_port == kOtherNodePort ||
              (source_port >= kFirstNatPort && source_port <= kLastNatPort),
          "source NAT gives ports of its range");
}

void CheckForwarded(const FuzzNode& node, PortId in, const FuzzInput& input,
                    const FuzzOutput& output) {
  const PlainPacket before =
      Read(input.bytes, "what goes on came in well-formed");
  const PlainPacket after = Read(output.bytes, "what leaves is well-formed");
  Require(output.bytes.size() == FrameBytes(after) &&
              FrameBytes(after) == FrameBytes(before),
          "a packet leaves with its own length");
  Require(after.source_mac == node.settings().gateway_mac &&
              after.destination_mac == node.port(output.port).peer_mac,
          "a packet leaves from the gateway to the peer");
  Require(node.port(output.port).ready != 0, "a port that is closed sends");
  CheckHeader(before, after);
  CheckLengths(after);
  CheckPayload(input, before, after, output);
  if (output.port == kUplink) CheckSourceOutside(node, in, after);
}

bool IsArp(const Bytes& frame) {
  return frame.size() >= kEthernetBytes && ReadBe16(frame, 12) == 0x0806;
}

// Checks a packet that the switch has made.
void CheckOwn(PortId in, const FuzzInput& input, const FuzzOutput& output) {
  if (IsArp(output.bytes)) {
    Require(output.bytes.size() == kEthernetBytes + 28 && output.port == in,
            "an ARP reply goes to the asker");
    return;
  }
  const PlainPacket own = Read(output.bytes, "the switch's own is well-formed");
  Require(ChecksumSumOf(own) == 0xffff, "the switch's own has its checksum");
  const bool is_reset = own.protocol == IpProtocol::kTcp;
  Require(output.port == in || is_reset, "an answer goes to the asker");
  if (!IsIcmpError(own)) {
    Require(output.bytes.size() <= std::max<size_t>(input.bytes.size(), 86),
            "an answer is no longer than what it answers");
    return;
  }
  Require(output.bytes.size() <=
              kEthernetBytes +
                  (own.IsIpv4() ? kLongestIcmpError : kLongestIcmpv6Error),
          "an error has its longest length");
  const auto quotation = std::span(own.payload).subspan(8);
  Require(quotation.size() <= input.bytes.size() - kEthernetBytes &&
              std::equal(quotation.begin(), quotation.end(),
                         input.bytes.begin() + kEthernetBytes),
          "an error quotes the packet as it came");
}

}  // namespace

void CheckResult(const FuzzNode& node, PortId in, const FuzzInput& input,
                 const FuzzResult& result) {
  if (result.is_several) {
    for (const FuzzOutput& output : result.outputs) CheckOutput(node, output);
    return;
  }
  if (result.forwarded) {
    CheckForwarded(node, in, input, result.outputs[0]);
    return;
  }
  // Both ends of a connection that is cut are told.
  Require(result.outputs.size() <= 2, "one packet causes one answer");
  for (const FuzzOutput& output : result.outputs) CheckOwn(in, input, output);
}

void CheckOutput(const FuzzNode& node, const FuzzOutput& output) {
  if (IsArp(output.bytes)) return;
  const PlainPacket packet = Read(output.bytes, "what leaves is well-formed");
  Require(packet.ttl > 0, "a packet leaves alive");
  Require(packet.source_mac == node.settings().gateway_mac,
          "a packet leaves from the gateway");
  CheckLengths(packet);
  if (!packet.IsWhole() || (output.transmit_flags & kCompletesChecksum) != 0) {
    return;
  }
  Require(ChecksumSumOf(packet).value_or(0xffff) == 0xffff,
          "a packet leaves with its checksum");
}

}  // namespace vswitch
