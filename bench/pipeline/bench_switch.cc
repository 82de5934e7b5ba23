// The switch of a pipeline benchmark.

#include "bench/pipeline/bench_switch.h"

#include "dataplane/base/status_macros.h"

namespace vswitch {

absl::StatusOr<std::unique_ptr<BenchSwitch>> BenchSwitch::Create(
    const BenchSwitchOptions& options) {
  ASSIGN_OR_RETURN(BenchFrames frames, BenchFrames::Make(options.traffic));
  std::unique_ptr<BenchSwitch> bench(new BenchSwitch(std::move(frames)));
  ASSIGN_OR_RETURN(bench->switch_, OfflineSwitch::Create(
                                       {.max_connections = options.connections},
                                       bench->packets_, bench->sink_));
  ASSIGN_OR_RETURN(const TestNode node, MakeBenchNode(options.traffic));
  RETURN_IF_ERROR(bench->switch_->Publish(node.Compile()));
  return bench;
}

}  // namespace vswitch
