// The connection table where room is short: an entry for a new connection, if
// need be another's that nobody has answered, and entries on their way back.

#include "dataplane/conntrack/connection_layout.h"
#include "dataplane/conntrack/connection_quota.h"
#include "dataplane/conntrack/connection_table.h"
#include "dataplane/conntrack/worker_lists.h"

namespace vswitch {
namespace {

ConnectionCharge ChargeOf(const NewConnection& connection) {
  return {.owner = connection.judgement.source_endpoint,
          .is_half_open = IsHalfOpen(connection.state),
          .holds_nat_port = !IsOver(connection.state) &&
                            HoldsNatPort(connection.flags, connection.original,
                                         connection.reply),
          .is_picked_up = connection.state == ConnectionState::kEstablished &&
                          (connection.flags & kNotAConnection) == 0};
}

}  // namespace

void NoteFound(const SharedConnectionStore& store, uint32_t index,
               ConnectionQuota& quota) {
  ConnectionView view;
  if (!store.Read(index, view)) return;
  const ConnectionRecord& record = view.record;
  quota.Found(index, view.incarnation,
              ChargeOf({.original = record.Key(FlowDirection::kOriginal),
                        .reply = record.Key(FlowDirection::kReply),
                        .judgement = record.judgement,
                        .state = view.state,
                        .flags = record.flags}));
}

// Returns an entry for `connection`, counted and noted, or kNoConnection with
// the reason in `result`.  With result.has_evicted it is dead and in a
// timer wheel, else free.
uint32_t ConnectionTable::TakeEntry(WorkerId worker,
                                    const NewConnection& connection,
                                    const ConnectionLimits& limits,
                                    uint32_t now_s, InsertResult& result) {
  const ConnectionCharge charge = ChargeOf(connection);
  result.status = quota_->Take(charge, limits);
  if (result.status != InsertStatus::kInserted) return kNoConnection;
  const bool is_over_budget =
      charge.is_half_open && quota_->IsOverBudget(limits);
  uint32_t index = kNoConnection;
  if (!is_over_budget) index = lists_->Allocate(worker);
  if (index == kNoConnection) {
    // Nobody is to go for an entry that is not going to be made.
    result.view = Lookup(connection.original);
    if (result.view.found()) {
      result.status = InsertStatus::kExisted;
    } else if (result.view = Lookup(connection.reply); result.view.found()) {
      // Another worker may have made the very connection since.
      const bool is_same =
          result.view.record.Has(FlowDirection::kOriginal, connection.original);
      result.status = is_same ? InsertStatus::kBusy : InsertStatus::kReplyTaken;
    } else {
      index = Evict(now_s);
      result.has_evicted = index != kNoConnection;
      if (!result.has_evicted && is_over_budget) {
        index = lists_->Allocate(worker);
      }
    }
  }
  if (index == kNoConnection) {
    quota_->GiveBack(charge);
    if (result.status == InsertStatus::kInserted) {
      result.status = InsertStatus::kFull;
    }
    return kNoConnection;
  }
  const auto incarnation =
      static_cast<uint16_t>(layout_->store.State(index).incarnation + 1);
  quota_->Note(index, incarnation, charge, now_s);
  return index;
}

// Returns an entry whose connection was evicted, dead and claimed, or
// kNoConnection.  It is looked at when it was to be, and so what is in it next
// may be forgotten late, by WorkerLists::kLongestWait at most.
uint32_t ConnectionTable::Evict(uint32_t now_s) {
  // Some that were picked up may have been answered; each is found out once.
  constexpr uint32_t kAttempts = 8;
  for (uint32_t i = 0; i < kAttempts; ++i) {
    const ConnectionQuota::Claim claim =
        quota_->ClaimVictim(UsedLimit(*layout_), now_s);
    if (!claim.valid()) return kNoConnection;
    if (EvictClaimed(claim)) return claim.index;
  }
  return kNoConnection;
}

// Removes the claimed connection, or gives it back and returns false.
bool ConnectionTable::EvictClaimed(const ConnectionQuota::Claim& claim) {
  SharedConnectionStore& store = layout_->store;
  EntryState state = store.State(claim.index);
  const bool is_claimed_one = ConnectionQuota::IsOf(claim, state.incarnation);
  const bool is_answered =
      ConnectionQuota::IsPickedUp(claim) &&
      store.Counts(claim.index, FlowDirection::kReply).packets > 0;
  // What it became since it was claimed counts.
  const bool may_go = IsHalfOpen(state.state) || IsOver(state.state) ||
                      (ConnectionQuota::IsPickedUp(claim) && !is_answered);
  if (may_go && is_claimed_one &&
      store.Remove(claim.index, state.incarnation)) {
    quota_->EndClaimed(claim);
    return true;
  }
  // Answered, dead already, or about to be made, or its bucket was held too
  // long.
  quota_->Unclaim(claim, is_claimed_one && is_answered);
  state = store.State(claim.index);
  quota_->StateChanged(claim.index, state.incarnation, state.state);
  // Who removed it meanwhile could not uncount what was claimed.
  if (state.life != EntryLife::kLive) {
    static_cast<void>(quota_->End(claim.index, state.incarnation));
  }
  return false;
}

bool ConnectionTable::Erase(const ConnectionView& view) {
  if (!view.found() || !layout_->store.Remove(view.index, view.incarnation)) {
    return false;
  }
  static_cast<void>(quota_->End(view.index, view.incarnation));
  return true;
}

uint64_t ConnectionTable::FlushIf(
    absl::FunctionRef<bool(const ConnectionRecord&)> matches) {
  SharedConnectionStore& store = layout_->store;
  uint64_t flushed = 0;
  const uint32_t limit = UsedLimit(*layout_);
  for (uint32_t index = 0; index < limit; ++index) {
    ConnectionView view;
    if (!store.Read(index, view) || !matches(view.record)) continue;
    if (!store.Remove(index, view.incarnation)) continue;
    static_cast<void>(quota_->End(index, view.incarnation));
    ++flushed;
  }
  // The entries are their workers'; without this they would take them back
  // only when their time comes.
  if (flushed > 0) lists_->RequestSweep();
  return flushed;
}

// Takes a dead entry out of use, or waits for the worker that uses it again.
void ConnectionTable::TakeBack(WorkerId worker, uint32_t index,
                               uint16_t incarnation, uint32_t now_s) {
  if (!quota_->End(index, incarnation)) {
    lists_->Arm(worker, index, now_s + 1, now_s);
    return;
  }
  layout_->store.Release(index);
  lists_->Free(worker, index);
}

void ConnectionTable::NoteState(const ConnectionView& view,
                                ConnectionState before) {
  if (view.state == before || !view.found()) return;
  quota_->StateChanged(view.index, view.incarnation, view.state);
}

}  // namespace vswitch
