// Drains the event rings of all workers.

#include "controlplane/service/drop_log.h"

#include <time.h>

#include <algorithm>

#include "absl/time/clock.h"

namespace vswitch {
namespace {

constexpr absl::Duration kIdlePause = absl::Milliseconds(20);
// A ring in one turn: no writer can keep us from the others.
constexpr uint32_t kMaxPerTurn = kEventRingEntries;

// Workers stamp with CLOCK_MONOTONIC.
absl::Time WallTime(uint64_t monotonic_ns) {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  int64_t now_ns = now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
  int64_t age_ns = now_ns - static_cast<int64_t>(monotonic_ns);
  return absl::Now() - absl::Nanoseconds(std::max<int64_t>(age_ns, 0));
}

// An event comes from another process: what is out of range names nothing.
bool IsPlausible(const Event& event) {
  const bool is_known =
      event.kind == EventKind::kDrop || event.kind == EventKind::kShadow;
  return is_known && static_cast<uint32_t>(event.reason) < kDropReasonCount &&
         event.direction <= PolicyDirection::kIngress &&
         event.captured_bytes <= kEventPacketBytes;
}

}  // namespace

DropLog::DropLog(TableRings& table, const WorkerRings& worker)
    : table_(table), worker_(worker), thread_([this] { Run(); }) {}

DropLog::~DropLog() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
}

void DropLog::Run() {
  while (true) {
    bool found = Drain();
    absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(&stopping_),
                            found ? absl::Milliseconds(1) : kIdlePause);
    if (stopping_) return;
  }
}

bool DropLog::Drain() {
  bool found = false;
  for (uint32_t writer = 0; writer < kEventWriterCount; ++writer) {
    EventConsumer events = EventsIn(table_, worker_, writer);
    Event event;
    for (uint32_t i = 0; i < kMaxPerTurn; ++i) {
      RingPop popped = events.Pop(event);
      if (popped == RingPop::kCorrupt) events.Skip();
      if (popped != RingPop::kEntry) break;
      if (!IsPlausible(event)) continue;
      found = true;
      if (event.kind == EventKind::kShadow) {
        shadow_.Add(event, WallTime(event.time_ns));
        continue;
      }
      absl::MutexLock lock(&mutex_);
      entries_.push_back({next_++, WallTime(event.time_ns), event});
      if (entries_.size() > kCapacity) entries_.pop_front();
    }
  }
  return found;
}

uint64_t DropLog::next_number() const {
  absl::MutexLock lock(&mutex_);
  return next_;
}

std::vector<DropEntry> DropLog::Since(uint64_t number,
                                      absl::Time deadline) const {
  absl::MutexLock lock(&mutex_);
  auto there = [this, number]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return next_ > number || stopping_;
  };
  mutex_.AwaitWithDeadline(absl::Condition(&there), deadline);
  auto first = std::partition_point(
      entries_.begin(), entries_.end(),
      [number](const DropEntry& entry) { return entry.number < number; });
  return {first, entries_.end()};
}

std::vector<DropEntry> DropLog::Latest(size_t count) const {
  absl::MutexLock lock(&mutex_);
  size_t kept = std::min(count, entries_.size());
  return {entries_.end() - static_cast<long>(kept), entries_.end()};
}

uint64_t DropLog::lost_count() const {
  uint64_t lost = 0;
  for (uint32_t writer = 0; writer < kEventWriterCount; ++writer) {
    lost += EventsIn(table_, worker_, writer).lost_count();
  }
  return lost;
}

}  // namespace vswitch
