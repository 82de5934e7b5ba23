// dataplane/conntrack/sctp_state.h
//
// The states of an SCTP association as an observer between its ends sees them
// (RFC 9260 section 4), and the verification tags (section 8.5): each end says
// in INIT or INIT ACK which tag the other's packets are to carry, and drops
// what carries another.  So does the switch: who does not see the packets
// cannot guess 32 bits.
//
//   SctpTags own = ..., peer = ...;  // of the packet's direction, the other's
//   const SctpTrack track =
//       TrackSctp(view.direction, packet, view.state, own, peer);
//   if (track.action == TrackAction::kPass) keep track.next, own and peer...
//
// States: COOKIE_WAIT (INIT seen), COOKIE_ECHOED, ESTABLISHED, SHUTDOWN_SENT
// (by either end), SHUTDOWN_ACK_SENT, CLOSE.  UNREPLIED is an association that
// the switch saw no INIT of: another path of a multi-homed one, which begins
// with HEARTBEAT, or one that is older than the switch; a packet of the other
// end makes it ESTABLISHED.
//
// Two INITs at once (5.2.1) need no state of their own: either end's COOKIE
// ECHO and the other's COOKIE ACK establish the association.  An INIT within an
// association (5.2.2) may be a restart or a lie.  Its tag, and that of the INIT
// ACK that answers it, are kept as offered; COOKIE ECHO or COOKIE ACK with an
// offered tag, which only the ends can send, puts them into force.
//
// Pure functions on plain values: any thread.

#ifndef VSWITCH_DATAPLANE_CONNTRACK_SCTP_STATE_H_
#define VSWITCH_DATAPLANE_CONNTRACK_SCTP_STATE_H_

#include <array>
#include <cstdint>
#include <optional>

#include "dataplane/conntrack/connection.h"
#include "dataplane/conntrack/tcp_state.h"
#include "dataplane/conntrack/tcp_window.h"

namespace vswitch {

// Chunk types, RFC 9260 section 3.2.
enum class SctpChunk : uint8_t {
  kData = 0,
  kInit = 1,
  kInitAck = 2,
  kSack = 3,
  kHeartbeat = 4,
  kHeartbeatAck = 5,
  kAbort = 6,
  kShutdown = 7,
  kShutdownAck = 8,
  kError = 9,
  kCookieEcho = 10,
  kCookieAck = 11,
  kShutdownComplete = 14,
};

// What of a packet matters here; host byte order.
struct SctpPacket {
  uint32_t tag = 0;           // of the header
  uint32_t initiate_tag = 0;  // of INIT and INIT ACK
  uint32_t chunks = 0;        // 1 << type for each type below 32 that is there
  bool is_reflected = false;  // ABORT or SHUTDOWN COMPLETE with the T bit
  bool is_whole = false;      // else the chunks are not known: a fragment

  bool Has(SctpChunk chunk) const {
    return (chunks >> static_cast<uint32_t>(chunk) & 1) != 0;
  }
};

// The tags that packets of one direction carry.
struct SctpTags {
  uint32_t tag = 0;         // 0: not known
  uint32_t offered = 0;     // by an INIT within the association; 0: none
  bool has_echoed = false;  // has sent COOKIE ECHO

  friend bool operator==(const SctpTags&, const SctpTags&) = default;
};

// Where they lie in the connection table: in a direction's TcpWindow, which
// SCTP has no other use for.
TcpWindow ToWindow(const SctpTags& tags);
SctpTags ToSctpTags(const TcpWindow& window);

struct SctpTrack {
  TrackAction action = TrackAction::kInvalid;
  ConnectionState next = ConnectionState::kNone;  // unchanged unless kPass

  friend bool operator==(const SctpTrack&, const SctpTrack&) = default;
};

// Returns what a packet of `direction` does to an association in `state`, and
// notes its tags in `own` and `peer`.
SctpTrack TrackSctp(FlowDirection direction, const SctpPacket& packet,
                    ConnectionState state, SctpTags& own, SctpTags& peer);

// Returns the state of an association that begins with the packet, or nothing
// if such a packet begins none.  If `may_pick_up`, a packet from the middle of
// an association begins one.
std::optional<ConnectionState> FirstSctpState(const SctpPacket& packet,
                                              bool may_pick_up);

// Returns what is kept of the packet that begins an association, by
// FlowDirection.
std::array<TcpWindow, 2> FirstSctpTags(const SctpPacket& packet);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_CONNTRACK_SCTP_STATE_H_
