// SCTP associations as an observer sees them: the ordinary life of one, two
// INITs at once, restarts, ends, and packets of nobody (RFC 9260 5, 8.5, 9).

#include "dataplane/conntrack/sctp_state.h"

#include "gtest/gtest.h"

namespace vswitch {
namespace {

using enum SctpChunk;
using enum FlowDirection;
using enum ConnectionState;

// The tags that the two ends have chosen: packets to the client carry its own.
constexpr uint32_t kClientTag = 0x1111;
constexpr uint32_t kServerTag = 0x2222;
constexpr uint32_t kNewClientTag = 0x3333;
constexpr uint32_t kNewServerTag = 0x4444;

SctpPacket PacketWith(uint32_t tag, std::initializer_list<SctpChunk> chunks,
                      uint32_t initiate_tag = 0) {
  SctpPacket packet{.tag = tag, .initiate_tag = initiate_tag, .is_whole = true};
  for (SctpChunk chunk : chunks) {
    packet.chunks |= 1u << static_cast<uint32_t>(chunk);
  }
  return packet;
}
SctpPacket Reflected(SctpPacket packet) {
  packet.is_reflected = true;
  return packet;
}

// An association as the connection table keeps it.
class Association {
 public:
  explicit Association(const SctpPacket& first)
      : state(FirstSctpState(first, /*may_pick_up=*/true).value_or(kNone)),
        windows_(FirstSctpTags(first)) {}
  Association() : Association(PacketWith(0, {kInit}, kClientTag)) {}

  TrackAction Take(FlowDirection direction, const SctpPacket& packet) {
    TcpWindow& own_window = windows_[static_cast<size_t>(direction)];
    TcpWindow& peer_window = windows_[static_cast<size_t>(Opposite(direction))];
    SctpTags own = ToSctpTags(own_window);
    SctpTags peer = ToSctpTags(peer_window);
    const SctpTrack track = TrackSctp(direction, packet, state, own, peer);
    if (track.action == TrackAction::kPass) {
      state = track.next;
      own_window = ToWindow(own);
      peer_window = ToWindow(peer);
    }
    return track.action;
  }
  // The rest of the way to ESTABLISHED.
  void Open() {
    EXPECT_EQ(Take(kReply, PacketWith(kClientTag, {kInitAck}, kServerTag)),
              TrackAction::kPass);
    EXPECT_EQ(Take(kOriginal, PacketWith(kServerTag, {kCookieEcho, kData})),
              TrackAction::kPass);
    EXPECT_EQ(Take(kReply, PacketWith(kClientTag, {kCookieAck, kSack})),
              TrackAction::kPass);
  }

  ConnectionState state;

