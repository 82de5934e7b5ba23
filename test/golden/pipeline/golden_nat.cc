// What golden cases change in source NAT, in the way out and in services.

#include "test/golden/pipeline/golden_nat.h"

#include <functional>
#include <map>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "test/golden/golden_file.h"

namespace vswitch {
namespace {

using Change = std::function<absl::Status(const std::string&, TestNode&)>;

absl::Status Bad(absl::string_view key, const std::string& value) {
  return absl::InvalidArgumentError(absl::StrCat(key, "=", value));
}

absl::Status ChangePool(const std::string& value, TestNode& node) {
  const std::map<std::string, std::vector<const char*>> pools = {
      {"none", {}},
      {"node", {"192.168.0.1", "fd01::1"}},
      {"pool", {"203.0.113.200", "2001:db8::200"}},
      {"scattered",
       {"203.0.113.200", "203.0.113.203", "203.0.113.220", "198.51.100.7",
        "2001:db8::200", "2001:db8::203", "2001:db8::220", "2001:db8:7::7"}}};
  const auto pool = pools.find(value);
  if (pool == pools.end()) return Bad("nat", value);
  NatSettings& nat = node.settings.nat;
  nat.first_port = 20000;
  nat.last_port = 20999;
  nat.address_count = 0;
  for (const char* address : pool->second) {
    nat.addresses[nat.address_count++] = *IpAddress::Parse(address);
  }
  return absl::OkStatus();
}

absl::Status ChangePorts(const std::string& value, TestNode& node) {
  const std::vector<std::string> ends = absl::StrSplit(value, "..");
  uint32_t first = 0;
  uint32_t last = 0;
  if (ends.size() != 2 || !absl::SimpleAtoi(ends[0], &first) ||
      !absl::SimpleAtoi(ends[1], &last)) {
    return Bad("nat-ports", value);
  }
  node.settings.nat.first_port = static_cast<uint16_t>(first);
  node.settings.nat.last_port = static_cast<uint16_t>(last);
  return absl::OkStatus();
}

absl::Status ChangeTcpMapping(const std::string& value, TestNode& node) {
  if (value != "independent") return Bad("tcp-mapping", value);
  node.settings.nat.tcp_endpoint_independent = 1;
  return absl::OkStatus();
}

absl::Status ChangeKeepSource(const std::string& value, TestNode& node) {
  if (value != "outside") return Bad("keep-source", value);
  for (auto& [prefix, target] : node.routes) {
    if (target.kind == RouteKind::kPort) target.keeps_source = 1;
  }
  return absl::OkStatus();
}

absl::Status ChangeOverlap(const std::string& value, TestNode& node) {
  if (value != "pods") return Bad("overlap", value);
  for (auto& [prefix, target] : node.routes) {
    target = {.kind = RouteKind::kPort, .port = TestWorld::PortNamed("uplink")};
  }
  return absl::OkStatus();
}

absl::Status ChangeUplinkMtu(const std::string& value, TestNode& node) {
  uint32_t& mtu = node.ports[ToInt(TestWorld::PortNamed("uplink"))].mtu;
  return absl::SimpleAtoi(value, &mtu) ? absl::OkStatus()
                                       : Bad("mtu-uplink", value);
}

absl::Status ChangeIcmpErrors(const std::string& value, TestNode& node) {
  return absl::SimpleAtoi(value, &node.settings.icmp_errors_per_second)
             ? absl::OkStatus()
             : Bad("icmp-errors-all", value);
}

absl::Status AddNodePort(const std::string& value, TestNode& node) {
  const PortId port = TestWorld::PortNamed(value);
  if (port == kNoPort) return Bad("node-port", value);
  for (const int family : {0, 1}) {
    for (const IpProtocol protocol : {IpProtocol::kTcp, IpProtocol::kUdp}) {
      ServiceSpec spec{.address = node.settings.node_addresses[family],
                       .protocol = protocol,
                       .port = 30080,
                       .service = 90,
                       .flags = kServiceFromInside | kServiceFromOutside,
                       .shares_address = true};
      spec.backends = {
          {.address = node.ports[ToInt(port)].addresses[family], .port = 8080}};
      spec.outside_backends = spec.backends;
      node.services.push_back(std::move(spec));
    }
  }
  return absl::OkStatus();
}

absl::Status AddAddresses(const std::string& value, TestNode& node) {
  const std::vector<std::string> parts = absl::StrSplit(value, ':');
  const PortId id = TestWorld::PortNamed(parts[0]);
  if (parts.size() != 2 || id == kNoPort) return Bad("addresses", value);
  PortRecord& port = node.ports[ToInt(id)];
  for (const std::string& last : ExpandGoldenList(parts[1])) {
    for (const char* prefix : {"10.0.0.", "fd00::"}) {
      const auto address = IpAddress::Parse(absl::StrCat(prefix, last));
      if (!address.ok() || port.address_count == kMaxPortAddresses) {
        return Bad("addresses", value);
      }
      port.addresses[port.address_count++] = *address;
      node.bindings[*address] = node.bindings[port.addresses[0]];
    }
  }
  return absl::OkStatus();
}

// $web, $shop and $dns: the last bytes of their addresses.
absl::Status ChangeBackend(const std::string& value, TestNode& node) {
  const std::map<std::string, std::string> services = {
      {"web", "10"}, {"shop", "11"}, {"dns", "13"}};
  const std::vector<std::string> parts = absl::StrSplit(value, ':');
  const auto service = services.find(parts[0]);
  if (parts.size() != 2 || service == services.end()) {
    return Bad("backend", value);
  }
  const PortId port = TestWorld::PortNamed(parts[1]);
  for (const int family : {0, 1}) {
    const IpAddress address = *IpAddress::Parse(
        absl::StrCat(family == 0 ? "10.96.0." : "fd02::", service->second));
    for (ServiceSpec& spec : node.services) {
      if (spec.address != address) continue;
      spec.backends[0].address = node.ports[ToInt(port)].addresses[family];
    }
  }
  return absl::OkStatus();
}

absl::Status Isolate(const std::string& value, TestNode& node) {
  const PortId port = TestWorld::PortNamed(value);
  if (port == kNoPort) return Bad("isolated", value);
  // A rule about somebody who does not exist: every set is to differ.
  PolicyEntry entry;
  entry.rule = RuleId{41};
  entry.identities = {IdentityId{998}};
  node.policy_sets.push_back({.entries = {entry}});
  node.endpoints[ToInt(node.ports[ToInt(port)].endpoint)].ingress =
      PolicySetId{static_cast<uint32_t>(node.policy_sets.size() - 1)};
  return absl::OkStatus();
}

const std::map<std::string, Change>& Changes() {
  static const auto* changes = new std::map<std::string, Change>{
      {"nat", ChangePool},
      {"nat-ports", ChangePorts},
      {"addresses", AddAddresses},
      {"tcp-mapping", ChangeTcpMapping},
      {"backend", ChangeBackend},
      {"overlap", ChangeOverlap},
      {"keep-source", ChangeKeepSource},
      {"mtu-uplink", ChangeUplinkMtu},
      {"icmp-errors-all", ChangeIcmpErrors},
      {"node-port", AddNodePort},
      {"isolated", Isolate},
  };
  return *changes;
}

}  // namespace

bool IsNatChange(const std::string& key) { return Changes().contains(key); }

absl::Status ChangeNat(const std::string& key, const std::string& value,
                       TestNode& node) {
  return Changes().at(key)(value, node);
}

}  // namespace vswitch
