// dataplane/pipeline/test_world.h
//
// TestWorld: a small node around the real pipeline: pods, the host's port, an
// uplink, services and policy, and a clock that the test winds.  Its names are
// used by the stage tests and by the golden cases.
//
//   port      MAC ending   addresses               what it is
//   host      10           192.168.0.1  fd01::1    the node itself
//   client    02           10.0.0.2     fd00::2    a pod that nothing isolates
//   server    03           10.0.0.3     fd00::3    another one
//   guarded   04           10.0.0.4     fd00::4    takes `client` on TCP 80 and
//                                                  8080 only (rule 7)
//   jailed    05           10.0.0.5     fd00::5    may send to `server` only,
//   on
//                                                  UDP 53 (rule 9)
//   init      06           10.0.0.6     fd00::6    labels not known yet
//   closed    07           10.0.0.7     fd00::7    port not ready
//   uplink    20           all else                the network outside
//
//   gateway   01           10.0.0.1     fd00::1    and fe80::ff:fe00:1
//   pod range              10.0.0.0/24  fd00::/64
//   services  10.96.0.10   fd02::10     TCP 80 to server 8080
//             10.96.0.11   fd02::11     TCP 80 to guarded 8080
//             10.96.0.12   fd02::12     TCP 80 without endpoints
//             10.96.0.13   fd02::13     UDP 53 to guarded 53
//
// All MACs are 02:00:00:00:00:xx.  Thread-compatible; test code.

#ifndef VSWITCH_DATAPLANE_PIPELINE_TEST_WORLD_H_
#define VSWITCH_DATAPLANE_PIPELINE_TEST_WORLD_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "dataplane/nat/service_table_builder.h"
#include "dataplane/offline/offline_switch.h"
#include "dataplane/policy/policy_set.h"
#include "test/testing/fake_packet_pool.h"

namespace vswitch {

// What the compiler would make tables from.  A test may change it and publish
// it again.
struct TestNode {
  Settings settings{};
  std::vector<PortRecord> ports;
  std::vector<EndpointRecord> endpoints;
  std::map<IpAddress, HostBinding> bindings;
  std::map<IpPrefix, RouteTarget> routes;
  std::vector<PolicySetSpec> policy_sets;  // by PolicySetId
  std::vector<ServiceSpec> services;
  std::vector<ServiceSpec> earlier_services;  // as BlobKind::kEarlierServices

  OfflineTables Compile() const;
};

// A packet that left.
struct Sent {
  PortId port;
  std::vector<uint8_t> bytes;
  uint64_t ol_flags = 0;
  uint16_t tso_segsz = 0;

  std::string Text() const;  // as packet_text.h has it
};

// What became of one packet.
struct Received {
  DropReason drop = DropReason::kNone;
  bool consumed = false;   // by the switch itself, answered or not
  bool held = false;       // kept back for later
  std::vector<Sent> sent;  // it and what it caused
};

class TestWorld {
 public:
  // As PipelineEnvironment has them.
  explicit TestWorld(bool takes_short_way = true,
                     NeighborTable* neighbors = nullptr);
  ~TestWorld();

  TestWorld(const TestWorld&) = delete;
  TestWorld& operator=(const TestWorld&) = delete;

  // The ports by name, kNoPort for no such name.
  static PortId PortNamed(absl::string_view name);
  static absl::string_view NameOf(PortId port);
  static MacAddress PeerMac(PortId port);

  TestNode& node() { return node_; }
  // Makes node() the next generation; aborts the test if it is refused.
  void Publish(std::optional<std::vector<IpAddress>> changed = std::nullopt);

  // Takes a packet, as text, through the pipeline at the present time.
  Received Receive(absl::string_view port, absl::string_view packet);
  // The same for a packet in hand, whose offload metadata is set.
  Received Receive(PortId port, rte_mbuf* packet);
  // Takes several packets as one burst; returns what left.
  std::vector<Sent> ReceiveBurst(PortId port,
                                 const std::vector<std::string>& packets);
  std::vector<Sent> ReceiveBurst(PortId port,
                                 const std::vector<rte_mbuf*>& packets);

  void Advance(uint64_t nanoseconds) { now_ns_ += nanoseconds; }
  // Returns what left meanwhile.
  std::vector<Sent> AdvanceSeconds(uint64_t seconds);
  uint64_t now_ns() const { return now_ns_; }

  OfflineSwitch& offline() { return *offline_; }
  FakePacketPool& pool() { return pool_; }
  const WorkerCounters& worker_counters() const;
  uint64_t DropCount(DropReason reason) const;  // over all ports
  uint64_t HeldCount() const;                   // packets that wait

  // Fails the test unless all balance equations hold and no packet is left.
  // Every test ends with it; the first packets are checked one by one.
  void CheckBalance() const;

  // Packets that the test itself has taken from the pool.
  void set_taken_packets(size_t count) { taken_packets_ = count; }

 private:
  class CapturingTransmitter;

  FakePacketPool pool_;
  std::unique_ptr<CapturingTransmitter> transmitter_;
  std::unique_ptr<OfflineSwitch> offline_;
  TestNode node_;
  size_t taken_packets_ = 0;
  uint32_t received_ = 0;
  uint64_t now_ns_ = 1'000'000'000'000;
};

// The node described at the top of this file.
TestNode MakeTestNode();

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_PIPELINE_TEST_WORLD_H_
