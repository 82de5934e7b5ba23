// OfflineReplay: what became of each packet, whatever comes behind it.

#include "dataplane/offline/offline_replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "dataplane/pipeline/test_world.h"
#include "test/testing/packet_text.h"

namespace vswitch {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kSecond = 1'000'000'000;

class OfflineReplayTest : public testing::Test {
 protected:
  // An empty result if the test cannot go on.
  ReplayResult Run(absl::string_view port, absl::string_view packet,
                   uint64_t time_ns = 0) {
    const auto bytes = PacketFromText(packet);
    EXPECT_TRUE(bytes.ok()) << bytes.status();
    auto result = replay_->Run(TestWorld::PortNamed(port), *bytes, time_ns);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *std::move(result) : ReplayResult{};
  }

  void SetUp() override { Start(); }
  void Start() {
    auto replay = OfflineReplay::Create(MakeTestNode().Compile(), {});
    ASSERT_TRUE(replay.ok()) << replay.status();
    replay_ = *std::move(replay);
  }
  void TearDown() override {
    for (const Equation& equation : replay_->offline().Balance()) {
      EXPECT_TRUE(equation.holds()) << equation.name << " " << equation.text;
    }
  }

  std::unique_ptr<OfflineReplay> replay_;
};

TEST_F(OfflineReplayTest, TellsForwardedFromGenerated) {
  for (const std::string ip : {"ip4", "ip6"}) {
    const std::string limit = ip == "ip4" ? " ttl=1" : " hop=1";
    ReplayResult result = Run("client", "eth / " + ip + " / udp / data 4");
    ASSERT_EQ(result.out.size(), 1u);
    EXPECT_EQ(result.out[0].port, TestWorld::PortNamed("server"));
    EXPECT_FALSE(result.out[0].is_generated);

    result = Run("client", "eth / " + ip + limit + " / udp / data 4");
    EXPECT_EQ(result.drop, DropReason::kTtl);
    ASSERT_EQ(result.out.size(), 1u);
    EXPECT_EQ(result.out[0].port, TestWorld::PortNamed("client"));
    EXPECT_TRUE(result.out[0].is_generated);
  }
}

TEST_F(OfflineReplayTest, AnAnswerInTheQuestionsMemoryIsGenerated) {
  for (const std::string ping :
       {"eth / ip4 dst=10.0.0.1 / icmp", "eth / ip6 dst=fd00::1 / icmp6"}) {
    const ReplayResult result = Run("client", ping);
    EXPECT_EQ(result.drop, DropReason::kNone);
    ASSERT_EQ(result.out.size(), 1u);
    EXPECT_TRUE(result.out[0].is_generated);
  }
}

TEST_F(OfflineReplayTest, EveryDenialHasItsJudgement) {
  // More than the daemon would record in a second.
  for (int i = 0; i < 3000; ++i) {
    const std::string ip = i % 2 == 0 ? "ip4 dst=10.0.0.4" : "ip6 dst=fd00::4";
    const ReplayResult result =
        Run("client", absl::StrCat("eth / ", ip, " / tcp dport=", 1000 + i));
    ASSERT_EQ(result.drop, DropReason::kPolicyDenied) << i;
    ASSERT_TRUE(result.denial.has_value()) << i;
    ASSERT_FALSE(result.denial->ingress.allowed) << i;
    ASSERT_EQ(result.denial->translated.destination_port.ToHost(), 1000 + i);
  }
}

TEST_F(OfflineReplayTest, TimeForgetsConnections) {
  // The reply of a connection that is gone is a new one, which is denied.
  for (const std::string ip : {"ip4", "ip6"}) {
    Start();
    const std::string from = ip == "ip4" ? "10.0.0." : "fd00::";
    const std::string question =
        absl::StrCat("eth src=02:00:00:00:00:05 / ", ip, " src=", from,
                     "5 dst=", from, "3 / udp sport=9 dport=53");
    const std::string reply =
        absl::StrCat("eth src=02:00:00:00:00:03 / ", ip, " src=", from,
                     "3 dst=", from, "5 / udp sport=53 dport=9");
    EXPECT_EQ(Run("jailed", question, 7 * kSecond).drop, DropReason::kNone);
    EXPECT_EQ(Run("server", reply, 300 * kSecond).drop, DropReason::kNone);
    EXPECT_EQ(replay_->offline().connections().CountActive(), 1u);
    // Of another pod, so that time passes.
    Run("client", "eth / arp tha=00:00:00:00:00:00 tpa=10.0.0.1",
        700 * kSecond);
    EXPECT_EQ(replay_->offline().connections().CountActive(), 0u);
  }
}

TEST_F(OfflineReplayTest, TimeNeverGoesBack) {
  const std::string packet = "eth / ip4 / udp / data 4";
  Run("client", packet, 1000 * kSecond);
  EXPECT_EQ(Run("client", packet, 0).drop, DropReason::kNone);
  EXPECT_EQ(replay_->offline().connections().CountActive(), 1u);
}

TEST_F(OfflineReplayTest, TooLargePacketsAreRefused) {
  const auto result = replay_->Run(TestWorld::PortNamed("client"),
                                   std::vector<uint8_t>(100000), 0);
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("100000"));
}

