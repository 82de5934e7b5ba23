// ClampMss(): what is lowered, and that the checksum follows.

#include "dataplane/packet/mss_clamp.h"

#include <gtest/gtest.h>
#include <rte_mbuf.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "dataplane/packet/packet.h"
#include "dataplane/packet/parse.h"
#include "test/testing/fake_packet_pool.h"
#include "test/testing/packet_text.h"

namespace vswitch {
namespace {

class MssClampTest : public testing::TestWithParam<IpFamily> {
 protected:
  bool is_ipv4() const { return GetParam() == IpFamily::kIpv4; }
  std::string Text(const std::string& tcp) const {
    return absl::StrCat("eth / ", is_ipv4() ? "ip4" : "ip6", " / tcp ", tcp);
  }
  // Returns the packet's text behind ClampMss().
  std::string Clamp(const std::string& tcp, uint32_t mtu,
                    uint64_t receive_flags = 0) {
    rte_mbuf* packet = pool_.Make(*PacketFromText(Text(tcp)));
    packet->ol_flags = receive_flags;
    PacketMeta meta;
    EXPECT_EQ(Parse(*packet, PortId{1}, false, meta), DropReason::kNone) << tcp;
    ClampMss(*packet, meta, mtu);
    const std::string text = PacketToText(BytesOf(*packet));
    pool_.Free({&packet, 1});
    return text;
  }
  // A checksum that is wrong would stand out in the text.
  std::string Canonical(const std::string& tcp) const {
    return PacketToText(*PacketFromText(Text(tcp)));
  }

  FakePacketPool pool_;
};

// Conformance T-18.
TEST_P(MssClampTest, FitsTheLink) {
  EXPECT_EQ(Clamp("opt=020405b4", 1450),
            Canonical(is_ipv4() ? "opt=02040582" : "opt=0204056e"));
  EXPECT_EQ(
      Clamp("flags=SA opt=020405b4", 1450),
      Canonical(is_ipv4() ? "flags=SA opt=02040582" : "flags=SA opt=0204056e"));
}

TEST_P(MssClampTest, NothingIsRaised) {
  for (const char* option : {"opt=02040000", "opt=02040218", "opt=020404ec"}) {
    EXPECT_EQ(Clamp(option, 1500), Canonical(option));
  }
  const char* const fits = is_ipv4() ? "opt=02040582" : "opt=0204056e";
  EXPECT_EQ(Clamp(fits, 1450), Canonical(fits));
  EXPECT_EQ(Clamp("opt=03030700", 1450), Canonical("opt=03030700"));
  EXPECT_EQ(Clamp("", 1450), Canonical(""));
}

// The option need not begin where the checksum's words do.
TEST_P(MssClampTest, AtEveryDistance) {
  const std::string before = "020405b4";
  const std::string after = is_ipv4() ? "02040582" : "0204056e";
  for (int skipped = 0; skipped <= 8; ++skipped) {
    std::string nops;
    for (int i = 0; i < skipped; ++i) nops += "01";
    std::string end;
    while ((nops.size() + 8 + end.size()) % 8 != 0) end += "00";
    EXPECT_EQ(Clamp(absl::StrCat("opt=", nops, before, end, " / data 5"), 1450),
              Canonical(absl::StrCat("opt=", nops, after, end, " / data 5")))
        << skipped;
  }
}

TEST_P(MssClampTest, BehindOtherOptions) {
  EXPECT_EQ(Clamp("opt=0402080a0000000100000002020405b4", 1450),
            Canonical(absl::StrCat("opt=0402080a0000000100000002",
                                   is_ipv4() ? "02040582" : "0204056e")));
}

TEST_P(MssClampTest, EveryOneOfSeveral) {
  EXPECT_EQ(
      Clamp("opt=020405b40204ffff", 1450),
      Canonical(is_ipv4() ? "opt=0204058202040582" : "opt=0204056e0204056e"));
}

TEST_P(MssClampTest, NotBehindTheEndOfOptions) {
  EXPECT_EQ(Clamp("opt=00020405b4000000", 1450),
            Canonical("opt=00020405b4000000"));
}

// Every value keeps the checksum right.
TEST_P(MssClampTest, ChecksumFollows) {
  for (uint32_t mtu = 61; mtu < 1500; mtu += 7) {
    for (const char* option : {"opt=0204fffe", "opt=010204ffff000000"}) {
      const std::string text = Clamp(option, mtu);
      EXPECT_EQ(text.find("csum"), std::string::npos) << text;
    }
  }
}

TEST_P(MssClampTest, PartialChecksumStays) {
  EXPECT_EQ(
      Clamp("opt=020405b4 csum=partial", 1450, RTE_MBUF_F_RX_L4_CKSUM_NONE),
      Canonical(absl::StrCat("opt=", is_ipv4() ? "02040582" : "0204056e",
                             " csum=partial")));
}

TEST_P(MssClampTest, LinkWithoutRoomForASegment) {
  EXPECT_EQ(Clamp("opt=020405b4", is_ipv4() ? 40 : 60),
            Canonical("opt=020405b4"));
}

INSTANTIATE_TEST_SUITE_P(Families, MssClampTest,
                         testing::Values(IpFamily::kIpv4, IpFamily::kIpv6),
                         [](const testing::TestParamInfo<IpFamily>& info) {
                           return info.param == IpFamily::kIpv4 ? "Ipv4"
                                                                : "Ipv6";
                         });

}  // namespace
}  // namespace vswitch
