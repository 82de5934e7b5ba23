// TCP resets: whose numbers they have, and when there is none.

#include "dataplane/packet/tcp_reset.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "dataplane/packet/packet.h"
#include "dataplane/packet/parse.h"
#include "test/testing/fake_packet_pool.h"
#include "test/testing/packet_text.h"

namespace vswitch {
namespace {

const EthernetEnds kToPod{*MacAddress::Parse("02:00:00:00:00:01"),
                          *MacAddress::Parse("02:00:00:00:00:02")};
constexpr char kEthernet[] =
    "eth src=02:00:00:00:00:01 dst=02:00:00:00:00:02 / ";

class TcpResetTest : public testing::TestWithParam<IpFamily> {
 protected:
  ~TcpResetTest() override {
    if (segment_ != nullptr) pool_.Free({&segment_, 1});
  }

  bool is_ipv4() const { return GetParam() == IpFamily::kIpv4; }
  std::string Ip() const { return is_ipv4() ? "ip4 " : "ip6 "; }

  // Takes a segment from pod 2 to pod 3; `text` is what stands behind "ip4".
  void Receive(const std::string& text) {
    if (segment_ != nullptr) pool_.Free({&segment_, 1});
    segment_ = pool_.Make(*PacketFromText(absl::StrCat("eth / ", Ip(), text)));
    ASSERT_EQ(Parse(*segment_, PortId{1}, false, meta_), DropReason::kNone)
        << text;
  }
  std::string Build(const TcpReset& reset) {
    rte_mbuf* out = pool_.Allocate();
    BuildTcpReset(reset, kToPod, *out);
    const std::string text = PacketToText(BytesOf(*out));
    PacketMeta meta;
    EXPECT_EQ(Parse(*out, PortId{1}, true, meta), DropReason::kNone) << text;
    pool_.Free({&out, 1});
    return text;
  }
  std::string ForSender() { return Build(ResetForSender(*segment_, meta_)); }
  std::string ForReceiver() {
    FlowKey leaving = meta_.key;
    leaving.destination = *IpAddress::Parse(is_ipv4() ? "10.0.0.9" : "fd00::9");
    leaving.destination_port = Be16::FromHost(8080);
    return Build(ResetForReceiver(*segment_, leaving, meta_));
  }
  // The reset back from pod 3 to pod 2.
  std::string Back(const std::string& tcp) const {
    return Canonical(is_ipv4() ? "src=10.0.0.3 dst=10.0.0.2 df=1"
                               : "src=fd00::3 dst=fd00::2",
                     absl::StrCat("sport=80 dport=1000 ", tcp));
  }
  // The reset on from pod 2 to pod 9.
  std::string On(const std::string& tcp) const {
    return Canonical(is_ipv4() ? "dst=10.0.0.9 df=1" : "dst=fd00::9",
                     absl::StrCat("dport=8080 ", tcp));
  }

  const rte_mbuf& segment() const { return *segment_; }

  PacketMeta meta_;

 private:
  std::string Canonical(const std::string& ip, const std::string& tcp) const {
    return PacketToText(*PacketFromText(
        absl::StrCat(kEthernet, Ip(), ip, " / tcp win=0 ", tcp)));
  }

  FakePacketPool pool_;
  rte_mbuf* segment_ = nullptr;
};

// RFC 9293 3.10.7.1: "If the ACK bit is off, sequence number zero is used".
TEST_P(TcpResetTest, SynIsAcknowledged) {
  Receive("/ tcp flags=S seq=7000");
  EXPECT_EQ(ForSender(), Back("flags=RA seq=0 ack=7001"));
}

TEST_P(TcpResetTest, DataOfASynCounts) {
  Receive("/ tcp flags=S seq=0xfffffffe / data 10");
  EXPECT_EQ(ForSender(), Back("flags=RA seq=0 ack=9"));
}

// "If the ACK bit is on, <SEQ=SEG.ACK><CTL=RST>".
TEST_P(TcpResetTest, AcknowledgmentBecomesTheSequence) {
  for (const char* flags : {"A", "PA", "FA", "SA"}) {
    Receive(
        absl::StrCat("/ tcp seq=7000 ack=9000 flags=", flags, " / data 100"));
    EXPECT_EQ(ForSender(), Back("flags=R seq=9000 ack=0"));
  }
}

TEST_P(TcpResetTest, ReceiverSeesItWhereTheSegmentStood) {
  Receive("/ tcp seq=7000 ack=9000 flags=PA / data 100");
  EXPECT_EQ(ForReceiver(), On("flags=RA seq=7000 ack=9000"));
}

TEST_P(TcpResetTest, ReceiverOfASynExpectsTheNumberBehindIt) {
  Receive("/ tcp seq=7000 flags=S");
  EXPECT_EQ(ForReceiver(), On("flags=R seq=7001 ack=0"));
  Receive("/ tcp seq=7000 ack=9000 flags=SA");
  EXPECT_EQ(ForReceiver(), On("flags=RA seq=7001 ack=9000"));
}

TEST_P(TcpResetTest, OptionsAreNoData) {
  Receive("/ tcp flags=S seq=7000 opt=020405b4");
  EXPECT_EQ(ForSender(), Back("flags=RA seq=0 ack=7001"));
}

TEST_P(TcpResetTest, NoResetAboutOthers) {
  auto may = [this](const std::string& text) {
    Receive(text);
    return MayCauseTcpReset(meta_, segment());
  };
  EXPECT_TRUE(may("/ tcp flags=S"));
  EXPECT_TRUE(may("/ tcp flags=FA"));
  // RFC 9293 3.10.7.1: "An incoming segment containing a RST is discarded."
  EXPECT_FALSE(may("/ tcp flags=R"));
  EXPECT_FALSE(may("/ tcp flags=RA"));
  EXPECT_FALSE(may("/ udp"));
  const std::string group = is_ipv4() ? "dst=224.0.0.5" : "dst=ff02::5";
  EXPECT_FALSE(may(group + " / tcp flags=S"));
  const std::string later =
      is_ipv4() ? "off=64 proto=6 / data 8" : "/ frag off=64 next=6 / data 8";
  EXPECT_FALSE(may(later));
}

INSTANTIATE_TEST_SUITE_P(Families, TcpResetTest,
                         testing::Values(IpFamily::kIpv4, IpFamily::kIpv6),
                         [](const auto& info) {
                           return info.param == IpFamily::kIpv4 ? "Ipv4"
                                                                : "Ipv6";
                         });

}  // namespace
}  // namespace vswitch
