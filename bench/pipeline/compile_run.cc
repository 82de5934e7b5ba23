// A node without a worker: compilation alone.

#include "bench/pipeline/compile_run.h"

#include <malloc.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "bench/pipeline/bench_node.h"
#include "bench/pipeline/cluster.h"
#include "bench/pipeline/histogram.h"
#include "bench/pipeline/machine.h"
#include "controlplane/compile/compile.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

constexpr uint32_t kRemotePods = 10'000;  // one of each identity
constexpr double kMilli = 1e-6;           // from nanoseconds
constexpr double kMib = 1 << 20;

double SecondsSince(absl::Time start) {
  return absl::ToDoubleSeconds(absl::Now() - start);
}

class CompileRun {
 public:
  CompileRun(const BenchOptions& options, Report& report)
      : options_(options), report_(report) {
    const uint32_t rules =
        std::max(1u, options.compile_rules / options.compile_policies);
    shape_ =
        rules % 100 == 0
            ? PolicyShape{.rules = rules / 100, .peers = 10, .ports = 10}
            : PolicyShape{
                  .rules = 1, .peers = 10, .ports = std::max(1u, rules / 10)};
  }

  absl::Status Run() {
    report_.Section("3. Compilation");
    report_.Add("logical rules",
                1.0 * options_.compile_policies * shape_.LogicalRules(), "");
    report_.Add("policies", options_.compile_policies, "");
    report_.Add("local pods", options_.compile_pods, "");
    ASSIGN_OR_RETURN(node_, BenchNode::Create({.state_dir = options_.state_dir,
                                               .heap_bytes = 1ull << 30}));
    malloc_trim(0);
    before_ = MeasureMemory();
    RETURN_IF_ERROR(LoadAll());
    ReportMemory();
    RETURN_IF_ERROR(CompileAlone());
    return ChangeOnePolicy();
  }

 private:
  Object PolicyAt(uint32_t index, uint32_t seed) const {
    return Policy(absl::StrCat("policy-", index), index % options_.compile_pods,
                  shape_, seed, Clients::kRefused);
  }

  absl::Status LoadAll() {
    std::vector<Object> objects = BaseObjects();
    for (uint32_t i = 0; i < options_.compile_pods; ++i) {
      std::vector<Object> pod = LocalPod(i);
      std::move(pod.begin(), pod.end(), std::back_inserter(objects));
    }
    for (uint32_t i = 0; i < kRemotePods; ++i) {
      objects.push_back(RemotePod(i, 0));
    }
    RETURN_IF_ERROR(node_->Load(std::move(objects)));
    Transaction policies = BenchTransaction({});
    for (uint32_t i = 0; i < options_.compile_policies; ++i) {
      policies.upserts.push_back(PolicyAt(i, i));
    }
    const absl::Time start = absl::Now();
    RETURN_IF_ERROR(node_->control_plane().Apply(std::move(policies)).status());
    report_.Add("all policies in one transaction", SecondsSince(start), "s");
    return absl::OkStatus();
  }

  void ReportMemory() {
    const MemoryUse now = MeasureMemory();
    report_.Add("control plane, allocated", now.heap_mib - before_.heap_mib,
                "MiB", AtMost(1024, 2048));
    report_.Add("control plane, resident",
                now.resident_mib - before_.resident_mib, "MiB",
                AtMost(1024, 2048));
    const std::shared_ptr<const Snapshot> snapshot =
        node_->control_plane().snapshot();
    report_.Add("policy sets",
                static_cast<double>(snapshot->compiled.policy_sets.size()), "");
    report_.Add(
        "table memory",
        static_cast<double>(node_->control_plane().memory_use().heap_used) /
            kMib,
        "MiB", AtMost(200, 400));
  }

  // The whole state from nothing, as after a restart.
  absl::Status CompileAlone() {
    const std::shared_ptr<const Snapshot> snapshot =
        node_->control_plane().snapshot();
    IdentityAllocator identities;
    const absl::Time start = absl::Now();
    RETURN_IF_ERROR(Compile(snapshot->stored.desired,
                            {.node_name = kBenchNode,
                             .generation = snapshot->generation + 1},
                            snapshot->ports, identities, nullptr)
                        .status());
    report_.Add("compiled from nothing", SecondsSince(start), "s",
                AtMost(10, 30));
    return absl::OkStatus();
  }

  absl::Status ChangeOnePolicy() {
    Histogram answered_ns;
    Histogram compiled_ns;
    for (uint32_t i = 0; i < options_.compile_changes; ++i) {
      const uint32_t index = i * 37 % options_.compile_policies;
      Object policy = PolicyAt(index, options_.compile_policies + i);
      RETURN_IF_ERROR(CompileChange(policy, compiled_ns));
      const absl::Time start = absl::Now();
      RETURN_IF_ERROR(node_->control_plane()
                          .Apply(BenchTransaction({std::move(policy)}))
                          .status());
      answered_ns.Add(
          static_cast<uint64_t>(absl::ToInt64Nanoseconds(absl::Now() - start)));
    }
    report_.Add("one policy changed: compiled, p50",
                compiled_ns.Quantile(0.5) * kMilli, "ms");
    report_.Add("one policy changed: compiled, max", compiled_ns.max() * kMilli,
                "ms");
    report_.Add("one policy changed: answered, p50",
                answered_ns.Quantile(0.5) * kMilli, "ms");
    report_.Add("one policy changed: answered, max", answered_ns.max() * kMilli,
                "ms");
    return absl::OkStatus();
  }

  // The same change, compiled beside the control plane.
  absl::Status CompileChange(const Object& policy, Histogram& compiled_ns) {
    const std::shared_ptr<const Snapshot> snapshot =
        node_->control_plane().snapshot();
    DesiredState desired = snapshot->stored.desired;
    desired.Upsert(policy);
    IdentityAllocator identities;
    const absl::Time start = absl::Now();
    RETURN_IF_ERROR(Compile(desired,
                            {.node_name = kBenchNode,
                             .generation = snapshot->generation + 1},
                            snapshot->ports, identities, &snapshot->compiled)
                        .status());
    compiled_ns.Add(
        static_cast<uint64_t>(absl::ToInt64Nanoseconds(absl::Now() - start)));
    return absl::OkStatus();
  }

  const BenchOptions& options_;
  Report& report_;
  PolicyShape shape_;
  std::unique_ptr<BenchNode> node_;
  MemoryUse before_;
};

}  // namespace

absl::Status RunCompile(const BenchOptions& options, Report& report) {
  return CompileRun(options, report).Run();
}

}  // namespace vswitch
