// PassOrdinaryAck() agrees with TrackTcp() wherever it says yes, and says yes
// to what ordinary connections are made of.

#include <algorithm>
#include <array>
#include <cstdint>
#include <random>

#include "dataplane/conntrack/tcp_window.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

constexpr uint8_t kSyn = 0x02;
constexpr uint8_t kPsh = 0x08;
constexpr uint8_t kAck = 0x10;

TcpSegment Make(uint8_t flags, uint32_t sequence, uint32_t bytes, uint32_t ack,
                uint16_t window) {
  TcpSegment segment;
  segment.flags = flags;
  segment.sequence = sequence;
  segment.end = sequence + bytes + ((flags & kSyn) != 0 ? 1 : 0);
  segment.acknowledgment = segment.highest_sack = ack;
  segment.window = window;
  return segment;
}

// A connection that is tracked both ways at once.
class OrdinaryAckTest : public testing::TestWithParam<uint32_t> {
 protected:
  uint32_t Random(uint32_t limit) {
    return static_cast<uint32_t>(random_() % limit);
  }

  void Open(bool is_scaled) {
    TcpSegment syn = Make(kSyn, first_, 0, 0, 64000);
    syn.has_scale = is_scaled;
    syn.scale = 7;
    windows_ = FirstWindows(syn);
    state_ = ConnectionState::kSynSent;
    TcpSegment answer = Make(kSyn | kAck, first_ + 5000, 0, first_ + 1, 500);
    answer.has_scale = is_scaled;
    answer.scale = 3;
    Track(FlowDirection::kReply, answer);
    Track(FlowDirection::kOriginal,
          Make(kAck, first_ + 1, 0, first_ + 5001, 600));
    ASSERT_EQ(state_, ConnectionState::kEstablished);
  }

  void Track(FlowDirection direction, const TcpSegment& segment) {
    const auto side = static_cast<uint32_t>(direction);
    state_ =
        TrackTcp(direction, segment, state_, windows_[side], windows_[1 - side])
            .next;
  }

  // Returns whether PassOrdinaryAck() takes the segment; it is tracked.
  bool Compare(FlowDirection direction, const TcpSegment& segment) {
    const auto side = static_cast<uint32_t>(direction);
    std::array<TcpWindow, 2> fast = windows_;
    const bool passes = PassOrdinaryAck(segment, fast[side], fast[1 - side]);
    const TcpTrack track = TrackTcp(direction, segment, state_, windows_[side],
                                    windows_[1 - side]);
    if (passes) {
      EXPECT_EQ(track.action, TrackAction::kPass);
      EXPECT_EQ(track.next, ConnectionState::kEstablished);
      EXPECT_TRUE(fast[side] == windows_[side]);
      EXPECT_TRUE(fast[1 - side] == windows_[1 - side]);
    }
    return passes;
  }

  const uint32_t first_ = GetParam();
  std::mt19937_64 random_{GetParam()};
  std::array<TcpWindow, 2> windows_;
  ConnectionState state_ = ConnectionState::kNone;
};

TEST_P(OrdinaryAckTest, DataAndItsAcknowledgementsAreOrdinary) {
  for (bool is_scaled : {false, true}) {
    Open(is_scaled);
    uint32_t at = first_ + 1;
    for (int i = 0; i < 100; ++i) {
      EXPECT_TRUE(Compare(FlowDirection::kOriginal,
                          Make(kAck | kPsh, at, 100, first_ + 5001, 600)));
      at += 100;
      EXPECT_TRUE(Compare(FlowDirection::kReply,
                          Make(kAck, first_ + 5001, 0, at, 500)));
    }
  }
}

TEST_P(OrdinaryAckTest, RandomSegmentsAreTheSameToBoth) {
  uint32_t passed = 0;
  for (int round = 0; round < 200; ++round) {
    Open(round % 2 == 0);
    for (int i = 0; i < 100; ++i) {
      const bool is_reply = Random(2) == 1;
      const uint32_t own = first_ + (is_reply ? 5000 : 0);
      const uint32_t peer = first_ + (is_reply ? 0 : 5000);
      const uint32_t spread = Random(10) == 0 ? 200000 : 1500;
      const TcpSegment segment =
          Make(kAck, own + Random(spread), Random(3) * Random(1400),
               peer + Random(spread), static_cast<uint16_t>(Random(2000)));
      passed +=
          Compare(is_reply ? FlowDirection::kReply : FlowDirection::kOriginal,
                  segment)
              ? 1
              : 0;
      if (state_ != ConnectionState::kEstablished) break;
    }
  }
  EXPECT_GT(passed, 300u);  // not a comparison of nothing with nothing
}

INSTANTIATE_TEST_SUITE_P(FirstNumber, OrdinaryAckTest,
                         testing::Values(1000u, 0xffffff00u, 0x7fffff00u));

}  // namespace
}  // namespace vswitch
