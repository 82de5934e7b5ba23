// What a TCP segment is to a connection, by its numbers.  The names of the
// scenarios are those of Linux' selftests (netfilter/packetdrill).

#include "dataplane/conntrack/tcp_window.h"

#include <cstdint>

#include "gtest/gtest.h"

namespace vswitch {
namespace {

constexpr uint8_t kFin = 0x01;
constexpr uint8_t kSyn = 0x02;
constexpr uint8_t kRst = 0x04;
constexpr uint8_t kAck = 0x10;

constexpr FlowDirection kOut = FlowDirection::kOriginal;
constexpr FlowDirection kBack = FlowDirection::kReply;

constexpr TrackAction kPass = TrackAction::kPass;
constexpr TrackAction kIgnore = TrackAction::kIgnore;
constexpr TrackAction kInvalid = TrackAction::kInvalid;
constexpr TrackAction kBadReset = TrackAction::kResetOutOfWindow;

// Where each end's numbers begin: a round over 2^32 is near.
class TcpWindowTest : public testing::TestWithParam<uint32_t> {
 protected:
  uint32_t client() const { return GetParam(); }
  uint32_t server() const { return GetParam() + 0x40000000; }

  static TcpSegment Make(uint8_t flags, uint32_t sequence, uint32_t bytes,
                         uint32_t ack, uint16_t window = 1000) {
    TcpSegment segment;
    segment.flags = flags;
    segment.sequence = sequence;
    segment.end = sequence + bytes + ((flags & kSyn) != 0 ? 1 : 0) +
                  ((flags & kFin) != 0 ? 1 : 0);
    segment.acknowledgment = segment.highest_sack = ack;
    segment.window = window;
    return segment;
  }

  // Begins with `segment`, which is tracked as well, as a SYN.
  void Begin(const TcpSegment& segment) {
    windows_ = FirstWindows(segment);
    state_ = *FirstState(IpProtocol::kTcp, segment.flags, true);
  }
  TrackAction Track(FlowDirection direction, const TcpSegment& segment) {
    const auto side = static_cast<uint32_t>(direction);
    const TcpTrack track = TrackTcp(direction, segment, state_, windows_[side],
                                    windows_[1 - side]);
    state_ = track.next;
    return track.action;
  }
  // A segment whose numbers count from each end's first byte.
  TrackAction Client(uint8_t flags, uint32_t sequence, uint32_t bytes,
                     uint32_t ack, uint16_t window = 1000) {
    return Track(kOut, Make(flags, client() + 1 + sequence, bytes,
                            server() + 1 + ack, window));
  }
  TrackAction Server(uint8_t flags, uint32_t sequence, uint32_t bytes,
                     uint32_t ack, uint16_t window = 1000) {
    return Track(kBack, Make(flags, server() + 1 + sequence, bytes,
                             client() + 1 + ack, window));
  }
  // Opens with windows of 1000 bytes.
  void Open() {
    Begin(Make(kSyn, client(), 0, 0));
    ASSERT_EQ(Server(kSyn | kAck, -1, 0, 0), kPass);
    ASSERT_EQ(Client(kAck, 0, 0, 0), kPass);
    ASSERT_EQ(state_, ConnectionState::kEstablished);
  }
  // Opens with the window scale option.
  void OpenScaled(bool both, uint8_t scale) {
    TcpSegment syn = Make(kSyn, client(), 0, 0);
    syn.has_scale = true;
    syn.scale = scale;
    Begin(syn);
    TcpSegment answer = Make(kSyn | kAck, server(), 0, client() + 1);
    answer.has_scale = both;
    answer.scale = both ? scale : 0;
    ASSERT_EQ(Track(kBack, answer), kPass);
    ASSERT_EQ(Client(kAck, 0, 0, 0), kPass);
  }

