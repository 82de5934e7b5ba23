// dataplane/forwarding/records.h
//
// The records of a generation that are plain arrays: ports, endpoints, routes'
// values and settings.  The control plane's compiler fills them, workers read
// them.  Policy and services have tables of their own (dataplane/policy, in
// pieces beside the blobs, and dataplane/nat); a ForwardingState
// (forwarding_state.h) holds all of one generation together.
//
// Every record is a plain value of fixed layout without pointers: it lies in
// memory that two processes map at different addresses.  Immutable once its
// generation is published.

#ifndef VSWITCH_DATAPLANE_FORWARDING_RECORDS_H_
#define VSWITCH_DATAPLANE_FORWARDING_RECORDS_H_

#include <cstdint>
#include <type_traits>

#include "dataplane/base/address.h"
#include "dataplane/base/ids.h"
#include "dataplane/base/router_tag.h"
#include "dataplane/nat/source_nat.h"

namespace vswitch {

// The blobs that a generation's root refers to, in the root's order.
enum class BlobKind : uint8_t {
  kSettings,         // one Settings
  kPorts,            // PortRecord[count], indexed by PortId
  kEndpoints,        // EndpointRecord[count], indexed by EndpointId
  kRoutes,           // dataplane/tables/route_table.h; values are RouteTarget
  kServices,         // dataplane/nat/service_table.h
  kEarlierServices,  // likewise: what they were before their last change
};
inline constexpr uint32_t kBlobKindCount = 6;

enum class PortKind : uint8_t {
  kNone,    // the slot is free
  kPod,     // untrusted: guarded against spoofing
  kHost,    // the node itself
  kUplink,  // the network outside
};

enum class PortDriver : uint8_t { kTap, kDpdk };

inline constexpr uint32_t kMaxPortAddresses = 8;

// One port.  `epoch` tells one use of a PortId from the next.  A port whose
// `ready` is 0 drops everything as PORT_NOT_READY; the control plane sets it in
// a second generation, once every worker has seen the first.
struct PortRecord {
  uint32_t epoch;
  PortKind kind;
  PortDriver driver;
  uint8_t ready;
  uint8_t address_count;
  EndpointId endpoint;  // kNoEndpoint for an uplink
  uint32_t mtu;         // largest L3 packet, bytes
  MacAddress peer_mac;  // of the pod's, host's or next hop's interface
  RouterTag router_tags[kFamilyCount];  // by FamilyIndex(); of `routers`
  uint8_t reserved[6];
  // Routers of an uplink, by FamilyIndex(), whose MAC addresses are asked for;
  // "::": all of the family goes to peer_mac.  NameRouter() sets one.
  IpAddress routers[kFamilyCount];
  IpAddress addresses[kMaxPortAddresses];  // what the peer may send from
  char name[64];     // zero-terminated, "namespace/pod" for a pod
  char device[192];  // zero-terminated, of driver kDpdk: its devargs
};

// Makes `router` the router of its family.  REQUIRES: port.epoch is set.
inline void NameRouter(PortRecord& port, const IpAddress& router) {
  const uint32_t index = FamilyIndex(router.family());
  port.routers[index] = router;
  port.router_tags[index] = TagOfRouter(router, port.epoch);
}

// One local endpoint.
struct EndpointRecord {
  PortId port;
  uint8_t is_host;  // the node: may always reach its pods
  uint8_t is_init;  // labels not known yet: closed both ways
  IdentityId identity;
  PolicySetId ingress;  // kNoPolicySet: not isolated
  PolicySetId egress;
  PolicySetId shadow_ingress;  // what shadow policies would make of it, or
  PolicySetId shadow_egress;   // kNoPolicySet: none select it
  MacAddress mac;
  uint8_t reserved[2];
};

// Where a route leads.
enum class RouteKind : uint8_t {
  kUnreachable,  // a range of pods: an address without an endpoint is nobody's
  kPort,         // out by `port`, to its peer_mac
  kBroadcast,    // all hosts of a range: RFC 1812 5.3.5.2, never forwarded
};
struct RouteTarget {
  RouteKind kind;
  uint8_t keeps_source;  // 1: no source translation on the way there
  PortId port;
};
static_assert(sizeof(RouteTarget) == 4);

// Seconds after which an idle connection is forgotten, by protocol and state;
// conntrack/timeouts.h has the figures of RFCs and Linux.
struct ConnectionTimeouts {
  uint32_t tcp_syn_sent_s;
  uint32_t tcp_syn_received_s;
  uint32_t tcp_established_s;
  uint32_t tcp_fin_wait_s;
  uint32_t tcp_close_wait_s;
  uint32_t tcp_last_ack_s;
  uint32_t tcp_time_wait_s;
  uint32_t tcp_closed_s;          // after a reset
  uint32_t tcp_retransmitted_s;   // sent thrice and more, and not acknowledged;
                                  // or begun in the middle and not answered
  uint32_t tcp_unacknowledged_s;  // established, with data on its way
  uint32_t sctp_unreplied_s;      // HEARTBEAT, or begun in the middle
  uint32_t sctp_cookie_wait_s;
  uint32_t sctp_cookie_echoed_s;
  uint32_t sctp_established_s;
  uint32_t sctp_shutdown_sent_s;
  uint32_t sctp_shutdown_ack_sent_s;
  uint32_t sctp_closed_s;
  uint32_t udp_unreplied_s;
  uint32_t udp_s;
  uint32_t icmp_s;
  uint32_t other_s;

  friend bool operator==(const ConnectionTimeouts&,
                         const ConnectionTimeouts&) = default;
};

// How much of the connection table may be in use at once.  0: a share of the
// table, see conntrack/connection_limits.h.
inline constexpr uint32_t kNoLimit = 0xffffffff;
struct ConnectionLimits {
  uint32_t half_open;  // not answered yet, of the whole switch
  uint32_t pod_connections;
  uint32_t pod_half_open;
  uint32_t pod_nat_ports;
};

inline constexpr uint32_t kMaxNodeAddresses = 8;
struct Settings {
  MacAddress gateway_mac;  // the switch's own, on every port
  PortId host_port;        // kNoPort when there is none
  IpAddress gateway_ipv4;  // unspecified (::) when the family is off
  IpAddress gateway_ipv6;
  IpAddress gateway_link_local;  // fe80:: address of gateway_mac
  uint32_t node_address_count;
  IpAddress node_addresses[kMaxNodeAddresses];
  NatSettings nat;
  ConnectionTimeouts timeouts;
  ConnectionLimits limits;
  uint32_t tcp_needs_syn;           // 1: nothing else begins a TCP connection
  uint32_t icmp_errors_per_second;  // of the whole switch, per worker
  uint32_t icmp_errors_per_second_port;  // caused by one port, per worker
  // A connection judged before this generation is judged again; raised by
  // changes that the revision table cannot name one by one.
  uint64_t judge_again_before;
  uint64_t maglev_seed;
};

static_assert(std::is_trivially_copyable_v<PortRecord> &&
              std::is_trivially_copyable_v<EndpointRecord> &&
              std::is_trivially_copyable_v<Settings>);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_FORWARDING_RECORDS_H_
