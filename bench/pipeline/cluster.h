// bench/pipeline/cluster.h
//
// The cluster of policy_churn as objects: a node with local pods and their
// ports, an uplink, pods of other nodes by the hundred thousand, and policies
// whose logical rules can be counted.
//
//   local/p0, p1...     pods of this node, each with an identity of its own
//   clients/c0...       pods elsewhere that send to the local ones
//   ns-0..ns-99/r0...   other pods elsewhere: 100 namespaces, 100 apps in each
//
// Every pod has an IPv4 and an IPv6 address.  A logical rule is one
// combination of the policy set of a subject, a peer of a rule and a port of
// that rule; a peer that matches several identities still counts once.
//
// Values: any thread.

#ifndef VSWITCH_BENCH_PIPELINE_CLUSTER_H_
#define VSWITCH_BENCH_PIPELINE_CLUSTER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "controlplane/model/objects.h"
#include "controlplane/translate/transaction.h"

namespace vswitch {

inline constexpr char kBenchNode[] = "n1";
inline constexpr uint32_t kClientApps = 32;

// The node, the namespaces and the uplink.
std::vector<Object> BaseObjects();
std::string UplinkPortName();
std::string LocalPortName(uint32_t index);
// The pod `index` of this node, and its port.
std::vector<Object> LocalPod(uint32_t index);
// A client; `app` below kClientApps gives it its identity.
Object ClientPod(uint32_t index, uint32_t app);
// A pod elsewhere; `shift` other than 0 gives it another app's identity.
Object RemotePod(uint32_t index, uint32_t shift);

// How many peers and ports the rules of a policy have.
struct PolicyShape {
  uint32_t rules = 1;
  uint32_t peers = 10;  // of a rule
  uint32_t ports = 20;  // of a rule

  uint32_t LogicalRules() const { return rules * peers * ports; }
};
// A policy about the local pod `pod`.  `seed` chooses its peers and ports.
// `open_to_clients` adds a rule that lets the clients in.
enum class Clients { kRefused, kAllowed };
Object Policy(const std::string& name, uint32_t pod, const PolicyShape& shape,
              uint32_t seed, Clients clients);
ObjectKey PolicyKey(const std::string& name);

// A transaction of the benchmark's own manager.
Transaction BenchTransaction(std::vector<Object> upserts);

}  // namespace vswitch

#endif  // VSWITCH_BENCH_PIPELINE_CLUSTER_H_
