// test/fuzz/fuzz_node.h
//
// FuzzNode: the pipeline of one node, for the fuzz target: the node of
// dataplane/pipeline/test_world.h with source NAT, services for clients
// outside and a client that is its own backend, in one of a few
// configurations.  Like TestWorld, but it aborts where a rule is broken, and it
// says about each packet what became of it.
//
//   FuzzNode node(NodeChoices{});
//   FuzzResult result = node.Run(port, {.bytes = frame});
//   if (result.forwarded) ... result.outputs[0]
//   node.Advance(kSecondNs);
//
// Tests only; thread-compatible.

#ifndef VSWITCH_TEST_FUZZ_FUZZ_NODE_H_
#define VSWITCH_TEST_FUZZ_FUZZ_NODE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/offline/offline_switch.h"
#include "dataplane/pipeline/test_world.h"
#include "test/fuzz/plain_packet.h"
#include "test/testing/fake_packet_pool.h"

namespace vswitch {

inline constexpr uint64_t kSecondNs = 1'000'000'000;
inline constexpr PortId kUplink{7};
// Of source NAT, and of the node's own services.
inline constexpr uint16_t kFirstNatPort = 20000;
inline constexpr uint16_t kLastNatPort = 20999;
inline constexpr uint16_t kNodePort = 30080;
inline constexpr uint16_t kOtherNodePort = 30081;
// Bytes of the longest IP packet that the uplink carries.
inline constexpr uint32_t kUplinkMtu = 1280;

// Aborts with `what`, unless `condition` holds.
void Require(bool condition, const char* what);

// What a fuzz input may choose of the node.
enum class NatChoice : uint8_t { kWide, kTwoPorts, kOff };
struct NodeChoices {
  NatChoice nat = NatChoice::kWide;
  bool shuts_client_out = false;  // of `guarded`
  bool cuts_with_resets = false;  // connections that policy denies
  bool needs_syn = false;
  bool client_is_new = false;  // another pod has the addresses of `client`
  bool has_linux_timeouts = false;
  // Policy keeps established connections, and some services' backends are
  // other ones.
  bool is_other = false;
  // There is room for a few connections only.
  bool is_crowded = false;

  static NodeChoices FromByte(uint8_t byte);
  uint8_t ToByte() const;
};

// A packet to be received.
struct FuzzInput {
  Bytes bytes;
  uint8_t first_segment_bytes = 0;  // 0: one segment
  uint64_t receive_flags = 0;       // of the mbuf
};

struct FuzzOutput {
  PortId port;
  Bytes bytes;
  uint64_t transmit_flags = 0;
};

struct FuzzResult {
  bool forwarded = false;  // outputs[0] is the packet itself, or its beginning
  // The outputs are pieces of it, or fragments that had waited for it as well.
  bool is_several = false;
  DropReason drop = DropReason::kNone;
  std::vector<FuzzOutput> outputs;
};

class FuzzNode {
 public:
  explicit FuzzNode(const NodeChoices& choices);
  ~FuzzNode();

  // Takes one packet through the pipeline.
  FuzzResult Run(PortId in, const FuzzInput& input);
  // The same for several packets as one burst; returns what left.
  std::vector<FuzzOutput> RunBurst(PortId in,
                                   const std::vector<FuzzInput>& inputs);

  // Lets time pass and forgets what is over.
  void Advance(uint64_t nanoseconds);
  // Publishes the next generation.
  void Change(const NodeChoices& choices);

  uint64_t now_ns() const { return now_ns_; }
  // When the configuration has changed last; 0: never.
  uint64_t changed_ns() const { return changed_ns_; }
  const NodeChoices& choices() const { return choices_; }
  // Whether entries may have been evicted.
  bool was_crowded() const { return was_crowded_; }
  const Settings& settings() const { return offline_->state().settings(); }
  const PortRecord& port(PortId port) const {
    return *offline_->state().port(port);
  }
  const ConnectionTable& connections() const { return offline_->connections(); }
  // Whether `address` is one that source NAT gives in some configuration.
  static bool IsPoolAddress(const IpAddress& address);
  // Whether clients outside know a service of the node by `address`, which is
  // not the node's own.
  static bool IsServiceOutside(const IpAddress& address);

  // Every packet has been accounted for, and every buffer is back.
  void CheckBalance() const;

 private:
  class Capture;

  rte_mbuf* MakePacket(const FuzzInput& input);
  void CheckBuffers() const;

  FakePacketPool pool_;
  std::unique_ptr<Capture> capture_;
  std::unique_ptr<OfflineSwitch> offline_;
  NodeChoices choices_;
  bool was_crowded_;
  uint64_t now_ns_ = 1'000 * kSecondNs;
  uint64_t changed_ns_ = 0;
};

}  // namespace vswitch

#endif  // VSWITCH_TEST_FUZZ_FUZZ_NODE_H_
