// bench/pipeline/bench_switch.h
//
// BenchSwitch: the whole pipeline in this process, without ports: clients
// behind an uplink, a service, and its backend, a pod that only takes the
// clients and may not speak by itself.  Frames are made once and copied into
// packets burst by burst, so that what is measured is the pipeline and a copy
// of 64 bytes.
//
//   ASSIGN_OR_RETURN(auto bench, BenchSwitch::Create({.flows = 10000}));
//   bench->Run(BenchDirection::kToServer, first_flow, now_ns);  // one burst
//
// Thread-compatible.

#ifndef VSWITCH_BENCH_PIPELINE_BENCH_SWITCH_H_
#define VSWITCH_BENCH_PIPELINE_BENCH_SWITCH_H_

#include <rte_mbuf.h>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/base/ids.h"
#include "dataplane/offline/offline_switch.h"
#include "dataplane/packet/packet_pool.h"
#include "dataplane/pipeline/environment.h"

namespace vswitch {

enum class BenchDirection : uint8_t { kToServer, kToClient };

struct BenchSwitchOptions {
  bool ipv4 = true;
  bool tcp = false;
  uint32_t connections = 1 << 20;  // capacity of the table
  uint32_t idle_seconds = 300;     // of a UDP connection
};

class BenchSwitch {
 public:
  static absl::StatusOr<std::unique_ptr<BenchSwitch>> Create(
      const BenchSwitchOptions& options);

  // Takes one burst of kBurstPackets packets through the pipeline, of the flows
  // from `flow` on, modulo `flows`.
  void Run(BenchDirection direction, uint64_t flow, uint64_t flows,
           uint64_t now_ns);

  // Forgets connections whose time has come.
  void Housekeep(uint64_t now_ns) { switch_->Housekeep(now_ns); }

  uint64_t sent() const { return transmitter_.sent; }
  const OfflineSwitch& offline() const { return *switch_; }

 private:
  // Packets that are used again and again.
  class Pool final : public PacketPool {
   public:
    Pool();
    rte_mbuf* Allocate() override { return nullptr; }
    void Free(std::span<rte_mbuf* const>) override {}
    std::array<rte_mbuf*, kBurstPackets> packets;

   private:
    std::vector<std::byte> memory_;
  };
  class Sink final : public Transmitter {
   public:
    void Transmit(PortId, std::span<rte_mbuf* const> packets) override {
      sent += packets.size();
    }
    uint64_t sent = 0;
  };
  // The frame that both directions' frames are made from.
  struct Frame {
    std::vector<uint8_t> bytes;
    uint32_t client_offset = 0;  // of the last four bytes of its address
    uint32_t port_offset = 0;
  };

  explicit BenchSwitch(const BenchSwitchOptions& options) : options_(options) {}
  absl::Status MakeFrames();

  const BenchSwitchOptions options_;
  Pool pool_;
  Sink transmitter_;
  std::unique_ptr<OfflineSwitch> switch_;
  std::array<Frame, 2> frames_;  // by BenchDirection
};

}  // namespace vswitch

#endif  // VSWITCH_BENCH_PIPELINE_BENCH_SWITCH_H_
