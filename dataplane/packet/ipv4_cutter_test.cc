// Ipv4Cutter: offsets, flags, options, and that the pieces are the packet.

#include "dataplane/packet/ipv4_cutter.h"

#include <gtest/gtest.h>
#include <rte_mbuf.h>

#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/packet.h"
#include "dataplane/packet/parse.h"
#include "test/testing/fake_packet_pool.h"
#include "test/testing/packet_text.h"

namespace vswitch {
namespace {

constexpr size_t kEthernetBytes = sizeof(EthernetHeader);

class Ipv4CutterTest : public testing::Test {
 protected:
  ~Ipv4CutterTest() override {
    if (packet_ != nullptr) pool_.Free({&packet_, 1});
  }

  void Receive(const std::string& text,
               std::initializer_list<size_t> segment_bytes = {}) {
    if (packet_ != nullptr) pool_.Free({&packet_, 1});
    bytes_ = *PacketFromText("eth / " + text);
    packet_ = pool_.Make(bytes_, segment_bytes);
    ASSERT_EQ(Parse(*packet_, PortId{1}, false, meta_), DropReason::kNone)
        << text;
  }
  bool MayCut(uint32_t mtu) const {
    return Ipv4Cutter::MayCut(*packet_, meta_, mtu);
  }
  std::vector<std::vector<uint8_t>> Cut(uint32_t mtu) {
    std::vector<std::vector<uint8_t>> fragments;
    for (Ipv4Cutter cutter(*packet_, meta_, mtu); !cutter.done();) {
      rte_mbuf* out = pool_.Allocate();
      cutter.WriteNext(*out);
      fragments.push_back(BytesOf(*out));
      pool_.Free({&out, 1});
    }
    return fragments;
  }
  std::vector<std::string> CutToText(uint32_t mtu) {
    std::vector<std::string> texts;
    for (const auto& fragment : Cut(mtu)) {
      texts.push_back(PacketToText(fragment));
    }
    return texts;
  }
  static std::string Canonical(const std::string& text) {
    return PacketToText(*PacketFromText("eth / " + text));
  }
  // Checks that the fragments fit `mtu`, follow each other, and are together
  // what the packet in hand was behind its IP header.
  void CheckPieces(uint32_t mtu) {
    const auto fragments = Cut(mtu);
    std::vector<uint8_t> payload;
    for (size_t i = 0; i < fragments.size(); ++i) {
      const std::vector<uint8_t>& fragment = fragments[i];
      Ipv4Header header;
      std::memcpy(&header, fragment.data() + kEthernetBytes, sizeof(header));
      const size_t begin = kEthernetBytes + header.HeaderBytes();
      ASSERT_LE(fragment.size(), kEthernetBytes + mtu);
      ASSERT_EQ(header.total_length.ToHost(), fragment.size() - kEthernetBytes);
      ASSERT_TRUE(SumIsGood(
          SumBytes(fragment.data() + kEthernetBytes, header.HeaderBytes())));
      const uint16_t word = header.flags_offset.ToHost();
      ASSERT_EQ((word & kIpv4OffsetMask) * 8u, payload.size());
      ASSERT_EQ((word & kIpv4MoreFragments) != 0, i + 1 < fragments.size());
      payload.insert(payload.end(), fragment.begin() + begin, fragment.end());
    }
    const std::vector<uint8_t> whole(bytes_.begin() + meta_.l4_offset,
                                     bytes_.end());
    ASSERT_EQ(payload, whole);
  }

