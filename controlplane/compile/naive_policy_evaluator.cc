// The order of the tiers, as plainly as possible.

#include "controlplane/compile/naive_policy_evaluator.h"

#include "absl/strings/str_cat.h"
#include "controlplane/compile/naive_policy_evaluator_ends.h"

namespace vswitch {
namespace {

// Admin, then NetworkPolicy and Cilium, then Baseline, then open (2.2).
bool SideAllowed(const NaiveSide& side) {
  const NaiveOwner self = side.self.owner;
  if (self == NaiveOwner::kInit) return false;
  const bool asked_here = self == NaiveOwner::kLocalNode ||
                          (self == NaiveOwner::kPod && side.self.has_port);
  if (!asked_here) return true;
  // NP-18.
  if (side.ingress && self == NaiveOwner::kPod &&
      side.other.owner == NaiveOwner::kLocalNode) {
    return true;
  }
  std::optional<RuleAction> admin =
      AskClusterTier(side, ClusterPolicyTier::kAdmin);
  if (admin == RuleAction::kAllow) return true;
  if (admin == RuleAction::kDeny) return false;
  NaiveTierAnswer answer;
  AskNetworkPolicies(side, answer);
  AskCiliumPolicies(side, answer);
  if (answer.denied) return false;
  if (answer.allowed) return true;
  if (answer.isolated) return false;
  return AskClusterTier(side, ClusterPolicyTier::kBaseline) !=
         RuleAction::kDeny;
}

}  // namespace

std::string PolicyProbe::ToString() const {
  return absl::StrCat(source.ToString(), " > ", destination.ToString(), " ",
                      vswitch::ToString(protocol), " ", port);
}

ProbeVerdict NaiveVerdictOf(const DesiredState& desired,
                            const std::string& node_name,
                            const PolicyProbe& probe) {
  const NaiveEnd source = NaiveEndOf(desired, node_name, probe.source);
  const NaiveEnd destination =
      NaiveEndOf(desired, node_name, probe.destination);
  Labels node_labels;
  desired.ForEach<Node>([&](const Metadata& metadata, const Node&) {
    if (metadata.name == node_name) node_labels = metadata.labels;
  });
  return {.egress = SideAllowed(
              {desired, probe, source, destination, false, node_labels}),
          .ingress = SideAllowed(
              {desired, probe, destination, source, true, node_labels})};
}

}  // namespace vswitch
