// Stage established: the ordinary packet of a known connection, in one pass.
//
// Nearly every packet is one: whole, in one segment, TCP or UDP behind plain
// headers, of a connection whose verdict is current, and it changes neither the
// connection's state nor who may speak to whom.  What such a packet needs of
// the stages behind is done here at once, with the same outcome; a test
// compares the two (established_test.cc).  Any other packet is left to them as
// it came: if in doubt, this stage changes nothing.
//
// Of the guard's rules only those are checked that an entry of the connection
// table does not imply: it was made by a packet with these addresses and ports
// that came in by this port and passed them all.

#include <algorithm>
#include <array>
#include <cstring>

#include "dataplane/conntrack/connection_table.h"
#include "dataplane/conntrack/flow_finder.h"
#include "dataplane/nat/source_nat.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/packet.h"
#include "dataplane/pipeline/burst.h"
#include "dataplane/pipeline/context.h"
#include "dataplane/pipeline/next_hop.h"
#include "dataplane/pipeline/plain_headers.h"
#include "dataplane/pipeline/stages.h"

namespace vswitch {
namespace {

// One burst's pass.
class Established {
 public:
  Established(PipelineContext& context, Burst& burst)
      : context_(context),
        burst_(burst),
        finder_(context.environment.connections->flow_finder()),
        now_s_(static_cast<uint32_t>(burst.now_ns / 1'000'000'000)),
        gateway_mac_(burst.state->settings().gateway_mac),
        // A pod may not send these at all, and its answers are not implied.
        is_pod_(burst.port->kind == PortKind::kPod) {}

  void Run() {
    FindCandidates();
    if (count_ == 0) return;
    // One wait for memory after the other, each for the whole burst: by turns
    // packet by packet takes a fifth longer where the entries are not cached
    // (bench/pipeline:pipeline_benchmark, 100 000 flows).
    for (uint32_t i = 0; i < count_; ++i) {
      places_[i] = finder_.Prefetch(burst_.keys[i], hashes_[i]);
    }
    uint32_t passed = 0;
    for (uint32_t i = 0; i < count_; ++i) {
      KnownFlow flow;
      finder_.Find(burst_.keys[i], hashes_[i], places_[i], flow);
      const bool passes = !IsLeft(flow) && Pass(candidates_[i], flow);
      burst_.is_done[candidates_[i].slot] = passes;
      passed += passes ? 1 : 0;
      if (!passes && candidates_[i].is_tcp && flow.found()) {
        left_[left_count_++] = flow.index;
      }
    }
    if (passed == 0) return;
    context_.counters().policy_cached_allow.Add(passed);
    burst_.done_count = passed;
    burst_.KeepIf([&](uint32_t slot) { return !burst_.is_done[slot]; });
  }

 private:
  void FindCandidates() {
    for (uint8_t slot : burst_.Survivors()) {
      burst_.is_done[slot] = false;
      const rte_mbuf& packet = *burst_.packets[slot];
      PlainHeaders& candidate = candidates_[count_];
      KeyWords key;
      const uint8_t* frame = Data(packet);
      if (packet.nb_segs != 1 || packet.tso_segsz != 0 ||
          packet.data_len < kL3Offset + sizeof(Ipv4Header) ||
          IsChecked(packet, RTE_MBUF_F_RX_L4_CKSUM_MASK,
                    RTE_MBUF_F_RX_L4_CKSUM_NONE) ||
          !HasPlainEthernet(frame) ||
          !ReadIp(packet, frame, packet.data_len, candidate, key) ||
          !ReadL4(packet, frame, candidate, key) ||
          (is_pod_ && IsInfrastructure(key))) {
        continue;
      }
      candidate.slot = slot;
      burst_.keys[count_] = FlowKey::FromWords(key);
      hashes_[count_] = finder_.Hash(burst_.keys[count_]);
      ++count_;
    }
  }

  // A pod's is the one that the guard asks for; others' may be any host's.
  bool HasPlainEthernet(const uint8_t* frame) const {
    const auto* ethernet = reinterpret_cast<const EthernetHeader*>(frame);
    const MacAddress& source = ethernet->source;
    return ethernet->destination == gateway_mac_ &&
           (source == burst_.port->peer_mac ||
            (!is_pod_ && source.IsUnicast() && source != gateway_mac_));
  }

  // Whether a packet of the connection before this one in the burst is left to
  // the stages behind: TCP segments are taken into account in their order.
  // (Only those with IPv4 options or in fragments may be late.)
  bool IsLeft(const KnownFlow& flow) const {
    const auto* end = left_.data() + left_count_;
    return left_count_ > 0 && std::find(left_.data(), end, flow.index) != end;
  }

  // Ports that the guard looks at.
  static bool IsInfrastructure(const KeyWords& key) {
    const uint16_t to = Be16{static_cast<uint16_t>(key[4] >> 16)}.ToHost();
    return key[4] >> kProtocolShift ==
               static_cast<uint64_t>(IpProtocol::kUdp) &&
           (to == 67 || to == 68 || to == 546 || to == 547 || to == 4789 ||
            to == 8472 || to == 6081);
  }

  // See IsVerdictCurrent(); in doubt, no.
  bool IsCurrent(const KnownFlow& flow) const {
    const auto limit =
        static_cast<uint32_t>(burst_.state->settings().judge_again_before);
    return static_cast<int32_t>(limit - flow.generation) <= 0 &&
           !context_.environment.revisions->IsAnyNewer(flow.generation);
  }

  // Does all that is to be done with the packet, or returns false.
  bool Pass(const PlainHeaders& candidate, const KnownFlow& flow) {
    if (!candidate.is_plain || !flow.found() || !IsCurrent(flow)) return false;
    const auto direction = static_cast<uint32_t>(flow.direction);
    const PortId out_port = flow.out_port[direction];
    const PortRecord* out = burst_.state->port(out_port);
    if (flow.out_port[1 - direction] != burst_.in_port || out == nullptr ||
        candidate.packet_bytes - kL3Offset > out->mtu) {
      return false;
    }
    // An address that several share has identifications of its own.
    MacAddress next_hop;
    if ((!candidate.is_atomic &&
         IsNatAddress(burst_.state->settings().nat, flow.leaving.source)) ||
        !ReadNextHop(context_, out_port, *out, candidate.family, burst_.now_ns,
                     next_hop)) {
      return false;
    }
    rte_mbuf& packet = *burst_.packets[candidate.slot];
    uint8_t* frame = Data(packet);
    const bool passes =
        candidate.is_tcp ? finder_.PassTcp(flow, SegmentOf(candidate, frame),
                                           candidate.packet_bytes, now_s_)
                         : finder_.Pass(flow, candidate.packet_bytes, now_s_);
    if (!passes) return false;
    packet.data_len = candidate.packet_bytes;
    packet.pkt_len = candidate.packet_bytes;
    auto* ethernet = reinterpret_cast<EthernetHeader*>(frame);
    ethernet->destination = next_hop;
    ethernet->source = gateway_mac_;
    Translate(candidate, flow.leaving, frame);
    SetOffloads(candidate, packet);
    burst_.metas[candidate.slot].out_port = out_port;
    return true;
  }

  static TcpSegment SegmentOf(const PlainHeaders& candidate,
                              const uint8_t* frame) {
    const auto* tcp =
        reinterpret_cast<const TcpHeader*>(frame + candidate.l4_offset);
    TcpSegment segment;
    segment.flags = tcp->flags;
    segment.sequence = tcp->sequence.ToHost();
    segment.end = segment.sequence + candidate.packet_bytes -
                  candidate.l4_offset - candidate.l4_header_bytes;
    segment.acknowledgment = tcp->acknowledgment.ToHost();
    segment.highest_sack = segment.acknowledgment;
    segment.window = tcp->window.ToHost();
    return segment;
  }

  // Writes the new addresses and ports, one TTL less, and the checksums by
  // difference (RFC 1624; see packet/rewrite.h).
  static void Translate(const PlainHeaders& candidate, const FlowKey& to,
                        uint8_t* frame) {
    uint8_t* ip = frame + kL3Offset;
    uint8_t* l4 = frame + candidate.l4_offset;
    ChecksumSum change = 0;
    if (candidate.family == IpFamily::kIpv4) {
      auto* header = reinterpret_cast<Ipv4Header*>(ip);
      change = Replace32(header->source.bytes, to.source.bytes.data() + 12) +
               Replace32(header->destination.bytes,
                         to.destination.bytes.data() + 12);
      // The TTL is the lower byte of its word in memory.
      constexpr ChecksumSum kOneLess = 0xfffe;
      --header->ttl;
      header->checksum = Applied(header->checksum, change + kOneLess);
    } else {
      auto* header = reinterpret_cast<Ipv6Header*>(ip);
      change = Replace128(header->source, to.source) +
               Replace128(header->destination, to.destination);
      --header->hop_limit;
    }
    uint8_t ports[4];
    std::memcpy(ports, &to.source_port.raw, 2);
    std::memcpy(ports + 2, &to.destination_port.raw, 2);
    change += Replace32(l4, ports);
    if (candidate.is_tcp) {
      auto* tcp = reinterpret_cast<TcpHeader*>(l4);
      tcp->checksum = Applied(tcp->checksum, change);
    } else {
      auto* udp = reinterpret_cast<UdpHeader*>(l4);
      const Be16 after = Applied(udp->checksum, change);
      // RFC 768: 0 would mean that there is no checksum.
      udp->checksum = after == Be16{0} ? Be16{0xffff} : after;
    }
  }

  // Writes four bytes; returns what that adds to a sum.
  static ChecksumSum Replace32(uint8_t* at, const uint8_t* bytes) {
    uint32_t before, after;
    std::memcpy(&before, at, 4);
    std::memcpy(&after, bytes, 4);
    std::memcpy(at, &after, 4);
    return ChecksumSum{~before} + after;
  }
  static ChecksumSum Replace128(uint8_t* at, const IpAddress& address) {
    ChecksumSum change = 0;
    for (uint32_t i = 0; i < 16; i += 4) {
      change += Replace32(at + i, address.bytes.data() + i);
    }
    return change;
  }
  static Be16 Applied(Be16 checksum, ChecksumSum change) {
    return ChecksumOf(ChecksumSum{static_cast<uint16_t>(~checksum.raw)} +
                      change);
  }

  // As SetTransmitOffloads() does for a packet that asks for nothing.
  static void SetOffloads(const PlainHeaders& candidate, rte_mbuf& packet) {
    packet.ol_flags &= RTE_MBUF_F_EXTERNAL | RTE_MBUF_F_INDIRECT;
    packet.ol_flags |= candidate.family == IpFamily::kIpv4 ? RTE_MBUF_F_TX_IPV4
                                                           : RTE_MBUF_F_TX_IPV6;
    packet.tx_offload = 0;
    packet.l2_len = kL3Offset;
    packet.l3_len = candidate.l4_offset - kL3Offset;
    packet.l4_len = candidate.l4_header_bytes;
  }

  PipelineContext& context_;
  Burst& burst_;
  const FlowFinder finder_;
  const uint32_t now_s_;
  const MacAddress gateway_mac_;
  const bool is_pod_;
  uint32_t count_ = 0;
  std::array<PlainHeaders, kBurstPackets> candidates_;
  std::array<uint64_t, kBurstPackets> hashes_;
  std::array<uint32_t, kBurstPackets> places_;
  uint32_t left_count_ = 0;
  std::array<uint32_t, kBurstPackets> left_;  // indices of connections
};

}  // namespace

void RunEstablished(PipelineContext& context, Burst& burst) {
  burst.done_count = 0;
  // A port that is closed or gone is closed for everything.
  if (burst.port == nullptr || burst.port->ready == 0 ||
      !context.environment.takes_short_way) {
    return;
  }
  Established(context, burst).Run();
}

}  // namespace vswitch
