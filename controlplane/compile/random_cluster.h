// controlplane/compile/random_cluster.h
//
// RandomCluster: clusters, policies and changes drawn from small ranges, so
// that selectors, blocks and flows meet often.  One seed gives one cluster.
//
// Tests only.

#ifndef VSWITCH_CONTROLPLANE_COMPILE_RANDOM_CLUSTER_H_
#define VSWITCH_CONTROLPLANE_COMPILE_RANDOM_CLUSTER_H_

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "controlplane/compile/test_cluster.h"

namespace vswitch {

class RandomCluster {
 public:
  explicit RandomCluster(uint32_t seed) : random_(seed) {}

  // Adds namespaces, pods and policies.
  void Fill(TestCluster& cluster);
  // Changes, adds or removes one object.
  void ChangeOne(TestCluster& cluster);
  TestFlow AnyFlow();

 private:
  uint32_t Below(uint32_t bound) { return random_() % bound; }
  template <typename T>
  const T& OneOf(const std::vector<T>& values) {
    return values[Below(static_cast<uint32_t>(values.size()))];
  }

  Labels AnyLabels();
  LabelSelector AnySelector();
  IpBlock AnyBlock();
  NetworkPolicyPeer AnyPeer();
  NetworkPolicyPort AnyPort();
  NetworkPolicyRule AnyRule();
  NetworkPolicy AnyPolicy();
  void PutPod(TestCluster& cluster, uint32_t number);
  void PutPolicy(TestCluster& cluster, uint32_t number);

  std::minstd_rand random_;
};

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_COMPILE_RANDOM_CLUSTER_H_