 private:
  std::array<TcpWindow, 2> windows_;
};

Association Established() {
  Association association;
  association.Open();
  EXPECT_EQ(association.state, kEstablished);
  return association;
}

TEST(SctpStateTest, FourPacketsOpen) {
  Association association;
  EXPECT_EQ(association.state, kCookieWait);
  association.Take(kReply, PacketWith(kClientTag, {kInitAck}, kServerTag));
  EXPECT_EQ(association.state, kCookieWait);
  association.Take(kOriginal, PacketWith(kServerTag, {kCookieEcho}));
  EXPECT_EQ(association.state, kCookieEchoed);
  // Its own COOKIE ACK does not answer its COOKIE ECHO.
  association.Take(kOriginal, PacketWith(kServerTag, {kCookieAck}));
  EXPECT_EQ(association.state, kCookieEchoed);
  association.Take(kReply, PacketWith(kClientTag, {kCookieAck}));
  EXPECT_EQ(association.state, kEstablished);
}

// RFC 9260 8.5: every packet carries its receiver's tag.
TEST(SctpStateTest, OtherTagsAreRefused) {
  for (SctpChunk chunk :
       {kData, kSack, kHeartbeat, kHeartbeatAck, kError, kCookieEcho,
        kCookieAck, kShutdown, kShutdownAck, kShutdownComplete, kAbort}) {
    Association association = Established();
    for (uint32_t tag : {kClientTag, kNewServerTag, 0u}) {
      EXPECT_EQ(association.Take(kOriginal, PacketWith(tag, {chunk})),
                TrackAction::kInvalid)
          << static_cast<int>(chunk);
    }
    EXPECT_EQ(association.Take(kReply, PacketWith(kServerTag, {chunk})),
              TrackAction::kInvalid);
    EXPECT_EQ(association.state, kEstablished);
    EXPECT_EQ(association.Take(kOriginal, PacketWith(kServerTag, {chunk})),
              TrackAction::kPass);
  }
}

// 3.3.2, 3.3.3: a tag is never 0; and INIT ACK carries the tag of its INIT.
TEST(SctpStateTest, OpeningWithWrongTagsIsRefused) {
  EXPECT_FALSE(FirstSctpState(PacketWith(0, {kInit}), true).has_value());
  Association association;
  EXPECT_EQ(association.Take(kReply, PacketWith(kClientTag, {kInitAck})),
            TrackAction::kInvalid);
  EXPECT_EQ(association.Take(kReply, PacketWith(0x99, {kInitAck}, kServerTag)),
            TrackAction::kInvalid);
  EXPECT_EQ(association.Take(kOriginal, PacketWith(0, {kInit})),
            TrackAction::kInvalid);
}

// 9.2.
TEST(SctpStateTest, ShutdownTakesThreePackets) {
  for (FlowDirection first : {kOriginal, kReply}) {
    Association association = Established();
    const uint32_t tag = first == kOriginal ? kServerTag : kClientTag;
    const uint32_t back = first == kOriginal ? kClientTag : kServerTag;
    // Not yet: no end has begun to shut down.
    association.Take(Opposite(first), PacketWith(back, {kShutdownAck}));
    EXPECT_EQ(association.state, kEstablished);
    association.Take(first, PacketWith(tag, {kShutdown, kSack}));
    EXPECT_EQ(association.state, kShutdownSent);
    association.Take(first, PacketWith(tag, {kShutdownComplete}));
    EXPECT_EQ(association.state, kShutdownSent);
    association.Take(Opposite(first), PacketWith(back, {kShutdownAck}));
    EXPECT_EQ(association.state, kShutdownAckSent);
    association.Take(first, PacketWith(tag, {kShutdownComplete}));
    EXPECT_EQ(association.state, kClosed);
    EXPECT_EQ(association.Take(first, PacketWith(tag, {kData})),
              TrackAction::kIgnore);
    EXPECT_EQ(association.Take(Opposite(first), PacketWith(0, {kInit}, 5)),
              TrackAction::kReopen);
  }
}

// 8.5.1 (B): with the T bit an ABORT carries the tag that it was sent.
TEST(SctpStateTest, AbortEndsWithEitherTag) {
  Association by_tag = Established();
  EXPECT_EQ(by_tag.Take(kReply, PacketWith(kClientTag, {kAbort})),
            TrackAction::kPass);
  EXPECT_EQ(by_tag.state, kClosed);
  Association reflected = Established();
  EXPECT_EQ(reflected.Take(kReply, Reflected(PacketWith(kClientTag, {kAbort}))),
            TrackAction::kInvalid);
  EXPECT_EQ(reflected.Take(kReply, Reflected(PacketWith(kServerTag, {kAbort}))),
            TrackAction::kPass);
  EXPECT_EQ(reflected.state, kClosed);
  // Of an INIT: refused by its receiver.
  Association opening;
  EXPECT_EQ(opening.Take(kReply, PacketWith(kClientTag, {kAbort})),
            TrackAction::kPass);
  EXPECT_EQ(opening.state, kClosed);
}

// 5.2.1: both ends begin; each answers with the tag that it has asked for.
TEST(SctpStateTest, TwoInitsMakeOneAssociation) {
  Association association;
  EXPECT_EQ(association.Take(kReply, PacketWith(0, {kInit}, kServerTag)),
            TrackAction::kPass);
  EXPECT_EQ(association.Take(kOriginal,
                             PacketWith(kServerTag, {kInitAck}, kClientTag)),
            TrackAction::kPass);
  EXPECT_EQ(
      association.Take(kReply, PacketWith(kClientTag, {kInitAck}, kServerTag)),
      TrackAction::kPass);
  EXPECT_EQ(association.Take(kReply, PacketWith(kClientTag, {kCookieEcho})),
            TrackAction::kPass);
  EXPECT_EQ(association.Take(kOriginal, PacketWith(kServerTag, {kCookieEcho})),
            TrackAction::kPass);
  EXPECT_EQ(association.state, kCookieEchoed);
  EXPECT_EQ(association.Take(kOriginal, PacketWith(kServerTag, {kCookieAck})),
            TrackAction::kPass);
  EXPECT_EQ(association.state, kEstablished);
}

// The INIT ACK to an older INIT, which comes late, changes no tag in force.
TEST(SctpStateTest, LateInitAckBreaksNothing) {
  Association association = Established();
  EXPECT_EQ(association.Take(kReply,
                             PacketWith(kClientTag, {kInitAck}, kNewServerTag)),
            TrackAction::kPass);
  EXPECT_EQ(association.Take(kOriginal, PacketWith(kServerTag, {kData})),
            TrackAction::kPass);
  EXPECT_EQ(association.Take(kOriginal, PacketWith(kNewServerTag, {kData})),
            TrackAction::kInvalid);
}

// 5.2.2: an end has lost its association and begins again.
TEST(SctpStateTest, RestartTakesNewTags) {
  Association association = Established();
  EXPECT_EQ(association.Take(kOriginal, PacketWith(0, {kInit}, kNewClientTag)),
            TrackAction::kPass);
  EXPECT_EQ(association.Take(
                kReply, PacketWith(kNewClientTag, {kInitAck}, kNewServerTag)),
            TrackAction::kPass);
  // Until then the old ones hold.
  EXPECT_EQ(association.Take(kReply, PacketWith(kClientTag, {kData})),
            TrackAction::kPass);
  EXPECT_EQ(
      association.Take(kOriginal, PacketWith(kNewServerTag, {kCookieEcho})),
      TrackAction::kPass);
  EXPECT_EQ(association.Take(kReply, PacketWith(kNewClientTag, {kCookieAck})),
            TrackAction::kPass);
  EXPECT_EQ(association.state, kEstablished);
  EXPECT_EQ(association.Take(kReply, PacketWith(kClientTag, {kData})),
            TrackAction::kInvalid);
  EXPECT_EQ(association.Take(kOriginal, PacketWith(kServerTag, {kData})),
            TrackAction::kInvalid);
  EXPECT_EQ(association.Take(kOriginal, PacketWith(kNewServerTag, {kData})),
            TrackAction::kPass);
}

// An INIT that no end of the association has sent, and its refusal.
TEST(SctpStateTest, ForgedInitBreaksNothing) {
  Association association = Established();
  association.Take(kOriginal, PacketWith(0, {kInit}, 0x666));
  EXPECT_EQ(association.Take(kReply, PacketWith(0x666, {kAbort})),
            TrackAction::kIgnore);
  EXPECT_EQ(association.Take(kReply, PacketWith(0x666, {kData})),
            TrackAction::kInvalid);
  EXPECT_EQ(association.Take(kReply, PacketWith(kClientTag, {kData})),
            TrackAction::kPass);
  EXPECT_EQ(association.Take(kOriginal, PacketWith(kServerTag, {kData})),
            TrackAction::kPass);
  EXPECT_EQ(association.state, kEstablished);
}

// The client's INIT is lost with the client, and another one follows.
TEST(SctpStateTest, SecondInitBeforeTheAnswerCounts) {
  Association association;
  association.Take(kOriginal, PacketWith(0, {kInit}, kNewClientTag));
  EXPECT_EQ(association.Take(kReply,
                             PacketWith(kNewClientTag, {kInitAck}, kServerTag)),
            TrackAction::kPass);
  EXPECT_EQ(association.Take(kOriginal, PacketWith(kServerTag, {kCookieEcho})),
            TrackAction::kPass);
  EXPECT_EQ(association.Take(kReply, PacketWith(kNewClientTag, {kCookieAck})),
            TrackAction::kPass);
  EXPECT_EQ(association.state, kEstablished);
  EXPECT_EQ(association.Take(kReply, PacketWith(kNewClientTag, {kData})),
            TrackAction::kPass);
}

// 8.4 (5), 8.5.1 (E): the ends sort out an association that only one of them
// remembers; the switch lets them.
TEST(SctpStateTest, RestOfAnOlderAssociationPasses) {
  Association association;
  EXPECT_EQ(association.Take(kReply, PacketWith(0x77, {kShutdownAck})),
            TrackAction::kIgnore);
  EXPECT_EQ(association.Take(kOriginal,
                             Reflected(PacketWith(0x77, {kShutdownComplete}))),
            TrackAction::kIgnore);
  EXPECT_EQ(association.state, kCookieWait);
}

TEST(SctpStateTest, MiddleOfAnAssociationTeachesItsTags) {
  Association association(PacketWith(kServerTag, {kData}));
  EXPECT_EQ(association.state, kUnreplied);
  // Nobody can end what is not known.
  EXPECT_EQ(association.Take(kReply, PacketWith(0x99, {kAbort})),
            TrackAction::kIgnore);
  EXPECT_EQ(association.Take(kOriginal, PacketWith(0x99, {kData})),
            TrackAction::kInvalid);
  EXPECT_EQ(association.Take(kReply, PacketWith(kClientTag, {kSack})),
            TrackAction::kPass);
  EXPECT_EQ(association.state, kEstablished);
  EXPECT_EQ(association.Take(kReply, PacketWith(0x99, {kSack})),
            TrackAction::kInvalid);
}

TEST(SctpStateTest, WhatBeginsAnAssociation) {
  EXPECT_EQ(FirstSctpState(PacketWith(0, {kInit}, 1), false), kCookieWait);
  EXPECT_EQ(FirstSctpState(PacketWith(1, {kHeartbeat}), false), kUnreplied);
  for (SctpChunk chunk : {kData, kSack, kHeartbeatAck, kCookieEcho}) {
    EXPECT_EQ(FirstSctpState(PacketWith(1, {chunk}), true), kUnreplied);
    EXPECT_FALSE(FirstSctpState(PacketWith(1, {chunk}), false).has_value());
  }
  for (SctpChunk chunk : {kInitAck, kAbort, kShutdown, kShutdownAck,
                          kShutdownComplete, kError, kCookieAck}) {
    EXPECT_FALSE(
        FirstSctpState(PacketWith(1, {chunk, kData}, 1), true).has_value())
        << static_cast<int>(chunk);
  }
}

// A first fragment passes; what it holds is not known.
TEST(SctpStateTest, FragmentSaysNothing) {
  const SctpPacket fragment{.tag = 0x99};
  EXPECT_EQ(FirstSctpState(fragment, true), kUnreplied);
  EXPECT_FALSE(FirstSctpState(fragment, false).has_value());
  Association association = Established();
  EXPECT_EQ(association.Take(kOriginal, fragment), TrackAction::kPass);
  EXPECT_EQ(association.state, kEstablished);
  EXPECT_EQ(association.Take(kOriginal, PacketWith(kServerTag, {kData})),
            TrackAction::kPass);
}

}  // namespace
}  // namespace vswitch
