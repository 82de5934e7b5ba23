// nic-drivers/testing/link.h
//
// Link: a port under test with its far side: what the test sends there the port
// receives, and the other way round.  One maker a driver, for the one test
// suite that runs over all of them (driver_test.cc).
//
//   absl::StatusOr<std::unique_ptr<Link>> link = MakeTapLink(pool);
//   link->Send(frame);
//   link->port().RxBurst(0, packets);
//
// REQUIRES: the EAL runs; the process is in a network namespace of its own,
// with which all interfaces go.  Thread rule: one thread.

#ifndef VSWITCH_NIC_DRIVERS_TESTING_LINK_H_
#define VSWITCH_NIC_DRIVERS_TESTING_LINK_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "nic-drivers/dpdk/mbuf_pool.h"
#include "nic-drivers/port.h"

namespace vswitch {

using Frame = std::vector<uint8_t>;

class Link {
 public:
  virtual ~Link() = default;
  virtual Port& port() = 0;
  // Sends `frame` to the port.
  virtual void Send(const Frame& frame) = 0;
  // Returns the next frame that the port sent, waiting for it a moment.
  virtual std::optional<Frame> Receive() = 0;
};

inline constexpr uint32_t kLinkMtu = 1500;

absl::StatusOr<std::unique_ptr<Link>> MakeTapLink(MbufPool& pool);
absl::StatusOr<std::unique_ptr<Link>> MakeAfPacketLink(MbufPool& pool);
absl::StatusOr<std::unique_ptr<Link>> MakeAfXdpLink(MbufPool& pool);
absl::StatusOr<std::unique_ptr<Link>> MakeMemifLink(MbufPool& pool);
absl::StatusOr<std::unique_ptr<Link>> MakeRingLink(MbufPool& pool);
absl::StatusOr<std::unique_ptr<Link>> MakeFakeLink(MbufPool& pool);

// Makes one packet of the pool that holds `frame`; nullptr if it is empty.
rte_mbuf* PacketOf(const Frame& frame, MbufPool& pool);
// Returns the frame in `packet` and frees it.
Frame TakeFrame(rte_mbuf* packet, MbufPool& pool);
// Receives from `port` until a frame of the test's own comes, or for a moment.
std::optional<Frame> ReceiveFrom(Port& port, MbufPool& pool);
// Whether `frame` is the test's and not the kernel's own chatter.
bool IsOurs(const Frame& frame);

}  // namespace vswitch

#endif  // VSWITCH_NIC_DRIVERS_TESTING_LINK_H_
