// dataplane/stats/counters.h
//
// The counters: for each writer (a worker, or the dataplane's main thread) one
// row per port and one of its own.  They lie in worker memory and survive
// restarts.  dataplane/stats/balance.h has the equations that they keep.
//
//   PortCounters& counters = table.port(WorkerId{0}, port);
//   counters.rx_packets.Add(burst_packet_count);
//   counters.drops[ToIndex(reason)].Add(1);
//
// No locked instruction: each row has one writer, which adds with relaxed loads
// and stores.  A reader sees each number whole, but not all at one moment.
//
// Rows: one writer (the worker of that number), any readers.

#ifndef VSWITCH_DATAPLANE_STATS_COUNTERS_H_
#define VSWITCH_DATAPLANE_STATS_COUNTERS_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "dataplane/base/drop_reason.h"
#include "dataplane/base/ids.h"
#include "dataplane/tables/atomics.h"

namespace vswitch {

// A number with one writer.
class Counter {
 public:
  void Add(uint64_t delta) { value_.AddSingleWriter(delta); }
  void Set(uint64_t value) { value_.StoreRelaxed(value); }  // for a gauge
  uint64_t value() const { return value_.LoadRelaxed(); }

 private:
  StdAtomics::Atomic<uint64_t> value_;
};

inline constexpr uint32_t kDropCounterCount = 128;  // room for more reasons
static_assert(kDropReasonCount <= kDropCounterCount);
constexpr uint32_t ToIndex(DropReason reason) {
  return static_cast<uint32_t>(reason);
}

// What one writer did with the packets of one port.
struct alignas(64) PortCounters {
  // Received, also what the driver dropped on receive (stage kReceive), so
  // that E1 holds.
  Counter rx_packets;
  Counter rx_bytes;
  Counter forwarded_in;  // given to a transmitter, whichever port it leaves by
  Counter local_in;      // answered or consumed by the switch itself
  Counter held;          // gauge: kept for later (fragments)
  // Left by this port.  tx_try counts the switch's own packets too.
  Counter tx_try;
  Counter tx_ok;
  Counter tx_bytes;
  // Of stage kTransmit: charged to the port that the packet would have left by;
  // all others: to the port it came in by.
  Counter drops[kDropCounterCount];
  // DATAPLANE_RESTARTED on the way out: part of E2, where
  // drops[kDataplaneRestarted] is part of E1.
  Counter tx_restarted;
};

// Why a connection's entry was deleted.
enum class ConnectionEnd : uint8_t {
  kExpired,       // idle longer than its timeout
  kClosed,        // FIN or RST seen, and the time after it is over
  kFlushed,       // by command
  kEvicted,       // the table was full
  kEndpointGone,  // its pod was deleted
  kDenied,        // judged again, and not allowed any more
  kReplaced,      // a new connection of the same key took its place
  kRestarted,     // lost by a killed dataplane
};
inline constexpr uint32_t kConnectionEndCount = 8;

// What one writer did that belongs to no port.
struct alignas(64) WorkerCounters {
  Counter generated;        // packets of the switch's own that it tried to send
  Counter lost_in_restart;  // forwarded_in or generated, but never tried

  Counter icmp_wanted;  // ICMP and ICMPv6 errors that were due
  Counter icmp_sent;
  Counter icmp_suppressed_rate;
  Counter icmp_suppressed_rule;  // RFC 1122 3.2.2, RFC 4443 2.4(e)
  Counter icmp_interrupted;      // by a kill of the dataplane

  Counter policy_lookups;
  Counter policy_allowed;
  Counter policy_denied;
  Counter policy_cached_allow;
  Counter policy_cached_deny;
  Counter policy_interrupted;  // by a kill of the dataplane
  Counter policy_kept;  // denied by a change, but of a connection that is kept
  Counter policy_shadow_denied;  // connections that only shadow policies deny
  Counter policy_shadow_suppressed;  // of those: events lost by sampling

