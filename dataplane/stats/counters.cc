// Opens the counter rows and sums them over their writers.

#include "dataplane/stats/counters.h"

#include "absl/strings/str_cat.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

absl::Status CheckArea(std::span<const std::byte> area) {
  if (area.size() != sizeof(CounterRows) ||
      reinterpret_cast<uintptr_t>(area.data()) % alignof(CounterRows) != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "counters: an area of ", area.size(), " bytes; ", sizeof(CounterRows),
        " aligned to ", alignof(CounterRows), " are right"));
  }
  return absl::OkStatus();
}

bool IsTransmit(uint32_t reason) {
  return GetDropReasonInfo(static_cast<DropReason>(reason)).stage ==
         DropStage::kTransmit;
}

}  // namespace

absl::StatusOr<CounterTable> CounterTable::Open(std::span<std::byte> area) {
  RETURN_IF_ERROR(CheckArea(area));
  CounterTable table;
  table.rows_ = reinterpret_cast<CounterRows*>(area.data());
  return table;
}

absl::StatusOr<CounterView> CounterView::Open(std::span<const std::byte> area) {
  RETURN_IF_ERROR(CheckArea(area));
  CounterView view;
  view.rows_ = reinterpret_cast<const CounterRows*>(area.data());
  return view;
}

CounterView::CounterView(const CounterTable& table) : rows_(table.rows_) {}

uint64_t PortTotals::DropsIn() const {
  uint64_t sum = 0;
  for (uint32_t reason = 1; reason < kDropReasonCount; ++reason) {
    if (!IsTransmit(reason)) sum += drops[reason];
  }
  return sum - tx_restarted;
}

uint64_t PortTotals::DropsOut() const {
  uint64_t sum = tx_restarted;
  for (uint32_t reason = 1; reason < kDropReasonCount; ++reason) {
    if (IsTransmit(reason)) sum += drops[reason];
  }
  return sum;
}

bool PortTotals::IsZero() const {
  uint64_t any = rx_packets | rx_bytes | forwarded_in | local_in | held |
                 tx_try | tx_ok | tx_bytes | tx_restarted;
  for (uint64_t count : drops) any |= count;
  return any == 0;
}

uint64_t WorkerTotals::ConnectionsDeleted() const {
  uint64_t sum = 0;
  for (uint64_t count : connections_deleted) sum += count;
  return sum;
}

PortTotals CounterView::SumPort(PortId port_id) const {
  PortTotals totals;
  for (uint32_t writer = 0; writer < kCounterWriterCount; ++writer) {
    const PortCounters& row =
        port(WorkerId{static_cast<uint8_t>(writer)}, port_id);
    totals.rx_packets += row.rx_packets.value();
    totals.rx_bytes += row.rx_bytes.value();
    totals.forwarded_in += row.forwarded_in.value();
    totals.local_in += row.local_in.value();
    totals.held += row.held.value();
    totals.tx_try += row.tx_try.value();
    totals.tx_ok += row.tx_ok.value();
    totals.tx_bytes += row.tx_bytes.value();
    const uint64_t restarted = row.tx_restarted.value();
    totals.tx_restarted += restarted;
    totals.drops[ToIndex(DropReason::kDataplaneRestarted)] += restarted;
    for (uint32_t reason = 0; reason < kDropReasonCount; ++reason) {
      totals.drops[reason] += row.drops[reason].value();
    }
  }
  return totals;
}

WorkerTotals CounterView::SumWorkers() const {
  WorkerTotals totals;
  for (uint32_t writer = 0; writer < kCounterWriterCount; ++writer) {
    const WorkerCounters& row = worker(WorkerId{static_cast<uint8_t>(writer)});
    totals.generated += row.generated.value();
    totals.lost_in_restart += row.lost_in_restart.value();
    totals.icmp_wanted += row.icmp_wanted.value();
    totals.icmp_sent += row.icmp_sent.value();
    totals.icmp_suppressed_rate += row.icmp_suppressed_rate.value();
    totals.icmp_suppressed_rule += row.icmp_suppressed_rule.value();
    totals.icmp_interrupted += row.icmp_interrupted.value();
    totals.policy_lookups += row.policy_lookups.value();
    totals.policy_allowed += row.policy_allowed.value();
    totals.policy_denied += row.policy_denied.value();
    totals.policy_cached_allow += row.policy_cached_allow.value();
    totals.policy_cached_deny += row.policy_cached_deny.value();
    totals.policy_interrupted += row.policy_interrupted.value();
    totals.policy_kept += row.policy_kept.value();
    totals.policy_shadow_denied += row.policy_shadow_denied.value();
    totals.policy_shadow_suppressed += row.policy_shadow_suppressed.value();
    totals.resets_sent += row.resets_sent.value();
    totals.resets_suppressed += row.resets_suppressed.value();
    totals.connections_inserted += row.connections_inserted.value();
    for (uint32_t end = 0; end < kConnectionEndCount; ++end) {
      totals.connections_deleted[end] += row.connections_deleted[end].value();
    }
    totals.events_suppressed += row.events_suppressed.value();
  }
  return totals;
}

}  // namespace vswitch
