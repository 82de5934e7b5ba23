// Classes of ends and of traffic.

#include "controlplane/cli/cluster_groups.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/cli/cluster_ends.h"
#include "controlplane/compile/pod_index.h"

namespace vswitch {
namespace {

constexpr uint32_t kPastLastPort = 65536;
constexpr uint16_t kEchoRequestV6 = 128;  // RFC 4443 4.1
constexpr IpProtocol kWithPorts[] = {IpProtocol::kTcp, IpProtocol::kUdp,
                                     IpProtocol::kSctp};
// Addresses for documentation (RFC 5737, RFC 3849): nobody's.
constexpr const char* kOutside[] = {"198.51.100.1", "2001:db8:ffff::1"};

// Collects what one kind of policy compares with.
class BoundsCollector {
 public:
  explicit BoundsCollector(PolicyBounds& bounds) : bounds_(bounds) {}

  void AddBlock(const IpBlock& block) {
    bounds_.blocks.insert(block.cidr);
    bounds_.blocks.insert(block.except.begin(), block.except.end());
  }
  void AddPorts(std::optional<IpProtocol> protocol, uint32_t first,
                uint32_t last) {
    for (IpProtocol each : kWithPorts) {
      if (protocol.value_or(each) != each) continue;
      bounds_.ports[each].insert(first);
      bounds_.ports[each].insert(last + 1);
    }
  }
  void Add(const NetworkPolicyRule& rule) {
    for (const NetworkPolicyPeer& peer : rule.peers) {
      if (peer.ip_block.has_value()) AddBlock(*peer.ip_block);
    }
    for (const NetworkPolicyPort& port : rule.ports) {
      if (!port.port.has_value()) continue;
      AddPorts(port.protocol, *port.port, port.end_port.value_or(*port.port));
    }
  }
  void Add(const ClusterPolicyRule& rule) {
    for (const ClusterPolicyPeer& peer : rule.peers) {
      bounds_.blocks.insert(peer.networks.begin(), peer.networks.end());
    }
    for (const ClusterPolicyProtocol& protocol : rule.protocols) {
      AddPorts(protocol.protocol, protocol.first, protocol.last);
    }
  }
  void Add(const CiliumRule& rule) {
    if (rule.cidrs.has_value()) {
      for (const IpBlock& block : *rule.cidrs) AddBlock(block);
    }
    for (const CiliumPort& port : rule.ports) {
      AddPorts(port.protocol, port.first, port.last);
    }
    for (const CiliumIcmp& icmp : rule.icmps) {
      (icmp.family == IpFamily::kIpv4 ? bounds_.icmp_types
                                      : bounds_.icmpv6_types)
          .insert(icmp.type);
    }
  }
  void Add(const std::vector<CiliumPolicySpec>& specs) {
    for (const CiliumPolicySpec& spec : specs) {
      for (const auto* rules : {&spec.ingress, &spec.ingress_deny, &spec.egress,
                                &spec.egress_deny}) {
        for (const CiliumRule& rule : *rules) Add(rule);
      }
    }
  }
  template <typename Policy>
  void AddRulesOf(const Policy& policy) {
    for (const auto& rule : policy.ingress) Add(rule);
    for (const auto& rule : policy.egress) Add(rule);
  }

