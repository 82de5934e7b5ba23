// The connection table of a writing process.

#include "dataplane/conntrack/connection_table.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/base/planted_bug.h"
#include "dataplane/base/status_macros.h"
#include "dataplane/conntrack/connection_layout.h"
#include "dataplane/conntrack/connection_quota.h"
#include "dataplane/conntrack/flow_finder.h"
#include "dataplane/conntrack/timeouts.h"
#include "dataplane/conntrack/worker_lists.h"

namespace vswitch {
namespace {

// An entry that may end is looked at soon for the first time, so that one that
// ended at once does not stay for a full recheck period.
constexpr uint32_t kFirstLookSeconds = 4;

// Whether what is left of an entry's time may become shorter: a connection may
// end, and session affinity, of a protocol of its own, be seen in the past.
bool MayBeShortened(IpProtocol protocol) {
  return protocol != IpProtocol::kUdp && protocol != IpProtocol::kIcmp &&
         protocol != IpProtocol::kIcmpv6;
}

// How long an entry may wait for the next look.
uint32_t LongestWait(IpProtocol protocol) {
  return MayBeShortened(protocol) ? ConnectionTable::kRecheckSeconds
                                  : WorkerLists::kLongestWait;
}

uint32_t ToSeconds(uint64_t now_ns) {
  return static_cast<uint32_t>(now_ns / 1'000'000'000);
}

ConnectionRecord RecordOf(const NewConnection& connection) {
  ConnectionRecord record;
  record.original_source = connection.original.source;
  record.original_destination = connection.original.destination;
  record.original_source_port = connection.original.source_port;
  record.original_destination_port = connection.original.destination_port;
  record.reply_source = connection.reply.source;
  record.reply_destination = connection.reply.destination;
  record.reply_source_port = connection.reply.source_port;
  record.reply_destination_port = connection.reply.destination_port;
  record.protocol = connection.original.protocol;
  record.zone = connection.original.zone;
  record.flags = connection.flags;
  record.service = connection.service;
  record.judgement = connection.judgement;
  return record;
}

bool Keeps(uint8_t flags, FlowDirection direction) {
  constexpr uint8_t kEither = kKeptByOriginal | kKeptByReply;
  return (flags & kEither) == 0 ||
         (flags & (direction == FlowDirection::kOriginal ? kKeptByOriginal
                                                         : kKeptByReply)) != 0;
}

// How long a connection has been idle: since the later of the directions that
// keep it.
uint32_t IdleSeconds(const SharedConnectionStore& store, uint32_t index,
                     uint32_t now_s) {
  const uint8_t flags = store.Flags(index);
  uint32_t idle_s = UINT32_MAX;
  for (FlowDirection direction :
       {FlowDirection::kOriginal, FlowDirection::kReply}) {
    if (!Keeps(flags, direction)) continue;
    // Another worker's clock reading may be later than ours.
    const auto since =
        static_cast<int32_t>(now_s - store.LastSeen(index, direction));
    idle_s = std::min(idle_s, static_cast<uint32_t>(std::max(since, 0)));
  }
  return idle_s;
}

// Takes a TCP segment into account; returns nothing if somebody else changed
// the state meanwhile.
std::optional<TrackAction> TrackSegment(SharedConnectionStore& store,
                                        ConnectionView& view,
                                        const TcpSegment& segment) {
  const FlowDirection other = Opposite(view.direction);
  constexpr uint8_t kSynOrRst = 0x06;
  const bool all = (segment.flags & kSynOrRst) != 0;
  const TcpWindow own = store.windows().Load(view.index, view.direction, true);
  const TcpWindow peer = store.windows().Load(view.index, other, all);
  TcpWindow own_after = own;
  TcpWindow peer_after = peer;
  const TcpTrack track =
      TrackTcp(view.direction, segment, view.state, own_after, peer_after);
  if (track.next != view.state && !store.ChangeState(view, track.next)) {
    return std::nullopt;
  }
  store.windows().Store(view.index, view.direction, own, own_after);
  store.windows().Store(view.index, other, peer, peer_after);
  return track.action;
}

// Returns the timeout of a TCP connection, idle for `idle_s`, of which one end
// waits for the other; UINT32_MAX if none does, or it is not over yet.
uint32_t OpenEndsTimeout(const SharedConnectionStore& store, uint32_t index,
                         uint32_t idle_s, const ConnectionTimeouts& timeouts) {
  uint32_t timeout_s = UINT32_MAX;
  if (idle_s <
      std::min(timeouts.tcp_retransmitted_s, timeouts.tcp_unacknowledged_s)) {
    return timeout_s;
  }
  const std::array<TcpWindow, 2> windows = {
      store.windows().Load(index, FlowDirection::kOriginal, true),
      store.windows().Load(index, FlowDirection::kReply, true)};
  if (IsUnanswered(windows)) timeout_s = timeouts.tcp_retransmitted_s;
  if (IsUnacknowledged(windows)) {
    timeout_s = std::min(timeout_s, timeouts.tcp_unacknowledged_s);
  }
  return timeout_s;
}

}  // namespace

absl::StatusOr<ConnectionTable> ConnectionTable::Attach(
    std::span<std::byte> memory, uint32_t worker_count) {
  if (worker_count == 0 || worker_count > kMaxWorkers) {
    return absl::InvalidArgumentError(
        absl::StrCat("connection table: ", worker_count,
                     " workers; expected 1 to ", kMaxWorkers));
  }
  ASSIGN_OR_RETURN(ConnectionTableLayout layout, OpenConnectionTable(memory));
  ConnectionTable table;
  table.recovery_ = RecoverConnections(layout);
  const uint32_t limit = UsedLimit(layout);
  table.lists_ = std::make_unique<WorkerLists>(layout.store.arrays().capacity,
                                               limit, worker_count);
  table.quota_ =
      std::make_unique<ConnectionQuota>(layout.store.arrays().capacity);
  for (uint32_t index = 0; index < limit; ++index) {
    if (layout.store.State(index).life == EntryLife::kLive) {
      table.lists_->ArmFound(static_cast<WorkerId>(index % worker_count),
                             index);
      NoteFound(layout.store, index, *table.quota_);
    } else {
      table.lists_->AddFree(index);
    }
  }
  table.layout_ = std::make_unique<ConnectionTableLayout>(std::move(layout));
  return table;
}

ConnectionTable::ConnectionTable() = default;
ConnectionTable::ConnectionTable(ConnectionTable&&) noexcept = default;
ConnectionTable& ConnectionTable::operator=(ConnectionTable&&) noexcept =
    default;
ConnectionTable::~ConnectionTable() = default;

uint32_t ConnectionTable::capacity() const {
  return layout_->store.arrays().capacity;
}

uint64_t ConnectionTable::Hash(const FlowKey& key) const {
  return layout_->store.Hash(key);
}

void ConnectionTable::LookupBurst(std::span<const FlowKey* const> keys,
                                  std::span<ConnectionView> views) const {
  // Three passes, so that the cache misses of a burst overlap.
  const SharedConnectionStore& store = layout_->store;
  const size_t count = std::min(keys.size(), views.size());
  for (size_t i = 0; i < count; ++i) {
    views[i].hash = store.Hash(*keys[i]);
    store.PrefetchBuckets(views[i].hash);
  }
  for (size_t i = 0; i < count; ++i) {
    for (uint32_t bucket : {0u, 1u}) {
      const uint32_t slot = store.PrefetchEntry(*keys[i], views[i].hash, bucket,
                                                /*with_rest=*/true);
      if (slot != kEmptySlot) break;
    }
  }
  for (size_t i = 0; i < count; ++i) {
    store.Find(*keys[i], views[i].hash, views[i]);
  }
}

FlowFinder ConnectionTable::flow_finder() { return FlowFinder(layout_->store); }

ConnectionView ConnectionTable::Lookup(const FlowKey& key) const {
  ConnectionView view;
  layout_->store.Find(key, Hash(key), view);
  return view;
}

// Returns the seconds after which a new connection is looked at.
uint32_t ConnectionTable::FirstLook(WorkerId worker, IpProtocol protocol,
                                    ConnectionState state) const {
  if (MayBeShortened(protocol)) return kFirstLookSeconds;
  return std::min(TimeoutSeconds(protocol, state, timeouts_of_[ToInt(worker)]),
                  WorkerLists::kLongestWait);
}

void ConnectionTable::RaiseUsedLimit(uint32_t index) {
  auto& limit = layout_->header->used_limit;
  uint32_t current = limit.LoadRelaxed();
  while (current <= index && !limit.CompareExchange(current, index + 1)) {
  }
}

InsertResult ConnectionTable::Insert(WorkerId worker,
                                     const NewConnection& connection,
                                     uint64_t now_ns,
                                     const ConnectionLimits& limits) {
  SharedConnectionStore& store = layout_->store;
  const uint32_t now_s = ToSeconds(now_ns);
  InsertResult result;
  const uint32_t index = TakeEntry(worker, connection, limits, now_s, result);
  if (index == kNoConnection) return result;
  // The next insertion comes soon.
  if (const uint32_t next = lists_->NextFree(worker); next != kNoConnection) {
    store.PrefetchToFill(next);
    quota_->Prefetch(next);
  }
  const ConnectionRecord record = RecordOf(connection);
  // The buckets may be far away still; filling the entry takes as long as their
  // way here.
  const auto hashes = store.HashKeys(record);
  for (uint64_t hash : hashes) store.PrefetchBucketsForWrite(hash);
  RaiseUsedLimit(index);
  std::array<TcpWindow, 2> windows = connection.windows;
  // What has no window keeps the time that it was made at there.
  if ((record.flags & kNotAConnection) != 0) windows[0].end = now_s;
  result.status = store.Fill(index, record, windows, now_s)
                      ? store.Insert(index, record, connection.state, hashes)
                      : InsertStatus::kBusy;
  ConnectionView& view = result.view;
  if (result.status == InsertStatus::kInserted) {
    // An entry that was evicted still is in a wheel.
    if (!result.has_evicted) {
      lists_->Arm(worker, index,
                  now_s + FirstLook(worker, record.protocol, connection.state),
                  now_s);
    }
    // The index is ours, so the incarnation cannot be another's already.
    const uint16_t incarnation = store.State(index).incarnation;
    view = {.index = index,
            .direction = FlowDirection::kOriginal,
            .state = connection.state,
            .incarnation = incarnation,
            .hash = hashes[0],
            .record = record};
    return result;
  }
  quota_->Forget(index);
  if (!result.has_evicted) lists_->Free(worker, index);
  if (result.status == InsertStatus::kExisted) {
    view = Lookup(connection.original);
    if (!view.found()) result.status = InsertStatus::kBusy;
  }
  return result;
}

bool ConnectionTable::Refresh(ConnectionView& view,
                              const Judgement& judgement) {
  return view.found() && layout_->store.Refresh(view, judgement);
}

TrackAction ConnectionTable::Track(ConnectionView& view,
                                   const TcpSegment& segment) {
  SharedConnectionStore& store = layout_->store;
  const bool is_tcp = view.record.protocol == IpProtocol::kTcp;
  // The state is looked at anew: an earlier packet of the same burst may have
  // changed it since the lookup.
  store.ReadState(view);
  // Fails only when packets of this very connection change the state at the
  // same time; then what they leave is looked at again.
  for (uint32_t attempt = 0; view.found() && attempt < 8; ++attempt) {
    const ConnectionState before = view.state;
    if (!is_tcp) {
      if (view.direction == FlowDirection::kOriginal ||
          view.state == ConnectionState::kReplied ||
          store.ChangeState(view, ConnectionState::kReplied)) {
        NoteState(view, before);
        return TrackAction::kPass;
      }
      continue;
    }
    const std::optional<TrackAction> action =
        TrackSegment(store, view, segment);
    NoteState(view, before);
    if (action.has_value()) return *action;
  }
  return TrackAction::kPass;
}

bool ConnectionTable::Touch(const ConnectionView& view, uint32_t bytes,
                            uint64_t now_ns, bool is_alive) {
  return view.found() &&
         layout_->store.Touch(view, bytes, ToSeconds(now_ns), is_alive);
}

ExpireResult ConnectionTable::Expire(WorkerId worker, uint64_t now_ns,
                                     const ConnectionTimeouts& timeouts,
                                     uint32_t budget) {
  const uint32_t now_s = ToSeconds(now_ns);
  ExpireResult result;
  ConnectionTimeouts& last_timeouts = timeouts_of_[ToInt(worker)];
  if (!(last_timeouts == timeouts)) {
    last_timeouts = timeouts;
    lists_->RequestSweep();
  }
  std::array<uint32_t, kExpireBatch> due;
  while (result.visited < budget) {
    // In three passes, so that the waits for memory overlap.
    uint32_t count = 0;
    while (count < due.size() && result.visited < budget) {
      const uint32_t index = lists_->PopDue(worker, now_s);
      if (index == kNoConnection) break;
      layout_->store.PrefetchToLookAt(index);
      due[count++] = index;
      ++result.visited;
    }
    if (count == 0) break;
    std::array<Ended, kExpireBatch> ended;
    uint32_t ended_count = 0;
    for (uint32_t i = 0; i < count; ++i) {
      if (LookAt(worker, due[i], now_s, timeouts, ended[ended_count])) {
        ++ended_count;
      }
    }
    for (uint32_t i = 0; i < ended_count; ++i) {
      End(worker, ended[i], now_s, result);
    }
  }
  return result;
}

// Looks at an entry whose time to be looked at has come: arms it again, takes
// it back, or returns true if its connection is over.
bool ConnectionTable::LookAt(WorkerId worker, uint32_t index, uint32_t now_s,
                             const ConnectionTimeouts& timeouts, Ended& ended) {
  SharedConnectionStore& store = layout_->store;
  const EntryState state = store.State(index);
  if (state.life != EntryLife::kLive) {
    TakeBack(worker, index, state.incarnation, now_s);
    return false;
  }
  // The protocol never changes while the entry lives.
  const IpProtocol protocol = store.Protocol(index);
  const uint32_t idle_s = IdleSeconds(store, index, now_s);
  uint32_t timeout_s = TimeoutSeconds(protocol, state.state, timeouts);
  if (protocol == IpProtocol::kTcp && idle_s < timeout_s) {
    timeout_s =
        std::min(timeout_s, OpenEndsTimeout(store, index, idle_s, timeouts));
  }
  if (idle_s < timeout_s || kPlantedBug == PlantedBug::kEntryLeaks) {
    const uint32_t wait_s = std::min(timeout_s - idle_s, LongestWait(protocol));
    lists_->Arm(worker, index, now_s + wait_s, now_s);
    return false;
  }
  ended.index = index;
  ended.state = state.state;
  ended.incarnation = state.incarnation;
  ended.hashes = store.HashKeys(index);
  store.PrefetchToRemove(state, ended.hashes);
  return true;
}

// Removes a connection that is over.
void ConnectionTable::End(WorkerId worker, const Ended& ended, uint32_t now_s,
                          ExpireResult& result) {
  SharedConnectionStore& store = layout_->store;
  if (!store.Remove(ended.index, ended.incarnation, ended.hashes)) {
    lists_->Arm(worker, ended.index, now_s + 1, now_s);
    return;
  }
  TakeBack(worker, ended.index, ended.incarnation, now_s);
  const bool closed = ended.state == ConnectionState::kClosed ||
                      ended.state == ConnectionState::kTimeWait;
  ++result.deleted[static_cast<uint32_t>(closed ? DeleteReason::kClosed
                                                : DeleteReason::kTimeout)];
}

bool ConnectionTable::ExpireIsDue(WorkerId worker, uint64_t now_ns) const {
  return lists_->IsDue(worker, ToSeconds(now_ns));
}

void ConnectionTable::ForEach(
    absl::FunctionRef<void(const ConnectionInfo&)> visit) const {
  VisitConnections(*layout_, visit);
}

uint64_t ConnectionTable::CountActive() const {
  return CountConnections(*layout_);
}

}  // namespace vswitch
