// controlplane/service/drop_log.h
//
// DropLog: the latest drop records of the dataplane, and a count of its shadow
// denials.  A thread of its own takes both from the event rings, so that
// workers find room; readers ask by number.
//
//   uint64_t next = log.next_number();
//   for (const DropEntry& entry : log.Since(next, deadline)) ...
//   next = last.number + 1;
//
// Bounded: a reader that is too slow misses records, the dataplane never waits.
// Thread-safe.

#ifndef VSWITCH_CONTROLPLANE_SERVICE_DROP_LOG_H_
#define VSWITCH_CONTROLPLANE_SERVICE_DROP_LOG_H_

#include <cstdint>
#include <deque>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "controlplane/service/shadow_table.h"
#include "dataplane/memory/worker_memory.h"

namespace vswitch {

struct DropEntry {
  uint64_t number = 0;  // grows by one a record
  absl::Time time;
  Event event;
};

class DropLog {
 public:
  static constexpr size_t kCapacity = 4096;

  // Both outlive this.
  DropLog(TableRings& table, const WorkerRings& worker);
  ~DropLog();

  // The number that the next record will have.
  uint64_t next_number() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Returns the records from `number` on, waiting for one until `deadline`.
  std::vector<DropEntry> Since(uint64_t number, absl::Time deadline) const
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Returns the latest `count`, the oldest first.
  std::vector<DropEntry> Latest(size_t count) const ABSL_LOCKS_EXCLUDED(mutex_);
  // What shadow policies would have denied.
  const ShadowTable& shadow() const { return shadow_; }
  // Records that the dataplane could not send because we were too slow.
  uint64_t lost_count() const;

 private:
  void Run();
  bool Drain() ABSL_LOCKS_EXCLUDED(mutex_);

  TableRings& table_;
  const WorkerRings& worker_;
  ShadowTable shadow_;
  mutable absl::Mutex mutex_;
  std::deque<DropEntry> entries_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_ ABSL_GUARDED_BY(mutex_) = 1;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_SERVICE_DROP_LOG_H_
