// The node and the frames of a pipeline benchmark.

#include "bench/pipeline/bench_switch.h"

#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "dataplane/base/status_macros.h"
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

IpProtocol ProtocolOf(const BenchSwitchOptions& options) {
  return options.tcp ? IpProtocol::kTcp : IpProtocol::kUdp;
}

std::string ServerOf(bool ipv4) { return ipv4 ? "10.0.0.3" : "fd00::3"; }
std::string ServiceOf(bool ipv4) { return ipv4 ? "30.0.0.1" : "2a00:30::1"; }
std::string ClientOf(bool ipv4) { return ipv4 ? "20.1.0.0" : "2a00:20::1:0"; }

// The node of the tests, with a load balancer's address before `server`, which
// takes everybody's packets to its port and sends none of its own accord.
absl::StatusOr<TestNode> MakeNode(const BenchSwitchOptions& options) {
  TestNode node = MakeTestNode();
  for (bool ipv4 : {true, false}) {
    ASSIGN_OR_RETURN(const IpAddress service,
                     IpAddress::Parse(ServiceOf(ipv4)));
    ASSIGN_OR_RETURN(const IpAddress server, IpAddress::Parse(ServerOf(ipv4)));
    ServiceSpec spec{.address = service,
                     .protocol = ProtocolOf(options),
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
  in.traffic = {{ProtocolOf(options), kServerPort, kServerPort}};
  EndpointRecord& server =
      node.endpoints[ToInt(TestWorld::PortNamed("server"))];
  server.ingress = PolicySetId{static_cast<uint32_t>(node.policy_sets.size())};
  node.policy_sets.push_back({.entries = {in}});
  server.egress = PolicySetId{static_cast<uint32_t>(node.policy_sets.size())};
  node.policy_sets.push_back({});
  ConnectionTimeouts& timeouts = node.settings.timeouts;
  timeouts.udp_s = timeouts.udp_unreplied_s = options.idle_seconds;
  return node;
}

}  // namespace

BenchSwitch::Pool::Pool()
    : memory_(kBurstPackets * (sizeof(rte_mbuf) + kRoomBytes) + 64) {
  auto* at = reinterpret_cast<std::byte*>(
      (reinterpret_cast<uintptr_t>(memory_.data()) + 63) / 64 * 64);
  for (rte_mbuf*& packet : packets) {
    packet = reinterpret_cast<rte_mbuf*>(at);
    packet->buf_addr = at + sizeof(rte_mbuf);
    packet->buf_len = kRoomBytes;
    at += sizeof(rte_mbuf) + kRoomBytes;
  }
}

absl::StatusOr<std::unique_ptr<BenchSwitch>> BenchSwitch::Create(
    const BenchSwitchOptions& options) {
  std::unique_ptr<BenchSwitch> bench(new BenchSwitch(options));
  ASSIGN_OR_RETURN(bench->switch_, OfflineSwitch::Create(
                                       {.max_connections = options.connections},
                                       bench->pool_, bench->transmitter_));
  ASSIGN_OR_RETURN(const TestNode node, MakeNode(options));
  RETURN_IF_ERROR(bench->switch_->Publish(node.Compile()));
  RETURN_IF_ERROR(bench->MakeFrames());
  return bench;
}

absl::Status BenchSwitch::MakeFrames() {
  const bool ipv4 = options_.ipv4;
  const std::string ip = ipv4 ? "ip4" : "ip6";
  const uint32_t headers = 14 + (ipv4 ? 20 : 40) + (options_.tcp ? 20 : 8);
  const std::string rest =
      absl::StrCat(options_.tcp ? "flags=A " : "", "/ data ",
                   headers < kFrameBytes ? kFrameBytes - headers : 0);
  for (bool to_server : {true, false}) {
    const std::string text = absl::StrCat(
        "eth src=",
        TestWorld::PeerMac(
            TestWorld::PortNamed(to_server ? "uplink" : "server"))
            .ToString(),
        " / ", ip, " src=", to_server ? ClientOf(ipv4) : ServerOf(ipv4),
        " dst=", to_server ? ServiceOf(ipv4) : ClientOf(ipv4), " / ",
        options_.tcp ? "tcp" : "udp",
        " sport=", to_server ? kFirstClientPort : kServerPort,
        " dport=", to_server ? kServicePort : kFirstClientPort, " ", rest);
    Frame& frame = frames_[to_server ? 0 : 1];
    ASSIGN_OR_RETURN(frame.bytes, PacketFromText(text));
    const uint32_t source = 14 + (ipv4 ? 12 : 8);
    const uint32_t address_bytes = ipv4 ? 4 : 16;
    frame.client_offset =
        source + address_bytes - 4 + (to_server ? 0 : address_bytes);
    frame.port_offset = 14 + (ipv4 ? 20 : 40) + (to_server ? 0 : 2);
  }
  return absl::OkStatus();
}

void BenchSwitch::Run(BenchDirection direction, uint64_t flow, uint64_t flows,
                      uint64_t now_ns) {
  const Frame& frame = frames_[static_cast<size_t>(direction)];
  for (uint32_t i = 0; i < kBurstPackets; ++i) {
    rte_mbuf& packet = *pool_.packets[i];
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
  const PortId in = TestWorld::PortNamed(
      direction == BenchDirection::kToServer ? "uplink" : "server");
  switch_->Run(in, pool_.packets, now_ns);
}

}  // namespace vswitch
