// controlplane/daemon/options.h
//
// DaemonOptions: the command line of vswitch-controlplane.  The supervisor
// writes it; people set the supervisor's options (docs/configuration.md).
//
//   ASSIGN_OR_RETURN(DaemonOptions options, ParseOptions(argc, argv));
//
// Everything is checked before anything starts; an error names the option.

#ifndef VSWITCH_CONTROLPLANE_DAEMON_OPTIONS_H_
#define VSWITCH_CONTROLPLANE_DAEMON_OPTIONS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace vswitch {

struct DaemonOptions {
  int supervisor_fd = -1;
  int table_memory_fd = -1;
  int worker_memory_fd = -1;
  std::string socket = "/run/vswitch/vswitch.sock";
  std::string state_dir = "/var/lib/vswitch";
  std::string node_name;  // empty: see ControlPlaneOptions
  std::string poll;       // the dataplane's poll mode, shown in the status
  uint32_t workers = 1;
  bool show_help = false;
};

absl::StatusOr<DaemonOptions> ParseOptions(int argc, const char* const* argv);

// Returns what --help prints.
std::string HelpText();

}  // namespace vswitch

#endif  // VSWITCH_CONTROLPLANE_DAEMON_OPTIONS_H_
