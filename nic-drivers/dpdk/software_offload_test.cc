// Cut packets are compared with what a kernel would have sent: parsed again,
// with every length and checksum verified.

#include "nic-drivers/dpdk/software_offload.h"

#include <rte_mbuf.h>

#include <algorithm>
#include <string>
#include <vector>

#include "dataplane/packet/packet.h"
#include "dataplane/packet/parse.h"
#include "gtest/gtest.h"
#include "test/testing/fake_packet_pool.h"
#include "test/testing/packet_text.h"

namespace vswitch {
namespace {

struct Case {
  const char* name;
  const char* layer;
  bool ipv4;
  bool tcp;
};

class SoftwareOffloadTest : public testing::TestWithParam<Case> {
 protected:
  void TearDown() override {
    pool_.Free(parts_);
    if (packet_ != nullptr) pool_.Free({&packet_, 1});
    EXPECT_EQ(pool_.LiveCount(), 0u);
  }

  uint32_t L4() const { return GetParam().ipv4 ? 34 : 54; }
  uint32_t HeaderBytes() const { return L4() + (GetParam().tcp ? 20 : 8); }

  // Makes a packet of `payload` bytes that asks for `flags`.
  rte_mbuf& Make(uint32_t payload, uint64_t flags, uint16_t part_bytes = 0) {
    const std::string l4 =
        GetParam().tcp ? "tcp csum=partial flags=CAPF" : "udp csum=partial";
    const auto bytes =
        PacketFromText("eth / " + std::string(GetParam().layer) + " / " + l4 +
                       " / data " + std::to_string(payload));
    EXPECT_TRUE(bytes.ok()) << bytes.status();
    packet_ = pool_.Make(*bytes, {std::min<size_t>(bytes->size(), 2000), 1});
    packet_->l2_len = 14;
    packet_->l3_len = L4() - 14u;
    packet_->l4_len = GetParam().tcp ? 20 : 8;
    packet_->tso_segsz = part_bytes;
    packet_->ol_flags |=
        flags | (GetParam().ipv4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6);
    return *packet_;
  }
  uint64_t SegmentFlag() const {
    return GetParam().tcp ? RTE_MBUF_F_TX_TCP_SEG : RTE_MBUF_F_TX_UDP_SEG;
  }
  uint64_t ChecksumFlag() const {
    return GetParam().tcp ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM;
  }

  // Parses `packet` as one from a wire: all lengths and checksums count.
  static PacketMeta ParseAgain(const rte_mbuf& packet) {
    PacketMeta meta;
    EXPECT_EQ(Parse(packet, PortId{0}, true, meta), DropReason::kNone);
    EXPECT_EQ(meta.packet_bytes, PacketBytes(packet));
    return meta;
  }