  FakePacketPool pool_;
  std::vector<uint8_t> bytes_;
  rte_mbuf* packet_ = nullptr;
  PacketMeta meta_;
};

// Conformance F4-09: whatever the size, and whatever the link.
TEST_F(Ipv4CutterTest, PiecesAreThePacket) {
  for (uint32_t bytes = 69; bytes <= 65535; bytes += bytes < 200 ? 1 : 1013) {
    Receive(absl::StrCat("ip4 id=7 proto=253 / data ", bytes - 20));
    for (uint32_t mtu : {68u, 69u, 75u, 576u, 1280u, 1400u, 1499u, 1500u}) {
      if (bytes <= mtu) continue;
      SCOPED_TRACE(absl::StrCat(bytes, " bytes to ", mtu));
      ASSERT_TRUE(MayCut(mtu));
      CheckPieces(mtu);
    }
  }
}

TEST_F(Ipv4CutterTest, LargestPacketWithAllOptions) {
  // Security, RFC 1108: copied, and as long as there is room.
  Receive(absl::StrCat("ip4 opt=8228", std::string(76, '5'),
                       " proto=253 / data ", 65535 - 60),
          {100, 1});
  CheckPieces(68);
  CheckPieces(1400);
}

TEST_F(Ipv4CutterTest, PiecesOfAChainAreThePacket) {
  Receive("ip4 proto=253 / data 4000", {34, 1, 1000, 3});
  CheckPieces(1400);
}

TEST_F(Ipv4CutterTest, AFragmentFitsOnePacketOfThePool) {
  Receive("ip4 proto=253 / data 20000");
  CheckPieces(9000);
}

TEST_F(Ipv4CutterTest, HeaderIsKept) {
  Receive("ip4 src=10.0.0.9 ttl=9 tos=0xb9 id=77 rb=1 proto=253 / data 512");
  EXPECT_EQ(
      CutToText(276),
      (std::vector<std::string>{
          Canonical("ip4 src=10.0.0.9 ttl=9 tos=0xb9 id=77 rb=1 mf=1 proto=253"
                    " / data 256"),
          Canonical("ip4 src=10.0.0.9 ttl=9 tos=0xb9 id=77 rb=1 off=256 "
                    "proto=253 / data 256")}));
}

// RFC 791 3.1: only options with the copied flag are in every fragment.
TEST_F(Ipv4CutterTest, OnlyCopiedOptionsAreInLaterFragments) {
  // Record route, no operation, router alert, timestamp.
  Receive(
      "ip4 opt=0707040000000001940400004408050000000000 proto=253 / data 512");
  EXPECT_EQ(CutToText(296),
            (std::vector<std::string>{
                Canonical("ip4 opt=0707040000000001940400004408050000000000 "
                          "mf=1 proto=253 / data 256"),
                Canonical("ip4 opt=94040000 off=256 proto=253 / data 256")}));
}

TEST_F(Ipv4CutterTest, CopiedOptionsArePadded) {
  Receive("ip4 opt=0101860600000001 proto=253 / data 512");
  EXPECT_EQ(CutToText(284)[1],
            Canonical("ip4 opt=8606000000010000 off=256 proto=253 / data 256"));
}

TEST_F(Ipv4CutterTest, AFragmentIsCutAgain) {
  Receive("ip4 id=5 off=4096 mf=1 proto=253 / data 512");
  EXPECT_EQ(CutToText(276),
            (std::vector<std::string>{
                Canonical("ip4 id=5 off=4096 mf=1 proto=253 / data 256"),
                Canonical("ip4 id=5 off=4352 mf=1 proto=253 / data 256")}));
  Receive("ip4 id=5 off=4096 proto=253 / data 512");
  EXPECT_EQ(CutToText(276)[1],
            Canonical("ip4 id=5 off=4352 proto=253 / data 256"));
}

TEST_F(Ipv4CutterTest, WhatMayNotBeCut) {
  Receive("ip4 proto=253 / data 512");
  EXPECT_TRUE(MayCut(28));
  EXPECT_FALSE(MayCut(27));  // no room for eight bytes
  packet_->tso_segsz = 100;
  EXPECT_FALSE(MayCut(300));
  Receive("ip4 df=1 proto=253 / data 512");
  EXPECT_FALSE(MayCut(300));
  Receive("ip6 next=253 / data 512");
  EXPECT_FALSE(MayCut(300));
}

}  // namespace
}  // namespace vswitch
