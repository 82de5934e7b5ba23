// controlplane/compile/naive_policy_evaluator_ends.h
//
// What the parts of the naive evaluator (naive_policy_evaluator.h) share: the
// two ends of a probe, and what selectors, prefixes and port names mean.
//
// Tests only; pure functions: any thread.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_NAIVE_POLICY_EVALUATOR_ENDS_H_
#define VSWITCH_CONTROLPLANE_COMPILE_NAIVE_POLICY_EVALUATOR_ENDS_H_

#include <optional>
#include <string>
#include <vector>

#include "controlplane/compile/naive_policy_evaluator.h"
#include "controlplane/model/desired_state.h"

namespace vswitch {

// Whose an address is.  kInit: a Port's whose Pod is not known yet.
enum class NaiveOwner { kOutside, kPod, kLocalNode, kRemoteNode, kInit };

// One end of a probe; the pointers live as long as the desired state.
struct NaiveEnd {
  IpAddress address;
  NaiveOwner owner = NaiveOwner::kOutside;
  // Of a pod:
  const Metadata* metadata = nullptr;
  const Pod* pod = nullptr;
  Labels namespace_labels;
  bool has_port = false;  // on this node's switch
};

// A question about one direction of one end.
struct NaiveSide {
  const DesiredState& desired;
  const PolicyProbe& probe;
  const NaiveEnd& self;   // whose policies are asked
  const NaiveEnd& other;  // the peer
  bool ingress = false;
  Labels node_labels;  // of the local Node

  // The pod that the packet goes to, nullptr if it is none.
  const Pod* DestinationPod() const { return ingress ? self.pod : other.pod; }
};

NaiveEnd NaiveEndOf(const DesiredState& desired, const std::string& node_name,
                    const IpAddress& address);

// Whether labels meet a selector.
bool NaiveMeets(const LabelRequirement& requirement, const Labels& labels);
bool NaiveMeets(const LabelSelector& selector, const Labels& labels);
// Whether the address is inside; never in the other family's prefix.
bool NaiveInside(const IpPrefix& prefix, const IpAddress& address);
bool NaiveInside(const IpBlock& block, const IpAddress& address);
// Whether one of the Nodes that a selector matches has the address.
bool NaiveIsNode(const DesiredState& desired, const LabelSelector& selector,
                 const IpAddress& address);
// The number that a pod gives a name in a protocol; nullptr and strangers to
// the name: none.
std::optional<uint16_t> NaiveNamedPort(const Pod* pod, IpProtocol protocol,
                                       const std::string& name);
// Whether the probe is of TCP, UDP or SCTP.
bool NaiveHasPorts(const PolicyProbe& probe);
// Whether a policy only counts what it would drop.
bool NaiveIsShadow(const Metadata& metadata);

// --- The kinds ---

// What NetworkPolicies and Cilium policies together say.
struct NaiveTierAnswer {
  bool isolated = false;
  bool allowed = false;
  bool denied = false;
};
void AskNetworkPolicies(const NaiveSide& side, NaiveTierAnswer& answer);
void AskCiliumPolicies(const NaiveSide& side, NaiveTierAnswer& answer);

// What the first rule that matches says; nullopt: none does.
std::optional<RuleAction> AskClusterTier(const NaiveSide& side,
                                         ClusterPolicyTier tier);

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_NAIVE_POLICY_EVALUATOR_ENDS_H_
