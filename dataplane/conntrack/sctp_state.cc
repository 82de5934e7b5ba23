// SCTP associations: tags first, then states.

#include "dataplane/conntrack/sctp_state.h"

namespace vswitch {
namespace {

using enum ConnectionState;

constexpr uint32_t kEchoedNote = kTcpAcknowledged;  // of TcpWindow::notes

enum class TagCheck : uint8_t {
  kRight,
  kIgnore,  // perhaps right: its receiver knows
  kWrong,
};

bool IsOpening(ConnectionState state) {
  return state == kCookieWait || state == kCookieEchoed;
}

// Takes the tag that an INIT or INIT ACK asks `peer`'s packets for: at once if
// no other is in force.
void Offer(uint32_t initiate_tag, bool is_restart, SctpTags& peer) {
  if (peer.tag == initiate_tag) {
    peer.offered = 0;
  } else if (peer.tag == 0 && !is_restart) {
    peer.tag = initiate_tag;
  } else {
    peer.offered = initiate_tag;
  }
}

// RFC 9260 8.5.1 (B), (C): the sender's own tag, or with the T bit the one that
// its peer's packets carry.  What cannot be checked ends nothing.
TagCheck CheckEnding(const SctpPacket& packet, ConnectionState state,
                     const SctpTags& own, const SctpTags& peer) {
  const SctpTags& expected = packet.is_reflected ? peer : own;
  if (expected.tag != 0 && packet.tag == expected.tag) return TagCheck::kRight;
  if (expected.tag == 0) return TagCheck::kIgnore;
  // The refusal of an INIT within the association.
  if (expected.offered != 0 && packet.tag == expected.offered) {
    return TagCheck::kIgnore;
  }
  // 8.4 (5): the answer to a SHUTDOWN ACK of the association before.
  const bool is_old = IsOpening(state) && packet.is_reflected &&
                      packet.Has(SctpChunk::kShutdownComplete);
  return is_old ? TagCheck::kIgnore : TagCheck::kWrong;
}

void PutIntoForce(SctpTags& tags) {
  if (tags.offered == 0) return;
  tags.tag = tags.offered;
  tags.offered = 0;
}

TagCheck CheckTag(const SctpPacket& packet, ConnectionState state,
                  SctpTags& own, SctpTags& peer) {
  if (packet.Has(SctpChunk::kAbort) ||
      packet.Has(SctpChunk::kShutdownComplete)) {
    return CheckEnding(packet, state, own, peer);
  }
  if (own.tag == 0) own.tag = packet.tag;
  if (packet.tag == own.tag) return TagCheck::kRight;
  const bool is_cookie =
      packet.Has(SctpChunk::kCookieEcho) || packet.Has(SctpChunk::kCookieAck);
  if (is_cookie && own.offered != 0 && packet.tag == own.offered) {
    PutIntoForce(own);
    PutIntoForce(peer);
    return TagCheck::kRight;
  }
  // 8.5.1 (E): of the association before, whose end the other one has lost.
  const bool is_old = packet.Has(SctpChunk::kShutdownAck) && IsOpening(state);
  return is_old ? TagCheck::kIgnore : TagCheck::kWrong;
}

// The state after a packet whose tag is right.
ConnectionState Advance(FlowDirection direction, const SctpPacket& packet,
                        ConnectionState state, SctpTags& own,
                        const SctpTags& peer) {
  if (packet.Has(SctpChunk::kAbort)) return kClosed;
  if (packet.Has(SctpChunk::kCookieEcho)) {
    own.has_echoed = true;
    if (state == kShutdownSent) return kEstablished;  // 5.2.2: restarted
    return state == kCookieWait || state == kUnreplied ? kCookieEchoed : state;
  }
  if (packet.Has(SctpChunk::kCookieAck) && peer.has_echoed &&
      state == kCookieEchoed) {
    return kEstablished;
  }
  if (packet.Has(SctpChunk::kShutdown) && state == kEstablished) {
    return kShutdownSent;
  }
  if (packet.Has(SctpChunk::kShutdownAck) && state == kShutdownSent) {
    return kShutdownAckSent;
  }
  if (packet.Has(SctpChunk::kShutdownComplete) && state == kShutdownAckSent) {
    return kClosed;
  }
  if (state == kUnreplied && direction == FlowDirection::kReply) {
    return kEstablished;
  }
  return state;
}

SctpTrack TrackInit(const SctpPacket& packet, ConnectionState state,
                    SctpTags& peer) {
  if (packet.initiate_tag == 0) return {};  // RFC 9260 3.3.2: never 0
  if (state == kClosed) return {TrackAction::kReopen, state};
  Offer(packet.initiate_tag, /*is_restart=*/false, peer);
  return {TrackAction::kPass, state == kUnreplied ? kCookieWait : state};
}

SctpTrack TrackInitAck(const SctpPacket& packet, ConnectionState state,
                       SctpTags& own, SctpTags& peer) {
  if (packet.initiate_tag == 0) return {};
  const bool answers_offer = own.offered != 0 && packet.tag == own.offered;
  if (own.tag == 0) own.tag = packet.tag;
  if (packet.tag != own.tag && !answers_offer) return {};
  Offer(packet.initiate_tag, answers_offer, peer);
  return {TrackAction::kPass, state};
}

}  // namespace

TcpWindow ToWindow(const SctpTags& tags) {
  TcpWindow window;
  window.end = tags.tag;
  window.granted = tags.offered;
  window.notes = tags.has_echoed ? kEchoedNote : 0;
  return window;
}

SctpTags ToSctpTags(const TcpWindow& window) {
  return {.tag = window.end,
          .offered = window.granted,
          .has_echoed = (window.notes & kEchoedNote) != 0};
}

SctpTrack TrackSctp(FlowDirection direction, const SctpPacket& packet,
                    ConnectionState state, SctpTags& own, SctpTags& peer) {
  // A first fragment has a tag, but INIT's is 0, and it may be one.
  if (!packet.is_whole) return {TrackAction::kPass, state};
  if (packet.Has(SctpChunk::kInit)) return TrackInit(packet, state, peer);
  if (packet.Has(SctpChunk::kInitAck)) {
    return TrackInitAck(packet, state, own, peer);
  }
  switch (CheckTag(packet, state, own, peer)) {
    case TagCheck::kWrong:
      return {};
    case TagCheck::kIgnore:
      return {TrackAction::kIgnore, state};
    case TagCheck::kRight:
      break;
  }
  // What an end still repeats does not keep the rest of an association.
  if (state == kClosed) return {TrackAction::kIgnore, state};
  return {TrackAction::kPass, Advance(direction, packet, state, own, peer)};
}

std::optional<ConnectionState> FirstSctpState(const SctpPacket& packet,
                                              bool may_pick_up) {
  if (!packet.is_whole) {
    return may_pick_up ? std::optional(kUnreplied) : std::nullopt;
  }
  if (packet.Has(SctpChunk::kInit)) {
    return packet.initiate_tag != 0 ? std::optional(kCookieWait) : std::nullopt;
  }
  // These answer something, or end it.
  for (SctpChunk chunk :
       {SctpChunk::kInitAck, SctpChunk::kAbort, SctpChunk::kShutdown,
        SctpChunk::kShutdownAck, SctpChunk::kShutdownComplete,
        SctpChunk::kError, SctpChunk::kCookieAck}) {
    if (packet.Has(chunk)) return std::nullopt;
  }
  if (may_pick_up || packet.Has(SctpChunk::kHeartbeat)) return kUnreplied;
  return std::nullopt;
}

std::array<TcpWindow, 2> FirstSctpTags(const SctpPacket& packet) {
  SctpTags original;
  SctpTags reply;
  if (packet.Has(SctpChunk::kInit)) {
    reply.tag = packet.initiate_tag;
  } else {
    original.tag = packet.tag;
  }
  return {ToWindow(original), ToWindow(reply)};
}

}  // namespace vswitch