// Packets that make, use, end and miss connections, in an order of their own.
std::string PacketNumber(int i) {
  static constexpr absl::string_view kPackets[] = {
      "ip4 / udp / data 4",
      "ip4 dst=10.96.0.10 / tcp flags=S",
      "ip4 dst=10.0.0.4 / tcp dport=80 flags=S",
      "ip4 dst=10.0.0.4 / tcp dport=22 flags=S",
      "ip6 / udp / data 4",
      "ip6 dst=fd02::10 / tcp flags=S",
      "ip6 dst=fd00::4 / tcp dport=22 flags=S",
      "ip6 hop=1 / udp",
      "ip4 ttl=1 / udp",
      "ip4 / tcp flags=R",
  };
  return absl::StrCat("eth / ", kPackets[i * i % std::size(kPackets)]);
}

TEST_F(OfflineReplayTest, WaitingFragmentLeavesWithItsFirstOne) {
  const ReplayResult later =
      Run("client", "eth / ip4 id=5 off=16 proto=17 / data 8");
  EXPECT_TRUE(later.waits);
  EXPECT_TRUE(later.out.empty());
  const ReplayResult first =
      Run("client", "eth / ip4 id=5 mf=1 / udp len=24 csum=0 / data 8");
  EXPECT_FALSE(first.waits);
  ASSERT_EQ(first.out.size(), 2u);
  EXPECT_FALSE(first.out[0].is_generated);
  EXPECT_FALSE(first.out[1].is_generated);
}

TEST_F(OfflineReplayTest, ForgottenFragmentIsNobodyElsesDrop) {
  EXPECT_TRUE(Run("client", "eth / ip4 id=5 off=16 proto=17 / data 8").waits);
  const ReplayResult result =
      Run("client", "eth / ip4 / udp / data 8", 3 * kSecond);
  EXPECT_EQ(result.drop, DropReason::kNone);
  EXPECT_EQ(result.out.size(), 1u);
}

TEST_F(OfflineReplayTest, LaterPacketsChangeNothing) {
  constexpr int kCount = 60;
  std::vector<std::string> whole;
  for (const int count : {kCount, 1, 7, 40}) {
    Start();
    for (int i = 0; i < count; ++i) {
      const ReplayResult result =
          Run("client", PacketNumber(i), i * 20 * kSecond);
      std::string text = absl::StrCat(DropReasonName(result.drop));
      for (const ReplayedPacket& packet : result.out) {
        absl::StrAppend(&text, " ", ToInt(packet.port), " ",
                        PacketToText(packet.bytes));
      }
      if (count == kCount) whole.push_back(text);
      EXPECT_EQ(text, whole[i]);
    }
  }
}

}  // namespace
}  // namespace vswitch
