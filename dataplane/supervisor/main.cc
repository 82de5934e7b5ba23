// vswitchd: reads its options and supervises until it is told to stop.

#include <cstdio>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "dataplane/supervisor/log.h"
#include "dataplane/supervisor/options.h"
#include "dataplane/supervisor/supervisor.h"

namespace vswitch {
namespace {

// Exit statuses: 1, the switch could not be started; 2, a wrong option.
int Main(int argc, char** argv) {
  absl::StatusOr<SupervisorOptions> options = ParseOptions(argc, argv);
  if (!options.ok()) {
    Log(options.status().message());
    return 2;
  }
  if (options->show_help) {
    std::fputs(HelpText().c_str(), stdout);
    return 0;
  }
  if (options->show_version) {
    std::puts("vswitchd 0.1.0");
    return 0;
  }
  absl::StatusOr<std::unique_ptr<Supervisor>> supervisor =
      Supervisor::Create(*options);
  absl::Status status = supervisor.status();
  if (status.ok()) status = (*supervisor)->Run();
  if (status.ok()) return 0;
  Log(status.message());
  return 1;
}

}  // namespace
}  // namespace vswitch

int main(int argc, char** argv) { return vswitch::Main(argc, argv); }
