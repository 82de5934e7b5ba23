// The list of drop reasons with their names, stages and sources.

#include "dataplane/base/drop_reason.h"

#include <array>

namespace vswitch {
namespace {

using enum DropReason;
using enum DropStage;
using enum DropSeverity;

constexpr std::array<DropReasonInfo, kDropReasonCount> kReasons = {{
    {kNone, "NONE", kSwitch, kExpected, "not dropped", ""},
    {kPortNotReady, "PORT_NOT_READY", kGuard, kExpected,
     "port is not ready: no worker may use it yet", "design 2.3"},
    {kRxTooLong, "RX_TOO_LONG", kReceive, kAttack,
     "frame is longer than the port's MTU allows", "faults M021"},
    {kRxNoMbuf, "RX_NO_MBUF", kReceive, kResource,
     "no buffer was free for a received frame", "faults F-25"},
    {kRxVnetHeader, "RX_VNET_HEADER", kReceive, kAttack,
     "virtio-net header contradicts the frame", "faults F-28"},
    {kL2Short, "L2_SHORT", kParse, kAttack,
     "frame is shorter than its Ethernet header", "IEEE 802.3"},
    {kL2Type, "L2_TYPE", kParse, kExpected,
     "EtherType is neither IPv4, IPv6 nor ARP", "IEEE 802.3"},
    {kL2Llc, "L2_LLC", kParse, kAttack,
     "IEEE 802.3 length frame with LLC or SNAP", "CVE-2021-27861"},
    {kVlanFromPod, "VLAN_FROM_POD", kParse, kAttack,
     "VLAN tag from a port that may not send one", "CVE-2021-27854"},
    {kVlanInvalid, "VLAN_INVALID", kParse, kAttack, "VLAN 4095", "IEEE 802.1Q"},
    {kL2SrcMcast, "L2_SRC_MCAST", kGuard, kAttack,
     "source MAC address is a group address", "IEEE 802.3"},
    {kL2SrcInvalid, "L2_SRC_INVALID", kGuard, kAttack,
     "source MAC address is all zeros or all ones", "IEEE 802.3"},
    {kL2Loop, "L2_LOOP", kGuard, kAttack,
     "source MAC address is the gateway's: a loop", "faults M015"},
    {kL2OtherHost, "L2_OTHER_HOST", kGuard, kExpected,
     "unicast frame for a MAC address that is not the gateway's",
     "faults M017"},
    {kL2L3CastMismatch, "L2_L3_CAST_MISMATCH", kGuard, kAttack,
     "unicast packet in a group-addressed frame", "RFC 1122 3.3.6"},
    {kL2Reserved, "L2_RESERVED", kGuard, kAttack,
     "link-constrained group address 01:80:c2:00:00:0x", "IEEE 802.1D"},
    {kSpoofMacSrc, "SPOOF_MAC_SRC", kGuard, kAttack,
     "source MAC address is not the port's", "faults M016"},
    {kSpoofIpSrc, "SPOOF_IP_SRC", kGuard, kAttack,
     "source IP address is not the port's", "RFC 2827"},
    {kArpMalformed, "ARP_MALFORMED", kParse, kAttack,
     "ARP packet with a wrong length, type or operation", "RFC 826"},
    {kArpSpoof, "ARP_SPOOF", kGuard, kAttack,
     "ARP sender is not the port's own", "RFC 5227"},
    {kArpUnknownTarget, "ARP_UNKNOWN_TARGET", kLocal, kExpected,
     "ARP request for an address that is not known", "RFC 1027"},
    {kArpUnsolicited, "ARP_UNSOLICITED", kLocal, kExpected,
     "ARP reply that nobody asked for: changes nothing", "RFC 5227"},
    {kNdMalformed, "ND_MALFORMED", kParse, kAttack,
     "neighbour discovery message that RFC 4861 says to discard",
     "RFC 4861 7.1"},
    {kNdSpoof, "ND_SPOOF", kGuard, kAttack,
     "neighbour discovery names an address that is not the port's", "RFC 4861"},
    {kNdRaFromPod, "ND_RA_FROM_POD", kGuard, kAttack,
     "router advertisement or redirect from a pod", "CVE-2020-10749"},
    {kNdFragmented, "ND_FRAGMENTED", kParse, kAttack,
     "neighbour discovery in fragments", "RFC 6980"},
    {kNdUnknownTarget, "ND_UNKNOWN_TARGET", kLocal, kExpected,
     "neighbour solicitation for an address that is not known", "RFC 4861 7.2"},
    {kNdUnsolicited, "ND_UNSOLICITED", kLocal, kExpected,
     "neighbour advertisement or router solicitation: not needed", "RFC 4861"},
    {kDhcpServerFromPod, "DHCP_SERVER_FROM_POD", kGuard, kAttack,
     "DHCP server message from a pod", "faults ND-07"},
    {kTunnelFromPod, "TUNNEL_FROM_POD", kGuard, kAttack,
     "VXLAN or Geneve from a pod", "faults F-61"},
    {kMulticastNotForwarded, "MULTICAST_NOT_FORWARDED", kLocal, kExpected,
     "multicast is not forwarded", "faults F-64"},
    {kBroadcastNotForwarded, "BROADCAST_NOT_FORWARDED", kLocal, kExpected,
     "broadcast is not forwarded", "RFC 1812 5.3.5"},
    {kL3Short, "L3_SHORT", kParse, kAttack,
     "packet is shorter than its IP header", "RFC 1812 5.2.2"},
    {kIpVersion, "IP_VERSION", kParse, kAttack,
     "IP version does not fit the EtherType", "RFC 1812 5.2.2"},
    {kIp4Ihl, "IP4_IHL", kParse, kAttack,
     "IPv4 header length under 20 or over the packet", "RFC 1812 5.2.2"},
    {kIp4Len, "IP4_LEN", kParse, kAttack,
     "IPv4 total length contradicts the frame", "RFC 1812 5.2.2"},
    {kIp4Csum, "IP4_CSUM", kParse, kAttack, "IPv4 header checksum is wrong",
     "RFC 1812 5.2.2"},
    {kIp4Opt, "IP4_OPT", kParse, kAttack, "IPv4 option overruns the header",
     "RFC 791"},
    {kIp4SrcRoute, "IP4_SRC_ROUTE", kParse, kAttack, "IPv4 source route",
     "RFC 1812 5.3.13"},
    {kIp6Len, "IP6_LEN", kParse, kAttack,
     "IPv6 payload length contradicts the frame", "RFC 8200"},
    {kIp6Jumbo, "IP6_JUMBO", kParse, kAttack, "IPv6 jumbogram", "RFC 2675"},
    {kIp6ExtOrder, "IP6_EXT_ORDER", kParse, kAttack,
     "IPv6 hop-by-hop header not first or repeated", "RFC 8200 4.1"},
    {kIp6ExtLen, "IP6_EXT_LEN", kParse, kAttack,
     "IPv6 extension header overruns the packet", "RFC 8200"},
    {kIp6ExtChain, "IP6_EXT_CHAIN", kParse, kAttack,
     "more than 8 IPv6 extension headers or 256 bytes of them", "RFC 7045"},
    {kIp6Option, "IP6_OPTION", kParse, kAttack,
     "IPv6 option that must be understood or is malformed", "RFC 8200 4.2"},
    {kIp6Rh0, "IP6_RH0", kParse, kAttack, "IPv6 routing header of type 0",
     "RFC 5095"},
    {kIp6Rh, "IP6_RH", kParse, kAttack,
     "IPv6 routing header that is not enabled or malformed", "RFC 8200 4.4"},
    {kMartianSrc, "MARTIAN_SRC", kGuard, kAttack,
     "source address may not be on the wire", "RFC 1812 5.3.7"},
    {kMartianDst, "MARTIAN_DST", kGuard, kAttack,
     "destination address may not be on the wire", "RFC 1812 5.3.7"},
    {kLinkLocalScope, "LINK_LOCAL_SCOPE", kGuard, kExpected,
     "link-local address may not be routed", "RFC 4291 2.5.6"},
    {kLand, "LAND", kGuard, kAttack,
     "source and destination address are the same", "CVE-1999-0016"},
    {kFragInvalid, "FRAG_INVALID", kParse, kAttack,
     "fragment with impossible offset, length or flags", "RFC 791"},
    {kFragTiny, "FRAG_TINY", kParse, kAttack,
     "first fragment does not hold the L4 header", "RFC 3128"},
    {kFragChain, "FRAG_CHAIN", kParse, kAttack,
     "first IPv6 fragment without the whole header chain", "RFC 7112"},
    {kFragOverlap, "FRAG_OVERLAP", kFragments, kAttack,
     "fragments of one datagram overlap", "RFC 5722"},
    {kFragTimeout, "FRAG_TIMEOUT", kFragments, kExpected,
     "fragments of a datagram did not all come in time", "RFC 1122 3.3.2"},
    {kFragQuota, "FRAG_QUOTA", kFragments, kResource,
     "too many datagrams in fragments", "faults F-55"},
    {kFragNoFirst, "FRAG_NO_FIRST", kFragments, kExpected,
     "first fragment of the datagram began no connection", "RFC 4787 REQ-14"},
    {kL4Short, "L4_SHORT", kParse, kAttack, "packet ends inside its L4 header",
     "RFC 9293"},
    {kL4PortZero, "L4_PORT_ZERO", kParse, kAttack, "TCP or UDP port 0",
     "RFC 6335"},
    {kUdpLen, "UDP_LEN", kParse, kAttack, "UDP length contradicts the packet",
     "RFC 768"},
    {kUdpCsum, "UDP_CSUM", kParse, kAttack, "UDP checksum is wrong", "RFC 768"},
    {kUdpCsumZero, "UDP_CSUM_ZERO", kParse, kAttack,
     "UDP over IPv6 without a checksum", "RFC 8200 8.1"},
    {kUdpLiteCoverage, "UDP_LITE_COVERAGE", kParse, kAttack,
     "UDP-Lite checksum coverage is impossible", "RFC 3828"},
    {kTcpDataOffset, "TCP_DATA_OFFSET", kParse, kAttack,
     "TCP data offset under 20 or over the segment", "RFC 9293"},
    {kTcpCsum, "TCP_CSUM", kParse, kAttack, "TCP checksum is wrong",
     "RFC 9293"},
    {kTcpFlags, "TCP_FLAGS", kParse, kAttack, "TCP flags that no state allows",
     "RFC 9293"},
    {kTcpOption, "TCP_OPTION", kParse, kAttack,
     "TCP option with an impossible length", "RFC 9293"},
    {kSctpCsum, "SCTP_CSUM", kParse, kAttack, "SCTP CRC32c is wrong",
     "RFC 9260"},
    {kSctpChunk, "SCTP_CHUNK", kParse, kAttack,
     "SCTP chunk with an impossible length", "RFC 9260"},
    {kEspSpi, "ESP_SPI", kParse, kAttack, "ESP with SPI 0", "RFC 4303"},
    {kIcmpCsum, "ICMP_CSUM", kParse, kAttack, "ICMP checksum is wrong",
     "RFC 792"},
    {kIcmpType, "ICMP_TYPE", kGuard, kExpected,
     "ICMP type that is not forwarded", "RFC 5508 REQ-11"},
    {kIcmpRedirect, "ICMP_REDIRECT", kGuard, kAttack, "ICMP redirect",
     "RFC 1812 5.2.7.2"},
    {kIcmpInner, "ICMP_INNER", kParse, kAttack,
     "packet inside an ICMP error is malformed", "RFC 5508 REQ-3"},
    {kIcmpInnerCsum, "ICMP_INNER_CSUM", kParse, kAttack,
     "IP header inside an ICMP error has a wrong checksum", "RFC 5508 REQ-3"},
    {kIcmpNoFlow, "ICMP_NO_FLOW", kConnections, kAttack,
     "ICMP error for a connection that is not known", "RFC 5508 REQ-4"},
    {kMldInvalid, "MLD_INVALID", kParse, kAttack,
     "MLD with a wrong hop limit or source", "RFC 2710"},
    {kTtl, "TTL", kFirstPacket, kExpected, "TTL or hop limit ran out",
     "RFC 1812 5.3.1"},
    {kMtuExceeded, "MTU_EXCEEDED", kRewrite, kExpected,
     "packet does not fit the MTU and may not be fragmented", "RFC 1191"},
    {kNoRoute, "NO_ROUTE", kFirstPacket, kExpected,
     "no route to the destination", "RFC 1812 5.2.7.1"},
    {kHostUnreachable, "HOST_UNREACHABLE", kFirstPacket, kExpected,
     "destination is in a pod range but no pod has it", "RFC 1812 5.2.7.1"},
    {kLocalNoListener, "LOCAL_NO_LISTENER", kLocal, kExpected,
     "the gateway offers nothing on that protocol or port", "RFC 1122 3.2.2.1"},
    {kPolicyDenied, "POLICY_DENIED", kFirstPacket, kExpected,
     "policy isolates and no rule allows", "Kubernetes NetworkPolicy"},
    {kPolicyDenyRule, "POLICY_DENY_RULE", kFirstPacket, kExpected,
     "a rule of a policy denies", "CiliumNetworkPolicy"},
    {kEndpointInit, "ENDPOINT_INIT", kFirstPacket, kExpected,
     "labels of the pod are not known yet", "cni-and-control 3"},
    {kServiceNoBackend, "SERVICE_NO_BACKEND", kFirstPacket, kExpected,
     "service has no ready endpoint", "Kubernetes Service"},
    {kServiceNoPort, "SERVICE_NO_PORT", kFirstPacket, kExpected,
     "service address without that protocol and port", "Kubernetes Service"},
    {kServiceHairpin, "SERVICE_HAIRPIN", kFirstPacket, kExpected,
     "service chose the client itself as its backend", "Kubernetes Service"},
    {kConnectionsFull, "CONNECTIONS_FULL", kFirstPacket, kResource,
     "connection table is full", "faults F-51"},
    {kConnectionQuota, "CONNECTION_QUOTA", kFirstPacket, kResource,
     "pod has its quota of connections, or of unanswered ones", "faults F-51"},
    {kConnectionInvalid, "CONNECTION_INVALID", kConnections, kAttack,
     "TCP segment that the connection's state or window forbids", "RFC 9293"},
    {kConnectionRstWindow, "CONNECTION_RST_WINDOW", kConnections, kAttack,
     "TCP RST out of the window", "RFC 5961"},
    {kNatFiltered, "NAT_FILTERED", kConnections, kExpected,
     "remote end is not allowed by the mapping", "RFC 4787 REQ-8"},
    {kNatNoMapping, "NAT_NO_MAPPING", kFirstPacket, kExpected,
     "no NAT mapping for the packet", "RFC 4787"},
    {kNatPodQuota, "NAT_POD_QUOTA", kFirstPacket, kResource,
     "pod has its quota of NAT ports", "RFC 6888 REQ-4"},
    {kNatPortsExhausted, "NAT_PORTS_EXHAUSTED", kFirstPacket, kResource,
     "no free NAT port", "RFC 6888 REQ-11"},
    {kNoMbuf, "NO_MBUF", kRewrite, kResource,
     "no buffer was free for a packet of the switch's own", "faults F-25"},
    {kTxPeerFull, "TX_PEER_FULL", kTransmit, kResource,
     "the peer of the port does not read", "faults F-24"},
    {kTxLinkDown, "TX_LINK_DOWN", kTransmit, kExpected,
     "link of the port is down", "faults F-20"},
    {kTxPortGone, "TX_PORT_GONE", kTransmit, kExpected, "port was removed",
     "faults F-21"},
    {kTxTooLong, "TX_TOO_LONG", kTransmit, kBug,
     "packet is longer than the port's MTU", "design 6"},
    {kTxNoOffload, "TX_NO_OFFLOAD", kTransmit, kExpected,
     "port cannot cut or sum this segment", "design 6"},
    {kTxRejected, "TX_REJECTED", kTransmit, kExpected,
     "the kernel refused the frame", "faults F-26"},
    {kDataplaneRestarted, "DATAPLANE_RESTARTED", kSwitch, kResource,
     "packet was held by a dataplane that was killed", "design 2.4"},
    {kQuarantine, "QUARANTINE", kSwitch, kAttack,
     "packet has the pattern that crashed the dataplane", "faults F-04"},
    {kServiceInsideOnly, "SERVICE_INSIDE_ONLY", kFirstPacket, kExpected,
     "service is for pods and the node, not for clients from outside",
     "Kubernetes Service"},
    {kServiceSourceRange, "SERVICE_SOURCE_RANGE", kFirstPacket, kExpected,
     "client is in none of the service's loadBalancerSourceRanges",
     "Kubernetes Service"},
    {kServiceNoLocalBackend, "SERVICE_NO_LOCAL_BACKEND", kFirstPacket,
     kExpected, "traffic policy Local, and all backends are of other nodes",
     "Kubernetes Service"},
    {kIcmpMtu, "ICMP_MTU", kConnections, kAttack,
     "ICMP error with a path MTU that no link has", "RFC 8201 4"},
    {kNeighborRate, "NEIGHBOR_RATE", kLocal, kAttack,
     "port sends more ARP or neighbour discovery than is answered",
     "conformance A-11"},
}};

// A row stands at the index of its number, so that look-ups are array reads.
constexpr bool RowsAreInOrder() {
  for (uint32_t i = 0; i < kDropReasonCount; ++i) {
    if (static_cast<uint32_t>(kReasons[i].reason) != i) return false;
  }
  return true;
}
static_assert(RowsAreInOrder());

constexpr std::array<absl::string_view, 10> kStageNames = {
    "receive",     "parse",        "guard",   "local",    "fragments",
    "connections", "first_packet", "rewrite", "transmit", "switch"};

constexpr std::array<absl::string_view, 4> kSeverityNames = {
    "expected", "attack", "resource", "bug"};

}  // namespace

std::span<const DropReasonInfo> DropReasons() { return kReasons; }

const DropReasonInfo& GetDropReasonInfo(DropReason reason) {
  return kReasons[static_cast<uint8_t>(reason) % kDropReasonCount];
}

absl::string_view DropStageName(DropStage stage) {
  return kStageNames[static_cast<uint8_t>(stage)];
}

absl::string_view DropSeverityName(DropSeverity value) {
  return kSeverityNames[static_cast<uint8_t>(value)];
}

std::optional<DropReason> FindDropReason(absl::string_view name) {
  for (const DropReasonInfo& info : kReasons) {
    if (info.name == name) return info.reason;
  }
  return std::nullopt;
}

}  // namespace vswitch
