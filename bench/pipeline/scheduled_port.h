// bench/pipeline/scheduled_port.h
//
// ScheduledPort: a port whose packets arrive by the time-stamp counter, packet
// i at start + i * interval, whatever the worker does.  What has arrived and is
// not taken lies in a receive ring of kRingPackets; a packet that arrives when
// the ring is full is lost, as with a NIC.
//
//   ScheduledPort port(flows, pool, tsc_hz, control);   // traffic_control.h
//
// SinkPort: takes every packet and frees it.  Its descriptor is never readable,
// so a worker does not visit it, as with an idle TAP.
//
// Worker thread only.

#ifndef VSWITCH_BENCH_PIPELINE_SCHEDULED_PORT_H_
#define VSWITCH_BENCH_PIPELINE_SCHEDULED_PORT_H_

#include <array>
#include <cstdint>
#include <span>

#include "bench/pipeline/flows.h"
#include "bench/pipeline/traffic_control.h"
#include "nic-drivers/dpdk/mbuf_pool.h"
#include "nic-drivers/port.h"

namespace vswitch {

class ScheduledPort final : public Port {
 public:
  // All outlive the port.  `tsc_hz` is the time-stamp counter's rate.
  ScheduledPort(const Flows& flows, MbufPool& pool, double tsc_hz,
                TrafficControl& control);

  uint16_t RxBurst(uint16_t queue, std::span<rte_mbuf*> packets) override;
  TxResult TxBurst(uint16_t queue, std::span<rte_mbuf* const> packets) override;
  int ReadinessFd(uint16_t) const override { return -1; }
  PortDrops TakeDrops(uint16_t) override { return {}; }
  bool LinkUp() const override { return true; }
  const PortInfo& Info() const override { return info_; }

 private:
  void Begin(uint64_t now);
  void Arrive(uint64_t now);
  uint16_t Take(uint64_t now, std::span<rte_mbuf*> packets);
  uint32_t FlowOf(uint64_t sequence) const;
  void Fill(uint64_t sequence, rte_mbuf& packet);

  const Flows& flows_;
  MbufPool& pool_;
  const double tsc_hz_;
  const PortInfo info_{.name = "uplink"};

  TrafficControl& control_;
  double ticks_per_packet_ = 1;
  uint64_t first_every_ = 0;  // 0: none begins a flow
  uint64_t start_ = 0;
  uint64_t first_packets_ = 0;  // over all schedules
  uint64_t head_ = 0, tail_ = 0;
  std::array<uint64_t, kRingPackets> ring_;  // sequence numbers
};

class SinkPort final : public Port {
 public:
  // `sent` counts for all sinks of a worker; it outlives the port.
  explicit SinkPort(uint64_t& sent);
  ~SinkPort() override;
  SinkPort(const SinkPort&) = delete;
  SinkPort& operator=(const SinkPort&) = delete;

  uint16_t RxBurst(uint16_t, std::span<rte_mbuf*>) override { return 0; }
  TxResult TxBurst(uint16_t queue, std::span<rte_mbuf* const> packets) override;
  int ReadinessFd(uint16_t) const override { return fd_; }
  PortDrops TakeDrops(uint16_t) override { return {}; }
  bool LinkUp() const override { return true; }
  const PortInfo& Info() const override { return info_; }

 private:
  uint64_t& sent_;
  const int fd_;
  const PortInfo info_{.name = "sink"};
};

}  // namespace vswitch

#endif  // VSWITCH_BENCH_PIPELINE_SCHEDULED_PORT_H_
