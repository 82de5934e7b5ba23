// Text becomes the bytes that the RFCs say, and comes back as the same text.

#include "test/testing/packet_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "absl/strings/escaping.h"

namespace vswitch {
namespace {

using ::testing::HasSubstr;

std::string Hex(const std::vector<uint8_t>& bytes) {
  return absl::BytesToHexString(absl::string_view(
      reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

TEST(PacketTextTest, WritesTheBytesOfAKnownPacket) {
  // An ARP request and a ping as tcpdump shows them; checksums by hand.
  auto arp = PacketFromText("eth dst=ff:ff:ff:ff:ff:ff / arp");
  ASSERT_TRUE(arp.ok()) << arp.status();
  EXPECT_EQ(Hex(*arp),
            "ffffffffffff0200000000020806"
            "0001080006040001020000000002"
            "0a0000020000000000000a000001");
  auto ping = PacketFromText("eth / ip4 id=1 / icmp / data 2");
  ASSERT_TRUE(ping.ok()) << ping.status();
  EXPECT_EQ(Hex(*ping),
            "0200000000010200000000020800"
            "4500001e0001000040"
            "0166da0a0000020a000003"
            "0800f7fc000100010001");
}

TEST(PacketTextTest, ErrorsNameLayerAndField) {
  struct {
    const char* text;
    const char* wanted;
  } cases[] = {{"eth / ip5", "ip5: no such layer"},
               {"eth / ip4 sorce=10.0.0.1", "ip4: no field \"sorce\""},
               {"eth / ip4 ttl=256", "ip4 ttl=256"},
               {"eth / ip4 src=fd00::1", "ip4 src=fd00::1"},
               {"eth / ip4 off=7", "ip4 off=7"},
               {"eth / / udp", "wanted a layer before it"},
               {"eth / udp opt=00", "udp: has no options"},
               {"eth / hex 0", "hexadecimal"},
               {"cut 4 / eth", "cut: wanted as the last layer"},
               {"eth / data many", "data: wanted a count of bytes"}};
  for (const auto& test : cases) {
    auto bytes = PacketFromText(test.text);
    ASSERT_FALSE(bytes.ok()) << test.text;
    EXPECT_THAT(std::string(bytes.status().message()), HasSubstr(test.wanted));
  }
}

class PacketTextRoundTrip : public testing::TestWithParam<const char*> {};

TEST_P(PacketTextRoundTrip, TextIsTheSameAgain) {
  auto bytes = PacketFromText(GetParam());
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  std::string text = PacketToText(*bytes);
  EXPECT_EQ(text, GetParam());
}

#define ETH "eth src=02:00:00:00:00:02 dst=02:00:00:00:00:01"
#define IP4 "ip4 src=10.0.0.2 dst=10.0.0.3"
#define IP6 "ip6 src=fd00::2 dst=fd00::3"

INSTANTIATE_TEST_SUITE_P(
    Packets, PacketTextRoundTrip,
    testing::Values(
        ETH " / " IP4 " / tcp / data 16", ETH " / " IP6 " / tcp / data 16",
        ETH " / " IP4 " ttl=3 / udp dport=80 csum=0x0000 / data 3 / pad 9",
        ETH " / " IP6 " hop=3 / udp dport=80 len=9 / data 3 / pad hex 01",
        ETH " / " IP4 " / tcp flags=SA csum=partial opt=020405b4",
        ETH " / " IP6 " / hbh opt=050200000100 / frag mf=1 / icmp6 / data 8",
        ETH " / " IP4 " mf=1 off=8 / tcp / data 4",
        ETH " / " IP4 " ihl=4 len=25 / hex ffffff",
        ETH " / " IP4 " / icmp type=3 code=1 id=0 seq=0 / " IP4
            " csum=0x1234 / udp / data 8",
        ETH " / " IP6 " / icmp6 type=1 id=0 seq=0 / " IP6 " / tcp csum=0x0001",
        ETH " / " IP6 " hop=255 / ns target=fd00::1 / hex 0101020000000002",
        ETH " / " IP4 " / sctp tag=9 / hex 00030004",
        ETH " / vlan vid=5 / " IP4 " / hex 01"));

TEST(PacketTextTest, AnyBytesComeBack) {
  std::mt19937 random(1);
  auto seed = PacketFromText("eth / ip6 / hbh / frag / ip4 / tcp / data 9");
  ASSERT_TRUE(seed.ok());
  for (int i = 0; i < 3000; ++i) {
    std::vector<uint8_t> bytes = *seed;
    bytes.resize(random() % (bytes.size() + 1));
    for (int changes = random() % 4; changes > 0 && !bytes.empty(); --changes) {
      bytes[random() % bytes.size()] = static_cast<uint8_t>(random());
    }
    std::string text = PacketToText(bytes);
    auto again = PacketFromText(text);
    ASSERT_TRUE(again.ok()) << text << ": " << again.status();
    ASSERT_EQ(Hex(*again), Hex(bytes)) << text;
  }
}

}  // namespace
}  // namespace vswitch
