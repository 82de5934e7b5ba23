// bench/pipeline/bench_switch.h
//
// BenchSwitch: the whole pipeline in this process, without ports, for the
// packets of bench_traffic.h.
//
//   ASSIGN_OR_RETURN(auto bench, BenchSwitch::Create({.connections = 10000}));
//   bench->Run(BenchDirection::kToServer, first_flow, flows, now_ns);
//
// Thread-compatible.

#ifndef VSWITCH_BENCH_PIPELINE_BENCH_SWITCH_H_
#define VSWITCH_BENCH_PIPELINE_BENCH_SWITCH_H_

#include <cstdint>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "bench/pipeline/bench_traffic.h"
#include "dataplane/offline/offline_switch.h"

namespace vswitch {

struct BenchSwitchOptions {
  BenchTraffic traffic;
  uint32_t connections = 1 << 20;  // capacity of the table
};

class BenchSwitch {
 public:
  static absl::StatusOr<std::unique_ptr<BenchSwitch>> Create(
      const BenchSwitchOptions& options);

  // Takes one burst of kBurstPackets packets through the pipeline, of the flows
  // from `flow` on, modulo `flows`.
  void Run(BenchDirection direction, uint64_t flow, uint64_t flows,
           uint64_t now_ns) {
    frames_.Write(direction, flow, flows, packets_.all());
    switch_->Run(BenchFrames::PortOf(direction), packets_.all(), now_ns);
  }

  // Forgets connections whose time has come.
  void Housekeep(uint64_t now_ns) { switch_->Housekeep(now_ns); }

  uint64_t sent() const { return sink_.sent(); }
  const OfflineSwitch& offline() const { return *switch_; }

 private:
  explicit BenchSwitch(BenchFrames frames) : frames_(std::move(frames)) {}

  const BenchFrames frames_;
  BenchPackets packets_;
  BenchSink sink_;
  std::unique_ptr<OfflineSwitch> switch_;
};

}  // namespace vswitch

#endif  // VSWITCH_BENCH_PIPELINE_BENCH_SWITCH_H_