  Counter resets_sent;        // TCP resets in answer to a denial
  Counter resets_suppressed;  // due, but against the rules or the limit

  Counter connections_inserted;
  Counter connections_deleted[kConnectionEndCount];

  Counter events_suppressed;  // drop records not sent, by sampling

  Counter bursts;
  Counter polls;
  Counter sleeps;
};

// Rows of the main thread: it books restarts and flushes connections.
inline constexpr WorkerId kMainThread{kMaxWorkers};
inline constexpr uint32_t kCounterWriterCount = kMaxWorkers + 1;

struct CounterRows {
  PortCounters ports[kCounterWriterCount][kMaxPorts];
  WorkerCounters workers[kCounterWriterCount];
};

// The rows in WorkerMemory's counter area.  Borrows the memory.
class CounterTable {
 public:
  static constexpr uint64_t kBytes = sizeof(CounterRows);

  CounterTable() = default;
  // INVALID_ARGUMENT if the area's size or alignment is wrong.
  static absl::StatusOr<CounterTable> Open(std::span<std::byte> area);

  PortCounters& port(WorkerId writer, PortId port) const {
    return rows_->ports[ToInt(writer)][ToInt(port)];
  }
  WorkerCounters& worker(WorkerId writer) const {
    return rows_->workers[ToInt(writer)];
  }

 private:
  friend class CounterView;
  CounterRows* rows_ = nullptr;
};

// The sums of one port over all writers.
struct PortTotals {
  uint64_t rx_packets = 0;
  uint64_t rx_bytes = 0;
  uint64_t forwarded_in = 0;
  uint64_t local_in = 0;
  uint64_t held = 0;
  uint64_t tx_try = 0;
  uint64_t tx_ok = 0;
  uint64_t tx_bytes = 0;
  uint64_t drops[kDropReasonCount] = {};  // tx_restarted included
  uint64_t tx_restarted = 0;

  // Sums of `drops` by where they are charged.
  uint64_t DropsIn() const;   // E1: all but stage kTransmit and tx_restarted
  uint64_t DropsOut() const;  // E2: stage kTransmit and tx_restarted
  bool IsZero() const;
};

// The sums of what belongs to no port, over all writers.
struct WorkerTotals {
  uint64_t generated = 0;
  uint64_t lost_in_restart = 0;
  uint64_t icmp_wanted = 0;
  uint64_t icmp_sent = 0;
  uint64_t icmp_suppressed_rate = 0;
  uint64_t icmp_suppressed_rule = 0;
  uint64_t icmp_interrupted = 0;
  uint64_t policy_lookups = 0;
  uint64_t policy_allowed = 0;
  uint64_t policy_denied = 0;
  uint64_t policy_cached_allow = 0;
  uint64_t policy_cached_deny = 0;
  uint64_t policy_interrupted = 0;
  uint64_t policy_kept = 0;
  uint64_t policy_shadow_denied = 0;
  uint64_t policy_shadow_suppressed = 0;
  uint64_t resets_sent = 0;
  uint64_t resets_suppressed = 0;
  uint64_t connections_inserted = 0;
  uint64_t connections_deleted[kConnectionEndCount] = {};
  uint64_t events_suppressed = 0;

  uint64_t ConnectionsDeleted() const;  // sum over the reasons
};

// The same rows, to be read only: the control plane's view.
class CounterView {
 public:
  CounterView() = default;
  static absl::StatusOr<CounterView> Open(std::span<const std::byte> area);
  explicit CounterView(const CounterTable& table);

  const PortCounters& port(WorkerId writer, PortId port) const {
    return rows_->ports[ToInt(writer)][ToInt(port)];
  }
  const WorkerCounters& worker(WorkerId writer) const {
    return rows_->workers[ToInt(writer)];
  }

  PortTotals SumPort(PortId port) const;
  WorkerTotals SumWorkers() const;

 private:
  const CounterRows* rows_ = nullptr;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_STATS_COUNTERS_H_
