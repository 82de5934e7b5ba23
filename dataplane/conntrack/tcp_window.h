// dataplane/conntrack/tcp_window.h
//
// The TCP windows of a connection: which sequence and acknowledgement numbers
// its two ends can send, as an observer between them knows it, after Guido van
// Rooij's "Real Stateful TCP Packet Filtering in IP Filter" and Linux'
// nf_conntrack.  TrackTcp() puts states (tcp_state.h) and windows together: it
// says what one segment is to a connection, and what it changes.
//
//   TcpWindow own = ..., peer = ...;  // of the segment's direction, the
//   other's TcpTrack track = TrackTcp(view.direction, segment, view.state, own,
//   peer); if (track.action == TrackAction::kPass) keep track.next, own and
//   peer...
//
// A segment is in the window if, with every comparison modulo 2^32,
//
//   sequence   <= the highest that the peer has granted         (1)
//   end        >= own end - peer's largest window               (2)
//   ack, SACK  <= peer's end
//   ack, SACK  >= peer's end - max(own largest window, 66000)   (2)
//
// What fails at (2), or at (1) by less than a window, is left to its receiver:
// it passes, but says nothing.  A reset is to be in the window.
//
// "The highest granted" is kept by the direction that grants it, so that a
// window is written by its own direction's packets, but for rare cases.
//
// Pure functions on plain values: any thread.

#ifndef VSWITCH_DATAPLANE_CONNTRACK_TCP_WINDOW_H_
#define VSWITCH_DATAPLANE_CONNTRACK_TCP_WINDOW_H_

#include <algorithm>
#include <array>
#include <cstdint>

#include "dataplane/conntrack/connection.h"
#include "dataplane/conntrack/tcp_state.h"

namespace vswitch {

// RFC 7323 section 2.3.
inline constexpr uint8_t kMaxWindowScale = 14;

// What of a segment's header and options matters here; host byte order.
struct TcpSegment {
  uint32_t sequence = 0;
  uint32_t end = 0;  // sequence + payload bytes, + 1 each for SYN and FIN
  uint32_t acknowledgment = 0;
  uint32_t highest_sack = 0;  // right edge of a SACK block; or the above
  uint16_t window = 0;        // as in the header, not scaled
  uint8_t flags = 0;          // as in the header
  uint8_t scale = 0;          // of the window scale option, at most 14
  bool has_scale = false;
  bool permits_sack = false;
  bool is_fragment = false;  // the first one: `end` is not known
};

// TcpWindow::notes, above the window scale in the lowest four bits.
enum TcpNote : uint32_t {
  kTcpScaleMask = 0x0f,
  kTcpScaled = 0x10,        // sent the window scale option
  kTcpSack = 0x20,          // permits SACK
  kTcpLiberal = 0x40,       // numbers are not known: nothing is out of window
  kTcpAcknowledged = 0x80,  // `granted` and `highest_ack` hold
  // The connection's last packet was of this direction, and passed though the
  // state said nothing about it (Linux: "ignored"): a SYN, or an ACK that
  // answers a SYN; `last_*` are its.
  kTcpIgnoredSyn = 0x100,
  kTcpIgnoredAck = 0x200,
  kTcpSimultaneous = 0x400,  // answered a SYN with a SYN
};

// One direction of a connection.  All zero: nothing seen.
struct TcpWindow {
  uint32_t end = 0;         // behind the highest byte sent
  uint32_t granted = 0;     // the highest number that the peer may send
  uint32_t max_window = 0;  // largest window sent, scaled; 0: nothing seen
  uint32_t notes = 0;       // of TcpNote, and the scale
  // --- read by the other direction at SYN and RST only ---
  uint32_t highest_ack = 0;
  uint32_t last_end = 0;    // of the last segment with an ACK; or as ignored
  uint8_t last_notes = 0;   // of an ignored SYN: scale, kTcpScaled, kTcpSack
  uint8_t repetitions = 0;  // of the last data, up to kMaxRepetitions

