// Stage rewrite: MTU, segmentation offload, chains, partial checksums.

#include <rte_mbuf.h>

#include <string>
#include <vector>

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

  std::string DontFragment() const { return is_ipv4() ? "df=1 " : ""; }

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
      "client", PacketTo("client", AddressOf("server"),
                         absl::StrCat(DontFragment(), "/ udp / data 1400")));
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
      "client",
      PacketTo("client", WebService(),
               absl::StrCat(DontFragment(), "/ tcp flags=A / data 1420")));
  EXPECT_EQ(received.drop, DropReason::kMtuExceeded);
  ASSERT_EQ(received.sent.size(), 1u);
  EXPECT_NE(received.sent[0].Text().find(WebService()), std::string::npos);
}

// Conformance F4-15 and F6-16, and F4-03 for what shares a checksum with it.
TEST_P(RewriteTest, EveryTrafficClassStays) {
  for (int value = 0; value < 256; ++value) {
    const Received received = world_.Receive(
        "client",
        Packet("client", "server",
               absl::StrCat(is_ipv4() ? "ttl=128 tos=" : "hop=128 tc=", value,
                            is_ipv4() ? " id=" : " flow=", value * 257,
                            " / udp / data 4")));
    ASSERT_EQ(received.sent.size(), 1u);
    EXPECT_EQ(
        received.sent[0].Text(),
        PacketToText(*PacketFromText(absl::StrCat(
            "eth src=02:00:00:00:00:01 dst=02:00:00:00:00:03 / ",
            is_ipv4() ? "ip4 ttl=127 tos=" : "ip6 hop=127 tc=", value,
            is_ipv4() ? " id=" : " flow=", value * 257, " / udp / data 4"))));
  }
}

TEST_P(RewriteTest, WhatAMalformedSegmentClaimsIsNotTrusted) {
  // A segment size of 1 is for the port that cuts to refuse; here it only
  // must not break anything.
  const Received received =
      world_.Receive(Client(), KernelSegment(AddressOf("server"), 3000, 1));
  EXPECT_EQ(received.sent.size(), 1u);
}

INSTANTIATE_FAMILIES(RewriteTest);

// RFC 791 3.2: what IPv4's senders let us cut.
class FragmentationTest : public testing::Test {
 protected:
  FragmentationTest() {
    world_.node().ports[ToInt(TestWorld::PortNamed("server"))].mtu = 1400;
    world_.Publish();
  }

  static PortId Client() { return TestWorld::PortNamed("client"); }

  TestWorld world_;
};

// The port of one packet completes no checksum of several.
TEST_F(FragmentationTest, PartialChecksumIsCompletedBefore) {
  rte_mbuf* packet = world_.pool().Make(
      *PacketFromText("eth / ip4 id=9 / udp csum=partial / data 1400"));
  packet->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_NONE;
  const Received received = world_.Receive(Client(), packet);
  EXPECT_EQ(received.drop, DropReason::kNone);
  ASSERT_EQ(received.sent.size(), 2u);
  const std::vector<uint8_t> whole =
      *PacketFromText("eth / ip4 / udp / data 1400");
  std::vector<uint8_t> payload;
  for (const Sent& sent : received.sent) {
    EXPECT_EQ(sent.ol_flags & RTE_MBUF_F_TX_L4_MASK, 0u);
    payload.insert(payload.end(), sent.bytes.begin() + 34, sent.bytes.end());
  }
  EXPECT_EQ(payload, std::vector<uint8_t>(whole.begin() + 34, whole.end()));
}

TEST_F(FragmentationTest, SegmentOfAKernelIsNotCut) {
  rte_mbuf* packet = world_.pool().Make(
      *PacketFromText("eth / ip4 / tcp flags=A csum=partial / data 4000"));
  packet->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_NONE;
  packet->tso_segsz = 1400;
  EXPECT_EQ(world_.Receive(Client(), packet).drop, DropReason::kMtuExceeded);
}

// Conformance F4-16: the packet behind a cut one does not overtake it.
TEST_F(FragmentationTest, OrderIsKept) {
  std::vector<std::string> packets;
  for (int i = 1; i <= 40; ++i) {
    packets.push_back(absl::StrCat(
        "eth / ip4 id=", i,
        i % 2 == 0 ? " / udp / data 4" : " / udp csum=0 / data 1400"));
  }
  const std::vector<Sent> sent = world_.ReceiveBurst(Client(), packets);
  ASSERT_EQ(sent.size(), 60u);
  int last = 0;
  for (const Sent& one : sent) {
    const int id = one.bytes[18] << 8 | one.bytes[19];
    EXPECT_GE(id, last);
    last = id;
  }
}

// More fragments than a burst has packets.
TEST_F(FragmentationTest, AllOfALargePacketLeaves) {
  world_.node().ports[ToInt(TestWorld::PortNamed("server"))].mtu = 68;
  world_.Publish();
  const Received received =
      world_.Receive("client", "eth / ip4 / udp csum=0 / data 60000");
  EXPECT_EQ(received.drop, DropReason::kNone);
  EXPECT_EQ(received.sent.size(), (60008u + 47) / 48);
}

TEST_F(FragmentationTest, PoolRunsEmpty) {
  std::vector<rte_mbuf*> taken;
  while (rte_mbuf* packet = world_.pool().Allocate()) taken.push_back(packet);
  world_.pool().Free({&taken.back(), 1});
  taken.pop_back();
  world_.pool().Free({&taken.back(), 1});
  taken.pop_back();
  world_.set_taken_packets(taken.size());
  const Received received =
      world_.Receive("client", "eth / ip4 / udp csum=0 / data 1400");
  EXPECT_EQ(received.drop, DropReason::kNoMbuf);
  EXPECT_EQ(received.sent.size(), 1u);
  world_.pool().Free(taken);
  world_.set_taken_packets(0);
}

}  // namespace
}  // namespace vswitch
