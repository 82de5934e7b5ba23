// Which kinds of packets there are.

#include "bench/pipeline/packet_kinds.h"

#include <filesystem>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "dataplane/base/status_macros.h"
#include "test/golden/golden_file.h"
#include "test/golden/pipeline/golden_text.h"
#include "test/golden/pipeline/golden_values.h"
#include "test/testing/packet_text.h"

namespace vswitch {
namespace {

constexpr uint32_t kAnswersPerSecond = 1'000'000'000;
constexpr uint16_t kFirstNatPort = 20000;
constexpr uint16_t kLastNatPort = 20999;
constexpr uint32_t kPorts = 65535;
constexpr uint32_t kHosts = 250;

// A packet that begins a flow; {ip}, {P} and {O} stand for the layer's name,
// and for the beginnings of addresses of pods and of hosts outside.
struct FirstPacket {
  const char* name;
  const char* port;
  const char* text;
};
constexpr FirstPacket kFirstPackets[] = {
    {"UDP to a pod", "client", "src={P}2 dst={P}3 / udp sport={16} / data 8"},
    {"TCP to a pod", "client", "src={P}2 dst={P}3 / tcp sport={16}"},
    {"echo to a pod", "client", "src={P}2 dst={P}3 / {icmp} id={16}"},
    {"SCTP to a pod", "client",
     "src={P}2 dst={P}3 / sctp sport={16} tag=0 / hex "
     "01000014000000010000ffff0001000100000001"},
    {"TCP to a service", "client", "src={P}2 dst={S}10 / tcp sport={16}"},
    {"TCP that policy lets in", "client", "src={P}2 dst={P}4 / tcp sport={16}"},
    {"UDP that policy denies", "client",
     "src={P}2 dst={P}4 / udp sport={16} dport=9 / data 8"},
    {"UDP that policy does not let out", "jailed",
     "src={P}5 dst={P}2 / udp sport={16} / data 8"},
    {"a service without backends", "client",
     "src={P}2 dst={S}12 / tcp sport={16}"},
    {"a port that is no service's", "client",
     "src={P}2 dst={S}10 / tcp sport={16} dport=81"},
    {"no route", "client", "src={P}2 dst={N} / udp sport={16} / data 8"},
    {"a pod that is not there", "client",
     "src={P}2 dst={P}99 / udp sport={16} / data 8"},
    {"TCP out", "client", "src={P}2 dst={O}{8} / tcp sport={16}"},
    {"TCP out, all ports taken", "client",
     "src={P}2 dst={O}9 / tcp sport={16}"},
    {"UDP out to other hosts", "client",
     "src={P}2 dst={O}{8} / udp sport=9 dport={16} / data 8"},
    {"UDP out, all ports taken", "client",
     "src={P}2 dst={O}9 / udp sport={16} / data 8"},
    {"UDP from outside", "uplink",
     "src={O}9 dst={P}2 / udp sport={16} / data 8"},
    {"UDP from outside that policy denies", "uplink",
     "src={O}9 dst={P}4 / udp sport={16} / data 8"},
    {"UDP to no mapping", "uplink",
     "src={O}9 dst={A} / udp sport=9 dport={16} / data 8"},
    {"an answer to nothing", "server",
     "src={P}3 dst={P}2 / tcp sport={16} flags=SA"},
    {"the middle of a connection", "client",
     "src={P}2 dst={P}3 / tcp sport={16} flags=A"},
    {"a reset of nothing", "client",
     "src={P}2 dst={P}3 / tcp sport={16} flags=R"},
    {"time is over", "client",
     "src={P}2 dst={P}3 {ttl}=1 / udp sport={16} / data 8"},
    {"an error about nothing", "server",
     "src={P}3 dst={P}2 / {icmp} type={E} code=0 id=0 seq=0 / {ip} src={P}2 "
     "dst={P}3 / udp sport={16} / data 8"},
};

std::string InFamily(const char* text, bool is_ipv4) {
  return absl::StrReplaceAll(text,
                             {{"{ip}", is_ipv4 ? "ip4" : "ip6"},
                              {"{icmp}", is_ipv4 ? "icmp" : "icmp6"},
                              {"{ttl}", is_ipv4 ? "ttl" : "hop"},
                              {"{P}", is_ipv4 ? "10.0.0." : "fd00::"},
                              {"{S}", is_ipv4 ? "10.96.0." : "fd02::"},
                              {"{O}", is_ipv4 ? "203.0.113." : "2001:db8::"},
                              {"{A}", is_ipv4 ? "192.168.0.1" : "fd01::1"},
                              {"{N}", is_ipv4 ? "8.8.8.8" : "2600::8"},
                              {"{E}", is_ipv4 ? "3" : "1"}});
}

}  // namespace

bool PacketKind::IsVaried() const {
  return absl::StrContains(text, "{16}") || absl::StrContains(text, "{8}");
}

absl::StatusOr<std::vector<uint8_t>> PacketKind::Frame(uint32_t number) const {
  return PacketFromText(
      absl::StrReplaceAll(text, {{"{16}", absl::StrCat(1 + number % kPorts)},
                                 {"{8}", absl::StrCat(1 + number % kHosts)}}));
}

absl::StatusOr<std::vector<PacketKind>> GoldenKinds(
    const std::vector<std::string>& paths) {
  std::vector<PacketKind> kinds;
  std::set<std::pair<PortId, std::string>> seen;
  for (const std::string& path : paths) {
    ASSIGN_OR_RETURN(const std::vector<GoldenCase> cases, ReadGoldenFile(path));
    const std::string file = std::filesystem::path(path).stem().string();
    const bool is_fragments = file == "fragment";
    for (const GoldenCase& one : cases) {
      int place = 0;
      for (const GoldenDirective& directive : one.directives) {
        if (directive.words[0] != "in") continue;
        ++place;
        PacketKind kind{.name = absl::StrCat(file, ": ", one.name, " #", place),
                        .port = TestWorld::PortNamed(directive.words[1]),
                        .text = FillWithExamples(WriteOut(directive))};
        if (is_fragments) {
          kind.text = absl::StrReplaceAll(kind.text, {{" id=5", " id={16}"}});
        }
        if (!seen.emplace(kind.port, kind.text).second) continue;
        kinds.push_back(std::move(kind));
      }
    }
  }
  return kinds;
}

std::vector<PacketKind> FirstPacketKinds() {
  std::vector<PacketKind> kinds;
  for (const FirstPacket& first : kFirstPackets) {
    for (const bool is_ipv4 : {true, false}) {
      const PortId port = TestWorld::PortNamed(first.port);
      kinds.push_back(
          {.name = absl::StrCat("first: ", first.name, ", ",
                                is_ipv4 ? "ip4" : "ip6"),
           .port = port,
           .text = absl::StrCat("eth src=", TestWorld::PeerMac(port).ToString(),
                                " / ", is_ipv4 ? "ip4 " : "ip6 ",
                                InFamily(first.text, is_ipv4))});
    }
  }
  return kinds;
}

TestNode MakeKindsNode() {
  TestNode node = MakeTestNode();
  node.settings.icmp_errors_per_second = kAnswersPerSecond;
  node.settings.icmp_errors_per_second_port = kAnswersPerSecond;
  NatSettings& nat = node.settings.nat;
  nat.first_port = kFirstNatPort;
  nat.last_port = kLastNatPort;
  for (const IpAddress& address : node.settings.node_addresses) {
    if (nat.address_count == node.settings.node_address_count) break;
    nat.addresses[nat.address_count++] = address;
  }
  return node;
}

}  // namespace vswitch
