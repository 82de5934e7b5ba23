// Stage local: what golden cases (test/golden/pipeline/local.golden) cannot
// say: empty pools, rates, and addresses that come and go.

#include <rte_mbuf.h>

#include "dataplane/pipeline/test_families.h"
#include "test/testing/packet_text.h"

namespace vswitch {
namespace {

class LocalTest : public FamilyTest {
 protected:
  // "Who has `target`?", asked by the client.
  std::string Question(const std::string& target) const {
    if (is_ipv4()) {
      return absl::StrCat(
          "eth dst=ff:ff:ff:ff:ff:ff / arp sha=02:00:00:00:00:02 "
          "spa=10.0.0.2 tpa=",
          target);
    }
    return absl::StrCat("eth dst=33:33:ff:00:00:01 / ip6 dst=ff02::1:ff00:",
                        target.substr(target.rfind(':') + 1),
                        " hop=255 / ns target=", target,
                        " / hex 0101020000000002");
  }
};

TEST_P(LocalTest, OnePacketAnswersOneQuestion) {
  const Received received =
      world_.Receive("client", Question(AddressOf("server")));
  EXPECT_TRUE(received.consumed);
  ASSERT_EQ(received.sent.size(), 1u);
  EXPECT_EQ(received.sent[0].port, TestWorld::PortNamed("client"));
}

TEST_P(LocalTest, WithoutABufferTheQuestionIsDroppedByName) {
  // All but the packet itself are out.
  std::vector<rte_mbuf*> taken;
  while (rte_mbuf* packet = world_.pool().Allocate()) taken.push_back(packet);
  world_.pool().Free({&taken.back(), 1});
  taken.pop_back();
  world_.set_taken_packets(taken.size());
  const Received received =
      world_.Receive("client", Question(AddressOf("server")));
  EXPECT_EQ(received.drop, DropReason::kNoMbuf);
  EXPECT_FALSE(received.consumed);
  world_.pool().Free(taken);
  world_.set_taken_packets(0);
}

TEST_P(LocalTest, AddressesOfAGoneEndpointAreUnknown) {
  const std::string question = Question(AddressOf("server"));
  ASSERT_TRUE(world_.Receive("client", question).consumed);
  world_.node().bindings.erase(*IpAddress::Parse(AddressOf("server")));
  world_.Publish();
  EXPECT_EQ(
      world_.Receive("client", question).drop,
      is_ipv4() ? DropReason::kArpUnknownTarget : DropReason::kNdUnknownTarget);
}

TEST_P(LocalTest, FamilyThatIsOffHasNoGateway) {
  world_.node().settings.gateway_ipv4 = IpAddress{};
  world_.node().settings.gateway_ipv6 = IpAddress{};
  world_.Publish();
  const std::string gateway = is_ipv4() ? "10.0.0.1" : "fd00::1";
  EXPECT_FALSE(world_.Receive("client", Question(gateway)).consumed);
}

// Conformance A-11: a hundred thousand questions in a second.
TEST_P(LocalTest, AFloodOfQuestionsIsAnsweredInPart) {
  constexpr uint32_t kQuestions = 100'000;
  const std::vector<uint8_t> question =
      *PacketFromText(Question(AddressOf("server")));
  uint64_t answers = 0;
  for (uint32_t i = 0; i < kQuestions; ++i) {
    answers += world_
                   .ReceiveBurst(TestWorld::PortNamed("client"),
                                 std::vector{world_.pool().Make(question)})
                   .size();
    world_.Advance(1'000'000'000 / kQuestions);
  }
  EXPECT_GE(answers, 1000u);
  EXPECT_LE(answers, 1101u);
  EXPECT_EQ(world_.DropCount(DropReason::kNeighborRate), kQuestions - answers);
  // The others' questions are.
  const Received other = world_.Receive(
      "jailed", is_ipv4() ? "eth src=02:00:00:00:00:05 dst=ff:ff:ff:ff:ff:ff / "
                            "arp sha=02:00:00:00:00:05 spa=10.0.0.5 "
                            "tpa=10.0.0.3"
                          : "eth src=02:00:00:00:00:05 / ip6 src=fd00::5 "
                            "dst=fd00::1 hop=255 / ns target=fd00::1");
  EXPECT_EQ(other.sent.size(), 1u);
}

INSTANTIATE_FAMILIES(LocalTest);

TEST(LocalPingTest, LargePingInSegmentsComesBackWhole) {
  TestWorld world;
  const std::string request = "eth / ip4 dst=10.0.0.1 / icmp id=7 / data 1400";
  const Received received = world.Receive("client", request);
  ASSERT_EQ(received.sent.size(), 1u);
  EXPECT_EQ(received.sent[0].bytes.size(), 14u + 20 + 8 + 1400);
  EXPECT_NE(received.sent[0].Text().find("data 1400"), std::string::npos);
}

}  // namespace
}  // namespace vswitch