  friend bool operator==(const TcpWindow&, const TcpWindow&) = default;
};

// As often the same data was sent again without news, the sender's peer is
// taken for gone (nf_conntrack_tcp_max_retrans).
inline constexpr uint8_t kMaxRepetitions = 3;

struct TcpTrack {
  TrackAction action = TrackAction::kInvalid;
  ConnectionState next = ConnectionState::kNone;  // unchanged unless kPass

  friend bool operator==(const TcpTrack&, const TcpTrack&) = default;
};

// Returns the windows, by FlowDirection, of a connection that begins with
// `segment`.  Without SYN it is picked up in its middle, whose numbers are not
// known: both windows are liberal.
std::array<TcpWindow, 2> FirstWindows(const TcpSegment& segment);

// Returns what `segment`, of `direction`, does to a connection in `state`, and
// notes it in the windows: in `own`, and in `peer` where the segment says
// something about the peer that its packets did not (it began before the
// switch, it sent beyond its window, a SYN of its own is answered).
TcpTrack TrackTcp(FlowDirection direction, const TcpSegment& segment,
                  ConnectionState state, TcpWindow& own, TcpWindow& peer);

// The same for the segment that nearly all are: whole, with ACK and without
// SYN, FIN, RST, URG and SACK blocks, of an established connection both of
// whose ends have spoken.  Returns whether it passes and leaves the state and
// `peer` as they are, and notes it in `own`; if not, or in doubt, changes
// nothing, and TrackTcp() says what the segment is.
inline bool PassOrdinaryAck(const TcpSegment& segment, TcpWindow& own,
                            const TcpWindow& peer) {
  const auto is_after = [](uint32_t a, uint32_t b) {
    return static_cast<int32_t>(a - b) > 0;
  };
  const uint32_t notes = own.notes | peer.notes;
  constexpr uint32_t kLeastAckWindow = 66000;  // as TrackTcp() has it
  const uint32_t ack_window = std::max(own.max_window, kLeastAckWindow);
  const uint32_t limit = peer.granted;
  if ((notes & (kTcpIgnoredSyn | kTcpIgnoredAck)) != 0 ||
      (peer.notes & kTcpAcknowledged) == 0 || own.max_window == 0 ||
      peer.max_window == 0 || is_after(segment.acknowledgment, peer.end) ||
      is_after(peer.end - ack_window, segment.acknowledgment) ||
      is_after(segment.sequence, limit) || is_after(segment.end, limit) ||
      is_after(own.end - peer.max_window, segment.end)) {
    return false;
  }
  const bool is_scaled = (own.notes & peer.notes & kTcpScaled) != 0;
  const uint32_t window = uint32_t{segment.window}
                          << (is_scaled ? own.notes & kTcpScaleMask : 0);
  own.max_window = std::max(own.max_window, window);
  const bool is_news = is_after(segment.end, own.end);
  if (is_news) own.end = segment.end;
  const uint32_t granted =
      segment.acknowledgment + std::max<uint32_t>(window, 1);
  const bool is_first = (own.notes & kTcpAcknowledged) == 0;
  if (is_first || is_after(granted, own.granted)) own.granted = granted;
  if (is_first || is_after(segment.acknowledgment, own.highest_ack)) {
    own.highest_ack = segment.acknowledgment;
  }
  own.notes |= kTcpAcknowledged;
  if (segment.end != segment.sequence) {
    if (is_news || segment.end != own.last_end) {
      own.repetitions = 0;
    } else if (own.repetitions < kMaxRepetitions) {
      ++own.repetitions;
    }
  }
  own.last_end = segment.end;
  return true;
}

// Whether an end has sent what the other has not acknowledged.
bool IsUnacknowledged(const std::array<TcpWindow, 2>& windows);

// Whether an end repeats what the other does not acknowledge.
bool IsUnanswered(const std::array<TcpWindow, 2>& windows);

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_CONNTRACK_TCP_WINDOW_H_
