// A rewritten packet is byte for byte the packet that would have been sent
// with the new addresses and ports, in both families and for each protocol.

#include "dataplane/packet/rewrite.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/packet.h"
#include "test/testing/fake_packet_pool.h"
#include "test/testing/packet_text.h"

namespace vswitch {
namespace {

enum class Family { kIpv4, kIpv6 };

IpAddress Address(const std::string& text) { return *IpAddress::Parse(text); }

// One packet parsed, to be rewritten.  {ip}, {icmp}, {ttl} stand for the
// family's words.
class RewriteTest : public testing::TestWithParam<Family> {
 protected:
  ~RewriteTest() override {
    if (packet_ != nullptr) pool_.Free({&packet_, 1});
  }

  bool IsIpv4() const { return GetParam() == Family::kIpv4; }

  std::vector<uint8_t> Bytes(const std::string& text) {
    auto bytes = PacketFromText(absl::StrReplaceAll(
        text, {{"{ip}", IsIpv4() ? "ip4" : "ip6"},
               {"{icmp}", IsIpv4() ? "icmp" : "icmp6"},
               {"{ttl}", IsIpv4() ? "ttl" : "hop"},
               {"{unreachable}", IsIpv4() ? "3" : "1"},
               {"{from}", IsIpv4() ? "10.0.0.2" : "fd00::2"},
               {"{service}", IsIpv4() ? "10.0.0.3" : "fd00::3"},
               {"{client}", IsIpv4() ? "192.0.2.77" : "2001:db8::77"},
               {"{backend}", IsIpv4() ? "10.255.3.9" : "fd00:9::5:ffff"}}));
    EXPECT_TRUE(bytes.ok()) << bytes.status();
    return bytes.ok() ? *bytes : std::vector<uint8_t>{};
  }

  void Take(const std::string& text, uint64_t receive_flags = 0,
            std::initializer_list<size_t> segments = {}) {
    if (packet_ != nullptr) pool_.Free({&packet_, 1});
    packet_ = pool_.Make(Bytes(text), segments);
    packet_->ol_flags = receive_flags;
    ASSERT_EQ(DropReasonName(Parse(*packet_, PortId{1}, false, meta_)), "NONE")
        << text;
  }

  // The flow that the tests translate to.
  FlowKey Translated() {
    FlowKey to = meta_.key;
    to.source = Address(IsIpv4() ? "192.0.2.77" : "2001:db8::77");
    to.destination = Address(IsIpv4() ? "10.255.3.9" : "fd00:9::5:ffff");
    to.source_port = Be16::FromHost(40000);
    to.destination_port = Be16::FromHost(8080);
    return to;
  }

  void ExpectPacket(const std::string& text) {
    EXPECT_EQ(PacketToText(BytesOf(*packet_)), PacketToText(Bytes(text)));
  }

