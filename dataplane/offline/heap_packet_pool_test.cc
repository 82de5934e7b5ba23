// HeapPacketPool: packets hold what they were made of.

#include "dataplane/offline/heap_packet_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <vector>

#include "dataplane/packet/packet.h"

namespace vswitch {
namespace {

TEST(HeapPacketPoolTest, MadePacketsHoldTheirBytes) {
  HeapPacketPool pool;
  for (size_t size : {0, 1, 60, 1514, 2048, 2049, 65535}) {
    std::vector<uint8_t> bytes(size);
    std::iota(bytes.begin(), bytes.end(), uint8_t{0});
    rte_mbuf* packet = pool.Make(bytes);
    ASSERT_NE(packet, nullptr);
    EXPECT_EQ(PacketBytes(*packet), size);
    EXPECT_EQ(FirstSegmentBytes(*packet), std::min<size_t>(size, 2048));
    std::vector<uint8_t> copy(size);
    CopyFromPacket(*packet, 0, static_cast<uint32_t>(size), copy.data());
    EXPECT_EQ(copy, bytes);
    pool.Free({&packet, 1});
  }
}

TEST(HeapPacketPoolTest, TooLargePacketsAreRefused) {
  HeapPacketPool pool;
  EXPECT_EQ(pool.Make(std::vector<uint8_t>(2048 + 65536)), nullptr);
}

TEST(HeapPacketPoolTest, AllocatedPacketsHaveTheirRoom) {
  HeapPacketPool pool;
  rte_mbuf* packet = pool.Allocate();
  StartPacket(*packet, kSegmentRoomBytes);
  std::memset(Data(*packet), 1, kSegmentRoomBytes);
  pool.Free({&packet, 1});
}

}  // namespace
}  // namespace vswitch
