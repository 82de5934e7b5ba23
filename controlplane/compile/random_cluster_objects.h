// controlplane/compile/random_cluster_objects.h
//
// Generators of small clusters with policies, and of flows in them, for
// rapidcheck, which shrinks what fails.  All is drawn from small ranges, so
// that selectors, blocks, names and flows meet often: a cluster has three
// namespaces, six pods of both families, two nodes, three services and one of
// each odd end (in the host's network, over, not known yet).
//
//   RandomObjects objects = *AnyCluster(RandomKind::kMixed);
//   for (const PolicyProbe& probe : *AnyProbes(40)) ...
//
// Tests only.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_RANDOM_CLUSTER_OBJECTS_H_
#define VSWITCH_CONTROLPLANE_COMPILE_RANDOM_CLUSTER_OBJECTS_H_

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "controlplane/compile/naive_policy_evaluator.h"
#include "controlplane/model/objects.h"
#include "gtest/gtest.h"
#include "rapidcheck.h"

namespace vswitch {

// Which kinds of policies a cluster has: kCluster has ClusterNetworkPolicies,
// kCilium both Cilium kinds, kMixed all.
enum class RandomKind : uint8_t { kNp, kCluster, kCilium, kMixed };

// The node whose switch it is about.
inline constexpr char kRandomNode[] = "n1";

struct RandomObjects {
  std::vector<Object> cluster;   // all that is no policy
  std::vector<Object> policies;  // names may repeat: the last one counts
};
std::ostream& operator<<(std::ostream& out, const RandomObjects& objects);

struct RandomProbes {
  std::vector<PolicyProbe> probes;
};
std::ostream& operator<<(std::ostream& out, const RandomProbes& probes);

rc::Gen<RandomObjects> AnyCluster(RandomKind kind);
// Another policy of the kinds that `kind` has, or a pod or a namespace that
// replaces one of AnyCluster()'s.
rc::Gen<Object> AnyChange(RandomKind kind);
rc::Gen<RandomProbes> AnyProbes(size_t count);

// Names the cases of a suite over RandomKind.
std::string RandomKindName(const testing::TestParamInfo<RandomKind>& info);
// Has each property tried on as many clusters as `--clusters=N` says, 40 if
// nothing does; what RC_PARAMS says beside that (seed=...) still counts.
void SetClusters(int argc, char** argv);

// --- What the parts of the generators share ---

// Returns one of `values`; shrinks towards the first.  Within a generator that
// rc::gen::exec() runs.
template <typename T>
T OneOf(const std::vector<T>& values) {
  return values[*rc::gen::inRange<size_t>(0, values.size())];
}
inline bool OneIn(uint32_t count) {
  return *rc::gen::inRange<uint32_t>(0, count) == count - 1;
}
// Up to `most` of what `gen` makes; shrinks by leaving some out.
template <typename T>
rc::Gen<std::vector<T>> Several(int most, rc::Gen<T> gen) {
  return rc::gen::resize(
      most, rc::gen::container<std::vector<T>>(
                rc::gen::resize(rc::kNominalSize, std::move(gen))));
}

Labels RandomLabels();
LabelSelector RandomSelector(const std::vector<std::string>& keys);
LabelSelector RandomPodSelector();        // over the labels of pods
LabelSelector RandomNamespaceSelector();  // over those of namespaces
LabelSelector RandomNodeSelector();       // over those of Nodes
IpBlock RandomBlock();
IpProtocol RandomPortProtocol();
// A number near those that pods name, and a range that begins near there.
uint16_t RandomPort();
struct RandomRange {
  uint16_t first = 0;
  uint16_t last = 0;
};
RandomRange RandomPorts();
std::string RandomPortName();

Object RandomNetworkPolicy();
NetworkPolicyRule RandomNetworkPolicyRule();
Object RandomClusterPolicy();
Object RandomCiliumPolicy();

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_RANDOM_CLUSTER_OBJECTS_H_
