// bench/pipeline/compile_run.h
//
// The measurement of a million logical rules: how long they compile, how much
// memory they take, and what a change of one policy costs among them.
//
//   RETURN_IF_ERROR(RunCompile(options, report));
//
// Main thread.

#ifndef VSWITCH_BENCH_PIPELINE_COMPILE_RUN_H_
#define VSWITCH_BENCH_PIPELINE_COMPILE_RUN_H_

#include "absl/status/status.h"
#include "bench/pipeline/options.h"
#include "bench/pipeline/report.h"

namespace vswitch {

// options.state_dir exists.
absl::Status RunCompile(const BenchOptions& options, Report& report);

}  // namespace vswitch

#endif  // VSWITCH_BENCH_PIPELINE_COMPILE_RUN_H_
