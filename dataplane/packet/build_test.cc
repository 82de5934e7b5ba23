// The switch's own packets, byte for byte, in both families; and when it must
// stay silent.

#include "dataplane/packet/build.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "dataplane/packet/packet.h"
#include "dataplane/packet/parse.h"
#include "test/testing/fake_packet_pool.h"
#include "test/testing/packet_text.h"

namespace vswitch {
namespace {

enum class Family { kIpv4, kIpv6 };

const MacAddress kGatewayMac = *MacAddress::Parse("02:00:00:00:00:01");
const MacAddress kPodMac = *MacAddress::Parse("02:00:00:00:00:02");

// A received packet and a fresh one to build into.
class Exchange {
 public:
  explicit Exchange(const std::string& text) {
    auto bytes = PacketFromText(text);
    EXPECT_TRUE(bytes.ok()) << bytes.status();
    received_ = pool_.Make(*bytes);
    EXPECT_EQ(DropReasonName(Parse(*received_, PortId{1}, false, meta)), "NONE")
        << text;
    out_ = pool_.Allocate();
  }
  ~Exchange() {
    pool_.Free({&received_, 1});
    pool_.Free({&out_, 1});
  }

  rte_mbuf& received() { return *received_; }
  rte_mbuf& out() { return *out_; }
  std::string OutText() { return PacketToText(BytesOf(*out_)); }
  std::string ReceivedText() { return PacketToText(BytesOf(*received_)); }

  PacketMeta meta;

