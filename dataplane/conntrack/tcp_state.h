// dataplane/conntrack/tcp_state.h
//
// The TCP state machine of connection tracking: 2 directions x 6 classes of
// flags x 10 states, after Linux' nf_conntrack (the observer's view of RFC
// 9293's states).  AdvanceTcp() says what a packet does to the state, and
// whether the packet belongs to the connection at all, as far as flags tell;
// tcp_window.h looks at the numbers as well.
//
//   TcpStep step = AdvanceTcp(FlowDirection::kOriginal, tcp_flags, state);
//   if (step.action == TrackAction::kInvalid) drop as CONNECTION_INVALID...
//
// Pure functions: any thread.

#ifndef VSWITCH_DATAPLANE_CONNTRACK_TCP_STATE_H_
#define VSWITCH_DATAPLANE_CONNTRACK_TCP_STATE_H_

#include <cstdint>
#include <optional>

#include "dataplane/base/flow_key.h"
#include "dataplane/conntrack/connection.h"

namespace vswitch {

// What decides, of a TCP header's flag byte.
enum class TcpFlagClass : uint8_t { kSyn, kSynAck, kFin, kAck, kRst, kNone };

// Returns the class of a TCP header's flag byte.  RST wins over SYN, SYN over
// FIN, FIN over ACK.
TcpFlagClass ClassifyTcpFlags(uint8_t tcp_flags);

// What a packet is to a connection.
enum class TrackAction : uint8_t {
  kPass,     // part of it; the state may have changed
  kInvalid,  // not possible here: drop as CONNECTION_INVALID
  // Perhaps part of it, perhaps not, which its receiver knows: it passes, but
  // does not keep the connection alive.
  kIgnore,
  // A reset that no end of the connection can have sent: drop as
  // CT_RST_OUT_OF_WINDOW.
  kResetOutOfWindow,
  // A SYN on a connection that is over: a new connection with the same ports.
  // Erase the entry (DeleteReason::kReopened) and take the first-packet path.
  kReopen,
};

struct TcpStep {
  TrackAction action = TrackAction::kInvalid;
  ConnectionState next = ConnectionState::kNone;  // unchanged unless kPass

  friend bool operator==(const TcpStep&, const TcpStep&) = default;
};

// Returns what a packet with `tcp_flags` does to a connection in `state`, one
// of the TCP states.
TcpStep AdvanceTcp(FlowDirection direction, uint8_t tcp_flags,
                   ConnectionState state);

// Returns the state of a connection that begins with a packet of `protocol`
// (`tcp_flags` counts for TCP only), or nothing when such a packet begins none.
// If `may_pick_up`, an ACK begins one, established: the middle of a connection
// that was there before the switch.
std::optional<ConnectionState> FirstState(IpProtocol protocol,
                                          uint8_t tcp_flags, bool may_pick_up);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_CONNTRACK_TCP_STATE_H_
