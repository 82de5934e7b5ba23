// Which timeout a connection has, and that the defaults keep the RFCs' bounds.

#include "dataplane/conntrack/timeouts.h"

#include "gtest/gtest.h"

namespace vswitch {
namespace {

// Each timer another figure.
ConnectionTimeouts Numbered() {
  ConnectionTimeouts timeouts{};
  uint32_t number = 0;
  for (const TimeoutField& field : kTimeoutFields) {
    timeouts.*field.field = ++number;
  }
  return timeouts;
}

TEST(TimeoutsTest, EveryTimerIsInTheListOnce) {
  EXPECT_EQ(sizeof(ConnectionTimeouts), kTimeoutFieldCount * sizeof(uint32_t));
  const ConnectionTimeouts timeouts = Numbered();
  for (uint32_t i = 0; i < kTimeoutFieldCount; ++i) {
    EXPECT_EQ(timeouts.*kTimeoutFields[i].field, i + 1);
  }
}

TEST(TimeoutsTest, StateOfTcpChooses) {
  const ConnectionTimeouts timeouts = Numbered();
  const std::pair<ConnectionState, uint32_t> cases[] = {
      {ConnectionState::kSynSent, timeouts.tcp_syn_sent_s},
      {ConnectionState::kSynSent2, timeouts.tcp_syn_sent_s},
      {ConnectionState::kSynReceived, timeouts.tcp_syn_received_s},
      {ConnectionState::kEstablished, timeouts.tcp_established_s},
      {ConnectionState::kFinWait, timeouts.tcp_fin_wait_s},
      {ConnectionState::kCloseWait, timeouts.tcp_close_wait_s},
      {ConnectionState::kLastAck, timeouts.tcp_last_ack_s},
      {ConnectionState::kTimeWait, timeouts.tcp_time_wait_s},
      {ConnectionState::kClosed, timeouts.tcp_closed_s},
  };
  for (const auto& [state, seconds] : cases) {
    EXPECT_EQ(TimeoutSeconds(IpProtocol::kTcp, state, timeouts), seconds)
        << ConnectionStateName(state);
  }
}

TEST(TimeoutsTest, StateOfSctpChooses) {
  const ConnectionTimeouts timeouts = Numbered();
  const std::pair<ConnectionState, uint32_t> cases[] = {
      {ConnectionState::kUnreplied, timeouts.sctp_unreplied_s},
      {ConnectionState::kCookieWait, timeouts.sctp_cookie_wait_s},
      {ConnectionState::kCookieEchoed, timeouts.sctp_cookie_echoed_s},
      {ConnectionState::kEstablished, timeouts.sctp_established_s},
      {ConnectionState::kShutdownSent, timeouts.sctp_shutdown_sent_s},
      {ConnectionState::kShutdownAckSent, timeouts.sctp_shutdown_ack_sent_s},
      {ConnectionState::kClosed, timeouts.sctp_closed_s},
  };
  for (const auto& [state, seconds] : cases) {
    EXPECT_EQ(TimeoutSeconds(IpProtocol::kSctp, state, timeouts), seconds)
        << ConnectionStateName(state);
  }
}

TEST(TimeoutsTest, ProtocolChooses) {
  const ConnectionTimeouts timeouts = Numbered();
  const auto replied = [&](IpProtocol protocol) {
    return TimeoutSeconds(protocol, ConnectionState::kReplied, timeouts);
  };
  EXPECT_EQ(replied(IpProtocol::kUdp), timeouts.udp_s);
  EXPECT_EQ(replied(IpProtocol::kUdpLite), timeouts.udp_s);
  EXPECT_EQ(
      TimeoutSeconds(IpProtocol::kUdp, ConnectionState::kUnreplied, timeouts),
      timeouts.udp_unreplied_s);
  EXPECT_EQ(replied(IpProtocol::kIcmp), timeouts.icmp_s);
  EXPECT_EQ(replied(IpProtocol::kIcmpv6), timeouts.icmp_s);
  EXPECT_EQ(replied(IpProtocol::kGre), timeouts.other_s);
}

// Conformance T-05, T-13, U-05, I-02.
TEST(TimeoutsTest, RfcProfileKeepsTheRfcsBounds) {
  const ConnectionTimeouts rfc = DefaultTimeouts(TimeoutProfile::kRfc);
  for (const TimeoutField& field : kTimeoutFields) {
    EXPECT_GE(rfc.*field.field, field.least_s) << field.name;
    EXPECT_EQ(field.least_s == 0, field.least_source.empty()) << field.name;
  }
  EXPECT_EQ(rfc.tcp_established_s, 2u * 3600 + 4 * 60);
  EXPECT_EQ(rfc.tcp_syn_sent_s, 4u * 60);
  EXPECT_EQ(rfc.tcp_fin_wait_s, 4u * 60);
  EXPECT_EQ(rfc.udp_s, 5u * 60);
  EXPECT_EQ(rfc.icmp_s, 60u);
}

TEST(TimeoutsTest, LinuxProfileIsTheKernels) {
  const ConnectionTimeouts timeouts = DefaultTimeouts(TimeoutProfile::kLinux);
  EXPECT_EQ(timeouts.tcp_established_s, 5u * 24 * 3600);
  EXPECT_EQ(timeouts.tcp_last_ack_s, 30u);
  EXPECT_EQ(timeouts.udp_unreplied_s, 30u);
}

TEST(TimeoutsTest, WhatIsWantedWins) {
  const ConnectionTimeouts timeouts =
      CompleteTimeouts({.tcp_syn_sent_s = 999}, TimeoutProfile::kRfc);
  EXPECT_EQ(timeouts.tcp_syn_sent_s, 999u);
  EXPECT_EQ(timeouts.tcp_syn_received_s, 240u);
}

}  // namespace
}  // namespace vswitch
