// Stage local: what is meant for the switch itself.  It answers ARP and
// neighbour solicitations for the gateway, on an uplink for the addresses of
// source NAT, and, as their proxy, for the endpoints' addresses; and echo
// requests to the gateway.  No other packet on the link leaves it.

#include "dataplane/nat/source_nat.h"
#include "dataplane/packet/build.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/packet.h"
#include "dataplane/packet/parse.h"
#include "dataplane/pipeline/burst.h"
#include "dataplane/pipeline/context.h"
#include "dataplane/pipeline/host_lookup.h"
#include "dataplane/pipeline/icmp_error.h"
#include "dataplane/pipeline/next_hop.h"
#include "dataplane/pipeline/stages.h"

namespace vswitch {
namespace {

// ARP and neighbour discovery that a worker takes from one port in a second: a
// kernel that starts asks for its gateways, a router for every pod, but nobody
// for more than there are pods (conformance A-11).
constexpr uint32_t kNeighborMessagesPerSecond = 1000;

// Who has the address that an ARP request or a neighbour solicitation asks
// for.
enum class Target : uint8_t {
  kGateway,
  kNat,    // the switch's, too: of source NAT, asked for from outside
  kKnown,  // an endpoint's
  kAskersOwn,
  kUnknown,
};

Target Classify(const Burst& burst, const HostLookup& hosts,
                const IpAddress& address) {
  if (hosts.IsGateway(address)) return Target::kGateway;
  if (burst.port->kind == PortKind::kPod &&
      IsAddressOfPort(*burst.port, address)) {
    return Target::kAskersOwn;
  }
  const EndpointRecord* owner = hosts.EndpointOf(address);
  if (owner == nullptr) {
    const bool is_nat = burst.port->kind == PortKind::kUplink &&
                        IsNatAddress(burst.state->settings().nat, address);
    return is_nat ? Target::kNat : Target::kUnknown;
  }
  return owner->port == burst.in_port ? Target::kAskersOwn : Target::kKnown;
}

// Sends what `build` writes into a fresh packet back to the asker, and gives
// the question back.
template <typename Build>
void Answer(PipelineContext& context, Burst& burst, uint32_t slot,
            Build&& build) {
  rte_mbuf* answer = context.NewPacket();
  if (answer == nullptr) {
    context.Drop(burst, slot, DropReason::kNoMbuf);
    return;
  }
  build(*answer);
  context.SendOwn(*answer, burst.in_port);
  context.Consume(burst, slot);
}

void HandleArp(PipelineContext& context, Burst& burst, uint32_t slot,
               const HostLookup& hosts) {
  const rte_mbuf& packet = *burst.packets[slot];
  const PacketMeta& meta = burst.metas[slot];
  const auto& arp = *HeaderAt<ArpHeader>(packet, meta.l4_offset);
  // RFC 5227 3: an announcement, in either form, has the sender's address as
  // its target.  Neither it nor a reply teaches us anything: bindings come from
  // the control plane alone.
  if (meta.key.source == meta.key.destination) {
    context.Consume(burst, slot);
    return;
  }
  if (arp.operation.ToHost() != kArpRequest) {
    context.Drop(burst, slot, DropReason::kArpUnsolicited);
    return;
  }
  switch (Classify(burst, hosts, meta.key.destination)) {
    case Target::kUnknown:
      context.Drop(burst, slot, DropReason::kArpUnknownTarget);
      return;
    case Target::kAskersOwn:
      // RFC 5227 2.1.1: silence tells the prober that the address is free.
      context.Consume(burst, slot);
      return;
    case Target::kGateway:
    case Target::kNat:
    case Target::kKnown:
      Answer(context, burst, slot, [&](rte_mbuf& answer) {
        BuildArpReply(packet, burst.state->settings().gateway_mac, answer);
      });
      return;
  }
}

void HandleNeighborDiscovery(PipelineContext& context, Burst& burst,
                             uint32_t slot, const HostLookup& hosts) {
  const rte_mbuf& packet = *burst.packets[slot];
  const PacketMeta& meta = burst.metas[slot];
  if (meta.icmp_type != kIcmpv6NeighborSolicitation) {
    context.Drop(burst, slot, DropReason::kNdUnsolicited);
    return;
  }
  const IpAddress address = NeighborTarget(packet, meta);
  const Target target = Classify(burst, hosts, address);
  switch (target) {
    case Target::kUnknown:
      context.Drop(burst, slot, DropReason::kNdUnknownTarget);
      return;
    case Target::kAskersOwn:
      // RFC 4862 5.4: duplicate address detection succeeds when nobody
      // answers.
      context.Consume(burst, slot);
      return;
    case Target::kGateway:
    case Target::kNat:
    case Target::kKnown:
      Answer(context, burst, slot, [&](rte_mbuf& answer) {
        // RFC 4861 7.2.8: a proxy's answer does not override.
        BuildNeighborAdvertisement(packet, meta,
                                   {.source = address,
                                    .mac = burst.state->settings().gateway_mac,
                                    .router = target == Target::kGateway,
                                    .override_flag = target != Target::kKnown},
                                   answer);
      });
      return;
  }
}

void HandleNeighborMessage(PipelineContext& context, Burst& burst,
                           uint32_t slot, const HostLookup& hosts) {
  if (!context.neighbor_limiter.Take(burst.in_port, kNeighborMessagesPerSecond,
                                     burst.now_ns)) {
    context.Drop(burst, slot, DropReason::kNeighborRate);
  } else if (LearnNextHop(context, burst, slot)) {
    context.Consume(burst, slot);
  } else if (burst.metas[slot].l3 == L3Kind::kArp) {
    HandleArp(context, burst, slot, hosts);
  } else {
    HandleNeighborDiscovery(context, burst, slot, hosts);
  }
}

bool IsEchoRequest(const PacketMeta& meta) {
  return meta.icmp == IcmpKind::kQuery &&
         meta.icmp_type == (meta.l3 == L3Kind::kIpv4 ? kIcmpEcho : kIcmpv6Echo);
}

void HandleGateway(PipelineContext& context, Burst& burst, uint32_t slot) {
  PacketMeta& meta = burst.metas[slot];
  // A ping in fragments is not put together again: the gateway has no memory
  // that a pod could fill.
  if (IsEchoRequest(meta) && meta.fragment == FragmentKind::kWhole) {
    TurnIntoEchoReply(*burst.packets[slot], meta,
                      burst.state->settings().gateway_mac);
    context.AnswerInPlace(burst, slot);
    return;
  }
  // RFC 1122 3.2.2.1 and RFC 4443 3.1 and 3.4: port unreachable where there
  // are ports, else protocol unreachable; never about an ICMP message.
  const IpProtocol protocol = meta.key.protocol;
  if (meta.icmp == IcmpKind::kNotIcmp) {
    const bool has_ports =
        protocol == IpProtocol::kTcp || protocol == IpProtocol::kUdp ||
        protocol == IpProtocol::kUdpLite || protocol == IpProtocol::kSctp;
    SendIcmpError(context, burst, slot,
                  has_ports ? IcmpError::kPortUnreachable
                            : IcmpError::kProtocolUnreachable);
  }
  context.Drop(burst, slot, DropReason::kLocalNoListener);
}

}  // namespace

void RunLocal(PipelineContext& context, Burst& burst) {
  if (burst.survivor_count == 0) return;
  const HostLookup hosts(*burst.state, *context.environment.identities);
  burst.KeepIf([&](uint32_t slot) {
    const PacketMeta& meta = burst.metas[slot];
    const IpAddress& destination = meta.key.destination;
    if (meta.l3 == L3Kind::kArp || meta.icmp == IcmpKind::kNeighborDiscovery) {
      HandleNeighborMessage(context, burst, slot, hosts);
    } else if (destination.IsMulticast()) {
      context.Drop(burst, slot, DropReason::kMulticastNotForwarded);
    } else if (IsLimitedBroadcast(destination)) {
      context.Drop(burst, slot, DropReason::kBroadcastNotForwarded);
    } else if (hosts.IsGateway(destination)) {
      HandleGateway(context, burst, slot);
    } else {
      return true;
    }
    return false;
  });
}

}  // namespace vswitch
