// controlplane/compile/spec_judge.h
//
// SpecJudge: asks the policy sets that the compiler makes, read as their
// definition says (dataplane/policy/policy_set.h) and without the table, about
// a flow.  So a wrong verdict of the compiler is told from one of the table.
//
//   SpecJudge judge(cluster.state(), "n1");
//   EXPECT_TRUE(judge.Judge({.source = "10.0.0.1", ...}).allowed);
//
// Tests only.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_SPEC_JUDGE_H_
#define VSWITCH_CONTROLPLANE_COMPILE_SPEC_JUDGE_H_

#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "controlplane/compile/identity_allocator.h"
#include "controlplane/compile/policy_compiler.h"
#include "controlplane/compile/policy_sets.h"
#include "controlplane/compile/test_cluster.h"
#include "controlplane/model/desired_state.h"

namespace vswitch {

// What one side's set says.
struct SpecVerdict {
  bool allowed = true;
  bool has_set = false;
  uint32_t precedence = 0;  // of what decided
  std::string policy;       // of the rule that decided, "" for the default
};

struct SpecVerdicts {
  SpecVerdict egress;   // of the source
  SpecVerdict ingress;  // of the destination
  bool allowed() const { return egress.allowed && ingress.allowed; }
};

class SpecJudge {
 public:
  // `desired` must outlive the judge.
  SpecJudge(const DesiredState& desired, const std::string& node_name);

  // Why the policies did not compile; then nothing can be asked.
  const absl::Status& status() const { return status_; }

  SpecVerdicts Judge(const TestFlow& flow,
                     SetKind kind = SetKind::kEnforced) const;
  // The set of a pod's address, or of the local node's; nullopt: none.
  std::optional<PolicySetSpec> SetOf(const std::string& address,
                                     PolicyDirection direction,
                                     SetKind kind = SetKind::kEnforced) const;

 private:
  // Who has an address.
  struct Owner {
    IdentityId identity = kIdentityWorld;
    bool is_local_pod = false;  // whose policy is this node's business
    bool is_local_node = false;
    bool is_init = false;
  };

  absl::Status Prepare();
  void BindAddresses();
  Owner OwnerOf(const IpAddress& address) const;
  SpecVerdict JudgeSide(const Owner& self, const Owner& peer,
                        const IpAddress& peer_address, const TestFlow& flow,
                        PolicyDirection direction, SetKind kind) const;
  std::optional<PolicySetSpec> SpecOf(const Owner& self,
                                      PolicyDirection direction,
                                      SetKind kind) const;

  const DesiredState& desired_;
  std::string node_name_;
  absl::Status status_;
  IdentityAllocator allocator_;
  PodIndex pods_;
  PolicySets policies_;
  std::map<IpAddress, Owner> owners_;
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_SPEC_JUDGE_H_
