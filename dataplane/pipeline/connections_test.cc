// Stage connections: current verdicts, TTL, ICMP error rates.

#include "dataplane/pipeline/test_families.h"

namespace vswitch {
namespace {

class ConnectionsTest : public FamilyTest {
 protected:
  uint64_t Lookups() const {
    return world_.worker_counters().policy_lookups.value();
  }
};

TEST_P(ConnectionsTest, CurrentVerdictAsksNobody) {
  const std::string packet = Packet("client", "guarded", "/ tcp flags=S");
  world_.Receive("client", packet);
  const uint64_t lookups = Lookups();
  EXPECT_EQ(lookups, 1u);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(world_.Receive("client", packet).drop, DropReason::kNone);
  }
  EXPECT_EQ(Lookups(), lookups);
  EXPECT_EQ(world_.worker_counters().policy_cached_allow.value(), 5u);
}

TEST_P(ConnectionsTest, ChangeElsewhereLeavesTheVerdictCurrent) {
  const std::string packet = Packet("client", "guarded", "/ tcp flags=S");
  world_.Receive("client", packet);
  world_.Publish(std::vector<IpAddress>{*IpAddress::Parse("192.0.2.77")});
  world_.Receive("client", packet);
  EXPECT_EQ(Lookups(), 1u);
}

TEST_P(ConnectionsTest, ChangeOfEitherEndMakesTheVerdictStale) {
  const std::string packet = Packet("client", "guarded", "/ tcp flags=S");
  world_.Receive("client", packet);
  uint64_t lookups = Lookups();
  for (const char* end : {"client", "guarded"}) {
    world_.Publish(std::vector<IpAddress>{*IpAddress::Parse(AddressOf(end))});
    world_.Receive("client", packet);
    EXPECT_EQ(Lookups(), ++lookups) << end;
    world_.Receive("client", packet);
    EXPECT_EQ(Lookups(), lookups) << end;
  }
}

TEST_P(ConnectionsTest, ChangeOfTheBackendMakesTheVerdictStale) {
  const std::string service = is_ipv4() ? "10.96.0.11" : "fd02::11";
  const std::string packet = PacketTo("client", service, "/ tcp flags=S");
  world_.Receive("client", packet);
  const uint64_t lookups = Lookups();
  world_.Publish(
      std::vector<IpAddress>{*IpAddress::Parse(AddressOf("guarded"))});
  world_.Receive("client", packet);
  EXPECT_EQ(Lookups(), lookups + 1);
}

TEST_P(ConnectionsTest, JudgeAgainBeforeMakesAllVerdictsStale) {
  const std::string packet = Packet("client", "guarded", "/ tcp flags=S");
  world_.Receive("client", packet);
  world_.node().settings.judge_again_before =
      world_.offline().state().generation() + 1;
  world_.Publish(std::vector<IpAddress>{});
  world_.Receive("client", packet);
  EXPECT_EQ(Lookups(), 2u);
}

TEST_P(ConnectionsTest, ExpiredTtlNeitherBeginsNorKeepsAConnection) {
  const std::string ttl = is_ipv4() ? "ttl=1 " : "hop=1 ";
  EXPECT_EQ(
      world_.Receive("client", Packet("client", "server", ttl + "/ udp")).drop,
      DropReason::kTtl);
  EXPECT_EQ(world_.offline().connections().CountActive(), 0u);
}

// Conformance F4-07, F6-13.
TEST_P(ConnectionsTest, ErrorsAreLimitedPerPortAndAllAccountedFor) {
  const std::string ttl = is_ipv4() ? "ttl=1 " : "hop=1 ";
  const std::string packet = Packet("client", "server", ttl + "/ udp");
  uint64_t sent = 0;
  for (int i = 0; i < 1000; ++i) {
    sent += world_.Receive("client", packet).sent.size();
    world_.Advance(1'000'000);
  }
  // 100 a second and port, and a tenth of it saved up.
  EXPECT_NEAR(sent, 110, 2);
  const WorkerCounters& counters = world_.worker_counters();
  EXPECT_EQ(counters.icmp_wanted.value(), 1000u);
  EXPECT_EQ(counters.icmp_sent.value(), sent);
  EXPECT_EQ(counters.icmp_suppressed_rate.value(), 1000 - sent);
  // The other ports still have their share.
  EXPECT_EQ(world_.Receive("server", Packet("server", "client", ttl + "/ udp"))
                .sent.size(),
            1u);
}

TEST_P(ConnectionsTest, ErrorDoesNotKeepAConnectionAlive) {
  world_.Receive("client", Packet("client", "server", "/ udp / data 8"));
  const std::string error = Packet(
      "server", "client",
      absl::StrCat(is_ipv4() ? "/ icmp type=3 code=3 id=0 seq=0 / ip4 src="
                             : "/ icmp6 type=1 code=4 id=0 seq=0 / ip6 src=",
                   AddressOf("client"), " dst=", AddressOf("server"),
                   " / udp / data 8"));
  world_.AdvanceSeconds(250);
  EXPECT_EQ(world_.Receive("server", error).drop, DropReason::kNone);
  world_.AdvanceSeconds(150);
  EXPECT_EQ(world_.Receive("server", error).drop, DropReason::kIcmpNoFlow);
}

INSTANTIATE_FAMILIES(ConnectionsTest);

}  // namespace
}  // namespace vswitch
