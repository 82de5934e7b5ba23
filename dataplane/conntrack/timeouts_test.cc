// Which timeout a connection has, and that the defaults keep the RFCs' bounds.

#include "dataplane/conntrack/timeouts.h"

#include "gtest/gtest.h"

namespace vswitch {
namespace {

TEST(TimeoutsTest, ProtocolAndStateChoose) {
  const ConnectionTimeouts timeouts{.tcp_established_s = 1,
                                    .tcp_transitory_s = 2,
                                    .tcp_time_wait_s = 3,
                                    .tcp_closed_s = 4,
                                    .udp_s = 5,
                                    .icmp_s = 6,
                                    .other_s = 7};
  const auto tcp = [&](ConnectionState state) {
    return TimeoutSeconds(IpProtocol::kTcp, state, timeouts);
  };
  EXPECT_EQ(tcp(ConnectionState::kEstablished), 1u);
  for (ConnectionState state :
       {ConnectionState::kSynSent, ConnectionState::kSynSent2,
        ConnectionState::kSynReceived, ConnectionState::kFinWait,
        ConnectionState::kCloseWait, ConnectionState::kLastAck}) {
    EXPECT_EQ(tcp(state), 2u) << ConnectionStateName(state);
  }
  EXPECT_EQ(tcp(ConnectionState::kTimeWait), 3u);
  EXPECT_EQ(tcp(ConnectionState::kClosed), 4u);
  const auto other = [&](IpProtocol protocol) {
    return TimeoutSeconds(protocol, ConnectionState::kReplied, timeouts);
  };
  EXPECT_EQ(other(IpProtocol::kUdp), 5u);
  EXPECT_EQ(other(IpProtocol::kUdpLite), 5u);
  EXPECT_EQ(other(IpProtocol::kIcmp), 6u);
  EXPECT_EQ(other(IpProtocol::kIcmpv6), 6u);
  EXPECT_EQ(other(IpProtocol::kSctp), 7u);
  EXPECT_EQ(other(IpProtocol::kGre), 7u);
}

TEST(TimeoutsTest, RfcProfileKeepsTheRfcsBounds) {
  const ConnectionTimeouts rfc = DefaultTimeouts(TimeoutProfile::kRfc);
  EXPECT_GE(rfc.tcp_established_s, 2u * 3600 + 4 * 60);  // RFC 5382 REQ-5
  EXPECT_GE(rfc.tcp_transitory_s, 4u * 60);              // RFC 5382 REQ-5
  EXPECT_GE(rfc.udp_s, 2u * 60);                         // RFC 4787 REQ-5
  EXPECT_GE(rfc.icmp_s, 60u);                            // RFC 5508 REQ-1
}

}  // namespace
}  // namespace vswitch