 private:
  PolicyBounds& bounds_;
};

// What tells pods apart: labels, names of ports, node, and which blocks their
// addresses are in.
std::string KeyOf(const Metadata& metadata, const Pod& pod,
                  const PolicyBounds& bounds) {
  std::string key = absl::StrCat(metadata.ns, "\n", pod.service_account, "\n",
                                 pod.node_name, "\n");
  for (const auto& [name, value] : metadata.labels) {
    absl::StrAppend(&key, name, "=", value, "\n");
  }
  for (const ContainerPort& port : pod.ports) {
    absl::StrAppend(&key, port.name, "/", ToString(port.protocol), "/",
                    port.port, "\n");
  }
  for (const IpAddress& address : pod.addresses) {
    absl::StrAppend(&key, address.IsIpv4() ? "4:" : "6:");
    for (const IpPrefix& block : bounds.blocks) {
      key.push_back(block.Contains(address) ? '1' : '0');
    }
  }
  return key;
}

void AddOutside(const std::set<IpAddress>& inside, const PolicyBounds& bounds,
                std::vector<EndGroup>& groups) {
  for (const IpPrefix& block : bounds.blocks) {
    IpAddress address = block.address;
    if (address.IsUnspecified() || inside.contains(address)) continue;
    const std::string name = absl::StrCat("outside ", block.ToString());
    groups.push_back({name, {name}, {address}});
  }
  EndGroup others{"outside", {"outside"}, {}};
  for (const char* address : kOutside) {
    others.addresses.push_back(*IpAddress::Parse(address));
  }
  groups.push_back(std::move(others));
}

// "80", "8000-8080", or "" for the whole protocol.
std::string RangeText(uint16_t first, uint16_t last) {
  if (first <= 1 && last == kPastLastPort - 1) return "";
  return first == last ? absl::StrCat(" ", first)
                       : absl::StrCat(" ", first, "-", last);
}

}  // namespace

void AddBounds(const DesiredState& desired, PolicyBounds& bounds) {
  BoundsCollector collector(bounds);
  desired.ForEach<NetworkPolicy>(
      [&](const Metadata&, const NetworkPolicy& policy) {
        collector.AddRulesOf(policy);
      });
  desired.ForEach<ClusterNetworkPolicy>(
      [&](const Metadata&, const ClusterNetworkPolicy& policy) {
        collector.AddRulesOf(policy);
      });
  desired.ForEach<CiliumNetworkPolicy>(
      [&](const Metadata&, const CiliumNetworkPolicy& policy) {
        collector.Add(policy.specs);
      });
  desired.ForEach<CiliumClusterwideNetworkPolicy>(
      [&](const Metadata&, const CiliumClusterwideNetworkPolicy& policy) {
        collector.Add(policy.specs);
      });
  // Named ports mean these.
  desired.ForEach<Pod>([&](const Metadata&, const Pod& pod) {
    for (const ContainerPort& port : pod.ports) {
      collector.AddPorts(port.protocol, port.port, port.port);
    }
  });
}

std::vector<EndGroup> GroupEnds(const DesiredState& desired,
                                const PolicyBounds& bounds) {
  std::vector<EndGroup> groups;
  std::map<std::string, size_t> group_of_key;
  std::set<IpAddress> inside;
  desired.ForEach<Pod>([&](const Metadata& metadata, const Pod& pod) {
    if (!OwnsAddresses(pod) || pod.addresses.empty()) return;
    inside.insert(pod.addresses.begin(), pod.addresses.end());
    const auto [it, is_first] =
        group_of_key.emplace(KeyOf(metadata, pod, bounds), groups.size());
    if (is_first) groups.push_back({.addresses = pod.addresses});
    groups[it->second].names.push_back(QualifiedName(metadata));
  });
  for (EndGroup& group : groups) {
    group.name = group.names[0];
    if (group.names.size() > 1) {
      absl::StrAppend(&group.name, " and ", group.names.size() - 1, " more");
    }
  }
  desired.ForEach<Node>([&](const Metadata& metadata, const Node& node) {
    if (node.addresses.empty()) return;
    inside.insert(node.addresses.begin(), node.addresses.end());
    const std::string name = absl::StrCat("node ", metadata.name);
    groups.push_back({name, {name}, node.addresses});
  });
  AddOutside(inside, bounds, groups);
  return groups;
}

std::vector<TrafficClass> ClassesOf(const PolicyBounds& bounds) {
  std::vector<TrafficClass> classes;
  for (IpProtocol protocol : kWithPorts) {
    std::set<uint32_t> firsts = {1, kPastLastPort};
    if (const auto found = bounds.ports.find(protocol);
        found != bounds.ports.end()) {
      firsts.insert(found->second.begin(), found->second.end());
    }
    firsts.erase(0);
    for (auto it = firsts.begin(); *it < kPastLastPort; ++it) {
      classes.push_back({protocol, static_cast<uint16_t>(*it),
                         static_cast<uint16_t>(*std::next(it) - 1)});
    }
  }
  std::set<uint16_t> types = {kEchoClass};
  types.insert(bounds.icmp_types.begin(), bounds.icmp_types.end());
  for (uint16_t type : types)
    classes.push_back({IpProtocol::kIcmp, type, type});
  for (uint16_t type : bounds.icmpv6_types) {
    if (type == kEchoRequestV6) continue;  // of kEchoClass
    classes.push_back({IpProtocol::kIcmpv6, type, type});
  }
  classes.push_back({IpProtocol::kGre, 0, kPastLastPort - 1});
  return classes;
}

std::string TrafficText(const std::vector<TrafficClass>& classes,
                        const std::vector<TrafficClass>& all) {
  if (!classes.empty() && classes.size() == all.size()) return "everything";
  std::vector<std::string> parts;
  for (size_t i = 0; i < classes.size(); ++i) {
    const TrafficClass& first = classes[i];
    if (first.protocol == IpProtocol::kGre) {
      parts.push_back("other protocols");
      continue;
    }
    uint16_t last = first.last;
    while (HasPorts(first.protocol) && i + 1 < classes.size() &&
           classes[i + 1].protocol == first.protocol &&
           classes[i + 1].first == last + 1) {
      last = classes[++i].last;
    }
    const bool is_echo =
        first.protocol == IpProtocol::kIcmp && first.first == kEchoClass;
    parts.push_back(
        absl::StrCat(ToString(first.protocol),
                     HasPorts(first.protocol) ? RangeText(first.first, last)
                     : is_echo                ? " echo"
                               : absl::StrCat(" type ", first.first)));
  }
  return absl::StrJoin(parts, ", ");
}

}  // namespace vswitch