  std::array<TcpWindow, 2> windows_;
  ConnectionState state_ = ConnectionState::kNone;
};

TEST_P(TcpWindowTest, DataUpToTheWindowPasses) {
  Open();
  EXPECT_EQ(Client(kAck, 0, 1000, 0), kPass);
  EXPECT_EQ(Server(kAck, 0, 500, 1000), kPass);
  EXPECT_EQ(Client(kAck, 1000, 1000, 500), kPass);
}

TEST_P(TcpWindowTest, DataBeyondTheWindowIsInvalid) {
  Open();
  EXPECT_EQ(Client(kAck, 1000, 100, 0), kPass);  // begins at the edge
  EXPECT_EQ(Client(kAck, 3000, 1, 0), kInvalid);
  EXPECT_EQ(Client(kAck, 0x80000000, 1, 0), kInvalid);
  EXPECT_EQ(state_, ConnectionState::kEstablished);
}

// Some stacks send a little more than they may.
TEST_P(TcpWindowTest, DataALittleBeyondTheWindowIsLeftToItsReceiver) {
  Open();
  EXPECT_EQ(Client(kAck, 1500, 400, 0), kIgnore);
  EXPECT_EQ(Server(kAck, 0, 0, 1900), kPass);
  EXPECT_EQ(Client(kRst, 3500, 0, 0), kBadReset);
  EXPECT_EQ(Server(kAck, 0, 0, 3500), kInvalid);
}

TEST_P(TcpWindowTest, AcknowledgementOfWhatWasNotSentIsInvalid) {
  Open();
  EXPECT_EQ(Client(kAck, 0, 100, 0), kPass);
  EXPECT_EQ(Server(kAck, 0, 0, 101), kInvalid);
  EXPECT_EQ(Server(kAck, 0, 0, 100), kPass);
}

// conntrack_ack_loss_stall: what was acknowledged before comes again, because
// the acknowledgement was lost; it passes, so that it is acknowledged again.
TEST_P(TcpWindowTest, AckLossStall) {
  Open();
  for (uint32_t i = 0; i < 5; ++i) {
    ASSERT_EQ(Client(kAck, i * 1000, 1000, 0), kPass);
    ASSERT_EQ(Server(kAck, 0, 0, (i + 1) * 1000), kPass);
  }
  EXPECT_EQ(Client(kAck, 0, 1000, 0), kIgnore);
  EXPECT_EQ(Server(kAck, 0, 0, 5000), kPass);
}

TEST_P(TcpWindowTest, AcknowledgementFarBehindSaysNothing) {
  Open();
  for (uint32_t i = 0; i < 70; ++i) {
    ASSERT_EQ(Client(kAck, i * 1000, 1000, 0), kPass);
    ASSERT_EQ(Server(kAck, 0, 0, (i + 1) * 1000), kPass);
  }
  EXPECT_EQ(Server(kAck, 0, 0, 70000 - 66000), kPass);
  EXPECT_EQ(Server(kAck, 0, 0, 70000 - 66001), kIgnore);
}

// conntrack_inexact_rst: RFC 5961 section 3.2.
TEST_P(TcpWindowTest, InexactReset) {
  Open();
  ASSERT_EQ(Client(kAck, 0, 10, 0), kPass);
  ASSERT_EQ(Server(kAck, 0, 10, 10), kPass);
  ASSERT_EQ(Client(kAck, 10, 0, 10), kPass);
  // In the window, but not the next: for a challenge ACK.
  EXPECT_EQ(Server(kRst | kAck, 12, 0, 10), kPass);
  EXPECT_EQ(state_, ConnectionState::kEstablished);
  EXPECT_EQ(Server(kRst | kAck, 10, 0, 10), kPass);
  EXPECT_EQ(state_, ConnectionState::kClosed);
}

TEST_P(TcpWindowTest, ResetBehindDataOnItsWayIsExact) {
  Open();
  ASSERT_EQ(Server(kAck, 0, 19, 0), kPass);
  EXPECT_EQ(Server(kRst | kAck, 19, 0, 0), kPass);
  EXPECT_EQ(state_, ConnectionState::kClosed);
}

// conntrack_rst_invalid, T-12.
TEST_P(TcpWindowTest, ResetOutOfWindow) {
  Open();
  ASSERT_EQ(Server(kAck, 0, 100, 0), kPass);
  ASSERT_EQ(Client(kAck, 0, 0, 100), kPass);
  EXPECT_EQ(Server(kRst, 99, 0, 0), kBadReset);
  EXPECT_EQ(Server(kRst, 50000, 0, 0), kBadReset);
  EXPECT_EQ(Server(kRst, 0x80000000, 0, 0), kBadReset);
  EXPECT_EQ(state_, ConnectionState::kEstablished);
  EXPECT_EQ(Server(kRst, 100, 0, 0), kPass);
  EXPECT_EQ(state_, ConnectionState::kClosed);
}

// T-11: the reset was forged or lost.
TEST_P(TcpWindowTest, DataAfterAResetPasses) {
  Open();
  ASSERT_EQ(Server(kRst, 0, 0, 0), kPass);
  EXPECT_EQ(Server(kAck, 0, 100, 0), kPass);
  EXPECT_EQ(Client(kAck, 0, 100, 100), kPass);
  EXPECT_EQ(state_, ConnectionState::kClosed);
}

// conntrack_syn_challenge_ack: RFC 5961 section 4, on an established flow.
TEST_P(TcpWindowTest, SynOnAnEstablishedConnection) {
  Open();
  EXPECT_EQ(Track(kOut, Make(kSyn, client() + 5000, 0, 0)), kIgnore);
  EXPECT_EQ(Server(kAck, 0, 0, 0), kPass);  // the challenge
  EXPECT_EQ(state_, ConnectionState::kEstablished);
  // It was an old SYN: the connection goes on.
  EXPECT_EQ(Client(kAck, 0, 100, 0), kPass);
}

TEST_P(TcpWindowTest, SynThatIsMeantEndsTheOldConnectionByReset) {
  Open();
  ASSERT_EQ(Client(kAck, 0, 100, 0), kPass);
  ASSERT_EQ(Server(kAck, 0, 50, 100), kPass);
  ASSERT_EQ(Track(kOut, Make(kSyn, client() + 90000, 0, 0)), kIgnore);
  ASSERT_EQ(Server(kAck, 50, 0, 100), kPass);
  // The client's end knows nothing of the connection: RFC 9293 3.10.7.3.
  EXPECT_EQ(Client(kRst, 99, 0, 0), kBadReset);
  EXPECT_EQ(Client(kRst, 100, 0, 0), kPass);
  EXPECT_EQ(state_, ConnectionState::kClosed);
}

// A SYN, answered by an ACK of another connection's numbers; the reset that
// answers this ends the attempt.
TEST_P(TcpWindowTest, ChallengeAckAnswersTheFirstSyn) {
  Begin(Make(kSyn, client(), 0, 0));
  EXPECT_EQ(Track(kBack, Make(kAck, 777, 0, 123456)), kIgnore);
  EXPECT_EQ(state_, ConnectionState::kSynSent);
  EXPECT_EQ(Track(kOut, Make(kRst, 123456, 0, 0)), kPass);
  EXPECT_EQ(state_, ConnectionState::kClosed);
}

// conntrack_synack_old: of an earlier connection; its reset ends nothing.
TEST_P(TcpWindowTest, OldSynAck) {
  Begin(Make(kSyn, client(), 0, 0));
  EXPECT_EQ(Track(kBack, Make(kSyn | kAck, 777, 0, client() + 5000)), kInvalid);
  EXPECT_EQ(state_, ConnectionState::kSynSent);
  EXPECT_EQ(Server(kSyn | kAck, -1, 0, 0), kPass);
  EXPECT_EQ(Client(kAck, 0, 0, 0), kPass);
  EXPECT_EQ(state_, ConnectionState::kEstablished);
}

// conntrack_synack_reuse: both ends begin anew behind the switch's back.
TEST_P(TcpWindowTest, SynAckOfANewConnectionIsTakenUp) {
  Open();
  const uint32_t fresh = client() + 0x20000000;
  ASSERT_EQ(Track(kOut, Make(kSyn, fresh, 0, 0)), kIgnore);
  EXPECT_EQ(Track(kBack, Make(kSyn | kAck, 4242, 0, fresh)), kIgnore);
  ASSERT_EQ(Track(kOut, Make(kSyn, fresh, 0, 0)), kIgnore);
  EXPECT_EQ(Track(kBack, Make(kSyn | kAck, 4242, 0, fresh + 1)), kPass);
  EXPECT_EQ(state_, ConnectionState::kSynReceived);
  EXPECT_EQ(Track(kOut, Make(kAck, fresh + 1, 0, 4243)), kPass);
  EXPECT_EQ(state_, ConnectionState::kEstablished);
  EXPECT_EQ(Track(kOut, Make(kAck, fresh + 1, 1000, 4243)), kPass);
  EXPECT_EQ(Track(kOut, Make(kAck, client() + 1, 10, 4243)), kIgnore);
}

// The ACK that challenges a SYN acknowledges no FIN.
TEST_P(TcpWindowTest, ChallengeAckInLastAck) {
  Open();
  ASSERT_EQ(Server(kFin | kAck, 0, 0, 0), kPass);
  ASSERT_EQ(Client(kAck, 0, 0, 1), kPass);
  ASSERT_EQ(Client(kFin | kAck, 0, 0, 1), kPass);
  ASSERT_EQ(state_, ConnectionState::kLastAck);
  ASSERT_EQ(Track(kOut, Make(kSyn, client() + 5000, 0, 0)), kIgnore);
  EXPECT_EQ(Server(kAck, 1, 0, 0), kIgnore);
  EXPECT_EQ(state_, ConnectionState::kLastAck);
  EXPECT_EQ(Server(kAck, 1, 0, 1), kPass);
  EXPECT_EQ(state_, ConnectionState::kTimeWait);
}

// T-02b.
TEST_P(TcpWindowTest, SimultaneousOpen) {
  Begin(Make(kSyn, client(), 0, 0));
  ASSERT_EQ(Track(kBack, Make(kSyn, server(), 0, 0)), kPass);
  ASSERT_EQ(state_, ConnectionState::kSynSent2);
  ASSERT_EQ(Client(kSyn | kAck, -1, 0, 0), kPass);
  ASSERT_EQ(state_, ConnectionState::kSynReceived);
  ASSERT_EQ(Server(kSyn | kAck, -1, 0, 0), kIgnore);
  EXPECT_EQ(Server(kAck, 0, 0, 0), kPass);
  EXPECT_EQ(state_, ConnectionState::kEstablished);
  EXPECT_EQ(Client(kAck, 0, 1000, 0), kPass);
}

TEST_P(TcpWindowTest, SynThatComesAgainMayHaveAnotherNumber) {
  Begin(Make(kSyn, client() - 9000, 0, 0));
  ASSERT_EQ(Track(kOut, Make(kSyn, client(), 0, 0)), kPass);
  EXPECT_EQ(Server(kSyn | kAck, -1, 0, 0), kPass);
  EXPECT_EQ(Client(kAck, 0, 1000, 0), kPass);
}

TEST_P(TcpWindowTest, ScaleCountsWhenBothSentIt) {
  OpenScaled(true, 7);
  ASSERT_EQ(Server(kAck, 0, 0, 0, 1000), kPass);  // grants 128000
  EXPECT_EQ(Client(kAck, 127000, 1000, 0), kPass);
  EXPECT_EQ(Client(kAck, 300000, 1, 0), kInvalid);
}

// CT-133: the option on one side only.
TEST_P(TcpWindowTest, ScaleOfOneSideDoesNotCount) {
  OpenScaled(false, 7);
  ASSERT_EQ(Server(kAck, 0, 0, 0, 1000), kPass);
  EXPECT_EQ(Client(kAck, 2000, 1, 0), kInvalid);
  ASSERT_EQ(Client(kAck, 0, 0, 0, 1000), kPass);
  EXPECT_EQ(Server(kAck, 2000, 1, 0), kInvalid);
}

TEST_P(TcpWindowTest, ScaleIsAtMostFourteen) {
  OpenScaled(true, 200);
  ASSERT_EQ(Server(kAck, 0, 0, 0, 1), kPass);  // grants 16384
  EXPECT_EQ(Client(kAck, 16384, 1, 0), kPass);
  EXPECT_EQ(Client(kAck, 50000, 1, 0), kInvalid);
}

// CT-133: a probe of one byte passes a closed window.
TEST_P(TcpWindowTest, ZeroWindow) {
  Begin(Make(kSyn, client(), 0, 0));
  ASSERT_EQ(Server(kSyn | kAck, -1, 0, 0, 0), kPass);
  ASSERT_EQ(Client(kAck, 0, 0, 0), kPass);
  EXPECT_EQ(Client(kAck, 0, 1, 0), kPass);
  EXPECT_EQ(Client(kAck, 10, 1, 0), kInvalid);
  EXPECT_EQ(Server(kAck, 0, 0, 0, 0), kPass);
  EXPECT_EQ(Server(kAck, 0, 0, 0, 5000), kPass);
  EXPECT_EQ(Client(kAck, 0, 5000, 0), kPass);
}

TEST_P(TcpWindowTest, SackCountsAsAcknowledgementWherePermitted) {
  for (const bool permitted : {true, false}) {
    TcpSegment syn = Make(kSyn, client(), 0, 0);
    syn.permits_sack = permitted;
    Begin(syn);
    ASSERT_EQ(Server(kSyn | kAck, -1, 0, 0), kPass);
    ASSERT_EQ(Client(kAck, 0, 0, 0), kPass);
    ASSERT_EQ(Client(kAck, 0, 1000, 0), kPass);
    TcpSegment sack = Make(kAck, server() + 1, 0, client() + 1);
    sack.highest_sack = client() + 1 + 1000;
    ASSERT_EQ(Track(kBack, sack), kPass);
    // Up to a window behind the block.
    EXPECT_EQ(Client(kAck, 2000, 1, 0), permitted ? kPass : kInvalid);
    sack.highest_sack = client() + 1 + 5000;
    EXPECT_EQ(Track(kBack, sack), permitted ? kInvalid : kPass);
  }
}

// CT-126.
TEST_P(TcpWindowTest, MiddleOfAConnectionIsLiberal) {
  Begin(Make(kAck, client(), 100, server()));
  EXPECT_EQ(state_, ConnectionState::kEstablished);
  EXPECT_TRUE(IsUnanswered(windows_));
  EXPECT_EQ(Track(kBack, Make(kAck, server(), 10, client() + 100)), kPass);
  EXPECT_FALSE(IsUnanswered(windows_));
  EXPECT_EQ(Track(kOut, Make(kAck, client() + 900000, 10, server() + 10)),
            kPass);
  EXPECT_EQ(Track(kBack, Make(kAck, server() + 10, 10, client() + 900010)),
            kPass);
}

TEST_P(TcpWindowTest, UnknownWindowsAreLearned) {
  state_ = ConnectionState::kEstablished;
  windows_ = {};
  EXPECT_EQ(Client(kAck, 5000, 100, 700), kPass);
  EXPECT_EQ(Server(kAck, 700, 100, 5100), kPass);
  EXPECT_EQ(Client(kAck, 5100, 1000, 800), kPass);
  EXPECT_EQ(Client(kAck, 9000, 1, 800), kInvalid);
}

// The length of the whole is not known.
TEST_P(TcpWindowTest, FragmentsMakeTheWindowLiberal) {
  Open();
  TcpSegment first = Make(kAck, client() + 1, 8, server() + 1);
  first.is_fragment = true;
  EXPECT_EQ(Track(kOut, first), kPass);
  EXPECT_EQ(Server(kAck, 0, 0, 900), kPass);
  EXPECT_EQ(Client(kAck, 900, 10, 0), kPass);
}

// CT-127.
TEST_P(TcpWindowTest, RepetitionWithoutAcknowledgement) {
  Open();
  ASSERT_EQ(Client(kAck, 0, 100, 0), kPass);
  EXPECT_TRUE(IsUnacknowledged(windows_));
  for (uint32_t i = 0; i < kMaxRepetitions; ++i) {
    EXPECT_FALSE(IsUnanswered(windows_));
    ASSERT_EQ(Client(kAck, 0, 100, 0), kPass);
  }
  EXPECT_TRUE(IsUnanswered(windows_));
  ASSERT_EQ(Server(kAck, 0, 0, 100), kPass);
  EXPECT_FALSE(IsUnanswered(windows_));
  EXPECT_FALSE(IsUnacknowledged(windows_));
}

// T-02c, and the way to TIME_WAIT.
TEST_P(TcpWindowTest, HalfClosedConnectionCarriesData) {
  Open();
  ASSERT_EQ(Client(kFin | kAck, 0, 0, 0), kPass);
  ASSERT_EQ(Server(kAck, 0, 0, 1), kPass);
  EXPECT_EQ(state_, ConnectionState::kCloseWait);
  for (uint32_t i = 0; i < 10; ++i) {
    ASSERT_EQ(Server(kAck, i * 1000, 1000, 1), kPass);
    ASSERT_EQ(Client(kAck, 1, 0, (i + 1) * 1000), kPass);
  }
  ASSERT_EQ(Server(kFin | kAck, 10000, 0, 1), kPass);
  ASSERT_EQ(Client(kAck, 1, 0, 10001), kPass);
  EXPECT_EQ(state_, ConnectionState::kTimeWait);
}

// CT-133: nothing that a flag byte can hold breaks anything.
TEST_P(TcpWindowTest, EveryFlagByte) {
  for (uint32_t flags = 0; flags < 256; ++flags) {
    Open();
    const auto byte = static_cast<uint8_t>(flags);
    const TrackAction action = Client(byte, 0, 0, 0);
    const TcpFlagClass flag_class = ClassifyTcpFlags(byte);
    EXPECT_EQ(action == kInvalid, flag_class == TcpFlagClass::kNone ||
                                      flag_class == TcpFlagClass::kSynAck)
        << flags;
  }
}

INSTANTIATE_TEST_SUITE_P(FirstNumber, TcpWindowTest,
                         testing::Values(1000u, 0xffffff00u, 0x7fffff00u,
                                         0xbfffff00u));

}  // namespace
}  // namespace vswitch
