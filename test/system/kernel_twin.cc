// The switch's packet path as a filter of text, for
// kernel_differential_test.py: a node with two pods, an uplink, services and
// source NAT, which the test makes of the kernel as well.  Each line of input
// is
//
//   new             forgets everything
//   time MS         lets so many milliseconds pass
//   in PORT HEX     an IP packet comes in by PORT (client, server, uplink)
//
// The last is answered with a line "out PORT HEX" for each IP packet that
// leaves, and "end REASON", the reason of a drop or NONE.

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "dataplane/conntrack/timeouts.h"
#include "dataplane/offline/offline_switch.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/packet.h"
#include "dataplane/pipeline/test_world.h"
#include "test/testing/fake_packet_pool.h"

namespace vswitch {
namespace {

constexpr WorkerId kWorker{0};
constexpr uint32_t kUplinkMtu = 1400;

[[noreturn]] void Die(absl::string_view what) {
  std::cerr << "kernel_twin: " << what << "\n";
  std::exit(1);
}

IpAddress Address(const char* text) { return *IpAddress::Parse(text); }

// The services of the test, before the pod `server`.
void AddServices(TestNode& node) {
  node.services.clear();
  for (const bool is_ipv4 : {true, false}) {
    const struct {
      IpProtocol protocol;
      uint16_t port;
      uint16_t backend_port;
    } offers[] = {{IpProtocol::kTcp, 80, 8080}, {IpProtocol::kUdp, 53, 5353}};
    for (const auto& offer : offers) {
      ServiceSpec service;
      service.address = Address(is_ipv4 ? "10.96.0.10" : "fd02::10");
      service.protocol = offer.protocol;
      service.port = offer.port;
      service.service = static_cast<uint32_t>(node.services.size());
      service.backends = {{.address = Address(is_ipv4 ? "10.0.0.3" : "fd00::3"),
                           .port = offer.backend_port}};
      node.services.push_back(service);
    }
  }
}

OfflineTables MakeTables() {
  TestNode node = MakeTestNode();
  AddServices(node);
  node.settings.timeouts = DefaultTimeouts(TimeoutProfile::kLinux);
  // As the test sets the kernel's.
  node.settings.timeouts.udp_unreplied_s = 2;
  node.settings.timeouts.udp_s = 2;
  node.settings.icmp_errors_per_second = 1'000'000;
  node.settings.icmp_errors_per_second_port = 1'000'000;
  NatSettings& nat = node.settings.nat;
  nat.first_port = 20000;
  nat.last_port = 29999;
  nat.address_count = 2;
  nat.addresses[0] = Address("198.51.100.7");
  nat.addresses[1] = Address("2001:db8:ffff::7");
  node.ports[ToInt(TestWorld::PortNamed("uplink"))].mtu = kUplinkMtu;
  return node.Compile();
}

// Prints what leaves.
class Printer : public Transmitter {
 public:
  explicit Printer(PacketPool& pool) : pool_(pool) {}

  void Transmit(PortId out, std::span<rte_mbuf* const> packets) override {
    for (rte_mbuf* packet : packets) {
      std::string bytes(PacketBytes(*packet), '\0');
      CopyFromPacket(*packet, 0, PacketBytes(*packet),
                     reinterpret_cast<uint8_t*>(bytes.data()));
      std::cout << "out " << TestWorld::NameOf(out) << " "
                << absl::BytesToHexString(
                       absl::string_view(bytes).substr(sizeof(EthernetHeader)))
                << "\n";
    }
    pool_.Free(packets);
  }

 private:
  PacketPool& pool_;
};

class Twin {
 public:
  Twin() : printer_(pool_), tables_(MakeTables()) { Begin(); }

  void Begin() {
    auto made =
        OfflineSwitch::Create({.max_connections = 1024}, pool_, printer_);
    if (!made.ok()) Die(made.status().ToString());
    offline_ = *std::move(made);
    tables_.changed.emplace();
    const absl::Status status = offline_->Publish(tables_);
    if (!status.ok()) Die(status.ToString());
  }

  void Advance(uint64_t milliseconds) {
    now_ns_ += milliseconds * 1'000'000;
    offline_->Housekeep(now_ns_);
  }

  // Returns the reason of a drop.
  DropReason Take(PortId port, const std::string& ip) {
    std::vector<uint8_t> frame(sizeof(EthernetHeader));
    const uint16_t type =
        (ip[0] & 0xf0) == 0x60 ? kEtherTypeIpv6 : kEtherTypeIpv4;
    auto* ethernet = reinterpret_cast<EthernetHeader*>(frame.data());
    ethernet->source = TestWorld::PeerMac(port);
    ethernet->destination = offline_->state().settings().gateway_mac;
    ethernet->type = Be16::FromHost(type);
    frame.insert(frame.end(), ip.begin(), ip.end());
    rte_mbuf* packet = pool_.Make(frame);
    const PortCounters& counters = offline_->counters().port(kWorker, port);
    std::vector<uint64_t> before;
    for (const Counter& drops : counters.drops) before.push_back(drops.value());
    offline_->Run(port, {&packet, 1}, now_ns_);
    for (size_t i = 0; i < before.size(); ++i) {
      if (counters.drops[i].value() != before[i])
        return static_cast<DropReason>(i);
    }
    return DropReason::kNone;
  }

 private:
  FakePacketPool pool_;
  Printer printer_;
  OfflineTables tables_;
  std::unique_ptr<OfflineSwitch> offline_;
  uint64_t now_ns_ = 1'000'000'000'000;
};

void Run() {
  Twin twin;
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string verb, name, hex;
    words >> verb >> name >> hex;
    if (verb == "new") {
      twin.Begin();
    } else if (verb == "time") {
      twin.Advance(std::stoull(name));
    } else if (verb == "in") {
      if (hex.empty()) Die("needs a packet in " + line);
      const DropReason reason =
          twin.Take(TestWorld::PortNamed(name), absl::HexStringToBytes(hex));
      std::cout << "end " << DropReasonName(reason) << std::endl;
    } else {
      Die("does not know " + line);
    }
  }
}

}  // namespace
}  // namespace vswitch

int main() { vswitch::Run(); }
