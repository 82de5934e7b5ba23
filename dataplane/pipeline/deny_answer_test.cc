// Answers to denied packets, and what a change of policy does to connections:
// what golden cases cannot say, as whole bursts, limits and counters.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "dataplane/pipeline/test_families.h"
#include "test/testing/packet_text.h"

namespace vswitch {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;

class DenyAnswerTest : public FamilyTest {
 protected:
  // What the isolation of `guarded` says from now on.
  void SetDenial(EstablishedAction established, DenyResponse response) {
    world_.node().policy_sets[0].default_precedence = Precedence(
        PolicyTier::kNetworkPolicy, 0, DenyVerdict(established, response));
    world_.Publish();
  }
  void ShutClientOut() {
    world_.node().policy_sets[0].entries[0].identities = {IdentityId{999}};
    world_.Publish();
  }
  std::string Segment(int client_port, const std::string& rest) const {
    return Packet("client", "guarded",
                  absl::StrCat("/ tcp sport=", client_port, " ", rest));
  }
  std::vector<std::string> Segments(int first, int count,
                                    const std::string& rest) const {
    std::vector<std::string> segments;
    for (int i = 0; i < count; ++i) {
      segments.push_back(Segment(first + i, rest));
    }
    return segments;
  }
  std::vector<Sent> Burst(const std::vector<std::string>& packets) {
    return world_.ReceiveBurst(TestWorld::PortNamed("client"), packets);
  }
  const WorkerCounters& counters() const { return world_.worker_counters(); }
};

constexpr int kBurst = kBurstPackets;

// Every packet of a full burst causes two others.
TEST_P(DenyAnswerTest, FullBurstOfConnectionsIsResetAtBothEnds) {
  ASSERT_EQ(Burst(Segments(1000, kBurst, "flags=A")).size(), kBurst);
  SetDenial(EstablishedAction::kReset, DenyResponse::kSilent);
  ShutClientOut();
  const std::vector<Sent> sent = Burst(Segments(1000, kBurst, "flags=A ack=9"));
  ASSERT_EQ(sent.size(), 2u * kBurst);
  std::map<PortId, int> by_port;
  std::set<std::string> texts;
  for (const Sent& one : sent) {
    ++by_port[one.port];
    texts.insert(one.Text());
  }
  EXPECT_EQ(by_port[TestWorld::PortNamed("client")], kBurst);
  EXPECT_EQ(by_port[TestWorld::PortNamed("guarded")], kBurst);
  EXPECT_EQ(texts.size(), 2u * kBurst);
  EXPECT_EQ(counters().resets_sent.value(), 2u * kBurst);
  EXPECT_EQ(world_.DropCount(DropReason::kPolicyDenied), uint64_t{kBurst});
}

TEST_P(DenyAnswerTest, OneBurstOfOneConnectionIsResetOnce) {
  Burst({Segment(1000, "flags=A")});
  SetDenial(EstablishedAction::kReset, DenyResponse::kSilent);
  ShutClientOut();
  const std::string segment = Segment(1000, "flags=A ack=9");
  EXPECT_EQ(Burst({segment, segment, segment, segment}).size(), 2u);
  // One judgement holds for the whole burst.
  EXPECT_EQ(counters().policy_denied.value(), 1u);
  EXPECT_EQ(world_.DropCount(DropReason::kPolicyDenied), 4u);
}

TEST_P(DenyAnswerTest, DatagramsOfOneBurstAreToldOnce) {
  TestNode& node = world_.node();
  node.policy_sets[0].entries[0].traffic.clear();
  SetDenial(EstablishedAction::kReset, DenyResponse::kSilent);
  const std::string datagram = Packet("client", "guarded", "/ udp");
  ASSERT_EQ(Burst({datagram}).size(), 1u);
  ShutClientOut();
  EXPECT_EQ(Burst({datagram, datagram}).size(), 1u);
  EXPECT_EQ(Burst({datagram, datagram}).size(), 0u);
  const std::string answer =
      Packet("guarded", "client", "/ udp sport=53 dport=1000");
  const PortId guarded = TestWorld::PortNamed("guarded");
  EXPECT_EQ(world_.ReceiveBurst(guarded, {answer, answer, answer}).size(), 1u);
  EXPECT_EQ(counters().icmp_sent.value(), 2u);
}

TEST_P(DenyAnswerTest, DeniedPacketsOfOneBurstAreEachAnswered) {
  world_.node().settings.icmp_errors_per_second_port = 1000;
  SetDenial(EstablishedAction::kReEvaluate, DenyResponse::kReset);
  const std::vector<Sent> sent =
      Burst(Segments(1000, kBurst, "dport=81 flags=S"));
  EXPECT_EQ(sent.size(), kBurst);
  std::vector<std::string> texts;
  for (const Sent& one : sent) texts.push_back(one.Text());
  EXPECT_THAT(texts, Each(AllOf(HasSubstr("flags=RA"), HasSubstr("sport=81"))));
}

// Both kinds of answer have the ICMP errors' limits, a tenth of a second's
// share at one moment.
TEST_P(DenyAnswerTest, AnswersAreLimited) {
  for (DenyResponse response : {DenyResponse::kReset, DenyResponse::kIcmp}) {
    world_.AdvanceSeconds(10);
    SetDenial(EstablishedAction::kReEvaluate, response);
    EXPECT_EQ(Burst(Segments(1000, kBurst, "dport=81 flags=S")).size(), 10u);
  }
  EXPECT_EQ(counters().resets_sent.value(), 10u);
  EXPECT_EQ(counters().resets_suppressed.value(), kBurst - 10u);
  EXPECT_EQ(counters().icmp_suppressed_rate.value(), kBurst - 10u);
  EXPECT_EQ(world_.DropCount(DropReason::kPolicyDenied), 2u * kBurst);
}

TEST_P(DenyAnswerTest, SilenceCostsNothing) {
  Burst(Segments(1000, kBurst, "dport=81 flags=S"));
  EXPECT_EQ(counters().icmp_wanted.value(), 0u);
  EXPECT_EQ(counters().resets_suppressed.value(), 0u);
}

// Without a free packet nobody is told; the next one finds room.
TEST_P(DenyAnswerTest, EmptyPoolOnlyPostponesTheReset) {
  Burst({Segment(1000, "flags=A")});
  SetDenial(EstablishedAction::kReset, DenyResponse::kSilent);
  ShutClientOut();
  std::vector<rte_mbuf*> taken;
  const std::string segment = Segment(1000, "flags=A ack=9");
  rte_mbuf* packet = world_.pool().Make(*PacketFromText(segment));
  while (rte_mbuf* one = world_.pool().Allocate()) taken.push_back(one);
  world_.set_taken_packets(taken.size());
  const PortId client = TestWorld::PortNamed("client");
  EXPECT_EQ(world_.Receive(client, packet).sent.size(), 0u);
  EXPECT_EQ(counters().resets_suppressed.value(), 2u);
  world_.pool().Free(taken);
  world_.set_taken_packets(0);
  EXPECT_EQ(Burst({segment, segment}).size(), 1u);
  const std::string answer =
      Packet("guarded", "client", "/ tcp sport=80 dport=1000 flags=A ack=7");
  const PortId guarded = TestWorld::PortNamed("guarded");
  EXPECT_EQ(world_.ReceiveBurst(guarded, {answer, answer}).size(), 1u);
}

TEST_P(DenyAnswerTest, KeptConnectionsOfOneBurstGoOn) {
  Burst(Segments(1000, kBurst, "flags=A"));
  SetDenial(EstablishedAction::kKeep, DenyResponse::kReset);
  ShutClientOut();
  EXPECT_EQ(Burst(Segments(1000, kBurst, "flags=A")).size(), kBurst);
  EXPECT_EQ(counters().policy_kept.value(), uint64_t{kBurst});
  // Nothing is judged again until the next change.
  EXPECT_EQ(Burst(Segments(1000, kBurst, "flags=A")).size(), kBurst);
  EXPECT_EQ(counters().policy_denied.value(), uint64_t{kBurst});
}

// Two packets of a pod that has taken over an address begin one connection.
TEST_P(DenyAnswerTest, ReusedAddressIsForgottenOnceInOneBurst) {
  const std::string segment = Segment(1000, "flags=A");
  Burst({segment});
  for (auto& [address, binding] : world_.node().bindings) ++binding.epoch;
  world_.Publish();
  EXPECT_EQ(Burst({segment, segment, segment}).size(), 3u);
  EXPECT_EQ(counters()
                .connections_deleted[static_cast<uint32_t>(
                    ConnectionEnd::kEndpointGone)]
                .value(),
            1u);
  EXPECT_EQ(counters().connections_inserted.value(), 2u);
  EXPECT_EQ(world_.offline().connections().CountActive(), 1u);
}

// A record says who, what and why, as policies see it.
TEST_P(DenyAnswerTest, ShadowRecordSaysWhoWhatAndWhy) {
  TestNode& node = world_.node();
  node.policy_sets.push_back({});
  node.endpoints[ToInt(TestWorld::PortNamed("server"))].shadow_ingress =
      PolicySetId{2};
  world_.Publish();
  ASSERT_EQ(Burst({PacketTo("client", WebService(), "/ tcp flags=S")}).size(),
            1u);
  Event event{};
  ASSERT_TRUE(world_.offline().PopDropRecord(event));
  EXPECT_EQ(event.kind, EventKind::kShadow);
  EXPECT_EQ(event.reason, DropReason::kNone);
  EXPECT_EQ(event.direction, PolicyDirection::kIngress);
  EXPECT_EQ(event.rule, kNoRule);
  EXPECT_EQ(event.port, TestWorld::PortNamed("client"));
  EXPECT_EQ(ToInt(event.source_identity), kFirstLabelIdentity + 1);
  EXPECT_EQ(ToInt(event.destination_identity), kFirstLabelIdentity + 2);
  EXPECT_EQ(event.key.destination.ToString(), AddressOf("server"));
  EXPECT_EQ(event.key.destination_port, Be16::FromHost(8080));
  EXPECT_EQ(event.generation, world_.offline().state().generation());
  EXPECT_FALSE(world_.offline().PopDropRecord(event));
}

// Every shadow denial is an event or counted as suppressed.
TEST_P(DenyAnswerTest, ShadowRecordsAreSampledAndCounted) {
  TestNode& node = world_.node();
  node.policy_sets.push_back({});
  node.endpoints[ToInt(TestWorld::PortNamed("guarded"))].shadow_ingress =
      PolicySetId{2};
  world_.Publish();
  for (int i = 0; i < 4; ++i) {
    Burst(Segments(1000 + i * kBurst, kBurst, "flags=S"));
  }
  uint64_t records = 0;
  Event event{};
  while (world_.offline().PopDropRecord(event)) ++records;
  EXPECT_EQ(records, 100u);  // a tenth of a second's share, at one moment
  EXPECT_EQ(counters().policy_shadow_denied.value(), 4u * kBurst);
  EXPECT_EQ(counters().policy_shadow_suppressed.value(), 4u * kBurst - 100);
}

INSTANTIATE_FAMILIES(DenyAnswerTest);

}  // namespace
}  // namespace vswitch
