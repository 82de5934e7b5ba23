// Next hops of several workers, and of a node that changes; what one worker
// does is in test/golden/pipeline/neighbour.golden.

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "dataplane/pipeline/test_families.h"
#include "dataplane/pipeline/test_world.h"
#include "dataplane/tables/neighbor_table.h"

namespace vswitch {
namespace {

class NextHopTest : public FamilyTest {
 protected:
  NextHopTest() {
    for (TestWorld* world : {&one_, &two_}) {
      UseRouters(*world);
      world->Publish();
    }
  }

  // Sends a packet outside by a worker.
  Received Send(TestWorld& world, int port) {
    return world.Receive(
        "client",
        PacketTo("client", Outside(), absl::StrCat("/ udp sport=", port)));
  }
  // The source ports of what left for the router.
  static std::vector<std::string> SentOn(const std::vector<Sent>& sent) {
    std::vector<std::string> ports;
    for (const Sent& packet : sent) {
      const std::string text = packet.Text();
      const size_t port = text.find("sport=");
      EXPECT_TRUE(absl::StrContains(text, "dst=02:00:00:00:00:21")) << text;
      ports.push_back(port == std::string::npos ? text : text.substr(port, 10));
    }
    return ports;
  }
  // What a worker does that asked the router where it was, in vain.
  void Forget() {
    table_->Forget(NeighborSlot(TestWorld::PortNamed("uplink"), GetParam()),
                   TagOfRouter(*IpAddress::Parse(is_ipv4() ? "203.0.113.1"
                                                           : "2001:db8::1"),
                               /*port_epoch=*/1),
                   MacAddress{{2, 0, 0, 0, 0, 0x21}});
  }
  static uint64_t Failed(TestWorld& world) {
    return world.DropCount(DropReason::kNeighborFailed);
  }

  std::unique_ptr<NeighborTable> table_ = std::make_unique<NeighborTable>();
  TestWorld one_{true, table_.get()};
  TestWorld two_{true, table_.get()};
};

// RFC 4861 7.2.2, and for ARP RFC 1122 2.3.2.1: no more than one question a
// second, of the whole node.
TEST_P(NextHopTest, OneWorkerAsks) {
  EXPECT_EQ(Send(one_, 1001).sent.size(), 1u);
  const Received second = Send(two_, 1002);
  EXPECT_TRUE(second.held);
  EXPECT_TRUE(second.sent.empty());
}

TEST_P(NextHopTest, AnotherWorkerGetsTheAnswer) {
  Send(one_, 1001);
  Send(one_, 1002);
  EXPECT_TRUE(two_.Receive("uplink", RouterAnswer()).consumed);
  EXPECT_EQ(
      SentOn(Send(one_, 1003).sent),
      (std::vector<std::string>{"sport=1001", "sport=1002", "sport=1003"}));
  EXPECT_EQ(SentOn(Send(two_, 1004).sent),
            std::vector<std::string>{"sport=1004"});
}

// Also while nothing else comes in.
TEST_P(NextHopTest, WaitingPacketsAreSentWhenIdle) {
  Send(one_, 1001);
  EXPECT_TRUE(two_.Receive("uplink", RouterAnswer()).consumed);
  EXPECT_EQ(SentOn(one_.AdvanceSeconds(0)),
            std::vector<std::string>{"sport=1001"});
  EXPECT_EQ(one_.HeldCount(), 0u);
}

// No packet is judged by one generation and sent by another.
TEST_P(NextHopTest, NoneWaitsBeyondItsGeneration) {
  Send(one_, 1001);
  one_.Publish();
  EXPECT_TRUE(one_.Receive("uplink", RouterAnswer()).sent.empty());
  EXPECT_EQ(Failed(one_), 1u);
  EXPECT_EQ(SentOn(Send(one_, 1002).sent),
            std::vector<std::string>{"sport=1002"});
}

TEST_P(NextHopTest, NoneWaitsForARouterThatIsNamedNoMore) {
  Send(one_, 1001);
  PortRecord& uplink = one_.node().ports[ToInt(TestWorld::PortNamed("uplink"))];
  for (RouterTag& tag : uplink.router_tags) tag = RouterTag::kNone;
  one_.Publish();
  EXPECT_TRUE(one_.AdvanceSeconds(0).empty());
  EXPECT_EQ(Failed(one_), 1u);
  EXPECT_EQ(one_.HeldCount(), 0u);
}

TEST_P(NextHopTest, AnotherRouterIsAskedFor) {
  Send(one_, 1001);
  EXPECT_EQ(one_.Receive("uplink", RouterAnswer()).sent.size(), 1u);
  PortRecord& uplink = one_.node().ports[ToInt(TestWorld::PortNamed("uplink"))];
  for (const char* router : {"203.0.113.2", "2001:db8::2"}) {
    NameRouter(uplink, *IpAddress::Parse(router));
  }
  one_.Publish();
  one_.AdvanceSeconds(1);
  const Received asked = Send(one_, 1001);
  EXPECT_TRUE(asked.held);
  ASSERT_EQ(asked.sent.size(), 1u);
  EXPECT_TRUE(absl::StrContains(asked.sent[0].Text(),
                                is_ipv4() ? "tpa=203.0.113.2" : "2001:db8::2"))
      << asked.sent[0].Text();
}

// Those that stage established would take, too.
TEST_P(NextHopTest, PacketsOfKnownConnectionsWait) {
  Send(one_, 1001);
  one_.Receive("uplink", RouterAnswer());
  one_.AdvanceSeconds(1);
  Forget();
  EXPECT_TRUE(Send(one_, 1001).held);
  EXPECT_TRUE(Send(one_, 1001).held);
  EXPECT_TRUE(Send(one_, 1001).held);
  // The fourth: the oldest makes room.
  EXPECT_EQ(Send(one_, 1001).drop, DropReason::kNeighborFailed);
  EXPECT_EQ(one_.HeldCount(), 3u);
}

TEST_P(NextHopTest, ARouterThatAnotherWorkerGaveUpIsAskedForAgain) {
  Send(one_, 1001);
  one_.Receive("uplink", RouterAnswer());
  one_.AdvanceSeconds(31);
  EXPECT_EQ(SentOn(Send(one_, 1001).sent),
            std::vector<std::string>{"sport=1001"});
  Forget();
  const Received again = Send(one_, 1001);
  EXPECT_TRUE(again.held);
  EXPECT_EQ(again.sent.size(), 1u);  // the question
  two_.Advance(31'000'000'000);
  EXPECT_TRUE(two_.Receive("uplink", RouterAnswer()).consumed);
  EXPECT_EQ(SentOn(one_.AdvanceSeconds(0)),
            std::vector<std::string>{"sport=1001"});
  EXPECT_EQ(one_.HeldCount(), 0u);
}

INSTANTIATE_FAMILIES(NextHopTest);

}  // namespace
}  // namespace vswitch
