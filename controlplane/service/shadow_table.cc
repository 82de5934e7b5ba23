// ShadowTable: a map with a bound.

#include "controlplane/service/shadow_table.h"

#include <algorithm>

namespace vswitch {

void ShadowTable::Add(const Event& event, absl::Time time) {
  const Key key{event.key.source,
                event.key.destination,
                event.key.destination_port.ToHost(),
                event.key.protocol,
                event.direction,
                event.rule};
  absl::MutexLock lock(&mutex_);
  auto found = rows_.find(key);
  if (found == rows_.end()) {
    if (rows_.size() >= max_rows_) {
      ++untold_;
      return;
    }
    found = rows_.emplace(key, ShadowRow{.first_time = time}).first;
  }
  ShadowRow& row = found->second;
  row.direction = event.direction;
  row.rule = event.rule;
  // An address may have another owner by now; the last one counts.
  row.source = event.source_identity;
  row.destination = event.destination_identity;
  row.latest = event.key;
  row.last_time = time;
  ++row.connection_count;
}

std::vector<ShadowRow> ShadowTable::Rows() const {
  std::vector<ShadowRow> rows;
  {
    absl::MutexLock lock(&mutex_);
    for (const auto& [key, row] : rows_) rows.push_back(row);
  }
  auto rank = [](const ShadowRow& row) {
    return std::make_tuple(~row.connection_count, row.latest.source,
                           row.latest.destination,
                           row.latest.destination_port.ToHost());
  };
  std::sort(rows.begin(), rows.end(),
            [&rank](const ShadowRow& a, const ShadowRow& b) {
              return rank(a) < rank(b);
            });
  return rows;
}

uint64_t ShadowTable::untold_count() const {
  absl::MutexLock lock(&mutex_);
  return untold_;
}

}  // namespace vswitch