  FakePacketPool pool_;
  rte_mbuf* packet_ = nullptr;
  std::vector<rte_mbuf*> parts_;
};

TEST_P(SoftwareOffloadTest, CompletesTheChecksum) {
  rte_mbuf& packet = Make(1000, ChecksumFlag());
  EXPECT_FALSE(IsSegment(packet));
  CompleteTxChecksum(packet);
  EXPECT_EQ(packet.ol_flags & RTE_MBUF_F_TX_L4_MASK, 0u);
  ParseAgain(packet);
}

TEST_P(SoftwareOffloadTest, CutsIntoWholePackets) {
  rte_mbuf& packet = Make(4321, SegmentFlag(), 1000);
  EXPECT_TRUE(IsSegment(packet));
  ASSERT_EQ(CutSegment(packet, pool_, parts_), DropReason::kNone);
  ASSERT_EQ(parts_.size(), 5u);
  const std::vector<uint8_t> whole = BytesOf(packet);
  size_t at = HeaderBytes();
  for (size_t i = 0; i < parts_.size(); ++i) {
    const PacketMeta meta = ParseAgain(*parts_[i]);
    const std::vector<uint8_t> bytes = BytesOf(*parts_[i]);
    ASSERT_EQ(bytes.size(), HeaderBytes() + (i < 4 ? 1000 : 321));
    EXPECT_TRUE(std::equal(bytes.begin() + HeaderBytes(), bytes.end(),
                           whole.begin() + static_cast<long>(at)));
    at += bytes.size() - HeaderBytes();
    if (GetParam().ipv4) {
      EXPECT_EQ(bytes[19], whole[19] + i) << "identification";
    }
    if (!GetParam().tcp) continue;
    // Sequence number 1 and up; CWR in the first, PSH and FIN in the last.
    const uint32_t sequence =
        (uint32_t{bytes[L4() + 6]} << 8) | bytes[L4() + 7];
    EXPECT_EQ(sequence, 1 + 1000 * i);
    EXPECT_EQ(meta.tcp_flags & 0x80, i == 0 ? 0x80 : 0);
    EXPECT_EQ(meta.tcp_flags & 0x09, i == 4 ? 0x09 : 0);
  }
  EXPECT_EQ(at, whole.size());
}

TEST_P(SoftwareOffloadTest, CutsIntoPacketsOfManyBuffers) {
  rte_mbuf& packet = Make(12000, SegmentFlag(), 8000);
  ASSERT_EQ(CutSegment(packet, pool_, parts_), DropReason::kNone);
  ASSERT_EQ(parts_.size(), 2u);
  EXPECT_EQ(parts_[0]->nb_segs, 4);
  for (rte_mbuf* part : parts_) ParseAgain(*part);
}

TEST_P(SoftwareOffloadTest, GivesEverythingBackWhenThePoolIsEmpty) {
  FakePacketPool small(3);
  rte_mbuf& packet = Make(4321, SegmentFlag(), 1000);
  EXPECT_EQ(CutSegment(packet, small, parts_), DropReason::kNoMbuf);
  EXPECT_TRUE(parts_.empty());
  EXPECT_EQ(small.LiveCount(), 0u);
}

TEST_P(SoftwareOffloadTest, RefusesWhatCannotBeCut) {
  rte_mbuf& packet = Make(4321, SegmentFlag(), 0);
  EXPECT_EQ(CutSegment(packet, pool_, parts_), DropReason::kTxNoOffload);
  packet.tso_segsz = 4;
  EXPECT_EQ(CutSegment(packet, pool_, parts_), DropReason::kTxNoOffload);
  packet.tso_segsz = 1000;
  packet.l3_len = 0x1ff;
  packet.l4_len = 0xff;
  packet.data_len = 700;
  EXPECT_EQ(CutSegment(packet, pool_, parts_), DropReason::kTxNoOffload);
  packet.data_len = 2000;
}

TEST_P(SoftwareOffloadTest, CopiesInOnePiece) {
  rte_mbuf& packet = Make(1000, ChecksumFlag());
  rte_mbuf* copy = CopyInOnePiece(packet, pool_);
  ASSERT_NE(copy, nullptr);
  parts_.push_back(copy);
  EXPECT_EQ(BytesOf(*copy), BytesOf(packet));
  EXPECT_EQ(copy->nb_segs, 1);
  EXPECT_EQ(copy->tx_offload, packet.tx_offload);
}

TEST_P(SoftwareOffloadTest, DoesNotCopyWhatDoesNotFit) {
  EXPECT_EQ(CopyInOnePiece(Make(3000, ChecksumFlag()), pool_), nullptr);
}

INSTANTIATE_TEST_SUITE_P(Families, SoftwareOffloadTest,
                         testing::Values(Case{"ipv4_tcp", "ip4", true, true},
                                         Case{"ipv4_udp", "ip4", true, false},
                                         Case{"ipv6_tcp", "ip6", false, true},
                                         Case{"ipv6_udp", "ip6", false, false}),
                         [](const auto& info) {
                           return std::string(info.param.name);
                         });

}  // namespace
}  // namespace vswitch
