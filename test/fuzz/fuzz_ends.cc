// The ends of the fuzz target's packets.

#include "test/fuzz/fuzz_ends.h"

#include <array>
#include <iterator>

#include "dataplane/pipeline/test_world.h"

namespace vswitch {
namespace {

struct End {
  const char* port;
  const char* ipv4;
  const char* ipv6;
};

constexpr End kSources[] = {
    {"client", "10.0.0.2", "fd00::2"},
    {"uplink", "203.0.113.9", "2001:db8::9"},
    {"server", "10.0.0.3", "fd00::3"},
    {"guarded", "10.0.0.4", "fd00::4"},
    {"jailed", "10.0.0.5", "fd00::5"},
    {"host", "192.168.0.1", "fd01::1"},
    {"uplink", "203.0.113.77", "2001:db8::77"},
    {"uplink", "203.0.113.50", "2001:db8::50"},  // of a service's backend
    {"init", "10.0.0.6", "fd00::6"},
    {"closed", "10.0.0.7", "fd00::7"},
    {"client", "10.0.0.3", "fd00::3"},  // not its own
};

constexpr End kDestinations[] = {
    {"", "203.0.113.9", "2001:db8::9"},
    {"", "10.0.0.3", "fd00::3"},
    {"", "10.96.0.10", "fd02::10"},  // before `server`
    {"", "10.0.0.2", "fd00::2"},
    {"", "203.0.113.77", "2001:db8::77"},
    {"", "10.0.0.4", "fd00::4"},
    {"", "10.0.0.5", "fd00::5"},
    {"", "192.168.0.1", "fd01::1"},
    {"", "198.51.100.7", "2001:db8:ffff::7"},  // of source NAT alone
    {"", "10.96.0.11", "fd02::11"},            // before `guarded`
    {"", "10.96.0.12", "fd02::12"},            // before nobody
    {"", "10.96.0.13", "fd02::13"},            // UDP
    {"", "10.0.0.1", "fd00::1"},               // the gateway
    {"", "10.0.0.99", "fd00::99"},             // nobody's
    {"", "8.8.8.8", "2600::8"},                // without a route
    {"", "10.0.0.6", "fd00::6"},
    {"", "10.0.0.7", "fd00::7"},
    {"", "224.0.0.5", "ff02::5"},
    {"", "255.255.255.255", "ff0e::1"},
    {"", "127.0.0.1", "::1"},
    {"", "10.96.0.14", "fd02::14"},           // remembers its clients
    {"", "198.51.100.80", "2001:db8:80::1"},  // for clients outside
};

constexpr uint16_t kClientPorts[] = {1000,  1001,  40000, 53,
                                     20000, 20001, 8080,  68};
constexpr uint16_t kServerPorts[] = {80,    53,    8080,  443,
                                     30080, 30081, 20000, 4789};

IpAddress AddressOf(const End& end, bool is_ipv4) {
  return *IpAddress::Parse(is_ipv4 ? end.ipv4 : end.ipv6);
}

// Each end in both families; parsed once.
template <size_t kCount>
std::array<std::array<FuzzEnd, 2>, kCount> MakeEnds(const End (&ends)[kCount]) {
  std::array<std::array<FuzzEnd, 2>, kCount> made;
  for (size_t i = 0; i < kCount; ++i) {
    for (const bool is_ipv4 : {false, true}) {
      made[i][is_ipv4] = {TestWorld::PortNamed(ends[i].port),
                          AddressOf(ends[i], is_ipv4)};
    }
  }
  return made;
}

}  // namespace

FuzzEnd SourceEnd(uint8_t number, bool is_ipv4) {
  static const auto& ends = *new auto(MakeEnds(kSources));
  return ends[number % ends.size()][is_ipv4];
}

IpAddress DestinationAddress(uint8_t number, bool is_ipv4) {
  static const auto& ends = *new auto(MakeEnds(kDestinations));
  return ends[number % ends.size()][is_ipv4].address;
}

uint16_t ClientPort(uint8_t number) {
  return kClientPorts[number % std::size(kClientPorts)];
}

uint16_t ServerPort(uint8_t number) {
  return kServerPorts[number % std::size(kServerPorts)];
}

}  // namespace vswitch
