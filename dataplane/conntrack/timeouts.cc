// Idle timeouts by protocol and state.

#include "dataplane/conntrack/timeouts.h"

namespace vswitch {

ConnectionTimeouts DefaultTimeouts(TimeoutProfile profile) {
  if (profile == TimeoutProfile::kLinux) {
    // nf_conntrack's sysctl defaults; tcp_transitory_s is the shortest that
    // covers SYN_SENT (120), SYN_RECV (60), FIN_WAIT (120), CLOSE_WAIT (60) and
    // LAST_ACK (30); udp_s is that of an answered stream.
    return {.tcp_established_s = 432000,
            .tcp_transitory_s = 120,
            .tcp_time_wait_s = 120,
            .tcp_closed_s = 10,
            .udp_s = 120,
            .icmp_s = 30,
            .other_s = 600};
  }
  return {.tcp_established_s = 7440,  // RFC 5382 REQ-5: at least 2 h 4 min
          .tcp_transitory_s = 240,    // RFC 5382 REQ-5: at least 4 min
          .tcp_time_wait_s = 240,     // RFC 5382 REQ-5, RFC 7857 section 2
          .tcp_closed_s = 240,        // RFC 7857 section 2.2: RST as FIN
          .udp_s = 300,               // RFC 4787 REQ-5: 5 min recommended
          .icmp_s = 60,               // RFC 5508 REQ-1: at least 60 s
          .other_s = 600};
}

uint32_t TimeoutSeconds(IpProtocol protocol, ConnectionState state,
                        const ConnectionTimeouts& timeouts) {
  switch (protocol) {
    case IpProtocol::kTcp:
      switch (state) {
        case ConnectionState::kEstablished:
          return timeouts.tcp_established_s;
        case ConnectionState::kTimeWait:
          return timeouts.tcp_time_wait_s;
        case ConnectionState::kClosed:
          return timeouts.tcp_closed_s;
        default:
          return timeouts.tcp_transitory_s;
      }
    case IpProtocol::kUdp:
    case IpProtocol::kUdpLite:
      return timeouts.udp_s;
    case IpProtocol::kIcmp:
    case IpProtocol::kIcmpv6:
      return timeouts.icmp_s;
    default:
      return timeouts.other_s;
  }
}

}  // namespace vswitch
