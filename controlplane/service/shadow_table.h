// controlplane/service/shadow_table.h
//
// ShadowTable: how many connections shadow policies would have denied, by who
// asked whom on which port and by which rule.
//
//   table.Add(event, time);
//   for (const ShadowRow& row : table.Rows()) ...
//
// Bounded: what finds no room is counted together.  Thread-safe.

#ifndef VSWITCH_CONTROLPLANE_SERVICE_SHADOW_TABLE_H_
#define VSWITCH_CONTROLPLANE_SERVICE_SHADOW_TABLE_H_

#include <cstdint>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "dataplane/base/policy_direction.h"
#include "dataplane/memory/commands.h"

namespace vswitch {

// Connections of one pair of ends to one port.
struct ShadowRow {
  PolicyDirection direction = PolicyDirection::kEgress;
  RuleId rule = kNoRule;  // that would deny; kNoRule: none allows
  IdentityId source = kIdentityUnknown;
  IdentityId destination = kIdentityUnknown;
  FlowKey latest;  // as policies saw it
  uint64_t connection_count = 0;
  absl::Time first_time;
  absl::Time last_time;
};

class ShadowTable {
 public:
  explicit ShadowTable(size_t max_rows = 16384) : max_rows_(max_rows) {}

  // REQUIRES: `event` is of kind kShadow.
  void Add(const Event& event, absl::Time time) ABSL_LOCKS_EXCLUDED(mutex_);

  // The most connections first.
  std::vector<ShadowRow> Rows() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Connections that found no row and no room for one.
  uint64_t untold_count() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // Who and what: addresses and ports but for the source's port.
  struct Key {
    IpAddress source;
    IpAddress destination;
    uint16_t port = 0;
    IpProtocol protocol{};
    PolicyDirection direction{};
    RuleId rule{};

    friend bool operator==(const Key&, const Key&) = default;
    template <typename H>
    friend H AbslHashValue(H state, const Key& key) {
      return H::combine(std::move(state), key.source, key.destination, key.port,
                        key.protocol, key.direction, key.rule);
    }
  };

  const size_t max_rows_;
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<Key, ShadowRow> rows_ ABSL_GUARDED_BY(mutex_);
  uint64_t untold_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_SERVICE_SHADOW_TABLE_H_
