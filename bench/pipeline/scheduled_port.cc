// Arrivals by the time-stamp counter.

#include "bench/pipeline/scheduled_port.h"

#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "dataplane/packet/packet.h"

namespace vswitch {
namespace {

// The first packets' source ports: none that an established flow has.
constexpr uint64_t kFirstPort = 16384;
constexpr uint64_t kPortCount = 49151;

void FreeAll(std::span<rte_mbuf* const> packets) {
  rte_pktmbuf_free_bulk(const_cast<rte_mbuf**>(packets.data()),
                        static_cast<unsigned>(packets.size()));
}

}  // namespace

ScheduledPort::ScheduledPort(const Flows& flows, MbufPool& pool, double tsc_hz,
                             TrafficControl& control)
    : flows_(flows), pool_(pool), tsc_hz_(tsc_hz), control_(control) {}

uint16_t ScheduledPort::RxBurst(uint16_t, std::span<rte_mbuf*> packets) {
  const uint32_t phase = control_.phase.LoadAcquire();
  if (phase == TrafficControl::kIdle) return 0;
  const uint64_t now = rte_rdtsc();
  if (phase == TrafficControl::kBegin) {
    Begin(now);
    return 0;
  }
  if (phase == TrafficControl::kEnds && head_ == tail_) {
    // The burst before this one is through the pipeline.
    control_.phase.StoreRelease(TrafficControl::kIdle);
    return 0;
  }
  if (phase == TrafficControl::kRuns) Arrive(now);
  return Take(now, packets);
}

void ScheduledPort::Begin(uint64_t now) {
  const Schedule& schedule = control_.schedule;
  ticks_per_packet_ = tsc_hz_ / schedule.packets_per_second;
  first_every_ =
      schedule.first_share <= 0
          ? 0
          : static_cast<uint64_t>(std::lround(1 / schedule.first_share));
  start_ = now;
  head_ = tail_ = 0;
  control_.phase.StoreRelease(TrafficControl::kRuns);
}

void ScheduledPort::Arrive(uint64_t now) {
  Arrivals& arrivals = control_.arrivals;
  const auto due = static_cast<uint64_t>(static_cast<double>(now - start_) /
                                         ticks_per_packet_);
  const uint64_t fresh = due - arrivals.arrived;
  const uint64_t queued = tail_ - head_;
  arrivals.max_backlog = std::max(arrivals.max_backlog, queued + fresh);
  const uint64_t fit = std::min(fresh, kRingPackets - queued);
  for (uint64_t i = 0; i < fit; ++i) {
    ring_[tail_++ % kRingPackets] = arrivals.arrived + i;
  }
  arrivals.lost += fresh - fit;
  arrivals.arrived = due;
}

uint16_t ScheduledPort::Take(uint64_t now, std::span<rte_mbuf*> packets) {
  const auto count =
      static_cast<uint16_t>(std::min<uint64_t>(packets.size(), tail_ - head_));
  if (count == 0) return 0;
  for (uint16_t i = 0; i < count; ++i) {
    __builtin_prefetch(
        &flows_.frame(FlowOf(ring_[(head_ + i) % kRingPackets])));
  }
  if (rte_pktmbuf_alloc_bulk(pool_.packets(), packets.data(), count) != 0) {
    control_.arrivals.lost += count;
    head_ += count;
    return 0;
  }
  for (uint16_t i = 0; i < count; ++i) {
    const uint64_t sequence = ring_[head_++ % kRingPackets];
    Fill(sequence, *packets[i]);
    const double due = static_cast<double>(sequence + 1) * ticks_per_packet_;
    const double waited = static_cast<double>(now - start_) - due;
    control_.arrivals.waiting_ns.Add(
        static_cast<uint64_t>(std::max(waited, 0.0) * 1e9 / tsc_hz_));
  }
  control_.arrivals.taken += count;
  return count;
}

uint32_t ScheduledPort::FlowOf(uint64_t sequence) const {
  // Scattered, so that neither flows nor pods come in an order that a cache
  // could like.
  const uint64_t hash = sequence * 0x9e3779b97f4a7c15u;
  return static_cast<uint32_t>((hash >> 32) * flows_.count() >> 32);
}

void ScheduledPort::Fill(uint64_t sequence, rte_mbuf& packet) {
  StartPacket(packet, kFrameBytes);
  uint8_t* data = Data(packet);
  std::memcpy(data, flows_.frame(FlowOf(sequence)).bytes.data(), kFrameBytes);
  if (first_every_ == 0 || sequence % first_every_ != 0) return;
  Flows::SetSourcePort(
      static_cast<uint16_t>(kFirstPort + first_packets_++ % kPortCount), data);
}

TxResult ScheduledPort::TxBurst(uint16_t, std::span<rte_mbuf* const> packets) {
  FreeAll(packets);
  return {.sent = static_cast<uint16_t>(packets.size())};
}

SinkPort::SinkPort(uint64_t& sent)
    : sent_(sent), fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

SinkPort::~SinkPort() {
  if (fd_ >= 0) close(fd_);
}

TxResult SinkPort::TxBurst(uint16_t, std::span<rte_mbuf* const> packets) {
  FreeAll(packets);
  sent_ += packets.size();
  return {.sent = static_cast<uint16_t>(packets.size())};
}

}  // namespace vswitch
