// Stage guard: what a port may not send.  The order of the checks is that of
// spec/faults.md 4.5: MAC address, ARP and neighbour discovery, IP source,
// martians, then the protocols that only infrastructure speaks.

#include "dataplane/packet/build.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/packet.h"
#include "dataplane/packet/parse.h"
#include "dataplane/pipeline/burst.h"
#include "dataplane/pipeline/context.h"
#include "dataplane/pipeline/host_lookup.h"
#include "dataplane/pipeline/stages.h"

namespace vswitch {
namespace {

constexpr Be16 kDhcpServer = Be16::FromHost(67);
constexpr Be16 kDhcpClient = Be16::FromHost(68);
constexpr Be16 kDhcpv6Client = Be16::FromHost(546);
constexpr Be16 kDhcpv6Server = Be16::FromHost(547);
constexpr Be16 kVxlan = Be16::FromHost(4789);
constexpr Be16 kVxlanLinux = Be16::FromHost(8472);  // before its assignment
constexpr Be16 kGeneve = Be16::FromHost(6081);

// The checks of one burst: all its packets came in by one port.
class Guard {
 public:
  Guard(const PipelineContext& context, const Burst& burst)
      : burst_(burst),
        port_(*burst.port),
        settings_(burst.state->settings()),
        hosts_(*burst.state, *context.environment.identities),
        is_pod_(burst.port->kind == PortKind::kPod) {}

  // Notes in `meta` what is left to be checked.
  DropReason Check(const rte_mbuf& packet, PacketMeta& meta) const {
    const auto& ethernet = *HeaderAt<EthernetHeader>(packet, 0);
    DropReason reason = CheckEthernet(ethernet);
    if (reason != DropReason::kNone) return reason;
    if (meta.l3 == L3Kind::kArp) return CheckArp(packet, ethernet, meta);
    if (meta.icmp == IcmpKind::kNeighborDiscovery) {
      reason = CheckNeighborDiscovery(packet, ethernet, meta);
      if (reason != DropReason::kNone) return reason;
    }
    reason = CheckIpAddresses(meta);
    if (reason != DropReason::kNone) return reason;
    if (ethernet.destination.IsMulticast() && !IsGroup(meta.key.destination)) {
      return DropReason::kL2L3CastMismatch;
    }
    if (is_pod_) {
      reason = CheckInfrastructure(meta);
      if (reason != DropReason::kNone) return reason;
    }
    return CheckIcmp(meta);
  }

 private:
  static bool IsGroup(const IpAddress& address) {
    return address.IsMulticast() || IsLimitedBroadcast(address);
  }

  DropReason CheckEthernet(const EthernetHeader& ethernet) const {
    const MacAddress& source = ethernet.source;
    if (source.IsZero() || source.IsBroadcast()) {
      return DropReason::kL2SrcInvalid;
    }
    if (source.IsMulticast()) return DropReason::kL2SrcMcast;
    if (source == settings_.gateway_mac) return DropReason::kL2Loop;
    if (is_pod_ && source != port_.peer_mac) return DropReason::kSpoofMacSrc;
    if (!ethernet.destination.IsMulticast() &&
        ethernet.destination != settings_.gateway_mac) {
      return DropReason::kL2OtherHost;
    }
    return DropReason::kNone;
  }

  // Whether the port's peer may send from `address`.
  bool IsOwn(const IpAddress& address) const {
    return hosts_.MaySendFrom(port_, burst_.in_port, address);
  }

  // Whether the source of a packet is looked up only once it is known to be of
  // no connection: nothing before that answers it or remembers it.
  bool IsCheckedLater(const PacketMeta& meta) const {
    return !is_pod_ && meta.icmp == IcmpKind::kNotIcmp &&
           meta.fragment == FragmentKind::kWhole &&
           !IsGroup(meta.key.destination) &&
           !hosts_.IsGateway(meta.key.destination) &&
           !meta.key.source.IsLinkLocal() &&
           !meta.key.destination.IsLinkLocal();
  }

  // RFC 5227 2.1.1: the sender of a probe has no address yet.
  DropReason CheckArp(const rte_mbuf& packet, const EthernetHeader& ethernet,
                      const PacketMeta& meta) const {
    const auto& arp = *HeaderAt<ArpHeader>(packet, meta.l4_offset);
    if (arp.sender_mac != ethernet.source) return DropReason::kArpSpoof;
    const bool is_probe = Be32(arp.sender_ip) == Be32{0};
    return is_probe || IsOwn(meta.key.source) ? DropReason::kNone
                                              : DropReason::kArpSpoof;
  }

