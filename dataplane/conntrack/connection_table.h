// dataplane/conntrack/connection_table.h
//
// ConnectionTable: every connection that the switch knows, in memory that
// outlives the process.  All workers share it; lookups take no lock and write
// nothing.
//
//   uint64_t bytes = ConnectionTable::BytesFor(capacity);
//   RETURN_IF_ERROR(ConnectionTable::Format(memory, capacity, secret));
//   ASSIGN_OR_RETURN(auto table, ConnectionTable::Attach(memory, workers));
//   table.LookupBurst(keys, views);                     // a worker, per burst
//   if (!views[i].found()) table.Insert(worker, connection, now_ns);
//   table.Touch(views[i], packet_bytes, now_ns);
//   table.Expire(worker, now_ns, settings.timeouts, 64);   // housekeeping
//
// The memory (connection_store.h) holds a header, buckets of tags, entries and
// the counts of each direction.  Lookups need nothing else, so established
// connections go on at once after a restart.  Free lists and timer wheels are
// the process's own: Attach() rebuilds them by a scan, which also repairs what
// a killed writer left: a bucket's writer bit, an entry that is half written
// or half linked.  TCP windows are learned anew.  One process at a time may
// attach for writing; it must have ended before the next one attaches.
//
// Who may have how many entries, and which go where there is no room, is
// connection_quota.h's.
//
// Threads: a WorkerId's Insert() and Expire() are that worker's thread only;
// all else is thread-safe.  Nothing waits without a bound, allocates or reads
// a clock.  Times are of one monotonic clock of the machine, in nanoseconds.

#ifndef VSWITCH_DATAPLANE_CONNTRACK_CONNECTION_TABLE_H_
#define VSWITCH_DATAPLANE_CONNTRACK_CONNECTION_TABLE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/base/flow_key.h"
#include "dataplane/base/ids.h"
#include "dataplane/conntrack/connection.h"
#include "dataplane/conntrack/connection_limits.h"
#include "dataplane/conntrack/tcp_state.h"
#include "dataplane/conntrack/tcp_window.h"
#include "dataplane/forwarding/records.h"
#include "dataplane/tables/hash.h"

namespace vswitch {

class ConnectionQuota;
struct ConnectionClaim;
struct ConnectionTableLayout;
class FlowFinder;
struct SctpPacket;
class WorkerLists;

inline constexpr uint32_t kMaxConnections = 1u << 27;

// An entry to be made.  `original` and `reply` are of one protocol and zone.
struct NewConnection {
  FlowKey original;
  FlowKey reply;
  Judgement judgement;
  ConnectionState state = ConnectionState::kUnreplied;  // see FirstState()
  uint8_t flags = 0;
  uint32_t service = ConnectionRecord::kNoService;
  // TCP: FirstWindows(); SCTP: FirstSctpTags().
  std::array<TcpWindow, 2> windows;
};

// What Attach() found and did.
struct RecoveryReport {
  uint32_t kept = 0;          // live connections
  uint32_t dropped = 0;       // half made or half removed: forgotten
  uint32_t judge_again = 0;   // kept, but half rewritten: stale on purpose
  uint32_t buckets_held = 0;  // writer bits that a killed worker left set
};

struct ExpireResult {
  uint32_t visited = 0;
  // Ended now, by kTimeout and kClosed; the others are counted by whoever
  // erases.
  std::array<uint32_t, kDeleteReasonCount> deleted{};
};

class ConnectionTable {
 public:
  // Returns the size of memory for `capacity` connections.
  static uint64_t BytesFor(uint32_t capacity);
  // Returns the largest capacity that fits into `bytes`, 0 if none does.
  static uint32_t CapacityFor(uint64_t bytes);

  // Makes an empty table; `secret` is random and known to nobody outside.
  // REQUIRES: nobody uses the memory; it is zero (a fresh memfd: writing it all
  // would make the kernel back all of it) and aligned to 64 bytes.
  static absl::Status Format(std::span<std::byte> memory, uint32_t capacity,
                             const HashSecret& secret);

  // Takes over a formatted table, for writing by `worker_count` workers.
  static absl::StatusOr<ConnectionTable> Attach(std::span<std::byte> memory,
                                                uint32_t worker_count);

  ConnectionTable(ConnectionTable&&) noexcept;
  ConnectionTable& operator=(ConnectionTable&&) noexcept;
  ~ConnectionTable();

  const RecoveryReport& recovery() const { return recovery_; }
  uint32_t capacity() const;

  uint64_t Hash(const FlowKey& key) const;

  // Looks up keys[i] into views[i] (found or not, with its hash).
  // REQUIRES: keys.size() <= kBurstPackets and == views.size().
  void LookupBurst(std::span<const FlowKey* const> keys,
                   std::span<ConnectionView> views) const;
  ConnectionView Lookup(const FlowKey& key) const;

  // For packets that probably change nothing: see flow_finder.h.  Lives no
  // longer than the table.
  FlowFinder flow_finder();

