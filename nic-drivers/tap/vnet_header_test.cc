// Every field of a virtio-net header, right and wrong, in both families.

#include "nic-drivers/tap/vnet_header.h"

#include <rte_mbuf.h>

#include <string>
#include <vector>

#include "dataplane/packet/checksum.h"
#include "dataplane/packet/packet.h"
#include "gtest/gtest.h"
#include "test/testing/fake_packet_pool.h"
#include "test/testing/packet_text.h"

namespace vswitch {
namespace {

constexpr uint16_t kTcpOffset = 16;
constexpr uint16_t kUdpOffset = 6;

struct Family {
  const char* name;
  const char* layer;
  uint16_t l4;  // where the L4 header begins
  uint8_t gso;
  uint8_t other_gso;
};

class VnetHeaderTest : public testing::TestWithParam<Family> {
 protected:
  void TearDown() override {
    for (rte_mbuf* packet : packets_) pool_.Free({&packet, 1});
  }

  rte_mbuf& Make(const std::string& l4) {
    const auto bytes = PacketFromText("eth / " + std::string(GetParam().layer) +
                                      " / " + l4 + " / data 3000");
    EXPECT_TRUE(bytes.ok()) << bytes.status();
    packets_.push_back(pool_.Make(*bytes, {2048, 1}));
    return *packets_.back();
  }
  rte_mbuf& Tcp() { return Make("tcp csum=partial flags=A"); }
  rte_mbuf& Udp() { return Make("udp csum=partial"); }

  VirtioNetHeader Partial(uint16_t offset) const {
    VirtioNetHeader header;
    header.flags = VirtioNetHeader::kNeedsChecksum;
    header.checksum_start = GetParam().l4;
    header.checksum_offset = offset;
    return header;
  }
  VirtioNetHeader TcpSegment() const {
    VirtioNetHeader header = Partial(kTcpOffset);
    header.gso_type = GetParam().gso;
    header.gso_size = 1400;
    return header;
  }

