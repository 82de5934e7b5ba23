// Reads and checks the flags.

#include "bench/pipeline/options.h"

#include <CLI/CLI.hpp>
#include <thread>

#include "absl/strings/str_cat.h"

namespace vswitch {
namespace {

absl::Status Check(BenchOptions& options) {
  if (options.local_pods < 1 || options.local_pods > 1000 ||
      options.compile_pods < 1 || options.compile_pods > 1000) {
    return absl::InvalidArgumentError(
        "--local-pods, --compile-pods: must be 1 to 1000, a port each");
  }
  if (options.trials < 1 || options.flows < 1 || options.batch_ms <= 0 ||
      options.seconds <= 0 || options.probe_seconds <= 0) {
    return absl::InvalidArgumentError(
        "--trials, --flows, --batch-ms, --seconds, --probe-seconds: must be "
        "more than 0");
  }
  if (options.flows / options.local_pods > 15000) {
    return absl::InvalidArgumentError(
        "--flows: at most 15000 for each local pod");
  }
  const uint32_t cores = std::thread::hardware_concurrency();
  if (options.worker_cpu >= cores) options.worker_cpu = cores - 1;
  if (options.control_cpu >= cores) options.control_cpu = 0;
  return absl::OkStatus();
}

void AddTrafficFlags(CLI::App& app, BenchOptions& options) {
  app.add_option("--flows", options.flows, "Established flows.");
  app.add_option("--first-percent", options.first_percent,
                 "Packets in a hundred that begin a flow.");
  app.add_option("--share-percent", options.share_percent,
                 "Rate of the trials, of the capacity.");
  app.add_option("--probe-seconds", options.probe_seconds,
                 "Length of each step of the search for the capacity.");
  app.add_option("--seconds", options.seconds, "Length of each trial.");
  app.add_option("--trials", options.trials, "Trials, each without and with.");
}

}  // namespace

absl::StatusOr<BenchOptions> ParseBenchOptions(int argc, char** argv) {
  BenchOptions options;
  CLI::App app("Forwarding, latency and compilation under changes of policy.");
  app.add_option("--addresses", options.addresses, "Addresses with identity.");
  app.add_option("--local-pods", options.local_pods, "Pods with a port.");
  app.add_option("--rules", options.rules, "Logical rules while forwarding.");
  AddTrafficFlags(app, options);
  app.add_option("--address-changes", options.address_changes, "A second.");
  app.add_option("--policy-changes", options.policy_changes, "A second.");
  app.add_option("--batch-ms", options.batch_ms,
                 "Changes of so many ms make one transaction.");
  app.add_option("--latency-changes", options.latency_changes,
                 "One-rule changes, one at a time.");
  app.add_option("--compile-policies", options.compile_policies, "Policies.");
  app.add_option("--compile-rules", options.compile_rules, "Logical rules.");
  app.add_option("--compile-pods", options.compile_pods, "Local pods.");
  app.add_option("--compile-changes", options.compile_changes,
                 "Changes of one policy among them.");
  app.add_option("--worker-cpu", options.worker_cpu, "Core of the worker.");
  app.add_option("--control-cpu", options.control_cpu,
                 "Core of everything else.");
  app.add_option("--state-dir", options.state_dir, "Where journals go.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    options.show_help = true;
    options.help = app.help();
    return options;
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(error.what());
  }
  if (absl::Status status = Check(options); !status.ok()) return status;
  return options;
}

}  // namespace vswitch
