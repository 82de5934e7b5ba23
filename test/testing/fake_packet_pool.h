// test/testing/fake_packet_pool.h
//
// FakePacketPool: a PacketPool without DPDK.  Each segment is memory of its own
// from malloc(), so that AddressSanitizer sees any access beyond it, and a
// packet that is never freed fails the test (LiveCount).
//
//   FakePacketPool pool;
//   rte_mbuf* packet = pool.Make(bytes);           // one segment
//   rte_mbuf* chain = pool.Make(bytes, {64, 1400});  // segments of such sizes
//   ...
//   pool.Free({&packet, 1});
//   EXPECT_EQ(pool.LiveCount(), 0);
//
// Thread-compatible.

#ifndef VSWITCH_TEST_TESTING_FAKE_PACKET_POOL_H_
#define VSWITCH_TEST_TESTING_FAKE_PACKET_POOL_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <unordered_set>
#include <vector>

#include "dataplane/packet/packet_pool.h"

namespace vswitch {

class FakePacketPool : public PacketPool {
 public:
  // At most `capacity` segments are out at a time.
  explicit FakePacketPool(size_t capacity = 65536) : capacity_(capacity) {}
  ~FakePacketPool() override;

  FakePacketPool(const FakePacketPool&) = delete;
  FakePacketPool& operator=(const FakePacketPool&) = delete;

  rte_mbuf* Allocate() override;
  void Free(std::span<rte_mbuf* const> packets) override;

  // Returns a packet that holds `bytes`: in one segment without room behind
  // it, or cut into segments of the given sizes, the last one taking the rest.
  // nullptr when the pool is empty.
  rte_mbuf* Make(std::span<const uint8_t> bytes,
                 std::initializer_list<size_t> segment_bytes = {});

  // Returns how many segments are out.
  size_t LiveCount() const { return live_.size(); }

 private:
  rte_mbuf* NewSegment(size_t room_bytes);

  const size_t capacity_;
  std::unordered_set<rte_mbuf*> live_;
};

// Returns all bytes of the frame, across segments.
std::vector<uint8_t> BytesOf(const rte_mbuf& packet);

}  // namespace vswitch

#endif  // VSWITCH_TEST_TESTING_FAKE_PACKET_POOL_H_