  FakePacketPool pool_;
  std::vector<rte_mbuf*> packets_;
};

TEST_P(VnetHeaderTest, NothingAskedNothingSet) {
  rte_mbuf& packet = Tcp();
  EXPECT_TRUE(ApplyVnetHeader({}, packet));
  EXPECT_EQ(packet.ol_flags, 0u);
  EXPECT_EQ(packet.tso_segsz, 0u);
}

TEST_P(VnetHeaderTest, AClaimedChecksumIsNotBelieved) {
  rte_mbuf& packet = Tcp();
  EXPECT_TRUE(
      ApplyVnetHeader({.flags = VirtioNetHeader::kChecksumValid}, packet));
  EXPECT_EQ(packet.ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK, 0u);
}

TEST_P(VnetHeaderTest, PartialChecksum) {
  for (const bool tcp : {true, false}) {
    rte_mbuf& packet = tcp ? Tcp() : Udp();
    EXPECT_TRUE(
        ApplyVnetHeader(Partial(tcp ? kTcpOffset : kUdpOffset), packet));
    EXPECT_EQ(packet.ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK,
              RTE_MBUF_F_RX_L4_CKSUM_NONE);
    EXPECT_EQ(packet.tso_segsz, 0u);
  }
}

TEST_P(VnetHeaderTest, TcpSegment) {
  rte_mbuf& packet = Tcp();
  EXPECT_TRUE(ApplyVnetHeader(TcpSegment(), packet));
  EXPECT_EQ(packet.tso_segsz, 1400u);
  EXPECT_EQ(packet.l2_len, 14u);
  EXPECT_EQ(packet.l2_len + packet.l3_len, GetParam().l4);
  EXPECT_EQ(packet.l4_len, 20u);
}

TEST_P(VnetHeaderTest, EcnIsAllowedWithTcpOnly) {
  VirtioNetHeader header = TcpSegment();
  header.gso_type |= VirtioNetHeader::kGsoEcn;
  EXPECT_TRUE(ApplyVnetHeader(header, Tcp()));
  header = Partial(kUdpOffset);
  header.gso_type = VirtioNetHeader::kGsoUdp | VirtioNetHeader::kGsoEcn;
  header.gso_size = 1400;
  EXPECT_FALSE(ApplyVnetHeader(header, Udp()));
}

TEST_P(VnetHeaderTest, UdpSegment) {
  VirtioNetHeader header = Partial(kUdpOffset);
  header.gso_type = VirtioNetHeader::kGsoUdp;
  header.gso_size = 1400;
  rte_mbuf& packet = Udp();
  EXPECT_TRUE(ApplyVnetHeader(header, packet));
  EXPECT_EQ(packet.tso_segsz, 1400u);
  EXPECT_EQ(packet.l4_len, 8u);
}

TEST_P(VnetHeaderTest, RefusesSegmentsThatContradictTheFrame) {
  const auto refused = [this](auto change) {
    VirtioNetHeader header = TcpSegment();
    change(header);
    return !ApplyVnetHeader(header, Tcp());
  };
  EXPECT_TRUE(refused([](auto& h) { h.flags = 0; }));
  EXPECT_TRUE(refused([](auto& h) { h.gso_size = 0; }));
  EXPECT_TRUE(refused([](auto& h) { h.gso_size = 7; }));
  EXPECT_TRUE(refused([](auto& h) { h.gso_type = GetParam().other_gso; }));
  EXPECT_TRUE(refused([](auto& h) { h.gso_type = VirtioNetHeader::kGsoUdp; }));
  EXPECT_TRUE(refused([](auto& h) { h.gso_type = 3; })) << "UFO is not offered";
  EXPECT_TRUE(refused([](auto& h) { h.gso_type = 0x7f; }));
  EXPECT_TRUE(refused([](auto& h) { h.checksum_start += 2; }));
  EXPECT_TRUE(refused([](auto& h) { h.checksum_offset = kUdpOffset; }));
}

TEST_P(VnetHeaderTest, RefusesAUdpSegmentOfTooManyParts) {
  VirtioNetHeader header = Partial(kUdpOffset);
  header.gso_type = VirtioNetHeader::kGsoUdp;
  header.gso_size = 23;  // 3000 bytes: 131 parts
  EXPECT_FALSE(ApplyVnetHeader(header, Udp()));
  header.gso_size = 24;  // 125 parts
  EXPECT_TRUE(ApplyVnetHeader(header, Udp()));
}

TEST_P(VnetHeaderTest, RefusesAChecksumOutsideTheFirstSegment) {
  VirtioNetHeader header = Partial(kTcpOffset);
  header.checksum_start = 2047;
  EXPECT_FALSE(ApplyVnetHeader(header, Tcp()));
  header.checksum_start = 0xffff;
  header.checksum_offset = 0xffff;
  EXPECT_FALSE(ApplyVnetHeader(header, Tcp()));
  header.checksum_start = 13;
  EXPECT_FALSE(ApplyVnetHeader(header, Tcp()));
}

TEST_P(VnetHeaderTest, CompletesAnInnerChecksum) {
  rte_mbuf& packet = Udp();
  VirtioNetHeader header;
  header.flags = VirtioNetHeader::kNeedsChecksum;
  header.checksum_start = GetParam().l4 + 8 + 50;
  header.checksum_offset = 16;
  EXPECT_TRUE(ApplyVnetHeader(header, packet));
  EXPECT_EQ(packet.ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK, 0u);
  // The checksum is the complement of the sum of all from the start on, in
  // which its field counted as it was.
  ChecksumSum sum = PacketSum(packet, header.checksum_start,
                              PacketBytes(packet) - header.checksum_start);
  const uint8_t held[2] = {50 + 16, 50 + 17};  // of `data`
  EXPECT_EQ(Fold(sum + SumBytes(held, 2)), 0xffff);
}

TEST_P(VnetHeaderTest, WritesWhatTheMetadataAsks) {
  rte_mbuf& packet = Tcp();
  EXPECT_EQ(MakeVnetHeader(packet).flags, 0);
  packet.l2_len = 14;
  packet.l3_len = GetParam().l4 - 14u;
  packet.l4_len = 20;
  packet.ol_flags = RTE_MBUF_F_TX_UDP_CKSUM;
  VirtioNetHeader header = MakeVnetHeader(packet);
  EXPECT_EQ(header.flags, VirtioNetHeader::kNeedsChecksum);
  EXPECT_EQ(header.checksum_start, GetParam().l4);
  EXPECT_EQ(header.checksum_offset, kUdpOffset);
  EXPECT_EQ(header.gso_type, VirtioNetHeader::kGsoNone);
  packet.tso_segsz = 1400;
  packet.ol_flags =
      RTE_MBUF_F_TX_TCP_SEG |
      (GetParam().l4 == 34 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6);
  header = MakeVnetHeader(packet);
  EXPECT_EQ(header.checksum_offset, kTcpOffset);
  EXPECT_EQ(header.gso_type, GetParam().gso);
  EXPECT_EQ(header.gso_size, 1400);
  EXPECT_EQ(header.header_bytes, GetParam().l4 + 20);
  Data(packet)[GetParam().l4 + 13] |= 0x80;  // CWR
  EXPECT_EQ(MakeVnetHeader(packet).gso_type,
            GetParam().gso | VirtioNetHeader::kGsoEcn);
}

INSTANTIATE_TEST_SUITE_P(
    Families, VnetHeaderTest,
    testing::Values(Family{"ipv4", "ip4", 34, VirtioNetHeader::kGsoTcp4,
                           VirtioNetHeader::kGsoTcp6},
                    Family{"ipv6", "ip6", 54, VirtioNetHeader::kGsoTcp6,
                           VirtioNetHeader::kGsoTcp4}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace vswitch
