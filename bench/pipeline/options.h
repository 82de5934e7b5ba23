// bench/pipeline/options.h
//
// BenchOptions: the flags of policy_churn.
//
// Values.

#ifndef VSWITCH_BENCH_PIPELINE_OPTIONS_H_
#define VSWITCH_BENCH_PIPELINE_OPTIONS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace vswitch {

struct BenchOptions {
  bool show_help = false;
  std::string help;

  // The node.
  uint32_t addresses = 1'000'000;
  uint32_t local_pods = 500;
  uint32_t rules = 100'000;  // logical ones, while forwarding
  // Traffic.
  uint32_t flows = 65536;
  double first_percent = 1;   // of packets that begin a flow
  double share_percent = 50;  // of the capacity, at which is measured
  double probe_seconds = 5;
  double seconds = 5;
  uint32_t trials = 5;
  // Churn.
  uint32_t address_changes = 10'000;  // a second
  uint32_t policy_changes = 1'000;    // a second
  double batch_ms = 5;                // of changes in one transaction
  uint32_t latency_changes = 600;
  // Compilation.
  uint32_t compile_policies = 5'000;
  uint32_t compile_rules = 1'000'000;
  uint32_t compile_pods = 500;
  uint32_t compile_changes = 100;

  uint32_t worker_cpu = 1;
  uint32_t control_cpu = 0;
  std::string state_dir;  // empty: a folder in $TEST_TMPDIR or /tmp
};

// Returns the flags, or an error that names the flag.
absl::StatusOr<BenchOptions> ParseBenchOptions(int argc, char** argv);

}  // namespace vswitch

#endif  // VSWITCH_BENCH_PIPELINE_OPTIONS_H_
