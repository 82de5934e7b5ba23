// What golden files cannot say of Parse(): long chains, what the readers give,
// and packets whose first segment is short.  The cases of malformed packets are
// in test/golden/parser.

#include "dataplane/packet/parse.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/packet.h"
#include "test/testing/fake_packet_pool.h"
#include "test/testing/packet_text.h"

namespace vswitch {
namespace {

class ParseTest : public testing::Test {
 protected:
  ~ParseTest() override {
    if (packet_ != nullptr) pool_.Free({&packet_, 1});
  }

  DropReason Take(const std::vector<uint8_t>& bytes,
                  std::initializer_list<size_t> segments = {}) {
    if (packet_ != nullptr) pool_.Free({&packet_, 1});
    packet_ = pool_.Make(bytes, segments);
    return Parse(*packet_, PortId{1}, false, meta_);
  }
  DropReason Take(const std::string& text,
                  std::initializer_list<size_t> segments = {}) {
    auto bytes = PacketFromText(text);
    EXPECT_TRUE(bytes.ok()) << bytes.status();
    return Take(*bytes, segments);
  }

  FakePacketPool pool_;
  rte_mbuf* packet_ = nullptr;
  PacketMeta meta_;
};

TEST_F(ParseTest, ChainOf64KilobytesEndsAtTheLimit) {
  // faults M088: 8000 headers of 8 bytes; nine of them are looked at.
  std::string chain;
  for (int i = 0; i < 8000; ++i) absl::StrAppend(&chain, "3c00010400000000");
  EXPECT_EQ(Take("eth / ip6 next=60 / hex " + chain), DropReason::kIp6ExtChain);
}

TEST_F(ParseTest, ExtensionHeadersTakeAtMost256Bytes) {
  // One PadN of 246 bytes and one of 4 fill 256 bytes with the header.
  std::string zeros(2 * 246, '0');
  EXPECT_EQ(Take("eth / ip6 / dopt opt=01f6" + zeros + "010400000000 / udp"),
            DropReason::kNone);
  EXPECT_EQ(meta_.headers_end, 14 + 40 + 256 + 8);
  EXPECT_EQ(Take("eth / ip6 / dopt opt=01f6" + zeros +
                 "010400000000 / dopt / "
                 "udp"),
            DropReason::kIp6ExtChain);
}

TEST_F(ParseTest, MetaOfAnEarlierPacketIsForgotten) {
  ASSERT_EQ(Take("eth / ip6 / frag mf=1 / udp len=99 / data 8"),
            DropReason::kNone);
  meta_.drop = DropReason::kTtl;
  ASSERT_EQ(Take("eth / arp"), DropReason::kNone);
  EXPECT_EQ(meta_.fragment, FragmentKind::kWhole);
  EXPECT_EQ(meta_.l4_bytes, 0u);
  EXPECT_EQ(meta_.drop, DropReason::kNone);
}

TEST_F(ParseTest, HeadersBeyondTheFirstSegmentAreNotRead) {
  // Drivers put all headers into the first segment; a packet that has not is
  // dropped, whatever lies behind.
  for (const char* text :
       {"eth / ip4 / tcp opt=0101080a0000000100000002 / data 20",
        "eth / ip6 / hbh / dopt / tcp / data 20",
        "eth / ip6 hop=255 / ns / hex 0101020000000002",
        "eth / ip4 / icmp type=3 / ip4 / udp", "eth / arp"}) {
    auto bytes = PacketFromText(text);
    ASSERT_TRUE(bytes.ok());
    ASSERT_EQ(Take(*bytes), DropReason::kNone) << text;
    size_t headers = meta_.headers_end;
    for (size_t first = 0; first < headers; ++first) {
      EXPECT_NE(Take(*bytes, {first, 9999}), DropReason::kNone)
          << text << " with " << first << " bytes in the first segment";
    }
  }
}

TEST_F(ParseTest, ReadsWhatAnErrorIsAbout) {
  for (bool is_ipv4 : {true, false}) {
    ASSERT_EQ(Take(is_ipv4 ? "eth / ip4 / icmp type=3 code=3 / ip4 "
                             "src=10.0.0.3 dst=10.0.0.9 opt=01010101 / tcp "
                             "sport=7 dport=9 seq=77 / data 4"
                           : "eth / ip6 / icmp6 type=1 code=4 / ip6 "
                             "src=fd00::3 dst=fd00::9 / hbh / tcp "
                             "sport=7 dport=9 seq=77 / data 4"),
              DropReason::kNone);
    IcmpInner inner = ReadIcmpInner(*packet_, meta_);
    EXPECT_EQ(inner.key.source.ToString(), is_ipv4 ? "10.0.0.3" : "fd00::3");
    EXPECT_EQ(inner.key.destination.ToString(),
              is_ipv4 ? "10.0.0.9" : "fd00::9");
    EXPECT_EQ(inner.key.protocol, IpProtocol::kTcp);
    EXPECT_EQ(inner.key.source_port, Be16::FromHost(7));
    EXPECT_EQ(inner.key.destination_port, Be16::FromHost(9));
    EXPECT_EQ(inner.tcp_sequence, 77u);
    EXPECT_EQ(inner.l4_bytes, 24u);
    EXPECT_FALSE(inner.is_query);
  }
}

TEST_F(ParseTest, PaddingIsNotPartOfWhatAnErrorQuotes) {
  ASSERT_EQ(Take("eth / ip4 / icmp type=3 / ip4 / udp / pad 30"),
            DropReason::kNone);
  EXPECT_EQ(ReadIcmpInner(*packet_, meta_).l4_bytes, 8u);
}

TEST_F(ParseTest, FindsTargetAndOptionOfASolicitation) {
  ASSERT_EQ(Take("eth / ip6 hop=255 / ns target=fd00::77 / "
                 "hex 0e01000000000000 01010200000000aa"),
            DropReason::kNone);
  EXPECT_EQ(NeighborTarget(*packet_, meta_).ToString(), "fd00::77");
  auto source = FindLinkLayerOption(*packet_, meta_, kNdSourceLinkLayer);
  ASSERT_TRUE(source.has_value());
  EXPECT_EQ(source->ToString(), "02:00:00:00:00:aa");
  EXPECT_EQ(FindLinkLayerOption(*packet_, meta_, kNdTargetLinkLayer),
            std::nullopt);
}

TEST_F(ParseTest, LongestPacketPasses) {
  EXPECT_EQ(Take("eth / ip4 / udp / data 65507", {200, 40000, 30000}),
            DropReason::kNone);
  EXPECT_EQ(meta_.packet_bytes, 65535u + 14);
  EXPECT_EQ(Take("eth / ip6 / udp / data 65527", {200, 40000, 30000}),
            DropReason::kNone);
  EXPECT_EQ(meta_.packet_bytes, 65535u + 40 + 14);
}

TEST_F(ParseTest, TrimCutsPaddingFromTheLastSegments) {
  ASSERT_EQ(Take("eth / ip4 / udp / data 4 / pad 10", {42, 7, 20}),
            DropReason::kNone);
  TrimPacket(*packet_, meta_.packet_bytes);
  EXPECT_EQ(BytesOf(*packet_), *PacketFromText("eth / ip4 / udp / data 4"));
}

}  // namespace
}  // namespace vswitch
