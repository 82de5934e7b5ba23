// The switch's connection tracking as a filter of text, for
// kernel_conntrack_test.py: each line of input is "new", which forgets the
// connection, or a segment
//
//   DIRECTION FLAGS SEQUENCE ACK WINDOW BYTES     "0 18 1000 0 65535 0"
//
// which is answered with "pass STATE" or "drop STATE".

#include <cstdint>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>

#include "dataplane/conntrack/tcp_window.h"

namespace vswitch {
namespace {

class Tracker {
 public:
  // Returns whether the segment passes.
  bool Take(uint32_t direction, const TcpSegment& segment) {
    if (state_ == ConnectionState::kNone) return Begin(segment);
    const TcpTrack track =
        TrackTcp(static_cast<FlowDirection>(direction), segment, state_,
                 windows_[direction], windows_[1 - direction]);
    if (track.action == TrackAction::kReopen) return Begin(segment);
    state_ = track.next;
    return track.action == TrackAction::kPass ||
           track.action == TrackAction::kIgnore;
  }
  ConnectionState state() const { return state_; }

 private:
  bool Begin(const TcpSegment& segment) {
    const std::optional<ConnectionState> first =
        FirstState(IpProtocol::kTcp, segment.flags, /*may_pick_up=*/true);
    if (!first.has_value()) return false;
    state_ = *first;
    windows_ = FirstWindows(segment);
    return true;
  }

  ConnectionState state_ = ConnectionState::kNone;
  std::array<TcpWindow, 2> windows_;
};

void Run() {
  Tracker tracker;
  std::string line;
  while (std::getline(std::cin, line)) {
    if (line == "new") {
      tracker = Tracker();
      continue;
    }
    std::istringstream words(line);
    uint32_t direction = 0, flags = 0, window = 0, bytes = 0;
    TcpSegment segment;
    words >> direction >> flags >> segment.sequence >> segment.acknowledgment >>
        window >> bytes;
    segment.flags = static_cast<uint8_t>(flags);
    segment.window = static_cast<uint16_t>(window);
    segment.highest_sack = segment.acknowledgment;
    segment.end = segment.sequence + bytes + (flags & 1) + (flags >> 1 & 1);
    const bool passes = tracker.Take(direction & 1, segment);
    std::cout << (passes ? "pass " : "drop ")
              << ConnectionStateName(tracker.state()) << std::endl;
  }
}

}  // namespace
}  // namespace vswitch

int main() { vswitch::Run(); }