  // Makes an entry that both keys lead to, or adopts the one that another
  // worker made at the same time.  `limits` are complete: those that hold for
  // the connection's source.  Where half-open connections have used up theirs,
  // or the table is full, one that was never answered is evicted.
  InsertResult Insert(WorkerId worker, const NewConnection& connection,
                      uint64_t now_ns,
                      const ConnectionLimits& limits = kUnlimited);

  // Stores the result of judging a connection again, and copies it to
  // view.record.  Returns false, storing nothing, if the entry is gone or
  // another worker is writing it: the packet goes on as it was judged, and the
  // next one tries again.
  bool Refresh(ConnectionView& view, const Judgement& judgement);

  // Takes a packet of the connection into account: advances its state and
  // view.state, and its TCP windows.  `segment` counts for TCP only.
  TrackAction Track(ConnectionView& view, const TcpSegment& segment = {});

  // The same for SCTP.
  TrackAction Track(ConnectionView& view, const SctpPacket& packet);

  // Counts a packet for view.direction and, if it `is_alive`, notes that the
  // connection lives.  Returns whether it is the direction's first one in this
  // second that does.
  bool Touch(const ConnectionView& view, uint32_t bytes, uint64_t now_ns,
             bool is_alive = true);

  // Removes the entry; lookups miss from now on.  Returns false if it was gone
  // already, or a bucket was held for too long.
  bool Erase(const ConnectionView& view);

  // Forgets idle connections of `worker` whose time has come, visiting at most
  // `budget` entries.  A TCP or SCTP entry whose timeout became shorter while
  // it waited is found at most kRecheckSeconds late.  When `timeouts` change
  // all entries are looked at.
  ExpireResult Expire(WorkerId worker, uint64_t now_ns,
                      const ConnectionTimeouts& timeouts, uint32_t budget);
  static constexpr uint32_t kRecheckSeconds = 32;

  // Whether Expire() has something due at `now_ns`.
  bool ExpireIsDue(WorkerId worker, uint64_t now_ns) const;

  // Erases the connections that `matches` says yes to; returns how many.
  // Control thread only; walks the whole table.
  uint64_t FlushIf(absl::FunctionRef<bool(const ConnectionRecord&)> matches);

  // Visits the live connections.  One that is made, changed or erased
  // meanwhile may be visited or not.
  void ForEach(absl::FunctionRef<void(const ConnectionInfo&)> visit) const;
  // Returns the number of live connections, by a walk over the table.
  uint64_t CountActive() const;

  // Who uses how much of the table.
  const ConnectionQuota& quota() const { return *quota_; }

 private:
  // Entries that Expire() looks at together.
  static constexpr uint32_t kExpireBatch = 16;

  // A connection whose time is over.
  struct Ended {
    uint32_t index;
    ConnectionState state;
    uint16_t incarnation;
    std::array<uint64_t, 2> hashes;  // of its keys, by FlowDirection
  };

  ConnectionTable();
  uint32_t FirstLook(WorkerId worker, IpProtocol protocol,
                     ConnectionState state) const;
  void RaiseUsedLimit(uint32_t index);
  uint32_t TakeEntry(WorkerId worker, const NewConnection& connection,
                     const ConnectionLimits& limits, uint32_t now_s,
                     InsertResult& result);
  uint32_t Evict(uint32_t now_s);
  bool EvictClaimed(const ConnectionClaim& claim);
  void TakeBack(WorkerId worker, uint32_t index, uint16_t incarnation,
                uint32_t now_s);
  void NoteState(const ConnectionView& view, ConnectionState before);
  bool LookAt(WorkerId worker, uint32_t index, uint32_t now_s,
              const ConnectionTimeouts& timeouts, Ended& ended);
  void End(WorkerId worker, const Ended& ended, uint32_t now_s,
           ExpireResult& result);

  std::unique_ptr<ConnectionTableLayout> layout_;  // where things lie
  std::unique_ptr<WorkerLists> lists_;
  // What each worker's last Expire() was given.
  std::array<ConnectionTimeouts, kMaxWorkers> timeouts_of_{};
  std::unique_ptr<ConnectionQuota> quota_;
  RecoveryReport recovery_;
};

// A read-only view, for the control plane: needs no write access to the
// memory, and trusts nothing in it.
class ConnectionReader {
 public:
  // `memory` must stay mapped.
  static absl::StatusOr<ConnectionReader> Attach(
      std::span<const std::byte> memory);

  ConnectionReader(ConnectionReader&&) noexcept;
  ConnectionReader& operator=(ConnectionReader&&) noexcept;
  ~ConnectionReader();

  uint32_t capacity() const;
  void ForEach(absl::FunctionRef<void(const ConnectionInfo&)> visit) const;
  uint64_t CountActive() const;

 private:
  ConnectionReader();

  std::unique_ptr<const ConnectionTableLayout> layout_;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_CONNTRACK_CONNECTION_TABLE_H_
