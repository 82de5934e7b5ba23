// Every cell of the TCP table, written as the specification writes it.

#include "dataplane/conntrack/tcp_state.h"

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "gtest/gtest.h"

namespace vswitch {
namespace {

constexpr uint8_t kFin = 0x01;
constexpr uint8_t kSyn = 0x02;
constexpr uint8_t kRst = 0x04;
constexpr uint8_t kPush = 0x08;
constexpr uint8_t kAck = 0x10;
constexpr uint8_t kUrgent = 0x20;

// Columns: NONE SYN_SENT SYN_RECV ESTABLISHED FIN_WAIT CLOSE_WAIT LAST_ACK
// TIME_WAIT CLOSE SYN_SENT2.  ig: passes and keeps the state; IV: invalid; RE:
// a new connection.
constexpr const char* kOriginal[] = {
    "SS SS ig ig ig ig ig RE RE S2",  // SYN
    "IV IV SR IV IV IV IV IV IV SR",  // SYN+ACK
    "IV IV FW FW LA LA LA TW CL IV",  // FIN
    "ES IV ES ES CW CW TW TW CL IV",  // ACK
    "IV CL CL CL CL CL CL CL CL CL",  // RST
    "IV IV IV IV IV IV IV IV IV IV",  // none
};
constexpr const char* kReply[] = {
    "IV S2 IV IV IV IV IV RE IV S2",  // SYN
    "IV SR ig ig ig ig ig ig ig SR",  // SYN+ACK
    "IV IV FW FW LA LA LA TW CL IV",  // FIN
    "IV ig SR ES CW CW TW TW CL ig",  // ACK
    "IV CL CL CL CL CL CL CL CL CL",  // RST
    "IV IV IV IV IV IV IV IV IV IV",  // none
};
constexpr uint8_t kFlags[] = {kSyn, kSyn | kAck, kFin | kAck, kAck, kRst, 0};

TcpStep Expected(const std::string& cell, ConnectionState state) {
  static const auto* const kStates = new std::map<std::string, ConnectionState>{
      {"SS", ConnectionState::kSynSent},
      {"SR", ConnectionState::kSynReceived},
      {"ES", ConnectionState::kEstablished},
      {"FW", ConnectionState::kFinWait},
      {"CW", ConnectionState::kCloseWait},
      {"LA", ConnectionState::kLastAck},
      {"TW", ConnectionState::kTimeWait},
      {"CL", ConnectionState::kClosed},
      {"S2", ConnectionState::kSynSent2}};
  if (cell == "ig") return {TrackAction::kIgnore, state};
  if (cell == "IV") return {TrackAction::kInvalid, state};
  if (cell == "RE") return {TrackAction::kReopen, state};
  return {TrackAction::kPass, kStates->at(cell)};
}

void CheckTable(FlowDirection direction, const char* const (&rows)[6]) {
  for (uint32_t row = 0; row < 6; ++row) {
    const std::vector<std::string> cells = absl::StrSplit(rows[row], ' ');
    ASSERT_EQ(cells.size(), 10u);
    for (uint32_t column = 0; column < 10; ++column) {
      const auto state = static_cast<ConnectionState>(column);
      const TcpStep step = AdvanceTcp(direction, kFlags[row], state);
      EXPECT_EQ(step, Expected(cells[column], state))
          << "row " << row << ", state " << ConnectionStateName(state);
    }
  }
}

TEST(TcpStateTest, EveryCellOfTheOriginalDirection) {
  CheckTable(FlowDirection::kOriginal, kOriginal);
}

TEST(TcpStateTest, EveryCellOfTheReplyDirection) {
  CheckTable(FlowDirection::kReply, kReply);
}

TEST(TcpStateTest, EveryFlagByteHasAClass) {
  for (uint32_t flags = 0; flags < 256; ++flags) {
    const TcpFlagClass got = ClassifyTcpFlags(static_cast<uint8_t>(flags));
    TcpFlagClass wanted = TcpFlagClass::kNone;
    if ((flags & kAck) != 0) wanted = TcpFlagClass::kAck;
    if ((flags & kFin) != 0) wanted = TcpFlagClass::kFin;
    if ((flags & kSyn) != 0) {
      wanted = (flags & kAck) != 0 ? TcpFlagClass::kSynAck : TcpFlagClass::kSyn;
    }
    if ((flags & kRst) != 0) wanted = TcpFlagClass::kRst;
    EXPECT_EQ(got, wanted) << flags;
  }
}

TEST(TcpStateTest, ConnectionOpensTalksAndCloses) {
  struct Packet {
    FlowDirection direction;
    uint8_t flags;
    ConnectionState after;
  };
  const Packet packets[] = {
      {FlowDirection::kOriginal, kSyn, ConnectionState::kSynSent},
      {FlowDirection::kReply, kSyn | kAck, ConnectionState::kSynReceived},
      {FlowDirection::kOriginal, kAck, ConnectionState::kEstablished},
      {FlowDirection::kReply, kAck | kPush, ConnectionState::kEstablished},
      {FlowDirection::kOriginal, kAck | kUrgent, ConnectionState::kEstablished},
      {FlowDirection::kOriginal, kFin | kAck, ConnectionState::kFinWait},
      {FlowDirection::kReply, kAck, ConnectionState::kCloseWait},
      {FlowDirection::kReply, kFin | kAck, ConnectionState::kLastAck},
      {FlowDirection::kOriginal, kAck, ConnectionState::kTimeWait},
  };
  ConnectionState state = ConnectionState::kNone;
  for (const Packet& packet : packets) {
    const TcpStep step = AdvanceTcp(packet.direction, packet.flags, state);
    EXPECT_EQ(step.action, TrackAction::kPass);
    EXPECT_EQ(step.next, packet.after);
    state = step.next;
  }
}

TEST(TcpStateTest, WhatBeginsAConnection) {
  EXPECT_EQ(FirstState(IpProtocol::kTcp, kSyn, true),
            ConnectionState::kSynSent);
  EXPECT_EQ(FirstState(IpProtocol::kTcp, kAck, true),
            ConnectionState::kEstablished);
  EXPECT_EQ(FirstState(IpProtocol::kTcp, kAck, false), std::nullopt);
  EXPECT_EQ(FirstState(IpProtocol::kTcp, kSyn, false),
            ConnectionState::kSynSent);
  EXPECT_EQ(FirstState(IpProtocol::kTcp, kSyn | kAck, true), std::nullopt);
  EXPECT_EQ(FirstState(IpProtocol::kTcp, kFin | kAck, true), std::nullopt);
  EXPECT_EQ(FirstState(IpProtocol::kTcp, kRst, true), std::nullopt);
  EXPECT_EQ(FirstState(IpProtocol::kTcp, 0, true), std::nullopt);
  for (IpProtocol protocol :
       {IpProtocol::kUdp, IpProtocol::kIcmp, IpProtocol::kIcmpv6,
        IpProtocol::kSctp, IpProtocol::kGre}) {
    EXPECT_EQ(FirstState(protocol, 0, true), ConnectionState::kUnreplied);
  }
}

TEST(TcpStateTest, StateOfAnotherProtocolIsInvalid) {
  EXPECT_EQ(
      AdvanceTcp(FlowDirection::kOriginal, kAck, ConnectionState::kReplied)
          .action,
      TrackAction::kInvalid);
}

}  // namespace
}  // namespace vswitch
