// Idle timeouts by protocol and state.

#include "dataplane/conntrack/timeouts.h"

namespace vswitch {
namespace {

using Timeouts = ConnectionTimeouts;

constexpr absl::string_view kEstablished =
    "RFC 5382 REQ-5: an established connection is kept for 2 h 4 min";
constexpr absl::string_view kTransitory =
    "RFC 5382 REQ-5: a connection that opens or closes is kept for 4 min";
constexpr absl::string_view kUdp =
    "RFC 4787 REQ-5: a UDP mapping is kept for 2 min";
constexpr absl::string_view kIcmp =
    "RFC 5508 REQ-2: an ICMP query is kept for 60 s";

}  // namespace

// The RFCs ask for 4 min after a reset (RFC 7857 section 2.2) and for 5 min of
// UDP (RFC 4787 REQ-5c), but do not insist.
constexpr std::array<TimeoutField, kTimeoutFieldCount> kTimeoutFields = {{
    {"tcp_syn_sent", &Timeouts::tcp_syn_sent_s, 240, 120, 240, kTransitory},
    {"tcp_syn_received", &Timeouts::tcp_syn_received_s, 240, 60, 240,
     kTransitory},
    {"tcp_established", &Timeouts::tcp_established_s, 7440, 432000, 7440,
     kEstablished},
    {"tcp_fin_wait", &Timeouts::tcp_fin_wait_s, 240, 120, 240, kTransitory},
    {"tcp_close_wait", &Timeouts::tcp_close_wait_s, 240, 60, 240, kTransitory},
    {"tcp_last_ack", &Timeouts::tcp_last_ack_s, 240, 30, 240, kTransitory},
    {"tcp_time_wait", &Timeouts::tcp_time_wait_s, 240, 120, 240, kTransitory},
    {"tcp_closed", &Timeouts::tcp_closed_s, 240, 10, 0, ""},
    // An end that repeats itself without an answer is not idle; when it stops
    // it has given up.
    {"tcp_retransmitted", &Timeouts::tcp_retransmitted_s, 300, 300, 240,
     kTransitory},
    {"tcp_unacknowledged", &Timeouts::tcp_unacknowledged_s, 7440, 300, 7440,
     kEstablished},
    // No RFC has figures for SCTP.  Its ends repeat INIT, COOKIE ECHO and the
    // like after at most 60 s (RFC 9260 section 16, RTO.Max); an association
    // without heartbeats is kept as long as a TCP connection.
    {"sctp_unreplied", &Timeouts::sctp_unreplied_s, 120, 30, 0, ""},
    {"sctp_cookie_wait", &Timeouts::sctp_cookie_wait_s, 120, 3, 0, ""},
    {"sctp_cookie_echoed", &Timeouts::sctp_cookie_echoed_s, 120, 3, 0, ""},
    {"sctp_established", &Timeouts::sctp_established_s, 7440, 210, 0, ""},
    {"sctp_shutdown_sent", &Timeouts::sctp_shutdown_sent_s, 120, 3, 0, ""},
    {"sctp_shutdown_ack_sent", &Timeouts::sctp_shutdown_ack_sent_s, 120, 3, 0,
     ""},
    {"sctp_closed", &Timeouts::sctp_closed_s, 10, 10, 0, ""},
    {"udp_unreplied", &Timeouts::udp_unreplied_s, 300, 30, 120, kUdp},
    {"udp", &Timeouts::udp_s, 300, 120, 120, kUdp},
    {"icmp", &Timeouts::icmp_s, 60, 30, 60, kIcmp},
    {"other", &Timeouts::other_s, 600, 600, 0, ""},
}};

ConnectionTimeouts CompleteTimeouts(const ConnectionTimeouts& wanted,
                                    TimeoutProfile profile) {
  ConnectionTimeouts timeouts = wanted;
  for (const TimeoutField& field : kTimeoutFields) {
    uint32_t& seconds = timeouts.*field.field;
    if (seconds != 0) continue;
    seconds = profile == TimeoutProfile::kLinux ? field.linux_s : field.rfc_s;
  }
  return timeouts;
}

ConnectionTimeouts DefaultTimeouts(TimeoutProfile profile) {
  return CompleteTimeouts({}, profile);
}

namespace {

uint32_t SctpSeconds(ConnectionState state,
                     const ConnectionTimeouts& timeouts) {
  switch (state) {
    case ConnectionState::kCookieWait:
      return timeouts.sctp_cookie_wait_s;
    case ConnectionState::kCookieEchoed:
      return timeouts.sctp_cookie_echoed_s;
    case ConnectionState::kEstablished:
      return timeouts.sctp_established_s;
    case ConnectionState::kShutdownSent:
      return timeouts.sctp_shutdown_sent_s;
    case ConnectionState::kShutdownAckSent:
      return timeouts.sctp_shutdown_ack_sent_s;
    case ConnectionState::kClosed:
      return timeouts.sctp_closed_s;
    default:
      return timeouts.sctp_unreplied_s;
  }
}

}  // namespace

uint32_t TimeoutSeconds(IpProtocol protocol, ConnectionState state,
                        const ConnectionTimeouts& timeouts) {
  switch (protocol) {
    case IpProtocol::kTcp:
      break;
    case IpProtocol::kSctp:
      return SctpSeconds(state, timeouts);
    case IpProtocol::kUdp:
    case IpProtocol::kUdpLite:
      return state == ConnectionState::kUnreplied ? timeouts.udp_unreplied_s
                                                  : timeouts.udp_s;
    case IpProtocol::kIcmp:
    case IpProtocol::kIcmpv6:
      return timeouts.icmp_s;
    default:
      return timeouts.other_s;
  }
  switch (state) {
    case ConnectionState::kSynReceived:
      return timeouts.tcp_syn_received_s;
    case ConnectionState::kEstablished:
      return timeouts.tcp_established_s;
    case ConnectionState::kFinWait:
      return timeouts.tcp_fin_wait_s;
    case ConnectionState::kCloseWait:
      return timeouts.tcp_close_wait_s;
    case ConnectionState::kLastAck:
      return timeouts.tcp_last_ack_s;
    case ConnectionState::kTimeWait:
      return timeouts.tcp_time_wait_s;
    case ConnectionState::kClosed:
      return timeouts.tcp_closed_s;
    default:
      return timeouts.tcp_syn_sent_s;
  }
}

}  // namespace vswitch
