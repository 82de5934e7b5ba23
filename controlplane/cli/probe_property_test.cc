// Random clusters with policies of every kind: `policy probe` says what the
// naive evaluator reads from the objects, of whichever nodes the ends are.
//
// `--clusters=10000` sets how many clusters of each kind are tried.

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controlplane/cli/probe.h"
#include "controlplane/compile/naive_policy_evaluator.h"
#include "controlplane/compile/random_cluster_objects.h"
#include "gtest/gtest.h"
#include "rapidcheck.h"

namespace vswitch {
namespace {

constexpr size_t kProbes = 40;

// Every pod has a port at its own node's switch, as `policy probe` takes it.
DesiredState WithAPortEach(const DesiredState& cluster) {
  DesiredState result;
  for (const auto& [key, object] : cluster.objects()) {
    if (key.kind != ObjectKind::kPort) result.Upsert(*object);
    if (key.kind != ObjectKind::kPod) continue;
    result.Upsert({.metadata = {.name = absl::StrCat(key.ns, "/", key.name)},
                   .spec = Port{.pod_namespace = key.ns,
                                .pod_name = key.name,
                                .netns = "/",
                                .interface_name = "eth0"}});
  }
  return result;
}

// Whose switch judges what `address` sends and receives; "": nobody's here.
std::string NodeOf(const DesiredState& cluster, const IpAddress& address) {
  std::string name;
  auto take = [&](const std::vector<IpAddress>& addresses,
                  const std::string& node) {
    for (const IpAddress& owned : addresses) {
      if (owned == address) name = node;
    }
  };
  cluster.ForEach<Node>([&](const Metadata& metadata, const Node& node) {
    take(node.addresses, metadata.name);
  });
  cluster.ForEach<Pod>([&](const Metadata&, const Pod& pod) {
    const bool is_over =
        pod.phase == PodPhase::kSucceeded || pod.phase == PodPhase::kFailed;
    if (!pod.host_network && !is_over) take(pod.addresses, pod.node_name);
  });
  return name;
}

bool NaivelyAllowed(const DesiredState& cluster, const PolicyProbe& probe) {
  // It never meets a switch.
  if (probe.source == probe.destination) return true;
  const std::string from = NodeOf(cluster, probe.source);
  const std::string to = NodeOf(cluster, probe.destination);
  // No switch forwards between two strangers.
  if (from.empty() && to.empty()) return false;
  return NaiveVerdictOf(cluster, from.empty() ? to : from, probe).egress &&
         NaiveVerdictOf(cluster, to.empty() ? from : to, probe).ingress;
}

Probe CommandsProbe(const PolicyProbe& probe, bool expect_allowed) {
  const bool is_ping = probe.protocol == IpProtocol::kIcmp ||
                       probe.protocol == IpProtocol::kIcmpv6;
  Probe result{.from = probe.source.ToString(),
               .to = probe.destination.ToString(),
               .protocol = is_ping ? IpProtocol::kIcmp : probe.protocol,
               .port = is_ping ? uint16_t{0} : probe.port,
               .expect_allowed = expect_allowed};
  if (is_ping) result.icmp_type = static_cast<uint8_t>(probe.port);
  return result;
}

class ProbePropertyTest : public testing::TestWithParam<RandomKind> {};

TEST_P(ProbePropertyTest, SaysWhatTheObjectsSay) {
  const RandomKind kind = GetParam();
  ASSERT_TRUE(rc::check([kind] {
    const auto objects = *AnyCluster(kind);
    const auto asked = *AnyProbes(kProbes);
    DesiredState cluster;
    for (const Object& object : objects.cluster) cluster.Upsert(object);
    for (const Object& object : objects.policies) cluster.Upsert(object);
    const DesiredState with_ports = WithAPortEach(cluster);
    std::vector<Probe> probes;
    for (const PolicyProbe& probe : asked.probes) {
      probes.push_back(CommandsProbe(probe, NaivelyAllowed(with_ports, probe)));
    }
    const absl::StatusOr<std::vector<ProbeResult>> results =
        ProbeCluster(cluster, probes, {.node_name = kRandomNode});
    if (!results.ok()) RC_FAIL(std::string(results.status().message()));
    for (size_t i = 0; i < probes.size(); ++i) {
      const ProbeResult& result = (*results)[i];
      if (result.Disagrees(probes[i])) {
        RC_FAIL(absl::StrCat(asked.probes[i].ToString(), ": ",
                             result.allowed ? "allowed" : "denied",
                             ", the objects say otherwise; ",
                             ReasonText(result)));
      }
      probes[i].expect_allowed = !*probes[i].expect_allowed;
      RC_ASSERT(result.Disagrees(probes[i]));
    }
  }));
}

INSTANTIATE_TEST_SUITE_P(Kinds, ProbePropertyTest,
                         testing::Values(RandomKind::kNp, RandomKind::kCluster,
                                         RandomKind::kCilium,
                                         RandomKind::kMixed),
                         RandomKindName);

}  // namespace
}  // namespace vswitch

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  vswitch::SetClusters(argc, argv);
  return RUN_ALL_TESTS();
}
