// dataplane/conntrack/connection_quota.h
//
// ConnectionQuota: who uses how much of the connection table, so that nobody
// uses what the others need, and which entries may be evicted where there is no
// room.
//
// Each entry has a word: whose it is, what it is counted for, and a few bits of
// its incarnation.  Counts change only together with a word, by whoever changes
// it: so each entry is counted once and uncounted once, however many threads
// see it end.  All of it is the process's own memory; after a restart it is
// made anew from the table (Found()).
//
//   quota.Take(charge, limits)        kInserted: counted; else why not
//   quota.Note(index, ...)            before the entry can be found
//   quota.StateChanged(index, ...)    where an answer came, where one closed
//   quota.End(index, ...)             by whoever removed it
//
// Eviction.  Only an entry that was never answered may go, and of those none
// that holds a port of source NAT for an endpoint (RFC 6888 REQ-11 D).  Whether
// a connection that was picked up in its middle was answered its packets tell,
// and who evicts asks them.  The entry is claimed first: its word then belongs
// to the worker that evicts, which may use the entry for another connection
// once it is dead.  The entry stays in the timer wheel that it is in, whose
// worker does not take it back meanwhile, since End() says no.
//
// Cost: a new connection writes its word, its endpoint's counts and one count
// that all share; packets of established connections touch nothing here.
//
// Threads: any, but for Note() and the claimed entry's functions, which are of
// the worker that has the entry, and Found(), before any worker runs.

#ifndef VSWITCH_DATAPLANE_CONNTRACK_CONNECTION_QUOTA_H_
#define VSWITCH_DATAPLANE_CONNTRACK_CONNECTION_QUOTA_H_

#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "dataplane/base/ids.h"
#include "dataplane/conntrack/connection.h"
#include "dataplane/conntrack/connection_limits.h"
#include "dataplane/tables/atomics.h"

namespace vswitch {

// What an entry is counted for.
struct ConnectionCharge {
  EndpointId owner = kNoEndpoint;  // of its original source
  bool is_half_open = false;
  bool holds_nat_port = false;
  // It began before the switch saw it: open, but perhaps for one end only.
  bool is_picked_up = false;
};

// How much an endpoint uses.
struct ConnectionUse {
  uint32_t entries = 0;  // connections, mappings and affinities
  uint32_t half_open = 0;
  uint32_t nat_ports = 0;

  friend bool operator==(const ConnectionUse&, const ConnectionUse&) = default;
};

// An entry that was chosen to go.  Its word is the caller's until Note(),
// Forget() or Unclaim().
struct ConnectionClaim {
  uint32_t index = kNoConnection;
  uint32_t word = 0;  // as it was before

  bool valid() const { return index != kNoConnection; }
};

class ConnectionQuota {
 public:
  using Claim = ConnectionClaim;

  explicit ConnectionQuota(uint32_t capacity);

  // Counts an entry that is to be made, unless that exceeds a limit: returns
  // kInserted, or kPodQuota or kNatPodQuota and counts nothing.
  InsertStatus Take(const ConnectionCharge& charge,
                    const ConnectionLimits& limits);
  // Undoes Take() of an entry that was not made.
  void GiveBack(const ConnectionCharge& charge);

  // Notes what was taken for entry `index`, whose incarnation is going to be
  // `incarnation`.  REQUIRES: the entry is the caller's, free or claimed.
  void Note(uint32_t index, uint16_t incarnation,
            const ConnectionCharge& charge, uint32_t now_s);
  // Undoes Note() and Take() of an entry that was not made after all.
  void Forget(uint32_t index);
  // Take() and Note() of an entry that was found in the memory.
  void Found(uint32_t index, uint16_t incarnation,
             const ConnectionCharge& charge);

  // Uncounts what a connection that is in `state` now is not any more.
  void StateChanged(uint32_t index, uint16_t incarnation,
                    ConnectionState state);

  // Uncounts the entry, which is dead, unless somebody did.  Returns whether
  // the worker whose wheel has it may take it back.
  bool End(uint32_t index, uint16_t incarnation);

  bool IsOverBudget(const ConnectionLimits& limits) const {
    return half_open_.LoadRelaxed() > limits.half_open;
  }

  // Claims one of the oldest entries that may be evicted, of those before
  // `used_limit`.  Looks at a bounded number, from behind the last one that was
  // claimed on: what has taken a place comes last again.
  Claim ClaimVictim(uint32_t used_limit, uint32_t now_s);
  // Whether that incarnation of the entry was claimed, and not one that is
  // about to be made.
  static bool IsOf(const Claim& claim, uint16_t incarnation);
  // Whether it is not half-open: only its packets tell whether it was answered.
  static bool IsPickedUp(const Claim& claim);
  // Gives the claimed entry back; `is_answered`: for good.  What its connection
  // became meanwhile is to be told by StateChanged().
  void Unclaim(const Claim& claim, bool is_answered);
  // Uncounts the claimed entry, whose connection is dead.  It stays claimed.
  void EndClaimed(const Claim& claim) { CountDown(claim.word); }

  // Starts to load what Note() writes.
  void Prefetch(uint32_t index) const {
    StdAtomics::PrefetchForWrite(&words_[index]);
  }

  // For tests and listings.
  ConnectionUse Use(EndpointId owner) const;
  uint32_t half_open() const { return half_open_.LoadRelaxed(); }

 private:
  using Word = StdAtomics::Atomic<uint32_t>;

  // One line for four endpoints: what counts is how many pods one worker has.
  struct alignas(16) Counts {
    Word entries;
    Word half_open;
    Word nat_ports;
  };
  struct Freer {
    void operator()(Word* words) const { std::free(words); }
  };

  // Endpoints are ports and the node (controlplane/compile); what is beyond
  // has no counts.
  static constexpr uint32_t kOwners = kMaxPorts + 2;

  void CountDown(uint32_t word);

  uint32_t capacity_;
  // By entry.  Zero pages until they are used.
  std::unique_ptr<Word[], Freer> words_;
  std::array<Counts, kOwners> counts_;  // by owner in a word; 0: nobody's
  alignas(64) Word half_open_;          // of the whole table
  Word hand_;  // where the next search for a victim begins
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_CONNTRACK_CONNECTION_QUOTA_H_
