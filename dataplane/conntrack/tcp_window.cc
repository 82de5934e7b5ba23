// What one TCP segment is to a connection: states and windows together.

#include "dataplane/conntrack/tcp_window.h"

#include <algorithm>

#include "dataplane/base/planted_bug.h"

namespace vswitch {
namespace {

constexpr uint8_t kSyn = 0x02;
constexpr uint8_t kRst = 0x04;
constexpr uint8_t kAck = 0x10;

// How far an acknowledgement may lie behind, whatever the window (Linux).
constexpr uint32_t kLeastAckWindow = 66000;

// What a SYN's window is at most, which is not scaled (RFC 7323 section 2.2).
constexpr uint32_t kLargestSynWindow = 0xffff;

constexpr uint32_t kIgnored = kTcpIgnoredSyn | kTcpIgnoredAck;

enum class Fit : uint8_t {
  kIn,
  // Repeats what was sent or acknowledged, or comes a little early: its
  // receiver may tell.
  kUnsure,
  kOut,
};

bool IsAfter(uint32_t a, uint32_t b) { return static_cast<int32_t>(a - b) > 0; }
bool IsBefore(uint32_t a, uint32_t b) { return IsAfter(b, a); }

bool Has(const TcpSegment& segment, uint8_t flag) {
  return (segment.flags & flag) != 0;
}

// What the options of a SYN say, as notes.
uint32_t OptionNotes(const TcpSegment& segment) {
  uint32_t notes = 0;
  if (segment.has_scale) {
    notes |= kTcpScaled | std::min(segment.scale, kMaxWindowScale);
  }
  if (segment.permits_sack) notes |= kTcpSack;
  return notes;
}

// Both must have sent the option for it to count (RFC 7323 section 2.2).
uint32_t Scale(const TcpWindow& own, const TcpWindow& peer) {
  return (own.notes & peer.notes & kTcpScaled) != 0 ? own.notes & kTcpScaleMask
                                                    : 0;
}

// Returns the highest number that the direction `own` may send.
uint32_t Limit(const TcpWindow& own, const TcpWindow& peer) {
  if ((peer.notes & kTcpAcknowledged) != 0) return peer.granted;
  return own.end + ((own.notes & kTcpLiberal) != 0 ? own.max_window : 0);
}

// Begins a window with a SYN.
void Begin(const TcpSegment& segment, TcpWindow& own) {
  own = {.end = segment.end,
         .max_window = std::max<uint32_t>(segment.window, 1),
         .notes = OptionNotes(segment) |
                  (own.notes & (kTcpLiberal | kTcpSimultaneous))};
}

// Begins the window of a direction of which nothing was seen, in the middle.
void PickUp(const TcpSegment& segment, uint32_t sack, TcpWindow& own,
            TcpWindow& peer) {
  own.end = segment.end;
  own.max_window =
      std::max<uint32_t>(uint32_t{segment.window} << Scale(own, peer), 1);
  if (peer.max_window == 0) {
    peer.end = sack;
  } else if (sack == peer.end + 1) {
    ++peer.end;  // the answer to a keepalive
  }
}

// A segment's numbers, made comparable.
struct Numbers {
  uint32_t sequence;
  uint32_t end;
  uint32_t ack;
  uint32_t sack;
};

Numbers NumbersOf(const TcpSegment& segment, ConnectionState state,
                  const TcpWindow& own, const TcpWindow& peer) {
  Numbers numbers{segment.sequence, segment.end, segment.acknowledgment,
                  segment.acknowledgment};
  if ((peer.notes & kTcpSack) != 0) numbers.sack = segment.highest_sack;
  // Resets come with the flag and without a number, too.
  const bool has_ack =
      Has(segment, kAck) && (!Has(segment, kRst) || numbers.ack != 0);
  if (!has_ack) numbers.ack = numbers.sack = peer.end;
  // A reset that answers a SYN has no number of its own (RFC 9293 3.10.7.1).
  if (Has(segment, kRst) && segment.sequence == 0 &&
      state == ConnectionState::kSynSent) {
    numbers.sequence = numbers.end = own.end;
  }
  return numbers;
}

Fit FitOf(const Numbers& numbers, TcpWindow& own, const TcpWindow& peer) {
  const uint32_t limit = Limit(own, peer);
  const uint32_t ack_window = std::max(own.max_window, kLeastAckWindow);
  const bool ack_is_new = IsAfter(numbers.sack, peer.end);
  const bool ack_is_old = IsBefore(numbers.sack, peer.end - ack_window);
  const bool data_is_old =
      peer.max_window != 0 && IsBefore(numbers.end, own.end - peer.max_window);
  if (ack_is_new) return Fit::kOut;
  if (IsAfter(numbers.sequence, limit) !=
      (kPlantedBug == PlantedBug::kWindowInverted)) {
    // Some send a little more than they may; the peer may take it, and its
    // acknowledgement is to be known.
    if (data_is_old || ack_is_old ||
        numbers.end - limit + 1 > peer.max_window) {
      return Fit::kOut;
    }
    if (IsAfter(numbers.end, own.end)) own.end = numbers.end;
    return Fit::kUnsure;
  }
  return data_is_old || ack_is_old ? Fit::kUnsure : Fit::kIn;
}

// Notes a segment that is in the window.
void Note(const TcpSegment& segment, const Numbers& numbers, TcpWindow& own,
          TcpWindow& peer) {
  const uint32_t limit = Limit(own, peer);
  uint32_t window = segment.window;
  if (!Has(segment, kSyn)) window <<= Scale(own, peer);
  own.max_window =
      std::max(own.max_window, window + numbers.sack - numbers.ack);
  const bool is_news = IsAfter(numbers.end, own.end);
  if (is_news) own.end = numbers.end;
  if (peer.max_window != 0 && IsAfter(numbers.end, limit)) {
    peer.max_window += numbers.end - limit;
  }
  if (Has(segment, kAck)) {
    // A closed window still lets one byte through, as a probe.
    const uint32_t granted = numbers.sack + std::max<uint32_t>(window, 1);
    const bool is_first = (own.notes & kTcpAcknowledged) == 0;
    if (is_first || IsAfter(granted, own.granted)) own.granted = granted;
    if (is_first || IsAfter(numbers.ack, own.highest_ack)) {
      own.highest_ack = numbers.ack;
    }
    own.notes |= kTcpAcknowledged;
  }
  if (numbers.end != numbers.sequence) {
    if (is_news || numbers.end != own.last_end) {
      own.repetitions = 0;
    } else if (own.repetitions < kMaxRepetitions) {
      ++own.repetitions;
    }
  }
  if (Has(segment, kAck)) own.last_end = numbers.end;
}

// Holds the segment against the windows and notes it there.
Fit Check(FlowDirection direction, const TcpSegment& segment,
          ConnectionState state, TcpWindow& own, TcpWindow& peer) {
  const bool is_syn = Has(segment, kSyn);
  // RFC 9293 3.4.3: a SYN that comes again may have another number.
  const bool begins_again = is_syn && IsAfter(segment.end, own.end) &&
                            (state == ConnectionState::kSynSent ||
                             state == ConnectionState::kSynReceived);
  const TcpWindow before = own;
  if (own.max_window == 0 && !is_syn) {
    PickUp(segment, NumbersOf(segment, state, own, peer).sack, own, peer);
  } else if (own.max_window == 0 || begins_again) {
    Begin(segment, own);
    // Simultaneous open: nothing to compare yet.
    if (direction == FlowDirection::kReply && !Has(segment, kAck)) {
      return Fit::kIn;
    }
  }
  if (segment.is_fragment) {
    own.notes |= kTcpLiberal;
    peer.notes |= kTcpLiberal;
  }
  const Numbers numbers = NumbersOf(segment, state, own, peer);
  const Fit fit = FitOf(numbers, own, peer);
  if (fit == Fit::kIn) {
    Note(segment, numbers, own, peer);
    return fit;
  }
  if (((own.notes | peer.notes) & kTcpLiberal) != 0) return Fit::kIn;
  // A SYN of another connection begins no window; a reset moves none.
  if (is_syn || Has(segment, kRst)) own = before;
  return fit;
}

// Notes a packet that passes though the state says nothing about it: the ends
// may know better than the switch.
void NoteIgnored(const TcpSegment& segment, TcpFlagClass flag_class,
                 ConnectionState state, TcpWindow& own, TcpWindow& peer) {
  own.notes &= ~kIgnored;
  peer.notes &= ~kIgnored;
  if (flag_class == TcpFlagClass::kSyn) {
    own.notes |= kTcpIgnoredSyn;
    own.last_end = segment.end;
    own.last_notes = static_cast<uint8_t>(OptionNotes(segment));
  } else if (flag_class == TcpFlagClass::kAck &&
             state == ConnectionState::kSynSent) {
    own.notes |= kTcpIgnoredAck;
    own.last_end = segment.end;
    own.highest_ack = segment.acknowledgment;
  }
}

// What a RST is to a connection.
enum class ResetKind : uint8_t {
  kChecked,  // is to be in the window
  kInexact,  // as above, but the state stays: for a challenge ACK
  kCertain,  // ends the connection whatever the window
  kOutOfWindow,
};

ResetKind KindOfReset(const TcpSegment& reset, ConnectionState state,
                      const TcpWindow& own, const TcpWindow& peer) {
  switch (state) {
    // The ports may be in use again already, and nothing is lost.
    case ConnectionState::kFinWait:
    case ConnectionState::kCloseWait:
    case ConnectionState::kLastAck:
    case ConnectionState::kTimeWait:
    case ConnectionState::kClosed:
      return ResetKind::kCertain;
    default:
      break;
  }
  const bool is_established = state == ConnectionState::kEstablished &&
                              own.max_window != 0 && peer.max_window != 0;
  const bool after_syn = ((own.notes | peer.notes) & kTcpIgnoredSyn) != 0;
  ResetKind kind = ResetKind::kChecked;
  // Behind a SYN that passed, what the peer acknowledged may be of the past.
  if ((peer.notes & kTcpAcknowledged) != 0 && !after_syn &&
      (reset.sequence != 0 || is_established)) {
    if (IsBefore(reset.sequence, peer.highest_ack)) {
      return ResetKind::kOutOfWindow;
    }
    // RFC 5961 section 3.2: only the very next number is believed.  That is
    // the peer's acknowledgement, or the end of what it is about to get.
    const bool is_exact =
        reset.sequence == peer.highest_ack || reset.sequence == own.last_end;
    if (is_established && !is_exact) kind = ResetKind::kInexact;
  }
  // The answer to a SYN or ACK that passed.
  const TcpWindow& ignored = (peer.notes & kIgnored) != 0 ? peer : own;
  if ((ignored.notes & kIgnored) == 0) return kind;
  const bool answers_ack = (ignored.notes & kTcpIgnoredAck) != 0;
  if (reset.acknowledgment == ignored.last_end &&
      (answers_ack || (own.max_window != 0 && peer.max_window != 0))) {
    return ResetKind::kCertain;
  }
  // RFC 9293 3.10.7.3: to an ACK of what was never sent.
  if (answers_ack && &ignored == &peer &&
      reset.sequence == ignored.highest_ack) {
    return ResetKind::kCertain;
  }
  return kind;
}

// Whether a SYN+ACK answers a SYN that passed an old connection: both ends have
// begun anew.  If so, takes the windows back to behind that SYN.
bool TakeUpNewConnection(const TcpSegment& segment, TcpWindow& own,
                         TcpWindow& peer) {
  if ((peer.notes & kTcpIgnoredSyn) == 0 ||
      segment.acknowledgment != peer.last_end) {
    return false;
  }
  peer = {.end = peer.last_end,
          .max_window = kLargestSynWindow,
          .notes = peer.last_notes};
  own = TcpWindow{};
  return true;
}

// What the table of states does not know of the past.
void CorrectStep(FlowDirection direction, TcpFlagClass flag_class,
                 ConnectionState state, TcpWindow& own, const TcpWindow& peer,
                 TcpStep& step) {
  // RFC 5961 section 4: the challenge ACK that answers a SYN acknowledges no
  // FIN.
  if (state == ConnectionState::kLastAck && flag_class == TcpFlagClass::kAck &&
      step.next == ConnectionState::kTimeWait &&
      (peer.notes & kTcpIgnoredSyn) != 0) {
    step = {TrackAction::kIgnore, state};
  }
  if (step.next == ConnectionState::kSynSent2) own.notes |= kTcpSimultaneous;
  // The ACK that ends a simultaneous open may come from either side.
  if (direction == FlowDirection::kReply && flag_class == TcpFlagClass::kAck &&
      step.next == ConnectionState::kSynReceived &&
      (own.notes & kTcpSimultaneous) != 0) {
    step.next = ConnectionState::kEstablished;
  }
}

}  // namespace

std::array<TcpWindow, 2> FirstWindows(const TcpSegment& segment) {
  std::array<TcpWindow, 2> windows;
  TcpWindow& own = windows[0];
  TcpWindow& peer = windows[1];
  Begin(segment, own);
  if (!Has(segment, kSyn)) {
    own.notes = peer.notes = kTcpLiberal | kTcpSack;
    own.last_end = segment.end;
  }
  if (segment.is_fragment) {
    own.notes |= kTcpLiberal;
    peer.notes |= kTcpLiberal;
  }
  return windows;
}

TcpTrack TrackTcp(FlowDirection direction, const TcpSegment& segment,
                  ConnectionState state, TcpWindow& own, TcpWindow& peer) {
  const TcpFlagClass flag_class = ClassifyTcpFlags(segment.flags);
  TcpStep step = AdvanceTcp(direction, segment.flags, state);
  CorrectStep(direction, flag_class, state, own, peer, step);
  if (step.action == TrackAction::kIgnore) {
    if (flag_class != TcpFlagClass::kSynAck ||
        !TakeUpNewConnection(segment, own, peer)) {
      NoteIgnored(segment, flag_class, state, own, peer);
      return {TrackAction::kIgnore, state};
    }
    step = {TrackAction::kPass, ConnectionState::kSynReceived};
    state = ConnectionState::kSynSent;
  }
  if (step.action != TrackAction::kPass) return {step.action, state};
  Fit fit = Fit::kIn;
  const bool is_reset = flag_class == TcpFlagClass::kRst;
  const ResetKind kind =
      is_reset ? KindOfReset(segment, state, own, peer) : ResetKind::kChecked;
  if (kind == ResetKind::kOutOfWindow) {
    return {TrackAction::kResetOutOfWindow, state};
  }
  if (kind == ResetKind::kInexact) step.next = state;
  if (kind != ResetKind::kCertain) {
    fit = Check(direction, segment, state, own, peer);
  }
  if (is_reset && fit != Fit::kIn) {
    return {TrackAction::kResetOutOfWindow, state};
  }
  if (fit == Fit::kOut) return {TrackAction::kInvalid, state};
  if (fit == Fit::kUnsure) return {TrackAction::kIgnore, state};
  own.notes &= ~kIgnored;
  peer.notes &= ~kIgnored;
  return {TrackAction::kPass, step.next};
}

bool IsUnacknowledged(const std::array<TcpWindow, 2>& windows) {
  for (uint32_t i = 0; i < 2; ++i) {
    const TcpWindow& peer = windows[1 - i];
    if ((peer.notes & kTcpAcknowledged) != 0 &&
        IsAfter(windows[i].end, peer.highest_ack)) {
      return true;
    }
  }
  return false;
}

bool IsUnanswered(const std::array<TcpWindow, 2>& windows) {
  for (uint32_t i = 0; i < 2; ++i) {
    const TcpWindow& own = windows[i];
    const TcpWindow& peer = windows[1 - i];
    // In the middle of a connection: nobody has answered at all.
    if (own.max_window != 0 && peer.max_window == 0) return true;
    if (own.repetitions >= kMaxRepetitions &&
        (peer.notes & kTcpAcknowledged) != 0 &&
        IsAfter(own.end, peer.highest_ack)) {
      return true;
    }
  }
  return false;
}

}  // namespace vswitch
