// dataplane/offline/offline_judge.h
//
// OfflineJudge: the daemon's judge on the daemon's tables, and nothing else of
// the switch: no connections, no counters, no packets.  What `vswitchctl policy
// probe`, `matrix` and `diff` ask; cheap enough to make one for each of ten
// thousand clusters.
//
//   ASSIGN_OR_RETURN(std::unique_ptr<OfflineJudge> judge,
//                    OfflineJudge::Create(tables));
//   JudgeResult result = judge->Ask({.key = flow});
//
// Immutable after construction: any thread.

#ifndef VSWITCH_DATAPLANE_OFFLINE_OFFLINE_JUDGE_H_
#define VSWITCH_DATAPLANE_OFFLINE_OFFLINE_JUDGE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "dataplane/offline/offline_tables.h"
#include "dataplane/pipeline/judge.h"
#include "dataplane/tables/identity_table.h"

namespace vswitch {

class OfflineJudge {
 public:
  // Copies what it needs of `tables`.  An error for tables that a worker could
  // not open.
  static absl::StatusOr<std::unique_ptr<OfflineJudge>> Create(
      const OfflineTables& tables);

  // Judges a new connection.
  JudgeResult Ask(const JudgeQuery& query) const {
    return Judge(tables_.state(), identities_, query);
  }
  const ForwardingState& state() const { return tables_.state(); }

 private:
  OfflineJudge() = default;

  LoadedTables tables_;
  IdentityArea area_;
  IdentityTable identities_;
};

}  // namespace vswitch

#endif  // VSWITCH_DATAPLANE_OFFLINE_OFFLINE_JUDGE_H_
