// bench/pipeline/forwarding_run.h
//
// The two measurements with a worker that forwards: what churn does to packets,
// and how soon a change is enforced.
//
//   RETURN_IF_ERROR(RunForwarding(options, report));
//
// Main thread.

#ifndef VSWITCH_BENCH_PIPELINE_FORWARDING_RUN_H_
#define VSWITCH_BENCH_PIPELINE_FORWARDING_RUN_H_

#include "absl/status/status.h"
#include "bench/pipeline/options.h"
#include "bench/pipeline/report.h"

namespace vswitch {

// options.state_dir exists.
absl::Status RunForwarding(const BenchOptions& options, Report& report);

}  // namespace vswitch

#endif  // VSWITCH_BENCH_PIPELINE_FORWARDING_RUN_H_
