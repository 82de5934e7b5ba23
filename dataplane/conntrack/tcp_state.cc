// The 2 x 6 x 10 table of TCP connection tracking.

#include "dataplane/conntrack/tcp_state.h"

namespace vswitch {
namespace {

constexpr uint8_t kFin = 0x01;
constexpr uint8_t kSyn = 0x02;
constexpr uint8_t kRst = 0x04;
constexpr uint8_t kAck = 0x10;

constexpr uint32_t kTcpStates = 10;

// A cell: the next state, or one of the three below.
using Cell = uint8_t;
constexpr Cell kSs = static_cast<Cell>(ConnectionState::kSynSent);
constexpr Cell kSr = static_cast<Cell>(ConnectionState::kSynReceived);
constexpr Cell kEs = static_cast<Cell>(ConnectionState::kEstablished);
constexpr Cell kFw = static_cast<Cell>(ConnectionState::kFinWait);
constexpr Cell kCw = static_cast<Cell>(ConnectionState::kCloseWait);
constexpr Cell kLa = static_cast<Cell>(ConnectionState::kLastAck);
constexpr Cell kTw = static_cast<Cell>(ConnectionState::kTimeWait);
constexpr Cell kCl = static_cast<Cell>(ConnectionState::kClosed);
constexpr Cell kS2 = static_cast<Cell>(ConnectionState::kSynSent2);
constexpr Cell kIg = 0x80;  // passes, the state stays
constexpr Cell kIv = 0x81;  // invalid
constexpr Cell kRe = 0x82;  // reopens

// Linux' table (nf_conntrack_proto_tcp.c, tcp_conntracks).  Columns: NONE,
// SYN_SENT, SYN_RECV, ESTABLISHED, FIN_WAIT, CLOSE_WAIT, LAST_ACK, TIME_WAIT,
// CLOSE, SYN_SENT2.  Linux says SYN_SENT where we say kRe, and makes a new
// connection of it as well.  A SYN of the reply direction in TIME_WAIT is one
// of those: the ports are free again for either side to begin (RFC 9293
// section 3.6.1).
constexpr Cell kTable[2][6][kTcpStates] = {
    {
        // The original direction.
        {kSs, kSs, kIg, kIg, kIg, kIg, kIg, kRe, kRe, kS2},  // SYN
        {kIv, kIv, kSr, kIv, kIv, kIv, kIv, kIv, kIv, kSr},  // SYN+ACK
        {kIv, kIv, kFw, kFw, kLa, kLa, kLa, kTw, kCl, kIv},  // FIN
        {kEs, kIv, kEs, kEs, kCw, kCw, kTw, kTw, kCl, kIv},  // ACK
        {kIv, kCl, kCl, kCl, kCl, kCl, kCl, kCl, kCl, kCl},  // RST
        {kIv, kIv, kIv, kIv, kIv, kIv, kIv, kIv, kIv, kIv},  // none
    },
    {
        // The reply direction.
        {kIv, kS2, kIv, kIv, kIv, kIv, kIv, kRe, kIv, kS2},  // SYN
        {kIv, kSr, kIg, kIg, kIg, kIg, kIg, kIg, kIg, kSr},  // SYN+ACK
        {kIv, kIv, kFw, kFw, kLa, kLa, kLa, kTw, kCl, kIv},  // FIN
        {kIv, kIg, kSr, kEs, kCw, kCw, kTw, kTw, kCl, kIg},  // ACK
        {kIv, kCl, kCl, kCl, kCl, kCl, kCl, kCl, kCl, kCl},  // RST
        {kIv, kIv, kIv, kIv, kIv, kIv, kIv, kIv, kIv, kIv},  // none
    },
};

}  // namespace

TcpFlagClass ClassifyTcpFlags(uint8_t tcp_flags) {
  if ((tcp_flags & kRst) != 0) return TcpFlagClass::kRst;
  if ((tcp_flags & kSyn) != 0) {
    return (tcp_flags & kAck) != 0 ? TcpFlagClass::kSynAck : TcpFlagClass::kSyn;
  }
  if ((tcp_flags & kFin) != 0) return TcpFlagClass::kFin;
  return (tcp_flags & kAck) != 0 ? TcpFlagClass::kAck : TcpFlagClass::kNone;
}

TcpStep AdvanceTcp(FlowDirection direction, uint8_t tcp_flags,
                   ConnectionState state) {
  const auto row = static_cast<uint32_t>(ClassifyTcpFlags(tcp_flags));
  const auto column = static_cast<uint32_t>(state);
  if (column >= kTcpStates) return {TrackAction::kInvalid, state};
  const Cell cell = kTable[static_cast<uint32_t>(direction)][row][column];
  switch (cell) {
    case kIg:
      return {TrackAction::kIgnore, state};
    case kIv:
      return {TrackAction::kInvalid, state};
    case kRe:
      return {TrackAction::kReopen, state};
    default:
      return {TrackAction::kPass, static_cast<ConnectionState>(cell)};
  }
}

std::optional<ConnectionState> FirstState(IpProtocol protocol,
                                          uint8_t tcp_flags, bool may_pick_up) {
  if (protocol != IpProtocol::kTcp) return ConnectionState::kUnreplied;
  const TcpStep step =
      AdvanceTcp(FlowDirection::kOriginal, tcp_flags, ConnectionState::kNone);
  if (step.action != TrackAction::kPass) return std::nullopt;
  if (step.next == ConnectionState::kEstablished && !may_pick_up) {
    return std::nullopt;
  }
  return step.next;
}

}  // namespace vswitch