 private:
  FakePacketPool pool_;
  rte_mbuf* received_ = nullptr;
  rte_mbuf* out_ = nullptr;
};

std::string Canonical(const std::string& text) {
  auto bytes = PacketFromText(text);
  EXPECT_TRUE(bytes.ok()) << text << ": " << bytes.status();
  return bytes.ok() ? PacketToText(*bytes) : "";
}

class BuildTest : public testing::TestWithParam<Family> {
 protected:
  bool IsIpv4() const { return GetParam() == Family::kIpv4; }
  std::string Text(const std::string& text) const {
    return absl::StrReplaceAll(
        text,
        {{"{ip}", IsIpv4() ? "ip4" : "ip6"},
         {"{icmp}", IsIpv4() ? "icmp" : "icmp6"},
         {"{ttl}", IsIpv4() ? "ttl" : "hop"},
         {"{from}", IsIpv4() ? "src=10.0.0.2" : "src=fd00::2"},
         {"{reply}",
          IsIpv4() ? "src=10.0.0.3 dst=10.0.0.2" : "src=fd00::3 dst=fd00::2"},
         {"{error}", IsIpv4() ? "ip4 src=10.0.0.1 dst=10.0.0.2 tos=0xc0 df=1"
                              : "ip6 src=fd00::1 dst=fd00::2"}});
  }
  IcmpErrorRequest Request(IcmpError error) const {
    return {.error = error,
            .mtu = 1400,
            .source = *IpAddress::Parse(IsIpv4() ? "10.0.0.1" : "fd00::1"),
            .source_mac = kGatewayMac,
            .destination_mac = kPodMac};
  }
};

constexpr char kToPod[] = "eth src=02:00:00:00:00:01 dst=02:00:00:00:00:02 / ";

TEST_P(BuildTest, ErrorQuotesThePacket) {
  struct {
    IcmpError error;
    const char* ipv4;
    const char* ipv6;
  } cases[] = {
      {IcmpError::kTimeExceeded, "11 code=0", "3 code=0"},
      {IcmpError::kReassemblyTimeout, "11 code=1", "3 code=1"},
      {IcmpError::kNoRoute, "3 code=0", "1 code=0"},
      {IcmpError::kHostUnreachable, "3 code=1", "1 code=3"},
      {IcmpError::kProtocolUnreachable, "3 code=2", "4 code=1"},
      {IcmpError::kPortUnreachable, "3 code=3", "1 code=4"},
      {IcmpError::kAdministrative, "3 code=13", "1 code=1"},
  };
  for (const auto& test : cases) {
    Exchange exchange(Text("eth / {ip} {ttl}=1 / udp / data 9 / pad 3"));
    BuildIcmpError(exchange.received(), exchange.meta, Request(test.error),
                   exchange.out());
    EXPECT_EQ(exchange.OutText(),
              Canonical(kToPod + Text("{error} / {icmp} id=0 seq=0 type=") +
                        (IsIpv4() ? test.ipv4 : test.ipv6) +
                        Text(" / {ip} {ttl}=1 / udp / data 9")));
    PacketMeta meta;
    EXPECT_EQ(Parse(exchange.out(), PortId{1}, false, meta), DropReason::kNone);
    EXPECT_EQ(meta.icmp, IcmpKind::kError);
    EXPECT_EQ(ReadIcmpInner(exchange.out(), meta).key, exchange.meta.key);
  }
}

TEST_P(BuildTest, PacketTooBigTellsTheMtuAndNeverLessThanTheSmallest) {
  for (uint32_t mtu : {0u, 67u, 1400u, 9000u}) {
    Exchange exchange(Text("eth / {ip} / udp / data 9"));
    IcmpErrorRequest request = Request(IcmpError::kPacketTooBig);
    request.mtu = mtu;
    BuildIcmpError(exchange.received(), exchange.meta, request, exchange.out());
    uint32_t told = std::max(mtu, IsIpv4() ? 68u : 1280u);
    EXPECT_EQ(exchange.OutText(),
              Canonical(kToPod + Text("{error} / {icmp} id=0 ") +
                        (IsIpv4() ? "type=3 code=4 seq=" : "type=2 seq=") +
                        absl::StrCat(told) + Text(" / {ip} / udp / data 9")));
  }
}

TEST_P(BuildTest, ErrorIsNotLongerThanTheRfcsAllow) {
  Exchange exchange(Text("eth / {ip} / udp / data 3000"));
  BuildIcmpError(exchange.received(), exchange.meta,
                 Request(IcmpError::kTimeExceeded), exchange.out());
  EXPECT_EQ(PacketBytes(exchange.out()), 14u + (IsIpv4() ? 576 : 1280));
  PacketMeta meta;
  EXPECT_EQ(Parse(exchange.out(), PortId{1}, false, meta), DropReason::kNone);
}

TEST_P(BuildTest, SomePacketsNeverCauseErrors) {
  const std::string group = IsIpv4() ? "dst=224.0.0.9" : "dst=ff02::9";
  struct {
    std::string text;
    bool time_exceeded;
    bool too_big;
  } cases[] = {
      {"eth / {ip} / udp", true, true},
      {"eth / {ip} / {icmp}", true, true},
      {IsIpv4() ? "eth / ip4 mf=1 / udp len=99 / data 8"
                : "eth / ip6 / frag mf=1 / udp len=99 / data 8",
       true, true},
      // Errors, redirects, later fragments.
      {IsIpv4() ? "eth / ip4 / icmp type=3 / ip4 / udp"
                : "eth / ip6 / icmp6 type=1 / ip6 / udp",
       false, false},
      {IsIpv4() ? "eth / ip4 / icmp type=5 / ip4 / udp"
                : "eth / ip6 src=fe80::2 hop=255 / icmp6 type=137 / data 32",
       false, false},
      {IsIpv4() ? "eth / ip4 off=80 proto=17 / data 8"
                : "eth / ip6 / frag off=80 next=17 / data 8",
       false, false},
      // Groups; RFC 4443 2.4 (e.3) excepts packet-too-big.
      {"eth / {ip} " + group + " / udp", false, !IsIpv4()},
      {"eth dst=33:33:00:00:00:09 / {ip} / udp", false, !IsIpv4()},
      // Sources that are no single host.
      {IsIpv4() ? "eth / ip4 src=0.0.0.0 / udp" : "eth / ip6 src=:: / udp",
       false, false},
      {IsIpv4() ? "eth / ip4 src=127.0.0.1 / udp" : "eth / ip6 src=::1 / udp",
       false, false},
      {IsIpv4() ? "eth / ip4 src=255.255.255.255 / udp"
                : "eth / ip6 src=ff02::1 / udp",
       false, false},
      {"eth / arp", false, false},
  };
  for (const auto& test : cases) {
    Exchange exchange(Text(test.text));
    EXPECT_EQ(MayCauseIcmpError(exchange.meta, exchange.received(),
                                IcmpError::kTimeExceeded),
              test.time_exceeded)
        << test.text;
    EXPECT_EQ(MayCauseIcmpError(exchange.meta, exchange.received(),
                                IcmpError::kPacketTooBig),
              test.too_big)
        << test.text;
  }
}

TEST_P(BuildTest, EchoRequestBecomesItsReply) {
  for (int ttl : {1, 64, 255}) {
    Exchange exchange(Text(absl::StrCat("eth / {ip} {ttl}=", ttl,
                                        " / {icmp} id=9 / data 31 / pad 5")));
    FlowKey request = exchange.meta.key;
    TurnIntoEchoReply(exchange.received(), exchange.meta, kGatewayMac);
    EXPECT_EQ(exchange.ReceivedText(),
              Canonical(kToPod + Text("{ip} {reply} / {icmp} id=9 type=") +
                        (IsIpv4() ? "0" : "129") + " / data 31"));
    EXPECT_EQ(exchange.meta.key, request.Reversed());
    EXPECT_EQ(exchange.received().ol_flags, 0u);
  }
}

TEST_P(BuildTest, AsksForANeighbour) {
  FakePacketPool pool;
  rte_mbuf* out = pool.Allocate();
  BuildNeighborRequest(*IpAddress::Parse(IsIpv4() ? "10.0.0.9" : "fd00::9:8:7"),
                       *IpAddress::Parse(IsIpv4() ? "10.0.0.1" : "fd00::1"),
                       kGatewayMac, *out);
  EXPECT_EQ(
      PacketToText(BytesOf(*out)),
      Canonical(IsIpv4()
                    ? "eth src=02:00:00:00:00:01 dst=ff:ff:ff:ff:ff:ff / arp "
                      "sha=02:00:00:00:00:01 spa=10.0.0.1 tpa=10.0.0.9"
                    : "eth src=02:00:00:00:00:01 dst=33:33:ff:08:00:07 / ip6 "
                      "src=fd00::1 dst=ff02::1:ff08:7 hop=255 / ns "
                      "target=fd00::9:8:7 / hex 0101020000000001"));
  PacketMeta meta;
  EXPECT_EQ(Parse(*out, PortId{1}, false, meta), DropReason::kNone);
  pool.Free({&out, 1});
}

INSTANTIATE_TEST_SUITE_P(Families, BuildTest,
                         testing::Values(Family::kIpv4, Family::kIpv6),
                         [](const auto& info) {
                           return info.param == Family::kIpv4 ? "Ipv4" : "Ipv6";
                         });

TEST(BuildArpTest, RepliesToTheSender) {
  Exchange exchange("eth dst=ff:ff:ff:ff:ff:ff / arp tpa=10.0.0.9 / pad 18");
  BuildArpReply(exchange.received(), kGatewayMac, exchange.out());
  EXPECT_EQ(exchange.OutText(),
            Canonical("eth src=02:00:00:00:00:01 dst=02:00:00:00:00:02 / arp "
                      "op=2 sha=02:00:00:00:00:01 spa=10.0.0.9 "
                      "tha=02:00:00:00:00:02 tpa=10.0.0.2"));
}

TEST(BuildArpTest, AnswersAProbeWithItsZeroAddress) {
  // RFC 5227 2.1.1: the answer to a probe makes the prober give up.
  Exchange exchange("eth / arp spa=0.0.0.0 tpa=10.0.0.9");
  BuildArpReply(exchange.received(), kGatewayMac, exchange.out());
  EXPECT_EQ(exchange.OutText(),
            Canonical("eth src=02:00:00:00:00:01 dst=02:00:00:00:00:02 / arp "
                      "op=2 sha=02:00:00:00:00:01 spa=10.0.0.9 "
                      "tha=02:00:00:00:00:02 tpa=0.0.0.0"));
}

TEST(BuildNeighborAdvertisementTest, AnswersTheSolicitor) {
  Exchange exchange(
      "eth dst=33:33:ff:00:00:01 / ip6 dst=ff02::1:ff00:1 hop=255 / ns "
      "target=fd00::1 / hex 0101020000000002");
  BuildNeighborAdvertisement(exchange.received(), exchange.meta,
                             {.source = *IpAddress::Parse("fd00::1"),
                              .mac = kGatewayMac,
                              .router = true},
                             exchange.out());
  EXPECT_EQ(exchange.OutText(),
            Canonical("eth src=02:00:00:00:00:01 dst=02:00:00:00:00:02 / ip6 "
                      "src=fd00::1 dst=fd00::2 hop=255 / na flags=0xe0 "
                      "target=fd00::1 / hex 0201020000000001"));
}

TEST(BuildNeighborAdvertisementTest, TellsAllNodesOfADuplicate) {
  Exchange exchange(
      "eth dst=33:33:ff:00:00:09 / ip6 src=:: dst=ff02::1:ff00:9 hop=255 / ns "
      "target=fd00::9");
  BuildNeighborAdvertisement(exchange.received(), exchange.meta,
                             {.source = *IpAddress::Parse("fe80::1"),
                              .mac = kGatewayMac,
                              .override_flag = false},
                             exchange.out());
  EXPECT_EQ(exchange.OutText(),
            Canonical("eth src=02:00:00:00:00:01 dst=33:33:00:00:00:01 / ip6 "
                      "src=fe80::1 dst=ff02::1 hop=255 / na flags=0 "
                      "target=fd00::9 / hex 0201020000000001"));
  PacketMeta meta;
  EXPECT_EQ(Parse(exchange.out(), PortId{1}, false, meta), DropReason::kNone);
}

}  // namespace
}  // namespace vswitch
