// policy_churn: what changes of policy cost a node: packets under churn, the
// time from accepted to enforced, and the compilation of a million rules.  See
// ../README.md.

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <system_error>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "bench/pipeline/compile_run.h"
#include "bench/pipeline/forwarding_run.h"
#include "bench/pipeline/machine.h"
#include "bench/pipeline/options.h"
#include "bench/pipeline/report.h"
#include "dataplane/base/status_macros.h"

namespace vswitch {
namespace {

// Makes a folder of our own for the journals.
absl::StatusOr<std::string> MakeStateDir(const BenchOptions& options) {
  std::string parent = options.state_dir;
  if (parent.empty()) {
    const char* test_dir = std::getenv("TEST_TMPDIR");
    parent = test_dir == nullptr ? "/tmp" : test_dir;
  }
  std::string path = absl::StrCat(parent, "/policy_churn.XXXXXX");
  if (mkdtemp(path.data()) != nullptr) return path;
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot make ", path));
}

// Every part has a journal of its own.
BenchOptions WithStateDir(BenchOptions options, const std::string& dir) {
  options.state_dir = dir;
  return options;
}

absl::Status Measure(const BenchOptions& options) {
  ASSIGN_OR_RETURN(const std::string dir, MakeStateDir(options));
  auto remove_dir = absl::MakeCleanup([&dir] {
    std::error_code ignored;
    std::filesystem::remove_all(dir, ignored);
  });
  RETURN_IF_ERROR(PinThread(options.control_cpu));
  std::cout << "worker on core " << options.worker_cpu
            << ", everything else on core " << options.control_cpu
            << "; journal in " << dir << "\n";
  Report report;
  // First, while the process is small: it measures memory.
  RETURN_IF_ERROR(RunCompile(WithStateDir(options, dir + "/compile"), report));
  RETURN_IF_ERROR(
      RunForwarding(WithStateDir(options, dir + "/forwarding"), report));
  report.PrintVerdict();
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  const absl::StatusOr<BenchOptions> options = ParseBenchOptions(argc, argv);
  if (options.ok() && options->show_help) {
    std::cout << options->help;
    return 0;
  }
  const absl::Status status =
      options.ok() ? Measure(*options) : options.status();
  if (status.ok()) return 0;
  std::cerr << "policy_churn: " << status << "\n";
  return 1;
}

}  // namespace
}  // namespace vswitch

int main(int argc, char** argv) { return vswitch::Main(argc, argv); }
