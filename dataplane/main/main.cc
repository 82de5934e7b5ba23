// vswitch-dataplane: ports and workers.  Started by vswitchd.

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <iostream>

#include "dataplane/main/dataplane.h"
#include "dataplane/main/options.h"

namespace vswitch {
namespace {

// Exit statuses, also read by the supervisor: a configuration that is wrong
// does not become right by starting again.
constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

int Main(int argc, char** argv) {
  const absl::StatusOr<DataplaneOptions> options = ParseOptions(argc, argv);
  if (!options.ok()) {
    std::cerr << "vswitch-dataplane: " << options.status().message() << "\n";
    return kExitUsage;
  }
  if (options->show_help) {
    std::cout << options->help;
    return 0;
  }
  if (options->show_version) {
    std::cout << "vswitch-dataplane " << VSWITCH_VERSION << "\n";
    return 0;
  }
  if (!__builtin_cpu_supports("aes") || !__builtin_cpu_supports("avx2") ||
      !__builtin_cpu_supports("bmi2")) {
    std::cerr << "vswitch-dataplane: this processor has no AES, AVX2 or BMI2 "
                 "instructions; the switch needs all three (x86-64-v3)\n";
    return kExitUsage;
  }
  // Blocked in every thread to come, and read as a descriptor by the main one.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  const int stop_fd = signalfd(-1, &signals, SFD_CLOEXEC);

  absl::StatusOr<std::unique_ptr<Dataplane>> dataplane =
      Dataplane::Create(*options);
  if (!dataplane.ok()) {
    std::cerr << "vswitch-dataplane: " << dataplane.status() << "\n";
    return kExitFailed;
  }
  const absl::Status status = (*dataplane)->Run(stop_fd);
  if (!status.ok()) {
    std::cerr << "vswitch-dataplane: " << status << "\n";
    return kExitFailed;
  }
  return 0;
}

}  // namespace
}  // namespace vswitch

int main(int argc, char** argv) { return vswitch::Main(argc, argv); }
