// The node and the frames of the pipeline benchmarks.

#include "bench/pipeline/bench_traffic.h"

#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "dataplane/base/status_macros.h"
#include "dataplane/conntrack/connection_limits.h"
#include "dataplane/conntrack/timeouts.h"
#include "dataplane/pipeline/test_world.h"
#include "test/testing/packet_text.h"

namespace vswitch {
namespace {

constexpr uint32_t kServicePort = 80;
constexpr uint32_t kServerPort = 8080;
// A flow is one of this many addresses and a port.
constexpr uint32_t kClients = 1 << 16;
constexpr uint32_t kFirstClientPort = 10000;
constexpr uint32_t kFrameBytes = 64;
constexpr uint32_t kRoomBytes = 256;

IpProtocol ProtocolOf(const BenchTraffic& traffic) {
  return traffic.tcp ? IpProtocol::kTcp : IpProtocol::kUdp;
}

std::string ServerOf(bool ipv4) { return ipv4 ? "10.0.0.3" : "fd00::3"; }
std::string ServiceOf(bool ipv4) { return ipv4 ? "30.0.0.1" : "2a00:30::1"; }
std::string ClientOf(bool ipv4) { return ipv4 ? "20.1.0.0" : "2a00:20::1:0"; }

}  // namespace

std::string NameOf(const BenchTraffic& traffic) {
  return absl::StrCat(traffic.ipv4 ? "IPv4 " : "IPv6 ",
                      traffic.tcp ? "TCP" : "UDP");
}

// The node of the tests, with a load balancer's address before `server`, which
// takes everybody's packets to its port and sends none of its own accord.
absl::StatusOr<TestNode> MakeBenchNode(const BenchTraffic& traffic) {
  TestNode node = MakeTestNode();
  for (bool ipv4 : {true, false}) {
    ASSIGN_OR_RETURN(const IpAddress service,
                     IpAddress::Parse(ServiceOf(ipv4)));
    ASSIGN_OR_RETURN(const IpAddress server, IpAddress::Parse(ServerOf(ipv4)));
    ServiceSpec spec{.address = service,
                     .protocol = ProtocolOf(traffic),
                     .port = kServicePort,
                     .service = 100,
                     .flags = kServiceFromInside | kServiceFromOutside};
    spec.backends = {{.address = server, .port = kServerPort}};
    spec.outside_backends = spec.backends;
    node.services.push_back(spec);
  }
  PolicyEntry in;
  in.rule = RuleId{50};
  in.identities = {kIdentityWorld};
  in.traffic = {{ProtocolOf(traffic), kServerPort, kServerPort}};
  EndpointRecord& server =
      node.endpoints[ToInt(TestWorld::PortNamed("server"))];
  server.ingress = PolicySetId{static_cast<uint32_t>(node.policy_sets.size())};
  node.policy_sets.push_back({.entries = {in}});
  server.egress = PolicySetId{static_cast<uint32_t>(node.policy_sets.size())};
  node.policy_sets.push_back({});
  ConnectionTimeouts& timeouts = node.settings.timeouts;
  timeouts.udp_s = timeouts.udp_unreplied_s = traffic.idle_seconds;
  // As many entries as the benchmark says, answered or not.
  node.settings.limits = kUnlimited;
  return node;
}

BenchPackets::BenchPackets()
    : memory_(kBurstPackets * (sizeof(rte_mbuf) + kRoomBytes) + 64) {
  auto* at = reinterpret_cast<std::byte*>(
      (reinterpret_cast<uintptr_t>(memory_.data()) + 63) / 64 * 64);
  for (rte_mbuf*& packet : packets_) {
    packet = reinterpret_cast<rte_mbuf*>(at);
    packet->buf_addr = at + sizeof(rte_mbuf);
    packet->buf_len = kRoomBytes;
    at += sizeof(rte_mbuf) + kRoomBytes;
  }
}

absl::StatusOr<BenchFrames> BenchFrames::Make(const BenchTraffic& traffic) {
  BenchFrames result;
  const bool ipv4 = traffic.ipv4;
  const std::string ip = ipv4 ? "ip4" : "ip6";
  const uint32_t headers = 14 + (ipv4 ? 20 : 40) + (traffic.tcp ? 20 : 8);
  const std::string rest =
      absl::StrCat(traffic.tcp ? "flags=A " : "", "/ data ",
                   headers < kFrameBytes ? kFrameBytes - headers : 0);
  for (bool to_server : {true, false}) {
    const std::string text = absl::StrCat(
        "eth src=",
        TestWorld::PeerMac(PortOf(to_server ? BenchDirection::kToServer
                                            : BenchDirection::kToClient))
            .ToString(),
        " / ", ip, " src=", to_server ? ClientOf(ipv4) : ServerOf(ipv4),
        " dst=", to_server ? ServiceOf(ipv4) : ClientOf(ipv4), " / ",
        traffic.tcp ? "tcp" : "udp",
        " sport=", to_server ? kFirstClientPort : kServerPort,
        " dport=", to_server ? kServicePort : kFirstClientPort, " ", rest);
    Frame& frame = result.frames_[to_server ? 0 : 1];
    ASSIGN_OR_RETURN(frame.bytes, PacketFromText(text));
    const uint32_t source = 14 + (ipv4 ? 12 : 8);
    const uint32_t address_bytes = ipv4 ? 4 : 16;
    frame.client_offset =
        source + address_bytes - 4 + (to_server ? 0 : address_bytes);
    frame.port_offset = 14 + (ipv4 ? 20 : 40) + (to_server ? 0 : 2);
  }
  return result;
}

PortId BenchFrames::PortOf(BenchDirection direction) {
  return TestWorld::PortNamed(
      direction == BenchDirection::kToServer ? "uplink" : "server");
}

void BenchFrames::Write(BenchDirection direction, uint64_t flow, uint64_t flows,
                        std::span<rte_mbuf* const> packets) const {
  const Frame& frame = frames_[static_cast<size_t>(direction)];
  for (uint32_t i = 0; i < packets.size(); ++i) {
    rte_mbuf& packet = *packets[i];
    packet.data_off = 64;
    packet.nb_segs = 1;
    packet.next = nullptr;
    packet.tx_offload = 0;
    packet.data_len = static_cast<uint16_t>(frame.bytes.size());
    packet.pkt_len = packet.data_len;
    // The frame's own checksums would be wrong: the addresses change below.
    packet.ol_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    uint8_t* data = rte_pktmbuf_mtod(&packet, uint8_t*);
    std::memcpy(data, frame.bytes.data(), frame.bytes.size());
    const uint64_t number = (flow + i) % flows;
    const auto client = static_cast<uint16_t>(number % kClients);
    const auto port =
        static_cast<uint16_t>(kFirstClientPort + number / kClients);
    const Be16 address_part = Be16::FromHost(client);
    const Be16 wire_port = Be16::FromHost(port);
    std::memcpy(data + frame.client_offset + 2, &address_part.raw, 2);
    std::memcpy(data + frame.port_offset, &wire_port.raw, 2);
  }
}

}  // namespace vswitch
