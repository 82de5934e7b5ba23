// controlplane/cli/cluster_judge.h
//
// ClusterJudge: what the switches of a whole cluster would do with a flow,
// without any of them: egress is judged by the switch of the source's node,
// ingress by that of the destination's, each on the tables that it would have,
// by the code that it would run.
//
//   ASSIGN_OR_RETURN(std::unique_ptr<ClusterJudge> judge,
//                    ClusterJudge::Create(desired, {}, ends));
//   ClusterVerdict verdict = judge->Ask({.key = flow});
//   ClusterExplanation words = judge->Explain(verdict);
//
// Only policy and services are looked at: every pod that is asked about has a
// port, every address that nobody has is outside of the cluster, and a pod that
// speaks to its own address never meets a switch, so that is allowed.
//
// Immutable after construction: any thread.

#ifndef VSWITCH_CONTROLPLANE_CLI_CLUSTER_JUDGE_H_
#define VSWITCH_CONTROLPLANE_CLI_CLUSTER_JUDGE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "controlplane/compile/compile.h"
#include "controlplane/compile/explain.h"
#include "controlplane/model/desired_state.h"
#include "dataplane/offline/offline_judge.h"

namespace vswitch {

struct ClusterOptions {
  // The node of pods that name none.  Empty: the only Node there is.
  std::string node_name;
};

// What the switches found.  Numbers of identities mean the same in both.
struct ClusterVerdict {
  DropReason drop = DropReason::kNone;  // kNone: it arrives
  bool never_leaves_pod = false;        // nobody was asked
  JudgeResult source_side;              // of the source's switch
  JudgeResult destination_side;         // of the destination's; may be the same
  size_t source_view = 0;               // which switches
  size_t destination_view = 0;
};

// One side in words.
struct ClusterSide {
  DirectionExplanation words;
  std::string rule_name;  // "ingress rule 1"; empty if no rule decided
  std::string tier;       // that decided; empty if nothing isolates
};

struct ClusterExplanation {
  ClusterSide egress;   // of the source
  ClusterSide ingress;  // of the destination
};

class ClusterJudge {
 public:
  // Compiles `desired`; `ends` are the addresses that will be asked about, of
  // pods, services, nodes and others.  NOT_FOUND for a node that does not
  // exist; else the compiler's errors.
  static absl::StatusOr<std::unique_ptr<ClusterJudge>> Create(
      const DesiredState& desired, const ClusterOptions& options,
      const std::vector<IpAddress>& ends);
  ~ClusterJudge();

  ClusterVerdict Ask(const JudgeQuery& query) const;
  // Words for what Ask() returned.
  ClusterExplanation Explain(const ClusterVerdict& verdict) const;

  // What the numbers of rules are called.
  const RuleCatalog& catalog() const;
  // Of the first switch.
  const CompiledState& compiled() const;

 private:
  struct View;

  ClusterJudge();
  void IndexAddresses();
  absl::Status ChooseDefaultNode(const ClusterOptions& options);
  absl::Status MakeViews();
  absl::StatusOr<std::unique_ptr<View>> MakeView(const std::string& node);
  void UseAllEndsOf(const std::vector<IpAddress>& ends);
  std::optional<size_t> ViewOf(const IpAddress& address) const;
  ClusterSide SideOf(DirectionExplanation words) const;
  std::string KnownNode(const std::string& name) const;

  DesiredState desired_;  // without ports and pod ranges
  std::string default_node_;
  IdentityAllocator identities_;
  absl::flat_hash_set<IpAddress> ends_;  // and the backends of their services
  absl::flat_hash_map<IpAddress, std::string> node_of_;  // pods and nodes
  std::map<std::string, size_t> view_of_node_;
  std::vector<std::unique_ptr<View>> views_;
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_CLI_CLUSTER_JUDGE_H_