  DropReason CheckNeighborDiscovery(const rte_mbuf& packet,
                                    const EthernetHeader& ethernet,
                                    const PacketMeta& meta) const {
    const uint8_t type = meta.icmp_type;
    if (is_pod_ &&
        (type == kIcmpv6RouterAdvertisement || type == kIcmpv6Redirect)) {
      return DropReason::kNdRaFromPod;
    }
    if (type == kIcmpv6Redirect) return DropReason::kIcmpRedirect;
    const IpAddress& source = meta.key.source;
    if (!source.IsUnspecified() && !IsOwn(source)) return DropReason::kNdSpoof;
    for (uint8_t option : {kNdSourceLinkLayer, kNdTargetLinkLayer}) {
      const auto mac = FindLinkLayerOption(packet, meta, option);
      if (mac.has_value() && *mac != ethernet.source) {
        return DropReason::kNdSpoof;
      }
    }
    if (type == kIcmpv6NeighborAdvertisement &&
        !IsOwn(NeighborTarget(packet, meta))) {
      return DropReason::kNdSpoof;
    }
    return DropReason::kNone;
  }

  // The source is checked before the destination, and an address that is
  // nobody's is called so, rather than foreign.
  DropReason CheckIpAddresses(PacketMeta& meta) const {
    const DropReason martian = CheckAddresses(meta);
    if (martian == DropReason::kMartianSrc) return martian;
    // A host without an address: CheckAddresses() let pass what may be.
    const IpAddress& source = meta.key.source;
    meta.source_unchecked =
        martian == DropReason::kNone && IsCheckedLater(meta);
    if (!meta.source_unchecked && !source.IsUnspecified() && !IsOwn(source)) {
      return DropReason::kSpoofIpSrc;
    }
    if (martian != DropReason::kNone) return martian;
    return CheckLinkLocal(meta);
  }

  // RFC 4291 2.5.6 and RFC 3927 7: never routed.  The gateway and neighbour
  // discovery are on the link.
  DropReason CheckLinkLocal(const PacketMeta& meta) const {
    const FlowKey& key = meta.key;
    if (!key.source.IsLinkLocal() && !key.destination.IsLinkLocal()) {
      return DropReason::kNone;
    }
    const bool stays_on_link = meta.icmp == IcmpKind::kNeighborDiscovery ||
                               IsGroup(key.destination) ||
                               hosts_.IsGateway(key.destination);
    return stays_on_link ? DropReason::kNone : DropReason::kLinkLocalScope;
  }

  static DropReason CheckInfrastructure(const PacketMeta& meta) {
    if (meta.key.protocol != IpProtocol::kUdp) return DropReason::kNone;
    const Be16 from = meta.key.source_port;
    const Be16 to = meta.key.destination_port;
    if ((from == kDhcpServer && to == kDhcpClient) ||
        (from == kDhcpv6Server && to == kDhcpv6Client)) {
      return DropReason::kDhcpServerFromPod;
    }
    if (to == kVxlan || to == kVxlanLinux || to == kGeneve) {
      return DropReason::kTunnelFromPod;
    }
    return DropReason::kNone;
  }

  static DropReason CheckIcmp(const PacketMeta& meta) {
    if (meta.icmp != IcmpKind::kOther) return DropReason::kNone;
    const bool is_redirect =
        meta.l3 == L3Kind::kIpv4 && meta.icmp_type == kIcmpRedirect;
    return is_redirect ? DropReason::kIcmpRedirect : DropReason::kIcmpType;
  }

  const Burst& burst_;
  const PortRecord& port_;
  const Settings& settings_;
  const HostLookup hosts_;
  const bool is_pod_;
};

}  // namespace

void RunGuard(PipelineContext& context, Burst& burst) {
  if (burst.survivor_count == 0) return;
  const Guard guard(context, burst);
  burst.KeepIf([&](uint32_t slot) {
    const DropReason reason =
        guard.Check(*burst.packets[slot], burst.metas[slot]);
    if (reason == DropReason::kNone) return true;
    context.Drop(burst, slot, reason);
    return false;
  });
}

}  // namespace vswitch
