// Stage parse: a closed port, and malformed packets.

#include <gtest/gtest.h>

#include "dataplane/pipeline/test_world.h"

namespace vswitch {
namespace {

TEST(ParseStageTest, ClosedPortIsClosedForEverything) {
  TestWorld world;
  for (const char* packet :
       {"eth src=02:00:00:00:00:07 / ip4 src=10.0.0.7 / udp",
        "eth src=02:00:00:00:00:07 / ip6 src=fd00::7 / udp",
        "eth src=02:00:00:00:00:07 / arp", "hex 01 02 03",
        "eth type=0x1234 / data 4"}) {
    const Received received = world.Receive("closed", packet);
    EXPECT_EQ(received.drop, DropReason::kPortNotReady) << packet;
    EXPECT_TRUE(received.sent.empty()) << packet;
  }
}

TEST(ParseStageTest, PortThatTheGenerationLacksIsClosed) {
  TestWorld world;
  FakePacketPool& pool = world.pool();
  const std::vector<uint8_t> bytes(64, 0);
  EXPECT_EQ(world.Receive(PortId{99}, pool.Make(bytes)).drop,
            DropReason::kPortNotReady);
}

TEST(ParseStageTest, NothingPassesBeforeTheFirstGeneration) {
  TestWorld world;
  world.node() = TestNode{};
  world.Publish();
  EXPECT_EQ(world.Receive("client", "eth / ip4 / udp").drop,
            DropReason::kPortNotReady);
}

TEST(ParseStageTest, MalformedPacketHasItsReason) {
  TestWorld world;
  EXPECT_EQ(world.Receive("client", "eth / ip4 csum=bad / udp").drop,
            DropReason::kIp4Csum);
  EXPECT_EQ(world.Receive("client", "eth / ip6 / udp csum=0").drop,
            DropReason::kUdpCsumZero);
}

TEST(ParseStageTest, GroupsThatNoBridgeForwards) {
  TestWorld world;
  EXPECT_EQ(
      world.Receive("client", "eth dst=01:80:c2:00:00:0e type=0x88cc / data 46")
          .drop,
      DropReason::kL2Reserved);
  EXPECT_EQ(world.Receive("client", "eth type=0x88cc / data 46").drop,
            DropReason::kL2Type);
}

}  // namespace
}  // namespace vswitch
