// bench/pipeline/bench_traffic.h
//
// BenchTraffic: clients behind an uplink, a service, and its backend, a pod
// that only takes the clients and may not speak by itself: the node for it, and
// its packets.  Frames are made once and copied into packets burst by burst, so
// that what is measured is the pipeline and a copy of 64 bytes.
//
//   ASSIGN_OR_RETURN(BenchFrames frames, BenchFrames::Make({.ipv4 = true}));
//   BenchPackets packets;
//   frames.Write(BenchDirection::kToServer, flow, flows, packets.all());
//
// BenchFrames: immutable after construction; the others: thread-compatible.

#ifndef VSWITCH_BENCH_PIPELINE_BENCH_TRAFFIC_H_
#define VSWITCH_BENCH_PIPELINE_BENCH_TRAFFIC_H_

#include <rte_mbuf.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/base/ids.h"
#include "dataplane/packet/packet_pool.h"
#include "dataplane/pipeline/environment.h"
#include "dataplane/pipeline/test_world.h"

namespace vswitch {

enum class BenchDirection : uint8_t { kToServer, kToClient };

struct BenchTraffic {
  bool ipv4 = true;
  bool tcp = false;
  uint32_t idle_seconds = 300;  // of a UDP connection
};

// Returns "IPv4 UDP".
std::string NameOf(const BenchTraffic& traffic);

absl::StatusOr<TestNode> MakeBenchNode(const BenchTraffic& traffic);

class BenchFrames {
 public:
  static absl::StatusOr<BenchFrames> Make(const BenchTraffic& traffic);

  // Writes packets of the flows from `flow` on, modulo `flows`.
  void Write(BenchDirection direction, uint64_t flow, uint64_t flows,
             std::span<rte_mbuf* const> packets) const;

  // Returns where packets of that direction come in.
  static PortId PortOf(BenchDirection direction);

 private:
  // The frame that all of a direction are made from.
  struct Frame {
    std::vector<uint8_t> bytes;
    uint32_t client_offset = 0;  // of the last four bytes of its address
    uint32_t port_offset = 0;
  };

  std::array<Frame, 2> frames_;  // by BenchDirection
};

// The packets of one burst, used again and again.
class BenchPackets final : public PacketPool {
 public:
  BenchPackets();
  rte_mbuf* Allocate() override { return nullptr; }
  void Free(std::span<rte_mbuf* const>) override {}
  std::span<rte_mbuf* const> all() const { return packets_; }

 private:
  std::vector<std::byte> memory_;
  std::array<rte_mbuf*, kBurstPackets> packets_;
};

// Counts what leaves.
class BenchSink final : public Transmitter {
 public:
  void Transmit(PortId, std::span<rte_mbuf* const> packets) override {
    sent_ += packets.size();
  }
  uint64_t sent() const { return sent_; }

 private:
  uint64_t sent_ = 0;
};

}  // namespace vswitch

#endif  // VSWITCH_BENCH_PIPELINE_BENCH_TRAFFIC_H_
