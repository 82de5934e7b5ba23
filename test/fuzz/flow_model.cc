// What is known of flows, mappings and datagrams.

#include "test/fuzz/flow_model.h"

#include <algorithm>
#include <utility>

#include "dataplane/conntrack/timeouts.h"

namespace vswitch {
namespace {

// Shorter than the least time that a mapping lives in any configuration.
constexpr uint64_t kMappingLivesNs = 29 * kSecondNs;

constexpr uint64_t kFragmentTimeoutNs = 30 * kSecondNs;

bool IsUdp(IpProtocol protocol) {
  return protocol == IpProtocol::kUdp || protocol == IpProtocol::kUdpLite;
}

bool IsNatPort(uint16_t port) {
  return port >= kFirstNatPort && port <= kLastNatPort;
}

// Whether source NAT gives the client another address, so that what comes back
// does not keep the flow (RFC 4787 REQ-6).
bool IsKeptByClient(const Flow& flow) {
  return flow.leaving.source != flow.original.source;
}
// Whether the first packet was sent to a mapping, whose owner keeps the flow.
bool IsKeptByServer(const Flow& flow) {
  return FuzzNode::IsPoolAddress(flow.original.destination) &&
         IsNatPort(flow.original.destination_port);
}

// Returns how long a flow lives at least without a packet.
uint64_t LifetimeNs(IpProtocol protocol, bool has_linux_timeouts) {
  switch (protocol) {
    case IpProtocol::kTcp:
      return (has_linux_timeouts ? 60 : 240) * kSecondNs;
    case IpProtocol::kUdp:
    case IpProtocol::kUdpLite:
      return (has_linux_timeouts ? 30 : 300) * kSecondNs;
    case IpProtocol::kIcmp:
    case IpProtocol::kIcmpv6:
      return (has_linux_timeouts ? 30 : 60) * kSecondNs;
    case IpProtocol::kSctp:  // picked up in its middle, and not answered yet
      return (has_linux_timeouts ? 30 : 120) * kSecondNs;
    default:
      return 600 * kSecondNs;
  }
}

}  // namespace

Flow& FlowModel::Open(const Tuple& tuple, PortId client_port) {
  bool is_shared = false;
  for (Flow& flow : flows_) {
    if (flow.original == tuple && flow.client_port == client_port) return flow;
    for (const Tuple& other : {flow.original, flow.leaving}) {
      if (other != tuple && other.Reversed() != tuple) continue;
      is_shared = true;
      // Two senders' numbers are one connection's.
      if (!flow.IsTcp()) continue;
      flow.is_odd = true;
      flow.is_certain = false;
    }
  }
  Flow& flow = flows_.emplace_back();
  flow.original = tuple;
  flow.client_port = client_port;
  flow.is_odd = is_shared;
  return flow;
}

void FlowModel::Note(Flow& flow, Way way, const std::optional<Left>& out,
                     bool must_pass, uint64_t now_ns) {
  if (!out.has_value()) {
    Require(!must_pass || !flow.is_certain,
            "a packet of a live connection passes");
    return;
  }
  if (flow.is_certain) {
    Require(out->tuple == flow.Outgoing(way),
            "a connection keeps its translation, and the way back undoes it");
    Require(out->port == flow.InPort(Other(way)),
            "the way back is the way there");
  }
  if (way == Way::kThere) {
    flow.leaving = out->tuple;
    flow.server_port = out->port;
    flow.is_known = true;
    flow.is_certain |= !flow.is_odd;
  }
  flow.is_answered |= way == Way::kBack;
  const bool keeps =
      way == Way::kThere ? !IsKeptByServer(flow) : !IsKeptByClient(flow);
  if (keeps) flow.alive_ns = now_ns;
}

void FlowModel::NoteMapping(const Tuple& inside, const Tuple& outside,
                            uint64_t now_ns) {
  if (!IsUdp(outside.protocol) || !FuzzNode::IsPoolAddress(outside.source) ||
      !IsNatPort(outside.source_port)) {
    return;
  }
  Mapping& mapping =
      mappings_[{outside.protocol, outside.source, outside.source_port}];
  const bool is_live = mapping.alive_ns != 0 && mapping.is_certain &&
                       now_ns - mapping.alive_ns < kMappingLivesNs;
  Require(!is_live || (mapping.address == inside.source &&
                       mapping.port == inside.source_port),
          "no two clients have one port outside");
  mapping = {inside.source, inside.source_port, now_ns, true};
}

void FlowModel::CheckMapped(const Tuple& outside, const Tuple& inside) const {
  const auto at = mappings_.find(
      {outside.protocol, outside.destination, outside.destination_port});
  if (at == mappings_.end() || !at->second.is_certain) return;
  Require(at->second.address == inside.destination &&
              at->second.port == inside.destination_port,
          "what comes to a mapping goes to its client");
}

void FlowModel::OnTime(uint64_t now_ns, bool has_linux_timeouts) {
  for (Flow& flow : flows_) {
    const uint64_t lives_ns =
        LifetimeNs(flow.original.protocol, has_linux_timeouts) - kSecondNs;
    if (now_ns - flow.alive_ns < lives_ns && !IsKeptByServer(flow)) continue;
    flow.is_certain = false;
    flow.is_odd |= flow.IsTcp();
  }
}

void FlowModel::OnChange() {
  OnOddPacket();
  for (Flow& flow : flows_) flow.is_certain = false;
  for (auto& [outside, mapping] : mappings_) mapping.is_certain = false;
}

void FlowModel::OnPressure() {
  for (Flow& flow : flows_) {
    // When a TCP connection is open both ends' windows tell, not one answer.
    flow.is_odd |= flow.IsTcp();
    if (flow.IsTcp() || !flow.is_answered) flow.is_certain = false;
  }
  for (auto& [outside, mapping] : mappings_) mapping.is_certain = false;
}

void FlowModel::OnOddPacket() {
  for (Flow& flow : flows_) {
    if (!flow.IsTcp()) continue;
    flow.is_odd = true;
    flow.is_certain = false;
  }
}

namespace {

struct TableKey {
  Tuple tuple;
  uint16_t zone = 0;
  friend auto operator<=>(const TableKey&, const TableKey&) = default;
};
TableKey ToTableKey(const FlowKey& key) {
  return {{key.source, key.destination, key.protocol, key.source_port.ToHost(),
           key.destination_port.ToHost()},
          key.zone};
}

// See WorkerLists.
constexpr uint32_t kLongestWaitSeconds = 254;

void CheckIdle(const FuzzNode& node, const ConnectionInfo& info) {
  const auto now_s = static_cast<uint32_t>(node.now_ns() / kSecondNs);
  const uint8_t flags = info.record.flags;
  const bool by_all = (flags & (kKeptByOriginal | kKeptByReply)) == 0;
  uint32_t idle_s = UINT32_MAX;
  for (const auto& [index, flag] :
       {std::pair{0, kKeptByOriginal}, std::pair{1, kKeptByReply}}) {
    if (!by_all && (flags & flag) == 0) continue;
    idle_s = std::min(idle_s, now_s - info.counts[index].last_seen_s);
  }
  const uint32_t timeout_s = TimeoutSeconds(info.record.protocol, info.state,
                                            node.settings().timeouts);
  // An entry that was another's is looked at when that one was to be.
  const uint32_t late_s = node.was_crowded() ? kLongestWaitSeconds
                                             : ConnectionTable::kRecheckSeconds;
  Require(idle_s <= timeout_s + late_s,
          "a connection is forgotten when its time is over");
}

}  // namespace

void CheckConnections(const FuzzNode& node) {
  // Timeouts that became shorter count once each entry was looked at again.
  constexpr uint64_t kRecheckNs =
      (ConnectionTable::kRecheckSeconds + 1) * kSecondNs;
  const bool times_hold = node.now_ns() - node.changed_ns() > kRecheckNs;
  std::map<TableKey, uint32_t> keys;
  std::map<std::pair<uint8_t, std::pair<IpAddress, uint16_t>>,
           std::pair<IpAddress, uint16_t>>
      clients;  // by their port outside
  node.connections().ForEach([&](const ConnectionInfo& info) {
    if (times_hold) CheckIdle(node, info);
    const ConnectionRecord& record = info.record;
    for (FlowDirection direction :
         {FlowDirection::kOriginal, FlowDirection::kReply}) {
      const TableKey key = ToTableKey(record.Key(direction));
      Require(keys.try_emplace(key, info.index).first->second == info.index,
              "no two connections share a key");
    }
    // What the node sends itself is not translated.
    if (!IsUdp(record.protocol) ||
        record.original_source == record.reply_destination ||
        !FuzzNode::IsPoolAddress(record.reply_destination) ||
        !IsNatPort(record.reply_destination_port.ToHost())) {
      return;
    }
    const std::pair outside{record.reply_destination,
                            record.reply_destination_port.ToHost()};
    const std::pair inside{record.original_source,
                           record.original_source_port.ToHost()};
    const auto protocol = static_cast<uint8_t>(record.protocol);
    Require(clients.try_emplace({protocol, outside}, inside).first->second ==
                inside,
            "source NAT is a bijection");
  });
}

void FragmentModel::Note(PortId in, const PlainPacket& before, bool forwarded,
                         uint64_t now_ns) {
  if (before.IsWhole()) return;
  const uint8_t protocol =
      before.IsIpv4() ? static_cast<uint8_t>(before.protocol) : 0;
  const Key key{in, before.source, before.destination, before.id, protocol};
  Datagram& datagram = datagrams_[key];
  if (datagram.first_seen_ns == 0 ||
      now_ns - datagram.first_seen_ns >= kFragmentTimeoutNs) {
    datagram = {.first_seen_ns = now_ns};
  }
  if (!forwarded) {
    // It may have counted or not.
    datagram.is_certain = false;
    return;
  }
  if (!datagram.is_certain) return;
  const Part part{
      before.fragment_offset,
      before.fragment_offset + static_cast<uint32_t>(before.datagram_bytes)};
  for (const Part& other : datagram.parts) {
    Require(part.end <= other.begin || other.end <= part.begin,
            "fragments of one datagram do not overlap");
  }
  datagram.parts.push_back(part);
  datagram.seen_bytes += part.end - part.begin;
  if (!before.more_fragments) datagram.total_bytes = part.end;
  // A datagram that is complete frees its number.
  if (datagram.seen_bytes == datagram.total_bytes) datagrams_.erase(key);
}

}  // namespace vswitch
