// Stage rewrite: MTU, segmentation offload, chains, partial checksums.

#include <rte_mbuf.h>

#include "dataplane/packet/headers.h"
#include "dataplane/packet/packet.h"
#include "dataplane/packet/parse.h"
#include "dataplane/pipeline/test_families.h"
#include "test/testing/packet_text.h"

namespace vswitch {
namespace {

class RewriteTest : public FamilyTest {
 protected:
  // A TCP segment as a kernel hands it over: headers in a segment of their
  // own, payload in another, only the pseudo-header's sum in the checksum.
  rte_mbuf* KernelSegment(const std::string& to, size_t payload_bytes,
                          uint16_t segment_bytes) {
    std::vector<uint8_t> bytes = *PacketFromText(PacketTo(
        "client", to, absl::StrCat("/ tcp flags=A / data ", payload_bytes)));
    const size_t l4 = 14 + (is_ipv4() ? 20 : 40);
    const uint16_t sum = PseudoHeaderSum(bytes, l4);
    bytes[l4 + 16] = static_cast<uint8_t>(sum >> 8);
    bytes[l4 + 17] = static_cast<uint8_t>(sum);
    rte_mbuf* packet = world_.pool().Make(bytes, {l4 + 20, payload_bytes});
    packet->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_NONE;
    packet->tso_segsz = segment_bytes;
    return packet;
  }

  // Returns the sum of the pseudo-header, written from RFC 9293 3.1 and RFC
  // 8200 8.1, not complemented.
  uint16_t PseudoHeaderSum(const std::vector<uint8_t>& bytes, size_t l4) const {
    uint32_t sum = 6 + static_cast<uint32_t>(bytes.size() - l4);
    const size_t begin = 14 + (is_ipv4() ? 12 : 8);
    for (size_t i = begin; i < begin + (is_ipv4() ? 8 : 32); i += 2) {
      sum += static_cast<uint32_t>(bytes[i]) << 8 | bytes[i + 1];
    }
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<uint16_t>(sum);
  }

  size_t L4Offset() const { return 14 + (is_ipv4() ? 20 : 40); }
  PortId Client() const { return TestWorld::PortNamed("client"); }
};

TEST_P(RewriteTest, SegmentPassesWholeAndUnsummed) {
  const Received received =
      world_.Receive(Client(), KernelSegment(AddressOf("server"), 20000, 1400));
  ASSERT_EQ(received.drop, DropReason::kNone);
  ASSERT_EQ(received.sent.size(), 1u);
  const Sent& sent = received.sent[0];
  EXPECT_EQ(sent.bytes.size(), L4Offset() + 20 + 20000);
  EXPECT_EQ(sent.tso_segsz, 1400);
  EXPECT_TRUE(sent.ol_flags & RTE_MBUF_F_TX_TCP_SEG);
  EXPECT_TRUE(sent.ol_flags & RTE_MBUF_F_TX_TCP_CKSUM);
  const uint16_t field = static_cast<uint16_t>(
      sent.bytes[L4Offset() + 16] << 8 | sent.bytes[L4Offset() + 17]);
  EXPECT_EQ(field, PseudoHeaderSum(sent.bytes, L4Offset()));
  // The payload is untouched.
  for (size_t i = 0; i < 20000; ++i) {
    ASSERT_EQ(sent.bytes[L4Offset() + 20 + i], static_cast<uint8_t>(i));
  }
}

TEST_P(RewriteTest, PartialChecksumFollowsTheTranslation) {
  const Received received =
      world_.Receive(Client(), KernelSegment(WebService(), 20000, 1400));
  ASSERT_EQ(received.sent.size(), 1u);
  const Sent& sent = received.sent[0];
  EXPECT_EQ(sent.port, TestWorld::PortNamed("server"));
  const uint16_t field = static_cast<uint16_t>(
      sent.bytes[L4Offset() + 16] << 8 | sent.bytes[L4Offset() + 17]);
  EXPECT_EQ(field, PseudoHeaderSum(sent.bytes, L4Offset()));
}

TEST_P(RewriteTest, SegmentOfTooLargePartsIsRefused) {
  const uint16_t header_bytes = static_cast<uint16_t>(L4Offset() - 14 + 20);
  const uint16_t fits = static_cast<uint16_t>(1500 - header_bytes);
  EXPECT_EQ(
      world_.Receive(Client(), KernelSegment(AddressOf("server"), 20000, fits))
          .drop,
      DropReason::kNone);
  EXPECT_EQ(world_
                .Receive(Client(), KernelSegment(AddressOf("server"), 20000,
                                                 uint16_t(fits + 1)))
                .drop,
            DropReason::kMtuExceeded);
}

TEST_P(RewriteTest, PacketThatJustFitsPasses) {
  const size_t header_bytes = L4Offset() - 14 + 8;
  const Received received = world_.Receive(
      "client", Packet("client", "server",
                       absl::StrCat("/ udp / data ", 1500 - header_bytes)));
  EXPECT_EQ(received.drop, DropReason::kNone);
}

// Conformance F4-08, F6-03.
TEST_P(RewriteTest, TooLargePacketIsAnsweredWithTheMtu) {
  world_.node().ports[ToInt(TestWorld::PortNamed("server"))].mtu = 1400;
  world_.Publish();
  const Received received = world_.Receive(
      "client", PacketTo("client", AddressOf("server"), "/ udp / data 1400"));
  EXPECT_EQ(received.drop, DropReason::kMtuExceeded);
  ASSERT_EQ(received.sent.size(), 1u);
  EXPECT_EQ(received.sent[0].port, Client());
  const std::string text = received.sent[0].Text();
  // The MTU is the second word: 16 bits in ICMP's, 32 in ICMPv6's.
  EXPECT_NE(text.find(is_ipv4() ? "icmp type=3 code=4 id=0 seq=1400"
                                : "icmp6 type=2 id=0 seq=1400"),
            std::string::npos)
      << text;
}

TEST_P(RewriteTest, TooLargePacketOfAServiceQuotesWhatWasSent) {
  world_.node().ports[ToInt(TestWorld::PortNamed("server"))].mtu = 1400;
  world_.Publish();
  const Received received = world_.Receive(
      "client", PacketTo("client", WebService(), "/ tcp flags=A / data 1420"));
  EXPECT_EQ(received.drop, DropReason::kMtuExceeded);
  ASSERT_EQ(received.sent.size(), 1u);
  EXPECT_NE(received.sent[0].Text().find(WebService()), std::string::npos);
}

TEST_P(RewriteTest, WhatAMalformedSegmentClaimsIsNotTrusted) {
  // A segment size of 1 is for the port that cuts to refuse; here it only
  // must not break anything.
  const Received received =
      world_.Receive(Client(), KernelSegment(AddressOf("server"), 3000, 1));
  EXPECT_EQ(received.sent.size(), 1u);
}

INSTANTIATE_FAMILIES(RewriteTest);

}  // namespace
}  // namespace vswitch