  FakePacketPool pool_;
  rte_mbuf* packet_ = nullptr;
  PacketMeta meta_;
};

TEST_P(RewriteTest, TranslatesProtocolsWithPorts) {
  for (std::string l4 : {"tcp sport=S dport=D flags=PA / data 77",
                         "udp sport=S dport=D / data 5",
                         "udplite sport=S dport=D cov=8 / data 9",
                         "udplite sport=S dport=D / data 9",
                         "sctp sport=S dport=D / hex 0a000004"}) {
    std::string before = absl::StrReplaceAll(l4, {{"S", "1000"}, {"D", "80"}});
    std::string after =
        absl::StrReplaceAll(l4, {{"S", "40000"}, {"D", "8080"}});
    Take("eth / {ip} / " + before);
    FlowKey to = Translated();
    RewriteFlow(*packet_, meta_, to);
    ExpectPacket("eth / {ip} src={client} dst={backend} / " + after);
    EXPECT_EQ(meta_.key, to);
  }
}

TEST_P(RewriteTest, TranslatesAPacketInSegments) {
  Take("eth / {ip} / sctp / hex 0a000004 0a000004", 0, {80, 3, 100});
  RewriteFlow(*packet_, meta_, Translated());
  ExpectPacket(
      "eth / {ip} src={client} dst={backend} / sctp sport=40000 dport=8080 "
      "/ hex 0a000004 0a000004");
}

TEST_P(RewriteTest, TranslatesTheIdentifierOfAQuery) {
  Take("eth / {ip} / {icmp} id=7 / data 16");
  FlowKey to = Translated();
  to.destination_port = to.source_port;
  RewriteFlow(*packet_, meta_, to);
  ExpectPacket(
      "eth / {ip} src={client} dst={backend} / {icmp} id=40000 / data 16");
}

TEST_P(RewriteTest, TranslatesAddressesOfAnyProtocol) {
  Take(IsIpv4() ? "eth / ip4 proto=200 / data 9"
                : "eth / ip6 next=200 / data 9");
  FlowKey to = Translated();
  to.source_port = to.destination_port = Be16{0};
  RewriteFlow(*packet_, meta_, to);
  ExpectPacket(IsIpv4() ? "eth / ip4 src={client} dst={backend} proto=200 / "
                          "data 9"
                        : "eth / ip6 src={client} dst={backend} next=200 / "
                          "data 9");
}

TEST_P(RewriteTest, PartialChecksumStaysPartial) {
  for (std::string l4 : {"tcp", "udp"}) {
    Take("eth / {ip} / " + l4 + " sport=1000 dport=80 csum=partial / data 9",
         RTE_MBUF_F_RX_L4_CKSUM_NONE);
    ASSERT_EQ(meta_.l4_checksum, L4Checksum::kPartial);
    RewriteFlow(*packet_, meta_, Translated());
    ExpectPacket("eth / {ip} src={client} dst={backend} / " + l4 +
                 " sport=40000 dport=8080 csum=partial / data 9");
    CompleteL4Checksum(*packet_, meta_);
    EXPECT_EQ(meta_.l4_checksum, L4Checksum::kComplete);
    ExpectPacket("eth / {ip} src={client} dst={backend} / " + l4 +
                 " sport=40000 dport=8080 / data 9");
  }
}

TEST_P(RewriteTest, FirstFragmentCarriesTheChecksumOfTheWhole) {
  // The checksum covers bytes that are not here: it changes by the difference.
  auto text = [&](const char* addresses, const char* ports, int checksum) {
    return absl::StrCat("eth / {ip} ", addresses,
                        IsIpv4() ? " mf=1 id=5 / " : " / frag mf=1 id=5 / ",
                        "udp len=100 ", ports, " csum=", checksum,
                        " / data 16");
  };
  Take(text("", "sport=1000 dport=80", 0x1234));
  ChecksumSum before = PseudoHeaderSum(meta_.key.source, meta_.key.destination,
                                       IpProtocol::kUdp, 100) +
                       meta_.key.source_port.raw +
                       meta_.key.destination_port.raw;
  FlowKey to = Translated();
  ChecksumSum after =
      PseudoHeaderSum(to.source, to.destination, IpProtocol::kUdp, 100) +
      to.source_port.raw + to.destination_port.raw;
  uint16_t old_sum = static_cast<uint16_t>(~Be16::FromHost(0x1234).raw);
  Be16 wanted = ChecksumOf(ChecksumSum{old_sum} +
                           static_cast<uint16_t>(~Fold(before)) + after);
  RewriteFlow(*packet_, meta_, to);
  ExpectPacket(text("src={client} dst={backend}", "sport=40000 dport=8080",
                    wanted.ToHost()));
}

TEST_P(RewriteTest, LaterFragmentHasAddressesOnly) {
  auto text = [&](const char* addresses) {
    return absl::StrCat(
        "eth / {ip} ", addresses,
        IsIpv4() ? " off=64 id=5 proto=17" : " / frag off=64 id=5 next=17",
        " / data 16");
  };
  Take(text(""));
  FlowKey to = Translated();
  RewriteFlow(*packet_, meta_, to);
  ExpectPacket(text("src={client} dst={backend}"));
  EXPECT_EQ(meta_.key, to);
}

TEST_P(RewriteTest, DatagramGetsAnotherIdentification) {
  auto text = [&](const char* id, const char* offset) {
    return IsIpv4() ? absl::StrCat("eth / ip4 off=", offset, " id=", id,
                                   " mf=1 proto=17 / data 16")
                    : absl::StrCat("eth / ip6 / dopt / frag off=", offset,
                                   " id=", id, " mf=1 next=17 / data 16");
  };
  Take(text("5", "64"));
  SetDatagramId(*packet_, meta_, 0xbeef);
  ExpectPacket(text("0xbeef", "64"));
}

TEST_P(RewriteTest, WholePacketHasAnIdentificationInIpv4Only) {
  Take(IsIpv4() ? "eth / ip4 id=5 / udp" : "eth / ip6 / udp");
  SetDatagramId(*packet_, meta_, 0xbeef);
  ExpectPacket(IsIpv4() ? "eth / ip4 id=0xbeef / udp" : "eth / ip6 / udp");
}

TEST_P(RewriteTest, DamagedPacketStaysDamaged) {
  Take("eth / {ip} / tcp csum=bad / data 9", RTE_MBUF_F_RX_L4_CKSUM_GOOD);
  RewriteFlow(*packet_, meta_, Translated());
  packet_->ol_flags = 0;
  EXPECT_EQ(Parse(*packet_, PortId{1}, false, meta_), DropReason::kTcpCsum);
}

TEST_P(RewriteTest, UdpChecksumIsNeverRewrittenToNone) {
  // Finds the payload for which the new checksum is 0, sent as ffff (RFC 768).
  Take("eth / {ip} / udp sport=1000 dport=80 / hex 0000");
  RewriteFlow(*packet_, meta_, Translated());
  uint16_t sum =
      Be16(HeaderAt<UdpHeader>(*packet_, meta_.l4_offset)->checksum).ToHost();
  std::string payload =
      absl::StrCat(" / hex ", absl::Hex(sum, absl::kZeroPad4));
  Take("eth / {ip} / udp sport=1000 dport=80" + payload);
  RewriteFlow(*packet_, meta_, Translated());
  EXPECT_EQ(HeaderAt<UdpHeader>(*packet_, meta_.l4_offset)->checksum.ToHost(),
            0xffff);
  ExpectPacket(
      "eth / {ip} src={client} dst={backend} / udp sport=40000 "
      "dport=8080" +
      payload);
}

TEST_P(RewriteTest, ThereAndBackIsTheSame) {
  Take("eth / {ip} / tcp flags=PA / data 100");
  std::vector<uint8_t> before = BytesOf(*packet_);
  FlowKey from = meta_.key;
  std::mt19937 random(7);
  for (int i = 0; i < 2000; ++i) {
    FlowKey to = from;
    size_t first = IsIpv4() ? 12 : 0;
    for (size_t j = first; j < 16; ++j) {
      to.source.bytes[j] = static_cast<uint8_t>(random());
      to.destination.bytes[j] = static_cast<uint8_t>(random());
    }
    to.source_port = Be16{static_cast<uint16_t>(random())};
    to.destination_port = Be16{static_cast<uint16_t>(random())};
    RewriteFlow(*packet_, meta_, to);
    RewriteFlow(*packet_, meta_, from);
    ASSERT_EQ(BytesOf(*packet_), before) << i;
  }
}

TEST_P(RewriteTest, InnerPacketOfAnErrorIsTranslatedWithAllChecksums) {
  for (std::string l4 :
       {"tcp sport=S dport=D / data 9", "udp sport=S dport=D / data 9",
        "udplite sport=S dport=D / data 4"}) {
    std::string before = absl::StrReplaceAll(l4, {{"S", "1000"}, {"D", "80"}});
    std::string after =
        absl::StrReplaceAll(l4, {{"S", "40000"}, {"D", "8080"}});
    Take("eth / {ip} / {icmp} type={unreachable} / {ip} / " + before);
    IcmpInner inner = ReadIcmpInner(*packet_, meta_);
    EXPECT_EQ(inner.key.source_port, Be16::FromHost(1000));
    EXPECT_EQ(inner.key.destination_port, Be16::FromHost(80));
    FlowKey to = Translated();
    to.protocol = inner.key.protocol;
    RewriteIcmpInner(*packet_, meta_, inner, to);
    ExpectPacket(
        "eth / {ip} / {icmp} type={unreachable} / {ip} src={client} "
        "dst={backend} / " +
        after);
  }
}

TEST_P(RewriteTest, InnerPingOfAnError) {
  Take("eth / {ip} / {icmp} type={unreachable} / {ip} / {icmp} id=0 / data 9");
  IcmpInner inner = ReadIcmpInner(*packet_, meta_);
  EXPECT_TRUE(inner.is_query);
  FlowKey to = Translated();
  to.protocol = inner.key.protocol;
  to.destination_port = to.source_port;
  RewriteIcmpInner(*packet_, meta_, inner, to);
  ExpectPacket(
      "eth / {ip} / {icmp} type={unreachable} / {ip} src={client} "
      "dst={backend} / {icmp} id=40000 / data 9");
}

TEST_P(RewriteTest, InnerPacketWithoutItsChecksumQuoted) {
  // RFC 792 quotes 8 bytes: TCP's checksum is not among them.
  auto text = [&](const char* addresses, const char* ports) {
    return absl::StrCat("eth / {ip} / {icmp} type={unreachable} / {ip} ",
                        addresses,
                        IsIpv4() ? " len=60 proto=6" : " len=40 next=6",
                        " / hex ", ports, "00000001");
  };
  Take(text("", "03e80050"));
  IcmpInner inner = ReadIcmpInner(*packet_, meta_);
  EXPECT_EQ(inner.l4_bytes, 8u);
  EXPECT_EQ(inner.tcp_sequence, 1u);
  FlowKey to = Translated();
  to.protocol = IpProtocol::kTcp;
  RewriteIcmpInner(*packet_, meta_, inner, to);
  ExpectPacket(text("src={client} dst={backend}", "9c401f90"));
}

TEST_P(RewriteTest, InnerPacketOfAnOpaqueProtocol) {
  // ICMP of the other family has no checksum that we know.
  auto text = [&](const char* addresses) {
    return absl::StrCat("eth / {ip} / {icmp} type={unreachable} / {ip} ",
                        addresses, IsIpv4() ? " proto=58" : " next=1",
                        " / data 9");
  };
  Take(text(""));
  IcmpInner inner = ReadIcmpInner(*packet_, meta_);
  FlowKey to = Translated();
  to.protocol = inner.key.protocol;
  RewriteIcmpInner(*packet_, meta_, inner, to);
  ExpectPacket(text("src={client} dst={backend}"));
}

TEST_P(RewriteTest, EveryTtlIsLoweredByOne) {
  for (int ttl = 1; ttl < 256; ++ttl) {
    auto text = [&](int value) {
      return absl::StrCat("eth / {ip} {ttl}=", value, " / udp / data 3");
    };
    Take(text(ttl));
    DecrementTtl(*packet_, meta_);
    ExpectPacket(text(ttl - 1));
    EXPECT_EQ(meta_.ttl, ttl);
  }
}

TEST_P(RewriteTest, CompletesTheChecksumOfEachProtocol) {
  for (std::string l4 : {"tcp / data 9", "udp / data 9", "udp len=10 / data 9",
                         "udplite / data 9", "udplite cov=9 / data 9",
                         "sctp / hex 0a000004", "{icmp} / data 9"}) {
    Take("eth / {ip} / " + l4);
    const std::vector<uint8_t> wanted = BytesOf(*packet_);
    uint32_t changed = meta_.l4_offset + 8 + (l4[0] == 't' ? 8 : 0);
    if (l4[0] == 'u') changed = meta_.l4_offset + 6;
    if (l4[0] == '{') changed = meta_.l4_offset + 2;
    Data(*packet_)[changed] ^= 0x3c;
    CompleteL4Checksum(*packet_, meta_);
    EXPECT_EQ(PacketToText(BytesOf(*packet_)), PacketToText(wanted));
  }
}

TEST_P(RewriteTest, AsksForNothingWithoutAChecksumToComplete) {
  Take("eth / {ip} / {icmp} / data 9");
  packet_->tso_segsz = 40;
  SetTransmitOffloads(*packet_, meta_);
  EXPECT_EQ(packet_->tso_segsz, 0);
  EXPECT_EQ(packet_->ol_flags,
            IsIpv4() ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6);
}

TEST_P(RewriteTest, SetsMacAddresses) {
  Take("eth / {ip} / udp");
  SetMacAddresses(*packet_, *MacAddress::Parse("02:00:00:00:00:07"),
                  *MacAddress::Parse("02:00:00:00:00:08"));
  ExpectPacket("eth src=02:00:00:00:00:08 dst=02:00:00:00:00:07 / {ip} / udp");
}

TEST_P(RewriteTest, AsksThePortForWhatIsMissing) {
  const uint64_t family = IsIpv4() ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6;
  Take("eth / {ip} / tcp flags=A csum=partial opt=01010101 / data 90",
       RTE_MBUF_F_RX_L4_CKSUM_NONE);
  packet_->tso_segsz = 40;
  SetTransmitOffloads(*packet_, meta_);
  EXPECT_EQ(packet_->ol_flags,
            family | RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_TCP_SEG);
  EXPECT_EQ(packet_->tso_segsz, 40);
  EXPECT_EQ(packet_->l2_len, 14);
  EXPECT_EQ(packet_->l3_len, IsIpv4() ? 20 : 40);
  EXPECT_EQ(packet_->l4_len, 24);

  Take("eth / {ip} / udp csum=partial / data 9", RTE_MBUF_F_RX_L4_CKSUM_NONE);
  SetTransmitOffloads(*packet_, meta_);
  EXPECT_EQ(packet_->ol_flags, family | RTE_MBUF_F_TX_UDP_CKSUM);

  Take("eth / {ip} / udp / data 9", RTE_MBUF_F_RX_L4_CKSUM_GOOD);
  SetTransmitOffloads(*packet_, meta_);
  EXPECT_EQ(packet_->ol_flags, family);
}

TEST_P(RewriteTest, SegmentWithACompleteChecksumBecomesPartial) {
  Take("eth / {ip} / tcp flags=A / data 90", RTE_MBUF_F_RX_L4_CKSUM_GOOD);
  packet_->tso_segsz = 40;
  SetTransmitOffloads(*packet_, meta_);
  ExpectPacket("eth / {ip} / tcp flags=A csum=partial / data 90");
  EXPECT_NE(packet_->ol_flags & RTE_MBUF_F_TX_TCP_SEG, 0u);
}

INSTANTIATE_TEST_SUITE_P(Families, RewriteTest,
                         testing::Values(Family::kIpv4, Family::kIpv6),
                         [](const auto& info) {
                           return info.param == Family::kIpv4 ? "Ipv4" : "Ipv6";
                         });

TEST(RewriteIpv4Test, UdpWithoutChecksumStaysWithout) {
  FakePacketPool pool;
  rte_mbuf* packet =
      pool.Make(*PacketFromText("eth / ip4 / udp csum=0 / data 4"));
  PacketMeta meta;
  ASSERT_EQ(Parse(*packet, PortId{1}, false, meta), DropReason::kNone);
  FlowKey to = meta.key;
  to.source = Address("192.0.2.1");
  to.source_port = Be16::FromHost(9);
  RewriteFlow(*packet, meta, to);
  CompleteL4Checksum(*packet, meta);
  EXPECT_EQ(
      BytesOf(*packet),
      *PacketFromText("eth / ip4 src=192.0.2.1 / udp sport=9 csum=0 / data 4"));
  pool.Free({&packet, 1});
}

}  // namespace
}  // namespace vswitch
